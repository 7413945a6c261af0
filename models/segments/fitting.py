"""A mixture of so many components, and how well it pays: expectation-maximisation from several starts, and BIC."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from models.encoding import Encoded
from models.mixture.components import Components, Layout, Shrinkage, expect, log_joint, maximise
from models.mixture.fitting import root, split
from models.processors import one_thread

__all__ = ["bic", "fit", "responsibilities"]

_SHRINKAGE = Shrinkage(codes=1.0, mean=0.1, variance=1.0, floor=0.1**2)
"""Rows' worth of the whole table in each component.  No component is narrower than a tenth of a column's deviation:
else one could hold a single number that many rows share, and its likelihood be without bound."""

_PASSES, _ENOUGH = 100, 3e-5  # of EM, unless one gains less than so many nats a row


def fit(x: Encoded, layout: Layout, *, count: int, starts: int, generator: torch.Generator) -> Components:
    """Return the most likely of some mixtures of (N,) rows, each from a start of its own.

    Args:
        x: (N,) rows.
        layout: of the encoding.
        count: K components.
        starts: how many.
        generator: of the starts.
    """
    components = split(root(x, layout, members=starts), x, count=count, generator=generator)
    before = -math.inf
    for _ in range(_PASSES):
        statistics = expect(components, x)
        components = maximise(statistics, components, shrinkage=_SHRINKAGE)
        if statistics.log_likelihood - before < _ENOUGH * len(x):
            break
        before = statistics.log_likelihood
    return _member(components, int(_log_likelihoods(components, x).argmax()))


@one_thread()
def responsibilities(components: Components, x: Encoded) -> Tensor:
    """Return the (N, K) probabilities that each of (N,) rows is of each component of a single mixture."""
    parts = [torch.softmax(joint.double(), 1) for joint in log_joint(components, x)]
    return torch.cat(parts or [torch.zeros(0, len(components.log_weight), dtype=torch.float64)])


def bic(components: Components, x: Encoded) -> float:
    """Return the Bayesian information criterion of a single mixture; less is better.

    It is minus twice the log-likelihood, and the logarithm of N for each parameter (Schwarz: Estimating the dimension
    of a model, 1978; for mixtures, Fraley, Raftery: Model-based clustering, discriminant analysis, and density
    estimation, 2002).
    """
    return float(-2 * _log_likelihoods(components, x)[0]) + _parameters(components) * math.log(len(x))


def _parameters(components: Components) -> int:
    """Return how many numbers of a mixture are free."""
    layout, count = components.layout, len(components.log_weight)
    spread = layout.values * (layout.values + 1) // 2 if layout.full else layout.values
    tables = sum(span.size - 1 for span in layout.coded)
    return count * (layout.values + spread + tables) + count - 1


def _log_likelihoods(components: Components, x: Encoded) -> Tensor:
    """Return the (M,) log-likelihoods of (N,) rows under each member."""
    members = components.members
    parts = (joint.view(len(joint), members, -1).logsumexp(2).double().sum(0) for joint in log_joint(components, x))
    return torch.stack(list(parts)).sum(0)


def _member(components: Components, place: int) -> Components:
    """Return one member as a mixture of its own."""
    count = len(components.log_weight) // components.members
    own = slice(place * count, (place + 1) * count)
    scale = components.scale[own] if components.layout.full else components.scale[:, own]
    return replace(
        components,
        members=1,
        family=torch.zeros(count, dtype=torch.int64),
        log_weight=components.log_weight[own],
        tables=components.tables[:, own],
        mean=components.mean[:, own],
        scale=scale,
    )
