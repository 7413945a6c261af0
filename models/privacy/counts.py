"""Counts of which no row has a noticeable part."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["nonnegative"]


def nonnegative(noisy: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Return the counts of at least 0 and of a total that are nearest to noisy ones.

    Wang, Lopuhaä-Zwakenberg, Li, Skoric, Li: Locally differentially private frequency estimation with consistency,
    2020 (norm-sub).

    Args:
        noisy: (U,) counts.
        total: that they have; at least 0.
    """
    descending = np.sort(noisy)[::-1]
    excess = (descending.cumsum() - total) / np.arange(1, len(noisy) + 1)
    kept = np.flatnonzero(descending > excess)
    counts: NDArray[np.float64] = np.maximum(noisy - excess[kept[-1] if len(kept) else -1], 0.0)
    return counts
