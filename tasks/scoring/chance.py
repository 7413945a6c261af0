"""How far a figure may be off by the luck of the draw: 99.9 % intervals, in closed form, without a random number.

Shares: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.  Areas under ROC curves:
DeLong et al., Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves, 1988.  Points
of a ROC curve: the order statistics of the negatives bound the threshold, whatever their distribution, and Wilson's
interval the share of positives beyond it; both together are a little wider than they need be.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "NONE", "Estimate", "area", "clustered", "difference", "mean", "rate", "wilson"]

CONFIDENCE = 0.999
"""Of intervals: ten thresholds are judged by them, and together refuse real rows in one draw of two hundred at most."""

_DEVIATIONS = 3.2905267314919255  # standard deviations of a normal distribution that leave .05 % on either side


class Estimate(NamedTuple):
    """A figure and the interval that holds the true one in 999 of 1,000 draws."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return both ends; None where there is no figure."""
        return None if np.isnan(self.value) else (self.low, self.high)


NONE = Estimate(np.nan, np.nan, np.nan)


def wilson(successes: float, trials: int) -> Estimate:
    """Return a share of independent trials."""
    if trials == 0:
        return NONE
    share, square = successes / trials, _DEVIATIONS**2
    middle = (successes + square / 2) / (trials + square)
    half = _DEVIATIONS / (trials + square) * float(np.sqrt(trials * share * (1 - share) + square / 4))
    return Estimate(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Return the first less the second of two independent figures; the ends' distances add as squares."""
    value = first.value - second.value
    below = float(np.hypot(first.value - first.low, second.high - second.value))
    above = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(value, value - below, value + above)


def mean(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of (N,) independent values of 0 to 1, by the central limit theorem."""
    if not len(values):
        return NONE
    value, half = float(values.mean()), _DEVIATIONS * float(values.std()) / float(np.sqrt(len(values)))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def clustered(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> Estimate:
    """Return the mean of (N,) values of 0 to 1 that are independent between, not within, clusters.

    The interval is never narrower than Wilson's for as many trials as clusters of their mean size would make.
    """
    if not len(values):
        return NONE
    mean = float(values.mean())
    sums, sizes = np.bincount(clusters, weights=values - mean), np.bincount(clusters)
    half = _DEVIATIONS * float(np.sqrt((sums**2).sum())) / len(values)
    trials = max(1, int(len(values) ** 2 / (sizes.astype(np.float64) ** 2).sum()))
    least = wilson(mean * trials, trials)
    return Estimate(mean, max(0.0, min(mean - half, least.low)), min(1.0, max(mean + half, least.high)))


def area(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> Estimate:
    """Return the area under the ROC curve of scores that are higher for positives (N,) than for negatives (M,).

    The variance is DeLong's, and never less than what chance alone would make: of few rows, or where the classes are
    told apart without a fault, DeLong's says nothing.
    """
    if not len(positives) or not len(negatives):
        return NONE
    above, below = _placements(positives, negatives), _placements(negatives, positives)
    measured = sum(float(each.var(ddof=1)) / len(each) for each in (above, below) if len(each) > 1)
    chance = (1 / len(positives) + 1 / len(negatives)) / 12
    value, half = float(above.mean()), _DEVIATIONS * float(np.sqrt(max(measured, chance)))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def rate(positives: NDArray[np.float64], negatives: NDArray[np.float64], at: float) -> Estimate:
    """Return the share of positives (N,) that is found when a share of negatives (M,) may be taken for positives.

    Between two points of the curve the finder tosses a coin, so that equal scores hide nothing.

    Args:
        positives: (N,) scores, higher for what looks positive.
        negatives: (M,) the same.
        at: the share of negatives.
    """
    if not len(positives) or not len(negatives):
        return NONE
    few, many = _ranks(len(negatives), at)
    low, high = (_found(positives, negatives, allowed=count) for count in (few, many))
    return Estimate(
        _found(positives, negatives, allowed=at * len(negatives)) / len(positives),
        wilson(low, len(positives)).low,
        wilson(high, len(positives)).high,
    )


def _placements(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of others below each score; equal ones count half."""
    ordered = np.sort(others)
    below, upto = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    shares: NDArray[np.float64] = (below + upto) / (2 * len(others))
    return shares


def _found(positives: NDArray[np.float64], negatives: NDArray[np.float64], *, allowed: float) -> float:
    """Return how many positives are found while at most `allowed` negatives are, with a coin for ties."""
    ordered = np.sort(negatives)[::-1]
    if allowed < 0:
        return 0.0
    if allowed >= len(ordered):
        return float(len(positives))
    threshold = ordered[int(allowed)]
    beyond, level = int((negatives > threshold).sum()), int((negatives == threshold).sum())
    share = (allowed - beyond) / level
    return float((positives > threshold).sum() + share * (positives == threshold).sum())


def _ranks(count: int, at: float) -> tuple[int, int]:
    """Return how many of `count` negatives surely lie, and may lie, beyond the threshold that this share of all passes.

    Less one for what is sure: the last of them is the threshold; -1 where none is.
    """
    from scipy.stats import binom

    tail = (1 - CONFIDENCE) / 2
    return int(binom.ppf(tail, count, at)) - 1, int(binom.ppf(1 - tail, count, at))
