"""Where the synthetic rows lie: among the real ones (alpha-precision), and wherever these are (beta-recall).

Alaa et al.: How Faithful is your Synthetic Data?  Sample-level Metrics for Evaluating and Auditing Generative Models,
2022, https://arxiv.org/abs/2102.08921, in the form that synthcity computes from a table's own columns.  The support
that holds a share alpha of the real rows is the ball about their mean that holds as many.  P(alpha) is the share of
synthetic rows in it, and alpha if both tables are alike.  R(beta) is the share of real rows with a synthetic row at
least as near as the nearest real one, where that synthetic row is among the innermost share beta of those.  Both
figures are 1 - sum |alpha - P(alpha)| / sum alpha over 30 shares from 0 to 1.  Beta-recall of real rows themselves is
about a half, since a real row's nearest neighbour is real as often as not: read it beside its floor.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring.frames import Frame, Tables, generator, sample
from tasks.scoring.neighbours import nearest, radii

__all__ = ["SUPPORT", "precision_and_recall", "support"]

SUPPORT = ("alpha_precision", "beta_recall")
"""The names of these scores, in order."""

_MOST_ROWS = 10_000  # of either table: their own nearest rows take time by the square
_SHARES = np.linspace(0, 1, 30)


def support(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return alpha-precision and beta-recall against train, beside the holdout's own, at equal numbers of rows."""
    values, rows = _against(tables.train, tables.synthetic, seed=seed)
    floors, _ = _against(tables.train, tables.holdout, seed=seed)
    return tuple(
        Score(
            name,
            value,
            "tasks.scoring.support.precision_and_recall",
            version=f"numpy {np.__version__}",
            seed=seed,
            rows={"train": rows, "synthetic": rows},
            floor=floor,
            note="the table has no column besides ids and keys, or fewer than two rows" if np.isnan(value) else "",
        )
        for name, value, floor in zip(SUPPORT, values, floors, strict=True)
    )


def precision_and_recall(real: Frame, synthetic: Frame) -> tuple[float, float]:
    """Return alpha-precision and beta-recall of two tables of N rows each."""
    from_mean, synthetic_from_mean = radii(real, synthetic, centre=real)
    (from_synthetic_mean,) = radii(synthetic, centre=synthetic, beside=real)
    found = nearest(real, synthetic)
    itself = nearest(real, real, themselves=True)
    precision = [np.mean(synthetic_from_mean <= radius) for radius in np.quantile(from_mean, _SHARES)]
    near, depth = found.of_queries <= itself.of_queries, from_synthetic_mean[found.reference]
    recall = [np.mean(near & (depth <= radius)) for radius in np.quantile(depth, _SHARES)]
    return _agreement(precision), _agreement(recall)


def _against(real: Frame, other: Frame, *, seed: int) -> tuple[tuple[float, float], int]:
    """Return both figures, and the rows of either side."""
    rng = generator(seed, "support")
    size = min(len(real), len(other), _MOST_ROWS)
    if size < len(("itself", "another")) or not real.features.names:
        return (np.nan, np.nan), size
    return precision_and_recall(sample(real, size, rng=rng), sample(other, size, rng=rng)), size


def _agreement(curve: list[np.floating] | NDArray[np.float64]) -> float:
    return float(1 - np.abs(_SHARES - np.asarray(curve)).sum() / _SHARES.sum())
