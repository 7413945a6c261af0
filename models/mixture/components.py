"""Mixtures of products of a Gaussian and categorical tables, and EM by accumulated sufficient statistics.

Everything a component knows is linear in a row's features: the one-hot codes, the values, their squares (or
products) and 1 where present.  So the E-step is one matrix product, the M-step's statistics are its transpose, and
batches of rows, or rows on several devices, simply add up.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from models.encoding import Encoded, Span

__all__ = ["Components", "Layout", "Shrinkage", "Statistics", "expect", "log_joint", "log_likelihood", "maximise"]

_BATCH_CELLS = 2**22  # (rows, K) float32 of a batch: 16 MB, still near the cache
_VARIANCE_FLOOR = 0.02**2  # 1/50 of the column's spread
_TINY = 1e-30  # below every probability that float32 holds apart from 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column's codes and values lie among a component's parameters.

    Args:
        spans: of the encoded table.
        full: the Gaussians have full covariance; needs every value present in every row.
    """

    spans: tuple[Span, ...]
    full: bool = False

    @property
    def coded(self) -> list[Span]:
        """Return the spans whose code says anything."""
        return [span for span in self.spans if span.size > 1]

    @property
    def slices(self) -> list[slice]:
        """Return each coded span's rows in the tables, in order."""
        ends = torch.tensor([0, *(span.size for span in self.coded)]).cumsum(0).tolist()
        return [slice(low, high) for low, high in pairwise(ends)]

    @property
    def width(self) -> int:
        """Return W, the number of codes of all columns."""
        return sum(span.size for span in self.coded)

    @property
    def values(self) -> int:
        """Return V, the number of columns with values."""
        return sum(span.value is not None for span in self.spans)

    def index(self, x: Encoded) -> Tensor:
        """Return (N, C) rows of the tables, W for an unknown code."""
        chosen = x.codes[:, [span.code for span in self.coded]]
        starts = torch.tensor([part.start for part in self.slices], dtype=torch.int64, device=x.codes.device)
        return torch.where(chosen < 0, self.width, chosen + starts)

    def features(self, x: Encoded) -> Tensor:
        """Return (N, P) values, squares (of each pair, if full), and presence."""
        present = ~x.values.isnan()
        values = torch.where(present, x.values, 0.0)
        squares = (values[:, :, None] * values[:, None, :]).flatten(1) if self.full else values * values
        return torch.cat([values, squares, present.float()], 1)


@dataclass(frozen=True, slots=True)
class Components:
    """K components, in M members of equal size, each member a mixture of its own; all together their average.

    Args:
        layout: of the encoded table.
        members: M.
        family: (K,) int64: the group that a component shrinks to.
        log_weight: (K,): within its member.
        tables: (W + 1, K): log-probability of each code; the last row, of unknown codes, is 0.
        mean: (V, K).
        scale: (V, K) standard deviations; if full, (K, V, V) Cholesky factors of the covariances.
    """

    layout: Layout
    members: int
    family: Tensor
    log_weight: Tensor
    tables: Tensor
    mean: Tensor
    scale: Tensor

    def to(self, device: torch.device | str) -> "Components":
        """Return the same components on a device."""
        moved: dict[str, Any] = {
            each.name: value.to(device)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), Tensor)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), Tensor)
        }
        return replace(self, **moved)

    def deviation(self, value: int) -> Tensor:
        """Return the (K,) standard deviations of one column of values."""
        return self.scale[:, value].norm(dim=1) if self.layout.full else self.scale[value]

    def natural(self) -> Tensor:
        """Return (P, K): what a row's features are multiplied with to give the Gaussians' log-densities."""
        if self.layout.full:
            precision = torch.cholesky_inverse(self.scale)
            linear = (precision @ self.mean.T[:, :, None])[:, :, 0].T
            log_scale = self.scale.diagonal(dim1=1, dim2=2).log().T
            constant = -0.5 * self.mean * linear - log_scale - 0.5 * math.log(2 * math.pi)
            return torch.cat([linear, -0.5 * precision.flatten(1).T, constant])
        precision = self.scale**-2
        constant = -0.5 * self.mean**2 * precision - self.scale.log() - 0.5 * math.log(2 * math.pi)
        return torch.cat([self.mean * precision, -0.5 * precision, constant])


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the M-step needs of the rows: sums over rows, weighted with each component's responsibility.

    Args:
        weight: (K,) rows.
        counts: (W, K) rows by code.
        moments: (P, K) sums of the features.
        log_likelihood: sum over rows, mean over members, of the log-density before the M-step; float64.
    """

    weight: Tensor
    counts: Tensor
    moments: Tensor
    log_likelihood: float

    def __add__(self, other: "Statistics") -> "Statistics":
        """Return the statistics of both sets of rows together."""
        return Statistics(
            self.weight + other.weight,
            self.counts + other.counts,
            self.moments + other.moments,
            self.log_likelihood + other.log_likelihood,
        )


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How many rows' worth a family weighs in each of its components: the Dirichlet and inverse-gamma priors.

    Args:
        codes: pseudo-rows with the family's own frequencies, in every table.
        mean: pseudo-rows at the family's mean.
        variance: pseudo-rows with the family's variance.
        floor: a component's least variance, in standard normal scores.
    """

    codes: float
    mean: float
    variance: float
    floor: float = _VARIANCE_FLOOR


