"""Gaussian mixtures of codes, a class at a time: p(z | row) = Σ_k share_k · N(z - B·features; mean_k, covariance_k).

Least squares on the row's features come first; the mixture is of what they leave.  Its groups are the values of that
one column which tells most of what is left apart.  No component is a single row's: its mean and covariance are drawn
to its group's, as if `_PRIOR_ROWS` rows had been seen there, and one of fewer than `floor` rows is given up.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor

from models.processors import together

__all__ = ["Grouped", "Mixture", "groups_of"]

_RIDGE = 1.0  # rows' worth of a coefficient of 0
_PRIOR_ROWS = 2.0  # times Z: as if so many rows of the whole group were in each component
_MEAN_ROWS = 5.0  # the same for its mean
_LEAST_VARIANCE = 1e-6
_STARTS = 10  # passes of k-means that the components start from


def groups_of(features: Tensor, widths: Sequence[int], z: Tensor) -> tuple[int, int]:
    """Return where the features of that column lie which tells (N, Z) codes apart best: from, to; (0, 1): none does.

    Args:
        features: (N, P), the first constant.
        widths: C + 1 ends of the columns' features, from 1 on.
        z: what is told apart.
    """
    best, told = (0, 1), 0.0
    for low, high in pairwise(widths):
        hot = features[:, low:high]
        if high - low < 2 or not bool(((hot == 0) | (hot == 1)).all() & (hot.sum(1) <= 1).all()):  # noqa: PLR2004
            continue
        count = hot.sum(0).clamp(min=1)
        between = float(((hot.T @ z).square() / count[:, None]).sum())
        if between > told:
            best, told = (low, high), between
    return best


class Grouped:
    """The components of one group under way."""

    def __init__(self, z: Tensor, components: int, *, floor: int, generator: torch.Generator) -> None:
        self.z, self.floor = z.double(), floor
        self.whole = _covariance(self.z, torch.ones(len(z), dtype=torch.float64), self.z.mean(0))
        places = torch.randperm(len(z), generator=generator)[:components]
        nearest = torch.cdist(self.z, self.z[places]).argmin(1)
        for _ in range(_STARTS):
            hot = torch.nn.functional.one_hot(nearest, len(places)).double()
            means = (hot.T @ self.z) / hot.sum(0).clamp(min=1)[:, None]
            nearest = torch.cdist(self.z, means).argmin(1)
        self.learn(torch.nn.functional.one_hot(nearest, len(places)).double())

    def learn(self, weight: Tensor) -> None:
        """Take up (n, K) rows' weights of components; those of too few rows are given up, but for the largest."""
        rows = weight.sum(0)
        stays = rows >= min(self.floor, float(rows.max()))
        weight = weight[:, stays]
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-300)
        rows = weight.sum(0)
        centre, prior = self.z.mean(0), _PRIOR_ROWS * self.z.shape[1]
        self.means = (weight.T @ self.z + _MEAN_ROWS * centre) / (rows + _MEAN_ROWS)[:, None]
        self.shares = rows / rows.sum()
        self.covariances = torch.stack(
            [
                (_covariance(self.z, weight[:, k], mean) * rows[k] + prior * self.whole) / (rows[k] + prior)
                for k, mean in enumerate(self.means)
            ]
        )

    def pass_over(self) -> float:
        """Take one pass of expectation and maximisation, and return the mean log-likelihood before it."""
        logs = log_normal(self.z, self.means, self.covariances) + self.shares.log()
        whole = logs.logsumexp(1)
        self.learn((logs - whole[:, None]).exp())
        return float(whole.mean())


def _covariance(z: Tensor, weight: Tensor, mean: Tensor) -> Tensor:
    """Return the (Z, Z) covariance of (n, Z) rows of (n,) weights about a mean."""
    apart = z - mean
    spread = (apart * weight[:, None]).T @ apart / weight.sum().clamp(min=1e-9)
    return spread + _LEAST_VARIANCE * torch.eye(z.shape[1], dtype=z.dtype)


