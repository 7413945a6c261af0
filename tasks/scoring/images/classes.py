"""Whether the classes of the synthetic images are as frequent as those of the real ones, and whether any is missing."""

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score

__all__ = ["CLASSES", "class_shares"]

CLASSES = ("class_shares", "missing_classes")
"""The names of these scores, in order."""

_EXPECTED = 10  # synthetic images of a class: with fewer, none may come by chance; once in 22,000 draws of ten


def class_shares(
    train: NDArray[np.int64], holdout: NDArray[np.int64], synthetic: NDArray[np.int64], *, count: int, seed: int
) -> tuple[Score, ...]:
    """Return 1 - total variation distance of the classes' shares from train's, and how many classes are missing.

    Args:
        train: (N,) classes of all rows, 0 to count - 1; -1: unknown, which is left out.
        holdout: the same of the holdout.
        synthetic: the same of the synthetic rows.
        count: of classes.
        seed: for the record alone; nothing is drawn.
    """
    real, held, made = (_counted(labels, count) for labels in (train, holdout, synthetic))
    value, floor = (_alike(real, other) for other in (made, held))
    expected = real / max(real.sum(), 1) * made.sum() >= _EXPECTED
    rows = {"train": int(real.sum()), "holdout": int(held.sum()), "synthetic": int(made.sum())}
    luck = _luck(real / max(real.sum(), 1), rows["train"], rows["synthetic"])
    note = f"of {int(expected.sum())} classes with {_EXPECTED} images or more to be expected"
    version = f"numpy {np.__version__}"
    metric = "tasks.scoring.images.classes.class_shares"
    return (
        Score(CLASSES[0], value, metric, version, seed, rows, floor=floor, interval=(value, min(1.0, value + luck))),
        Score(CLASSES[1], float((expected & (made == 0)).sum()), metric, version, seed, rows, floor=0.0, note=note),
    )


def _counted(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.bincount(labels[labels >= 0], minlength=count)
    return counts


def _alike(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    if not one.sum() or not other.sum():
        return 0.0
    return 1 - float(np.abs(one / one.sum() - other / other.sum()).sum()) / 2


def _luck(shares: NDArray[np.float64], *sizes: int) -> float:
    """Return how far two draws of these sizes from one distribution lie apart: sum √(2 p (1 - p) / π n) / 2."""
    inverse = sum(1 / max(size, 1) for size in sizes)
    return float(np.sqrt(2 / np.pi * shares * (1 - shares) * inverse).sum()) / 2
