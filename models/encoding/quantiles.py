"""A column's quantile function by its knots, and the standard normal score of a number under it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoding.disclosure import shown
from models.encoding.tally import Numbers, Tally

__all__ = ["Quantiles", "quantiles"]

_KNOTS = 1_000
"""Intervals between knots: a marginal error below 0.1 %, and 16 kB a column."""

_ROWS_APART = 5
"""At least so many rows lie between two knots, so that the knots do not list the rows."""

_EXTREME_ROWS = 3.0
"""The ends take the probability of so many rows: a sample of the training data's size then holds the exact extreme
with 1 - exp(-3) = 95 %, instead of the 63 % that one row's probability gives."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A monotone map between numbers and standard normal scores, linear between knots.

    Args:
        knots: (M,) int64 or float64, not descending; equal neighbours bound a number that many rows share.
        scores_at: (M,) float64, ascending, each one exactly a float32.
        step: all whole numbers are a multiple of it away from the first knot; 0 for floats.
    """

    knots: Numbers
    scores_at: NDArray[np.float64]
    step: int

    def scores(self, numbers: Numbers, *, generator: torch.Generator | None) -> NDArray[np.float32]:
        """Return the (N,) scores of (N,) numbers; beyond the ends: the ends'."""
        knots, last = self.knots, len(self.knots) - 1
        left, right = np.searchsorted(knots, numbers, "left"), np.searchsorted(knots, numbers, "right")
        low, high = np.clip(left, 0, last), np.clip(right - 1, 0, last)
        below = np.where(left == right, np.clip(left - 1, 0, last), low)
        above = np.where(left == right, low, high)
        share = _share(numbers, knots[below], knots[above])
        if generator is not None:
            drawn = torch.rand(len(numbers), generator=generator, dtype=torch.float64).numpy()
            share = np.where(left == right, share, drawn)
        else:
            share = np.where(left == right, share, 0.5)
        at = self.scores_at
        return (at[below] + share * (at[above] - at[below])).astype(np.float32)

    def numbers(self, scores: NDArray[np.float32]) -> Numbers:
        """Return the (N,) numbers with (N,) scores; beyond the ends: the ends."""
        at, last = self.scores_at, len(self.knots) - 1
        exact = np.clip(scores.astype(np.float64), at[0], at[-1])
        above = np.clip(np.searchsorted(at, exact, "left"), min(1, last), last)
        below = np.maximum(above - 1, 0)
        width = at[above] - at[below]
        share = np.divide(exact - at[below], width, out=np.zeros_like(exact), where=width > 0)
        low, high = self.knots[below], self.knots[above]
        if self.knots.dtype.kind == "f":
            return np.where(share >= 1, high, low * (1 - share) + high * share)
        return _whole_between(low, high, share, max(self.step, 1))

    def first(self, reached: Callable[[Numbers], bool]) -> float:
        """Return the least score whose number, (1,), has reached something that all greater ones have reached too.

        -inf: the least number has; inf: none has.
        """

        def has(score: float) -> bool:
            return reached(self.numbers(np.array([score], np.float32)))

        low, high = float(self.scores_at[0]), float(self.scores_at[-1])
        if not has(high) or has(low):
            return -np.inf if has(high) else np.inf
        while (middle := float(np.float32((low + high) / 2))) not in (low, high):
            low, high = (low, middle) if has(middle) else (middle, high)
        return high

    def state(self) -> dict[str, Any]:
        """Return the function as JSON holds it."""
        return {"knots": self.knots.tolist(), "scores": self.scores_at.tolist(), "step": self.step}

    @classmethod
    def from_state(cls, state: dict[str, Any], dtype: type[np.int64] | type[np.float64]) -> "Quantiles":
        """Return the function that `state` described."""
        return cls(np.array(state["knots"], dtype), np.array(state["scores"], np.float64), state["step"])


def quantiles(tally: Tally, whole: Tally, *, ends: bool) -> Quantiles:
    """Return the quantile function of a tally that counts at least one row.

    Args:
        tally: of the numbers that are ranked.
        whole: of the column, from which it was picked.
        ends: show the column's least and greatest number as they are.
    """
    rows = tally.rows
    intervals = max(1, min(_KNOTS, rows // _ROWS_APART))
    ranks = np.linspace(0, 1, intervals + 1)
    knots = shown(tally.quantiles(ranks), whole, ends=ends)
    edge = min(_EXTREME_ROWS / rows, 0.75 / intervals, 0.25)  # inside the first interval
    middles = torch.from_numpy(np.clip(ranks, edge, 1 - edge))
    scores = torch.special.ndtri(middles).float().double().numpy()
    inner = (knots[1:-1] == knots[:-2]) & (knots[1:-1] == knots[2:])  # within a run of equal knots
    keep = np.concatenate([[True], ~inner, [True]])
    return Quantiles(knots[keep], scores[keep], tally.step)


def _share(numbers: Numbers, low: Numbers, high: Numbers) -> NDArray[np.float64]:
    """Return how far (N,) numbers lie from low to high, 0 to 1, in differences that do not overflow."""
    if numbers.dtype.kind == "f":
        half = high / 2 - low / 2
        part = numbers / 2 - low / 2
    else:
        half = (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)
        part = np.where(numbers < low, 0, numbers.view(np.uint64) - low.view(np.uint64)).astype(np.float64)
    return np.clip(np.divide(part, half, out=np.zeros(len(half)), where=half > 0), 0, 1)


def _whole_between(
    low: NDArray[np.int64], high: NDArray[np.int64], share: NDArray[np.float64], step: int
) -> NDArray[np.int64]:
    """Return the multiple of step above low that is nearest to the share of the way to high, exact at both ends."""
    gap = high.view(np.uint64) - low.view(np.uint64)
    steps = (gap // np.uint64(step)).astype(np.float64)
    lower = share <= 0.5  # noqa: PLR2004 - from the nearer end: at most 2**63 units away
    near = np.where(lower, share, 1 - share)
    moved = np.minimum(np.rint(near * steps).astype(np.uint64) * np.uint64(step), gap)
    whole: NDArray[np.uint64] = np.where(lower, low.view(np.uint64) + moved, high.view(np.uint64) - moved)
    return whole.view(np.int64)
