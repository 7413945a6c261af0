"""Boosted trees over frames: the judge of the two-sample test and of utility.

As in the literature: 100 trees of depth 6, categories native, all else XGBoost's defaults.  Chen, Guestrin:
XGBoost, A Scalable Tree Boosting System, 2016, https://arxiv.org/abs/1603.02754
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.frames import Frame

__all__ = ["predict", "rows_within", "version"]

_TREES, _DEPTH = 100, 6
_THREADS = 1  # the same sums on every machine; two threads take seven times as long where a neighbour uses a core
_MOST_ROWS = 100_000  # of a table: the figures stand to three digits, 15 columns take 10 s
_MOST_CELLS = 3_000_000  # of a table: rows times columns, so that 300 columns cost as much as 30
_CLASSES_AT_EASE = 4  # up to here the classes cost no rows


def rows_within(frame: Frame, classes: int = 2) -> int:
    """Return how many rows of such a frame the trees may be given: fewer where each round grows a tree a class."""
    return min(_MOST_ROWS, _MOST_CELLS // max(len(frame.features.names), 1) // -(-classes // _CLASSES_AT_EASE))


def predict(
    train: Frame, labels: NDArray[Any], test: Frame, *, objective: dict[str, Any], seed: int, leave_out: str = ""
) -> NDArray[np.float32]:
    """Train on one frame and predict for another.

    Args:
        train: rows to learn from.
        labels: (N,) of these rows.
        test: rows to predict for.
        objective: of XGBoost, with its own parameters.
        seed: of XGBoost.
        leave_out: a column that is not shown to the trees.

    Returns:
        One prediction a row of test, as the objective gives it.
    """
    import xgboost

    parameters = {**objective, "max_depth": _DEPTH, "tree_method": "hist", "nthread": _THREADS, "seed": seed}
    booster = xgboost.train({**parameters, "verbosity": 0}, _matrix(train, leave_out, labels), _TREES)
    predictions: NDArray[np.float32] = booster.predict(_matrix(test, leave_out))
    return predictions


def version() -> str:
    """Return library and version, for a score's record."""
    import xgboost

    return f"xgboost {xgboost.__version__}"


def _matrix(frame: Frame, leave_out: str, labels: NDArray[Any] | None = None) -> Any:  # noqa: ANN401  # XGBoost has no types
    """Return XGBoost's matrix: standardised numbers (float32 would round large ones, e.g. times), then codes."""
    import xgboost

    kept = [name != leave_out for name in frame.features.names]
    kinds = ["q"] * len(frame.features.numbers) + ["c"] * len(frame.features.categories)
    codes = np.where(frame.codes < 0, np.nan, frame.codes)
    data = np.hstack([frame.standardised, codes]).astype(np.float32)[:, kept]
    types = [kind for kind, keep in zip(kinds, kept, strict=True) if keep]
    return xgboost.DMatrix(data, label=labels, feature_types=types, enable_categorical=True, nthread=_THREADS)
