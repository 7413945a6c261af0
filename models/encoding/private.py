"""What is kept of every column under differential privacy: what the contract says, and noisy counts.

Values that the contract lists, ranges of few whole numbers, and whether a column has nulls cost nothing.  Values that
it does not list are kept where their noisy count is above what noise makes of a single row but for a delta (Korolova,
Kenthapadi, Mishra, Ntoulas: Releasing search queries and clicks privately, 2009).  A number of a wide range is ranked
by a noisy histogram over the contract's range.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from data_contracts.arrow import arrow_type
from models.encoding.axis import to_axis, whole
from models.encoding.category import CategoryStatistics, CategorySummary
from models.encoding.identity import IdStatistics
from models.encoding.number import NumberStatistics, NumberSummary
from models.encoding.quantiles import Quantiles
from models.encoding.tally import Numbers, Tally
from models.privacy import Privacy, nonnegative

__all__ = ["settle_privately"]

_FEW_UNITS = 128  # whole numbers of a range: a code each
_BINS = 128  # of a wide range: noise grows with their number, and what a bin cannot tell with its width
_END = 1e-4  # probability beyond the first and the last knot


def settle_privately(
    columns: Sequence[Column], summaries: Sequence[Any], *, privacy: Privacy, generator: torch.Generator
) -> list[Any]:
    """Return what is kept of every column's summary.

    Raises:
        ModelError: a column has neither a range nor listed values, or is of a kind that has no private form.
    """
    for column, summary in zip(columns, summaries, strict=True):
        _require_bounds(column, summary)
    cells = sum(_cells(column) for column in columns)  # that one row is counted in
    noise = _Noise(privacy.counts_noise * math.sqrt(max(cells, 1)), privacy.threshold_delta / max(cells, 1), generator)
    return [_settle(column, summary, noise) for column, summary in zip(columns, summaries, strict=True)]


@dataclass(frozen=True, slots=True)
class _Noise:
    """Gaussian noise on counts.

    Args:
        scale: standard deviation, in rows.
        delta: with which a value of a single row may be shown.
        generator: of the noise.
    """

    scale: float
    delta: float
    generator: torch.Generator

    def on(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """Return (U,) counts with noise."""
        drawn = torch.randn(len(counts), generator=self.generator, dtype=torch.float64).numpy()
        return counts.astype(np.float64) + self.scale * drawn

    def shown(self, counts: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which of (U,) values may be shown, and the noisy counts of these."""
        noisy = self.on(counts)
        shown = noisy >= 1 + self.scale * NormalDist().inv_cdf(1 - self.delta)
        return shown, np.rint(noisy[shown]).astype(np.int64)


def _require_bounds(column: Column, summary: object) -> None:
    """Refuse what would have to be learned from the rows without noise.

    Raises:
        ModelError: see `settle_privately`.
    """
    if not isinstance(summary, CategorySummary | NumberSummary | IdStatistics):
        fact = f"column {column.name!r} is of kind {column.kind}"
        remedy = "Leave the column out of the contract, or train without epsilon"
        raise ModelError(
            "under epsilon, columns are ids, categories, booleans, numbers, dates or timestamps", fact, remedy
        )
    if isinstance(summary, NumberSummary) and (column.minimum is None or column.maximum is None):
        fact = f"column {column.name!r} has no least and greatest value"
        raise ModelError(
            "under epsilon, a range is the contract's", fact, "Give its minimum and maximum in the contract"
        )
    if isinstance(summary, NumberSummary) and summary.tally.thinned:
        fact, remedy = f"column {column.name!r} has too many distinct values", "Round it, or train without epsilon"
        raise ModelError("under epsilon, every value of a number is counted", fact, remedy)


def _cells(column: Column) -> int:
    """Return in how many counts a row of the column is one."""
    if column.kind in ("id", "boolean"):
        return 0
    if column.kind == "category":
        return int(not column.values)
    return 0 if _few(column) is not None else 2


