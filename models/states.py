"""Tensors of a state by name: those of an optimiser, and those of a part."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["load_optimiser", "load_weights", "of_optimiser", "part", "prefixed"]


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the tensors, each named `prefix.name`, where they are saved from."""
    return {f"{prefix}.{name}": tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that `prefixed` named so, by their own names."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def of_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser has added up for each parameter."""
    kept = optimiser.state_dict()["state"]
    return {f"{place}.{name}": tensor for place, tensors in kept.items() for name, tensor in tensors.items()}


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser what `of_optimiser` returned."""
    kept: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, _, what = name.partition(".")
        kept.setdefault(int(place), {})[what] = tensor.clone()
    optimiser.load_state_dict({"state": kept, "param_groups": optimiser.state_dict()["param_groups"]})


@torch.no_grad()
def load_weights(parameters: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
    """Give parameters other weights, in place."""
    for one, weight in zip(parameters, weights, strict=True):
        one.copy_(weight)
