"""Counts of a column's distinct numbers, kept in bounded memory whatever the number of rows."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbers", "Tally", "common_step"]

Numbers = NDArray[Any]
"""(N,) int64 or float64."""

_DISTINCT = 500_000
"""More distinct numbers than this are thinned: 8 MB of counts, and far more than a quantile needs."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Distinct numbers in ascending order, and how many rows hold each.

    Args:
        values: (U,) int64 or float64, ascending.
        counts: (U,) int64.
        step: the greatest common divisor of all differences between whole numbers; 0: all alike, or not whole.
    """

    values: Numbers
    counts: NDArray[np.int64]
    step: int = 0

    @classmethod
    def of(cls, numbers: Numbers) -> "Tally":
        """Count an array of numbers."""
        values, counts = np.unique(numbers, return_counts=True)
        return cls(values, counts.astype(np.int64), common_step(values)).thin()

    def __add__(self, other: "Tally") -> "Tally":
        """Count two arrays' rows together."""
        values, places = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return Tally(values, counts, math.gcd(self.step, other.step, common_step(values))).thin()

    def pick(self, keep: NDArray[np.bool_]) -> "Tally":
        """Return the tally of those distinct numbers for which the (U,) mask is true."""
        return Tally(self.values[keep], self.counts[keep], self.step)

    @property
    def thinned(self) -> bool:
        """Return whether numbers may have been left out."""
        return len(self.values) > _DISTINCT // 4

    @property
    def rows(self) -> int:
        """Return how many rows were counted."""
        return int(self.counts.sum())

    def quantiles(self, ranks: NDArray[np.float64]) -> Numbers:
        """Return the numbers at the given ranks from 0 to 1: always numbers that were seen."""
        places = np.searchsorted(np.cumsum(self.counts), np.ceil(ranks * self.rows), side="left")
        return self.values[np.minimum(places, len(self.values) - 1)]

    def thin(self) -> "Tally":
        """Hand the count of one of each two neighbours to the more frequent one, while there are too many.

        The ends stay as they are: a count of theirs would make a number of one row look shared.
        """
        last = len(self.values) - 1
        if last < _DISTINCT:
            return self
        pairs = np.arange(1, last, 2)
        others = np.minimum(pairs + 1, last - 1)
        kept = np.where(self.counts[others] > self.counts[pairs], others, pairs)
        counts = np.add.reduceat(self.counts, [0, *pairs, last])
        return Tally(self.values[[0, *kept, last]], counts, self.step).thin()


def common_step(values: Numbers) -> int:
    """Return the greatest common divisor of the gaps between ascending whole numbers; 0 for fewer than two."""
    if values.dtype.kind != "i" or len(values) < 2:  # noqa: PLR2004 - a gap has two ends
        return 0
    gaps = np.diff(values.view(np.uint64))  # unsigned differences are right modulo 2**64, where signed ones overflow
    return int(np.gcd.reduce(gaps))
