"""What a fit may give away of any one row, and how much noise that asks for: the only door to Opacus.

(epsilon, delta)-differential privacy (Dwork, McSherry, Nissim, Smith: Calibrating noise to sensitivity in private data
analysis, 2006): whether a row was there changes the probability of no result by more than exp(epsilon), but for a
delta.  Every release is of one kind, a sum with Gaussian noise, so that one accountant composes them all (Gopi, Lee,
Wutschitz: Numerical composition of differential privacy, 2021, in Opacus).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

from data_contracts import ModelError

__all__ = ["Privacy"]

Release = tuple[float, float, int]
"""Noise in units of what one row can change, the share of rows that take part, and how many times."""

_LEAST_EPSILON = 0.1  # below it, the accountant's own error (0.01) is most of it, and nothing is learned
_COUNTS_SHARE = 0.5  # of epsilon, if it were spent on counts alone: about a quarter of what noise can buy
_COUNTS = 2  # releases of counts: the encoder's, and the model's
_THRESHOLD_SHARE = 0.1  # of delta: for values that are released because many rows hold them
_CLOSE = 1.005  # a noise multiplier is at most so much too large


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is promised to every row.

    Args:
        epsilon: at most so much is spent, in nats.
        delta: the probability with which more may be.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        """Refuse what promises nothing.

        Raises:
            ModelError: epsilon or delta is out of range.
        """
        if not (_LEAST_EPSILON <= self.epsilon < math.inf and 0 < self.delta < 1):
            rule = f"epsilon is at least {_LEAST_EPSILON}, and delta between 0 and 1"
            raise ModelError(rule, f"they are {self.epsilon} and {self.delta}", "Give an epsilon from 1 to 10")

    @classmethod
    def over(cls, rows: int, epsilon: float) -> Self:
        """Return the promise to so many rows: delta is the power of ten below 1 / rows.

        A delta of 1 / rows would allow that one row be published as it is.
        """
        return cls(epsilon, 10.0 ** -(math.floor(math.log10(max(rows, 1))) + 1))

    @property
    def counts_noise(self) -> float:
        """Return the noise multiplier of each of the two releases of counts."""
        return _noise(self.epsilon * _COUNTS_SHARE, self._composed, rate=1.0, times=_COUNTS, before=())

    def steps_noise(self, rate: float, steps: int) -> float:
        """Return the noise multiplier of so many steps, each on a share of the rows, with the counts before them."""
        return _noise(self.epsilon, self._composed, rate=rate, times=steps, before=self._counts)

    def spent(self, rate: float, steps: int, noise: float) -> float:
        """Return the epsilon of the counts and so many steps together."""
        return _epsilon((*self._counts, (noise, rate, steps)), self._composed)

    @property
    def threshold_delta(self) -> float:
        """Return the part of delta that is spent on showing values that only some rows have."""
        return self.delta * _THRESHOLD_SHARE

    @property
    def _composed(self) -> float:
        return self.delta - self.threshold_delta

    @property
    def _counts(self) -> tuple[Release, ...]:
        return ((self.counts_noise, 1.0, _COUNTS),)


@cache
def _noise(epsilon: float, delta: float, *, rate: float, times: int, before: tuple[Release, ...]) -> float:
    """Return a noise multiplier that keeps to epsilon, at most half a percent above the least."""

    def fits(noise: float) -> bool:
        return _epsilon((*before, (noise, rate, times)), delta) <= epsilon

    high = 1.0
    while not fits(high):
        high *= 2
    while fits(high / 2) and high > _LEAST_NOISE:
        high /= 2
    low = high / 2
    while high > low * _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


_LEAST_NOISE = 0.3  # below it, the accountant's grid grows without bound; who asks for so little privacy gets more


def _epsilon(releases: Sequence[Release], delta: float) -> float:
    """Return an upper bound of the epsilon of all releases together."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [release for release in releases if release[2]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of orders and logarithms of 0 on the way to its bounds
        return float(accountant.get_epsilon(delta, eps_error=0.01))
