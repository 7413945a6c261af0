"""A column of numbers as one value: nearly symmetric, of mean 0 and deviation 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scale", "powered"]

Floats = NDArray[np.float64]

_FAR = 4.0  # deviations from the middle: what lies beyond counts as there, or a few rows would be a segment
_NORMAL_QUARTILES = 1.349  # deviations between the quartiles of a normal distribution
_POWERS = tuple(float(power) for power in np.linspace(-1.0, 3.0, 17))  # 1 changes nothing, 0 is a logarithm


@dataclass(frozen=True, slots=True)
class Scale:
    """The way from numbers to values.

    In it is the power transformation of Yeo and Johnson (A new family of power transformations to improve normality or
    symmetry, Biometrika 2000): a column that is skewed is not several segments for that.

    Args:
        centre: the median.
        spread: the distance of the quartiles, as a deviation.
        power: of the transformation.
        mean: after it.
        deviation: after it.
    """

    centre: float
    spread: float
    power: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, numbers: Floats) -> "Scale":
        """Return the scale of (N,) numbers, not all of them the same: the power after which they are most normal."""
        low, centre, high = (float(each) for each in np.percentile(numbers, [25, 50, 75]))
        spread = (high - low) / _NORMAL_QUARTILES or float(numbers.std())
        standard = _standard(numbers, centre, spread)
        power = max(_POWERS, key=lambda each: _likelihood(standard, each))
        changed = powered(standard, power)
        return cls(centre, spread, power, float(changed.mean()), float(changed.std()))

    def values(self, numbers: Floats) -> Floats:
        """Return the (N,) values of (N,) numbers, ascending as they are."""
        changed = powered(_standard(numbers, self.centre, self.spread), self.power)
        return np.asarray((changed - self.mean) / self.deviation)


def _standard(numbers: Floats, centre: float, spread: float) -> Floats:
    return np.clip((numbers - centre) / spread, -_FAR, _FAR)


def powered(standard: Floats, power: float) -> Floats:
    """Return the transformation of (N,) numbers: powers of 1 + x above 0, and of 1 - x, mirrored, below."""
    grown = np.log1p(np.abs(standard))
    exponent = np.where(standard >= 0, power, 2.0 - power)
    safe = np.where(exponent == 0, 1.0, exponent)
    return np.asarray(np.sign(standard) * np.where(exponent == 0, grown, np.expm1(safe * grown) / safe))


def _likelihood(standard: Floats, power: float) -> float:
    """Return the mean log-likelihood of (N,) numbers that are normal after the transformation."""
    deviation = float(powered(standard, power).std())
    slope = (power - 1.0) * float((np.sign(standard) * np.log1p(np.abs(standard))).mean())
    return slope - float(np.log(deviation))
