"""Where a number stands among known ones: half by how far it lies, half by how many lie below it.

A length in units of the column sees what lies far out, and nothing within a column whose tail is long; a rank sees
the whole column alike, and nothing beyond it.  So a place is the sum of both, each of spread 1 over the known numbers:
the number in standard deviations, beyond one of them its logarithm; and the normal score of its rank (van der Waerden),
beyond the known numbers one that rises with the logarithm too.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["Scale"]

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """What gives the numbers of a column their places.

    Args:
        mean: of the known numbers.
        deviation: their standard deviation; 1 where nothing varies.
        values: (U,) known numbers, ascending.
        scores: (U,) normal scores of their ranks.
        spreads: of both halves over the known numbers; 1 where nothing varies.
        centre: the mean place of the known numbers.
        spread: the standard deviation of their places; 1 where nothing varies.
    """

    mean: float
    deviation: float
    values: _Numbers
    scores: _Numbers
    spreads: tuple[float, float] = (1.0, 1.0)
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def fit(cls, numbers: _Numbers) -> "Scale":
        """Return the scale of (M,) known numbers, which are finite; of none, one that counts in units."""
        if not len(numbers):
            return cls(0.0, 1.0, np.zeros(1), np.zeros(1))
        values, counts = np.unique(numbers, return_counts=True)
        scores = ndtri((np.cumsum(counts) - counts / 2) / len(numbers))
        plain = cls(float(numbers.mean()), _spread(numbers), values, scores)
        alike = replace(plain, spreads=(_spread(plain._lengths(numbers)), _spread(plain._ranks(numbers))))
        places = alike.of(numbers)
        return replace(alike, centre=float(places.mean()), spread=_spread(places))

    def of(self, numbers: _Numbers) -> _Numbers:
        """Return the (N,) places of (N,) numbers: mean 0 and spread 1 over the known ones, and ever rising."""
        length, rank = self.spreads
        places = self._lengths(numbers) / length + self._ranks(numbers) / rank
        return (places - self.centre) / self.spread

    def _lengths(self, numbers: _Numbers) -> _Numbers:
        return _logarithmic((numbers - self.mean) / self.deviation)

    def _ranks(self, numbers: _Numbers) -> _Numbers:
        beyond = (numbers - np.clip(numbers, self.values[0], self.values[-1])) / self.deviation
        within = np.interp(numbers, self.values, self.scores)
        return np.asarray(within + np.sign(beyond) * np.log1p(np.abs(beyond)))


def _logarithmic(lengths: _Numbers) -> _Numbers:
    """Return lengths, of those beyond 1 the logarithm that goes on as steeply."""
    far = np.maximum(np.abs(lengths), 1.0)
    return np.asarray(np.where(np.abs(lengths) < 1.0, lengths, np.sign(lengths) * (1.0 + np.log(far))))


def _spread(numbers: _Numbers) -> float:
    return float(numbers.std()) or 1.0
