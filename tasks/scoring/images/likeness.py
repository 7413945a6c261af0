"""How like two sets of points are, features of real images and of others: distances of distributions, and supports.

Fréchet distance: Heusel et al.: GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium,
2017, https://arxiv.org/abs/1706.08500.  Kernel distance: Bińkowski et al.: Demystifying MMD GANs, 2018,
https://arxiv.org/abs/1801.01401.  Precision and recall: Kynkäänniemi et al.: Improved Precision and Recall Metric for
Assessing Generative Models, 2019, https://arxiv.org/abs/1904.06991.  Density and coverage: Naeem et al.: Reliable
Fidelity and Diversity Metrics for Generative Models, 2020, https://arxiv.org/abs/2002.09797.

Legend: `N` real points, `M` others, `D` features.
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

__all__ = ["NEIGHBOURS", "SUPPORTS", "frechet", "kernel", "scaled", "supports"]

NEIGHBOURS = 5
"""How many neighbours reach as far as a point's own place: Naeem's choice."""

SUPPORTS = ("precision", "recall", "density", "coverage")
"""The names of these scores, in order."""

Points = NDArray[np.float64]


def scaled(points: Points, *, by: Points) -> Points:
    """Return points (M, D) with the mean of others (N, D) at 0, and the spread of these, over all features, as unit."""
    spread = float(by.var(axis=0).sum())
    moved: Points = (points - by.mean(axis=0)) / np.sqrt(spread or 1.0)
    return moved


def frechet(real: Points, other: Points) -> float:
    """Return the squared Fréchet distance of the normal distributions that fit points (N, D) and others (M, D) best.

    |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½), the root's trace by the eigenvalues of S1^½ S2 S1^½, which is symmetric.
    """
    with threadpool_limits(1):  # the same sums on every machine
        (one, first), (two, second) = (_moments(points) for points in (real, other))
        values, vectors = np.linalg.eigh(first)
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        shared = np.linalg.eigvalsh(root @ second @ root)
    apart = float(((one - two) ** 2).sum() + np.trace(first) + np.trace(second))
    return max(0.0, apart - 2 * float(np.sqrt(np.maximum(shared, 0)).sum()))


def kernel(real: Points, other: Points) -> float:
    """Return the squared maximum mean discrepancy under the kernel (x·y + 1)³, without bias: below 0 by chance."""
    with threadpool_limits(1):
        within = [_off_diagonal((points @ points.T + 1) ** 3) for points in (real, other)]
        between = float(((real @ other.T + 1) ** 3).mean())
    return sum(within) - 2 * between


def supports(real: Points, other: Points) -> tuple[NDArray[np.float64], ...]:
    """Return precision (M,), recall (N,), density (M,) and coverage (N,), point by point; their means count.

    A point's place is the ball up to its fifth neighbour among its own.  Precision: it lies in some real point's place;
    density: in how many, over five.  Recall: a real point lies in some other's place; coverage: its own holds one.
    """
    with threadpool_limits(1):
        between = _distances(real, other)
        places = [_reach(_distances(points, points)) for points in (real, other)]
    held = between <= places[0][:, None]
    reached = (between <= places[1]).any(axis=1)
    parts = (held.any(axis=0), reached, held.sum(axis=0) / NEIGHBOURS, held.any(axis=1))
    return tuple(np.asarray(part, np.float64) for part in parts)


def _moments(points: Points) -> tuple[Points, Points]:
    return points.mean(axis=0), np.atleast_2d(np.cov(points, rowvar=False))


def _off_diagonal(values: Points) -> float:
    """Return the mean of a square matrix (N, N) without its diagonal."""
    count = len(values)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))


def _distances(left: Points, right: Points) -> Points:
    """Return all squared distances (N, M)."""
    squared: Points = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * (left @ right.T)
    return np.maximum(squared, 0)


def _reach(within: Points) -> Points:
    """Return the squared distance (N,) of each point to its fifth neighbour; the farthest, where there are fewer."""
    order = min(NEIGHBOURS, len(within) - 1)
    return np.partition(within, order, axis=1)[:, order]
