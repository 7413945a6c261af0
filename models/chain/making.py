"""A chain made from the axes of its columns, taken apart to be kept, and put together again."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from models.chain.boosting import Boosted
from models.chain.conditional import Conditional
from models.chain.crossed import Crossed
from models.chain.drawing import Chain
from models.chain.fitting import Plan
from models.chain.folds import Folds
from models.columns import Axis, widths
from models.encoding import Encoded, Span
from models.life import State

__all__ = ["chain_of", "counts", "learned_from", "networks_of", "state_of"]

_KEPT = ("token", "log_share", "rank")  # of an axis, as tensors


def counts(plan: Plan, span: Span) -> tuple[int, int, int]:
    """Return how finely a column is told apart: its bins, Gaussians and knots."""
    valued = span.value is not None
    return plan.bins if valued else 0, plan.gaussians if valued else 0, plan.knots


def networks_of(
    axes: Sequence[Axis], log_shares: Sequence[Tensor], *, plan: Plan, folds: Folds | None, generator: torch.Generator
) -> tuple[Conditional | Crossed, ...]:
    """Return a network for each column, and for those behind the key of the folds, one for each fold."""

    def made(axis: Axis, inputs: int, log_share: Tensor) -> Conditional:
        return Conditional(axis, inputs, hidden=plan.hidden, curve=plan.curve, log_share=log_share, generator=generator)

    networks: list[Conditional | Crossed] = []
    for place, described in enumerate(zip(axes, widths(axes), log_shares, strict=False)):
        if folds is None or place <= folds.after:
            networks.append(made(*described))
        else:
            networks.append(Crossed([made(*described) for _ in range(folds.count)], folds))
    return tuple(networks)


def learned_from(network: Conditional | Crossed, x: Encoded) -> list[Tensor]:
    """Return the positions of the rows, of (N,), that each part of a network may learn from, in order."""
    if isinstance(network, Conditional):
        return [torch.arange(len(x), device=x.codes.device)]
    own = network.folds(x)
    return [(own != fold).nonzero()[:, 0] for fold in range(network.folds.count)]


def state_of(chain: Chain, plan: Plan) -> State:
    """Return a chain's weights as tensors, and its configuration as JSON holds it."""
    tensors: dict[str, Tensor] = {}
    axes = [network.axis for network in chain.networks]
    for place, network in enumerate(chain.networks):
        named = {**network.state_dict(), **{name: getattr(network.axis, name) for name in _KEPT}}
        tensors |= {f"{place}.{name}": tensor.cpu().contiguous() for name, tensor in named.items()}
        for fold, one in enumerate(network.parts):
            if one.boosted is not None:
                tensors[f"{place}.trees.{fold}"] = one.boosted.trees
    return tensors, {
        "plan": asdict(plan),
        "half": chain.half,
        "folds": None if chain.folds is None else asdict(chain.folds),
        "spans": [asdict(axis.span) for axis in axes],
        "edges": [{"ends": list(axis.ends), "outer": list(axis.outer)} for axis in axes],
    }


def chain_of(tensors: dict[str, Tensor], config: dict[str, Any]) -> tuple[Chain, Plan]:
    """Return the chain that `state_of` described, and its plan."""
    plan = Plan(**{**config["plan"], **{name: tuple(config["plan"][name]) for name in ("passes", "guards")}})
    folds = None if config["folds"] is None else Folds(**{**config["folds"], "key": tuple(config["folds"]["key"])})
    axes = [
        _axis(place, span, edge, plan=plan, tensors=tensors)
        for place, (span, edge) in enumerate(zip(config["spans"], config["edges"], strict=True))
    ]
    shares = [torch.zeros(axis.tokens) for axis in axes]
    networks = networks_of(axes, shares, plan=plan, folds=folds, generator=torch.Generator())
    for place, network in enumerate(networks):
        network.load_state_dict({name: tensors[f"{place}.{name}"] for name in network.state_dict()})
        for fold, one in enumerate(network.parts):
            if (trees := f"{place}.trees.{fold}") in tensors:
                one.boosted = Boosted.of(axes[:place], tensors[trees])
    return Chain(networks, half=config["half"]), plan


def _axis(place: int, span: dict[str, Any], edge: dict[str, Any], *, plan: Plan, tensors: dict[str, Tensor]) -> Axis:
    token, log_share, rank = (tensors[f"{place}.{name}"] for name in _KEPT)
    ends, outer = tuple(edge["ends"]), tuple(edge["outer"])
    return Axis(Span(**span), *counts(plan, Span(**span)), token, log_share, rank, ends, outer)