def _settle(column: Column, summary: object, noise: _Noise) -> CategoryStatistics | IdStatistics | NumberStatistics:
    if isinstance(summary, IdStatistics):
        return IdStatistics(present=True, nulls=_nullable(column))
    if isinstance(summary, CategorySummary):
        return _category(column, summary, noise)
    assert isinstance(summary, NumberSummary)  # noqa: S101 - _require_bounds let nothing else through
    units, decimals = _few(column), _decimals(column)
    if units is not None:
        return NumberStatistics(decimals, units, None, _nullable(column))
    return _number(column, summary.tally, noise)


def _nullable(column: Column) -> bool:
    """Return whether the contract allows nulls: whether there are any is the rows' own."""
    return not (column.required or column.primary_key)


def _category(column: Column, summary: CategorySummary, noise: _Noise) -> CategoryStatistics:
    """Return the listed values, or those that are shown.

    Raises:
        ModelError: none is.
    """
    listed: tuple[Any, ...] = (False, True) if column.kind == "boolean" else tuple(sorted(column.values or ()))
    if listed:
        return CategoryStatistics(listed, (1,) * len(listed), _nullable(column))
    seen = sorted(summary.rows)
    shown, rows = noise.shown(np.array([summary.rows[value] for value in seen]))
    if not shown.any():
        fact = f"column {column.name!r} lists none, and none is held by enough rows to be shown"
        raise ModelError(
            "under epsilon, a category's values are the contract's", fact, "List its values in the contract"
        )
    values = tuple(value for value, kept in zip(seen, shown, strict=True) if kept)
    return CategoryStatistics(values, tuple(rows.tolist()), _nullable(column))


def _decimals(column: Column) -> int | None:
    return column.decimals if column.kind == "number" else None


def _range(column: Column) -> Numbers:
    """Return the least and the greatest number that the contract allows, in units."""
    ends = pa.array([column.minimum, column.maximum]).cast(arrow_type(column))
    return whole(to_axis(column, ends)[0], _decimals(column))


def _few(column: Column) -> Numbers | None:
    """Return all whole numbers of a narrow range; None: it is wide, or not of whole numbers."""
    if column.minimum is None or column.maximum is None:
        return None
    low, high = _range(column)
    if low.dtype.kind == "f" or int(high) - int(low) >= _FEW_UNITS:
        return None
    return np.arange(int(low), int(high) + 1)


def _number(column: Column, tally: Tally, noise: _Noise) -> NumberStatistics:
    """Return the numbers that are shown as they are, and the quantile function of the others."""
    values, counts = np.unique(whole(tally.values, _decimals(column)), return_inverse=True)
    rows = np.bincount(counts, weights=tally.counts, minlength=len(values))
    shown, _ = noise.shown(rows)
    edges = _edges(*_range(column))
    others = np.histogram(values[~shown].astype(np.float64), bins=edges.astype(np.float64), weights=rows[~shown])[0]
    return NumberStatistics(_decimals(column), values[shown], _quantiles(edges, noise.on(others)), _nullable(column))


def _edges(low: Any, high: Any) -> Numbers:  # noqa: ANN401 - a number of either kind
    """Return the ascending edges of the bins of a range."""
    if np.asarray(low).dtype.kind == "f":
        return np.linspace(low, high, _BINS + 1)
    return np.array([int(low) + (int(high) - int(low)) * place // _BINS for place in range(_BINS + 1)], np.int64)


def _quantiles(edges: Numbers, noisy: NDArray[np.float64]) -> Quantiles:
    """Return the quantile function of noisy counts in the bins between edges; an empty bin is jumped over."""
    rows = nonnegative(noisy, max(float(noisy.sum()), 1.0))
    full = np.flatnonzero(rows)
    edges, rows = edges[full[0] : full[-1] + 2], rows[full[0] : full[-1] + 1]
    ranks = np.concatenate([[0.0], rows.cumsum() / rows.sum()])
    scores = torch.special.ndtri(torch.from_numpy(np.clip(ranks, _END, 1 - _END))).float().numpy()
    for place in range(1, len(scores)):  # ascending, be it by the last digit
        scores[place] = max(scores[place], np.nextafter(scores[place - 1], np.float32(np.inf)))
    return Quantiles(edges, scores.astype(np.float64), 0 if edges.dtype.kind == "f" else 1)