def log_joint(components: Components, x: Encoded) -> Iterator[Tensor]:
    """Yield, in batches of rows, (n, K) log-probability of a row and a component of each member."""
    natural = components.natural()
    for rows in _batches(components, x):
        joint = components.log_weight + components.layout.features(rows) @ natural
        if components.layout.width:
            joint += embedding_bag(components.layout.index(rows), components.tables, mode="sum")
        yield joint


def _batches(components: Components, x: Encoded) -> Iterator[Encoded]:
    """Yield (N,) rows in batches."""
    rows = max(1, _BATCH_CELLS // len(components.log_weight))
    return (x[low : low + rows] for low in range(0, len(x), rows))


def log_likelihood(components: Components, x: Encoded) -> Tensor:
    """Return (N,) log-density of each row under the average of the members."""
    parts = [torch.logsumexp(joint, 1) for joint in log_joint(components, x)]
    return torch.cat(parts or [torch.zeros(0)]) - math.log(components.members)


def expect(components: Components, x: Encoded) -> Statistics:
    """E-step: return the sufficient statistics of (N,) rows, each row shared out within each member."""
    layout, count = components.layout, len(components.log_weight)
    weight = torch.zeros(count, device=x.codes.device)
    counts = torch.zeros(layout.width + 1, count, device=x.codes.device)
    moments = torch.zeros(len(components.natural()), count, device=x.codes.device)
    total = 0.0
    for rows, joint in zip(_batches(components, x), log_joint(components, x), strict=True):
        blocks = joint.view(len(joint), components.members, -1)
        density = torch.logsumexp(blocks, 2, keepdim=True)
        shares = (blocks - density).exp_().view(len(joint), count)
        total += float(density.double().sum()) / components.members
        weight += shares.sum(0)
        moments += layout.features(rows).T @ shares
        for column in layout.index(rows).T:
            counts.index_add_(0, column, shares)
    return Statistics(weight, counts[:-1], moments, total)


def maximise(statistics: Statistics, before: Components, *, shrinkage: Shrinkage) -> Components:
    """M-step: return the components most probable under the statistics and the families' priors."""
    layout, members = before.layout, before.members
    weight = (statistics.weight + _SPARE).view(members, -1)
    group = _Groups(before.family)
    mean, scale = _gaussians(statistics.moments, layout, group=group, shrinkage=shrinkage)
    return Components(
        layout,
        members,
        before.family,
        (weight / weight.sum(1, keepdim=True)).log().flatten(),
        _tables(statistics.counts, layout, group=group, pseudo_rows=shrinkage.codes),
        mean,
        scale,
    )


_SPARE = 1e-3  # rows: a component that lost all its rows keeps a finite log-weight, and may win some back
_OVERALL = 1.0  # pseudo-rows with the whole table's frequencies in each family: nothing seen is impossible
_OVERALL_VARIANCE = 1.0  # pseudo-rows with unit variance in each family: the spread of a standard normal score


class _Groups:
    """Sums over families, and their values handed back to the families' components."""

    def __init__(self, family: Tensor) -> None:
        self.family, self.count = family, int(family.max()) + 1

    def sum(self, x: Tensor) -> Tensor:
        """Return (·, G) sums of (·, K)."""
        return torch.zeros(len(x), self.count, device=x.device).index_add_(1, self.family, x)

    def spread(self, x: Tensor) -> Tensor:
        """Return (·, K) of (·, G)."""
        return x[:, self.family]


def _tables(counts: Tensor, layout: Layout, *, group: _Groups, pseudo_rows: float) -> Tensor:
    """Return (W + 1, K) log-probabilities: a component's counts, its family's behind them, all rows' behind those."""
    tables = torch.zeros(layout.width + 1, counts.shape[1], device=counts.device)
    for part in layout.slices:
        own = counts[part]
        family = group.sum(own)
        overall = family.sum(1, keepdim=True)
        overall = overall / overall.sum().clamp(min=_TINY)
        base = (family + _OVERALL * overall) / (family.sum(0) + _OVERALL)
        smooth = own + pseudo_rows * group.spread(base)
        tables[part] = (smooth / smooth.sum(0).clamp(min=_TINY)).clamp(min=_TINY).log()
    return tables


def _gaussians(moments: Tensor, layout: Layout, *, group: _Groups, shrinkage: Shrinkage) -> tuple[Tensor, Tensor]:
    """Return (V, K) means, and (V, K) deviations or (K, V, V) Cholesky factors."""
    sizes = [layout.values, len(moments) - 2 * layout.values, layout.values]
    first, second, present = torch.split(moments, sizes)
    family_first, family_second, family_present = (group.sum(part) for part in (first, second, present))
    centre = family_first / family_present.clamp(min=_TINY)
    prior = group.spread(centre)
    mean = (first + shrinkage.mean * prior) / (present + shrinkage.mean).clamp(min=_TINY)
    scatter = _scatter(first, second, present, mean=mean)
    wide = _scatter(family_first, family_second, family_present, mean=centre)
    count, family_count = present, family_present
    unit, pull = torch.tensor(_OVERALL_VARIANCE), (mean - prior) ** 2
    if layout.full:
        eye = torch.eye(layout.values, device=moments.device)
        count, family_count, unit = present[:1], family_present[:1], _OVERALL_VARIANCE * eye.reshape(-1, 1)
        pull = ((mean - prior)[:, None] * (mean - prior)[None]).flatten(0, 1)
    base = group.spread((wide + unit) / (family_count + _OVERALL_VARIANCE))
    total = scatter + shrinkage.mean * pull + shrinkage.variance * base
    covariance = total / (count + shrinkage.variance).clamp(min=_TINY)
    if not layout.full:
        return mean, covariance.clamp(min=shrinkage.floor).sqrt()
    matrices = covariance.T.reshape(-1, layout.values, layout.values).double()
    return mean, torch.linalg.cholesky(matrices + shrinkage.floor * eye.double()).float()


def _scatter(first: Tensor, second: Tensor, present: Tensor, *, mean: Tensor) -> Tensor:
    """Return sums of squares about (V, K) means: (V, K), or (V * V, K) where the second moments are of pairs."""
    if len(second) == len(first):
        return (second - 2 * mean * first + mean**2 * present).clamp(min=0)
    crossed = mean[:, None] * first[None]
    squared = present[:1] * mean[:, None] * mean[None]
    return second - (crossed + crossed.transpose(0, 1) - squared).flatten(0, 1)
