"""Where a number stands among known ones: in standard deviations, or by rank where most of them are one and the same.

Of a column that is mostly one number, such as zero, the standard deviation is that of the few others, the greatest
before all, and beside them all the rest lie on one point.  There the normal score of the rank counts (van der Waerden;
equal numbers share theirs), and beyond the known numbers the logarithm of how far.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Scale"]

_Numbers = NDArray[np.float64]
_MOST = 0.5  # of the known numbers, that are one and the same
_FURTHEST = 1e12  # standard deviations: the square still is a number in single precision


@dataclass(frozen=True, slots=True)
class Scale:
    """What gives the numbers of a column their places.

    Args:
        mean: of the known numbers.
        deviation: their standard deviation; 1 where nothing varies.
        ranked: (U,) known numbers, ascending, and their (U,) places; None: places are in standard deviations.
    """

    mean: float
    deviation: float
    ranked: tuple[_Numbers, _Numbers] | None = None

    @classmethod
    def fit(cls, numbers: _Numbers) -> "Scale":
        """Return the scale of (M,) known numbers, which are finite; of none, one that counts in units."""
        if not len(numbers):
            return cls(0.0, 1.0)
        values, counts = np.unique(numbers, return_counts=True)
        mean, deviation = float(numbers.mean()), float(numbers.std()) or 1.0
        if counts.max() < _MOST * len(numbers):
            return cls(mean, deviation)
        scores = ndtri((np.cumsum(counts) - counts / 2) / len(numbers))
        all_scores = np.repeat(scores, counts)
        return cls(mean, deviation, (values, (scores - all_scores.mean()) / (all_scores.std() or 1.0)))

    def of(self, numbers: _Numbers) -> _Numbers:
        """Return the (N,) places of (N,) numbers: of mean 0 and spread 1 over the known ones, and never falling."""
        if self.ranked is None:
            return np.clip((numbers - self.mean) / self.deviation, -_FURTHEST, _FURTHEST)
        values, places = self.ranked
        beyond = (numbers - np.clip(numbers, values[0], values[-1])) / self.deviation
        within = np.interp(numbers, values, places)
        return np.asarray(within + np.sign(beyond) * np.log1p(np.abs(beyond)))