def log_normal(z: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    """Return the (n, K) log-densities of (n, Z) rows under K Gaussians."""
    logs = []
    for mean, covariance in zip(means, covariances, strict=True):
        lower = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(lower, (z - mean).T, upper=False)
        logs.append(-0.5 * whitened.square().sum(0) - lower.diagonal().log().sum())
    return torch.stack(logs, 1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


class Mixture:
    """Components of all groups, and the least squares before them.

    Args:
        slopes: (P, Z) of the features.
        place: where the group's features lie, from and to.
        group: (K,) of each component.
        shares: (K,) of each within its group.
        means: (K, Z).
        covariances: (K, Z, Z).
        common: (groups,) share of each group, for a row that tells none.
    """

    KEPT = ("slopes", "group", "shares", "means", "covariances", "common")

    def __init__(self, place: tuple[int, int], **kept: Tensor) -> None:
        self.place = place
        self.slopes, self.group, self.shares = (kept[name].double() for name in ("slopes", "group", "shares"))
        self.means, self.covariances, self.common = (kept[n].double() for n in ("means", "covariances", "common"))
        self.group = kept["group"].long()

    @classmethod
    def join(cls, place: tuple[int, int], slopes: Tensor, parts: Sequence[Grouped | None], common: Tensor) -> Self:
        """Return the mixture of all groups' components; a group of no rows, None, has those of all others."""
        pieces = [(group, part) for group, part in enumerate(parts) if part is not None]
        return cls(
            place,
            slopes=slopes,
            group=torch.cat([torch.full((len(part.means),), group) for group, part in pieces]),
            shares=torch.cat([part.shares for _, part in pieces]),
            means=torch.cat([part.means for _, part in pieces]),
            covariances=torch.stack([one for _, part in pieces for one in part.covariances]),
            common=common,
        )

    def log_shares(self, features: Tensor) -> Tensor:
        """Return the (n, K) log-shares of components given (n, P) features."""
        told = features[:, self.place[0] : self.place[1]].double() * (self.common > 0)
        group = torch.where(told.sum(1, keepdim=True) > 0, told, self.common)
        return (group[:, self.group] * self.shares).clamp(min=1e-300).log()

    def expected(self, features: Tensor) -> Tensor:
        """Return the (n, Z) codes that least squares expect."""
        return features.double() @ self.slopes

    def draw(self, features: Tensor, *, generator: torch.Generator, warmth: float = 1.0) -> Tensor:
        """Return (n, Z) float64 codes drawn given (n, P) features, their spread about the means times the warmth."""
        chosen = torch.multinomial(self.log_shares(features).exp(), 1, generator=generator)[:, 0]
        noise = torch.randn(len(features), self.means.shape[1], generator=generator, dtype=torch.float64)
        lower = torch.linalg.cholesky(self.covariances)
        drawn = torch.empty_like(noise)
        for component in sorted(set(chosen.tolist())):
            rows = chosen == component
            drawn[rows] = self.means[component] + warmth * noise[rows] @ lower[component].T
        return self.expected(features) + drawn

    def log_prob(self, z: Tensor, features: Tensor) -> Tensor:
        """Return the (n,) log-densities of (n, Z) codes given (n, P) features."""
        left = z.double() - self.expected(features)
        return (log_normal(left, self.means, self.covariances) + self.log_shares(features)).logsumexp(1)

    def state(self) -> dict[str, Tensor]:
        """Return it as tensors."""
        return {name: getattr(self, name) for name in self.KEPT} | {"place": torch.tensor(self.place)}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor]) -> Self:
        """Return what `state` described."""
        low, high = tensors["place"].tolist()
        return cls((low, high), **{name: tensors[name] for name in cls.KEPT})


class Fitting:
    """A mixture on its way: least squares at once, then passes of all groups.

    Args:
        z: (N, Z) codes.
        features: (N, P) of their rows.
        widths: of the columns' features.
        components: of a group, at most.
        floor: rows of a component, at least.
        generator: of the starts.
    """

    def __init__(
        self,
        z: Tensor,
        features: Tensor,
        widths: Sequence[int],
        *,
        components: int,
        floor: int,
        generator: torch.Generator,
    ) -> None:
        wide, z = features.double(), z.double()
        ridge = _RIDGE * torch.eye(wide.shape[1], dtype=torch.float64)
        self.place = groups_of(features, widths, z.float())
        self.slopes = torch.linalg.solve(wide.T @ wide + ridge, wide.T @ z)
        left, told = z - wide @ self.slopes, wide[:, self.place[0] : self.place[1]]
        self.common = told.mean(0) / told.mean().clamp(min=1e-9) / told.shape[1]
        self.parts: list[Grouped | None] = []
        for column in told.T:
            rows = left[column > 0]
            count = max(1, min(components, len(rows) // floor))
            made = Grouped(rows, count, floor=floor, generator=generator) if len(rows) else None
            self.parts.append(made)

    def pass_over(self) -> float:
        """Take a pass over all groups, and return the mean log-likelihood before it."""
        parts = [part for part in self.parts if part is not None]
        means = together(Grouped.pass_over, parts)
        return sum(m * len(p.z) for m, p in zip(means, parts, strict=True)) / sum(len(part.z) for part in parts)

    def mixture(self) -> Mixture:
        """Return the mixture as it is."""
        return Mixture.join(self.place, self.slopes, self.parts, self.common)
