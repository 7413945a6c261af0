"""Three tables seen from one side: their rows on a plane, counted in squares.

The plane is that of the two principal components of the real rows and the synthetic ones together, on the scale of the
privacy scores: numbers standardised, a category that differs as far as one standard deviation.  No row is shown, and no
axis has figures: a square is shaded only where `tasks.reports.suppression` lets its count of rows be shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, Contract
from tasks.reports.axes import numbers
from tasks.reports.kinds import comparable, is_named
from tasks.reports.suppression import shown

__all__ = ["Landscape", "View", "landscape"]

_MOST_ROWS = 50_000  # of a table
_COMMONEST = 20  # values of a category with a direction of their own
_OUTSIDE = 0.005  # of the rows, beyond each side: they count in the outermost squares
_ROWS_A_SQUARE = 12  # of the smallest table, were they spread evenly
_FEWEST_SQUARES, _MOST_SQUARES = 4, 24  # along a side

Floats = np.ndarray[Any, np.dtype[np.float64]]
Counts = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class View:
    """One table from that side.

    Args:
        table: its name.
        rows: that were looked at.
        shares: (S, S) of its rows in each square, row by row from below; None: too few to show.
    """

    table: str
    rows: int
    shares: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Landscape:
    """The tables from one side.

    Args:
        views: real, synthetic, holdout.
        kept: the share of the rows' spread that the plane keeps, 0 to 1.
        apart: total variation distance of the synthetic rows from the real ones over the squares that show real rows.
        floor: the same of the held-out rows.
    """

    views: tuple[View, ...]
    kept: float
    apart: float
    floor: float


def landscape(contract: Contract, *, train: pa.Table, synthetic: pa.Table, holdout: pa.Table) -> Landscape | None:
    """Return the three tables from the side on which they are widest; None: there are too few rows or columns.

    Args:
        contract: of all tables.
        train: the real rows that were learned from.
        synthetic: the rows generated.
        holdout: real rows that were not learned from.
    """
    columns = comparable(contract)
    tables = [_thinned(table) for table in (train, synthetic, holdout)]
    fewest = min(map(len, tables))
    if fewest < _ROWS_A_SQUARE * _FEWEST_SQUARES**2:
        return None
    points, ends = _points(columns, tables), np.cumsum(list(map(len, tables)))
    plane, kept = _plane(points[: ends[1]])
    if plane.shape[1] < 2:  # noqa: PLR2004 - a plane
        return None
    side = min(_MOST_SQUARES, math.isqrt(fewest // _ROWS_A_SQUARE))
    counts = [_counted(part, side) for part in np.split(_placed(points @ plane, side), ends[:-1])]
    return _compared(counts, kept)


def _thinned(table: pa.Table) -> pa.Table:
    """Return every k-th row, so that at most `_MOST_ROWS` are left."""
    step = -(-len(table) // _MOST_ROWS)
    return table if step <= 1 else table.take(np.arange(0, len(table), step))


def _points(columns: Sequence[Column], tables: Sequence[pa.Table]) -> Floats:
    """Return the rows of all tables (N, D): a direction a number, and one a common category."""
    parts = []
    for column in columns:
        values = [table[column.name] for table in tables]
        parts.append(_marks(values) if is_named(column) else _standardised(values, column))
    return np.hstack([np.empty((sum(map(len, tables)), 0)), *parts])


def _standardised(values: Sequence[pa.ChunkedArray], column: Column) -> Floats:
    """Return (N, 1) with the first table's mean at 0, where nulls stand too, and its standard deviation as unit.

    Cut at three units: one far row must not turn the plane.
    """
    parts = []
    for each in values:
        placed = np.full(len(each), np.nan)
        placed[each.is_valid().to_numpy()] = numbers(each, column, finite=False)
        parts.append(np.where(np.isfinite(placed), placed, np.nan))
    known = parts[0][~np.isnan(parts[0])]
    centre, scale = (known.mean(), known.std()) if len(known) else (0.0, 0.0)
    return np.nan_to_num((np.concatenate(parts)[:, None] - centre) / (scale or 1.0)).clip(-3, 3)


def _marks(values: Sequence[pa.ChunkedArray]) -> Floats:
    """Return (N, K) with 1 / sqrt(2) where a row has the k-th commonest category of the first table."""
    plain = [each.cast(each.type.value_type) if pa.types.is_dictionary(each.type) else each for each in values]
    counted = pc.value_counts(plain[0].drop_null())
    order = np.argsort(-counted.field("counts").to_numpy(), kind="stable")[:_COMMONEST]
    common = counted.field("values").take(pa.array(order))
    places = [pc.fill_null(pc.index_in(each, common), -1).to_numpy() for each in plain]
    marks: Floats = (np.concatenate(places)[:, None] == np.arange(len(common))) / math.sqrt(2)
    return marks


def _plane(points: Floats) -> tuple[Floats, float]:
    """Return the (D, 2) directions in which points (N, D) vary most, and the share of their variance that they hold."""
    from threadpoolctl import threadpool_limits

    if points.shape[1] < 2:  # noqa: PLR2004 - a plane
        return np.empty((points.shape[1], 0)), 0.0
    with threadpool_limits(1):  # the same sums on every machine
        spread, directions = np.linalg.eigh(np.cov(points, rowvar=False))
    plane = directions[:, [-1, -2]]
    plane = plane * np.sign(plane[np.abs(plane).argmax(0), [0, 1]])  # a direction has no sign of its own
    return plane, float(spread[-2:].sum() / spread.sum()) if spread.sum() > 0 else 0.0


def _placed(points: Floats, side: int) -> Counts:
    """Return which of side times side squares each of (N, 2) points lies in."""
    low, high = np.quantile(points, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
    place = np.floor((points - low) / np.where(high > low, high - low, 1.0) * side).clip(0, side - 1).astype(np.int64)
    squares: Counts = place[:, 1] * side + place[:, 0]
    return squares


def _counted(places: Counts, side: int) -> Counts:
    counts: Counts = np.bincount(places, minlength=side * side)
    return counts


def _compared(counts: Sequence[Counts], kept: float) -> Landscape:
    seen = np.array(shown(counts[0].tolist()))
    shares = [each / each.sum() for each in counts]
    merged = [np.append(each[seen], each[~seen].sum()) for each in shares]
    apart, floor = (float(np.abs(merged[0] - other).sum() / 2) for other in merged[1:])
    views = [_view(name, each) for name, each in zip(("real", "synthetic", "holdout"), counts, strict=True)]
    return Landscape(tuple(views), kept, apart, floor)


def _view(table: str, counts: Counts) -> View:
    side, rows = math.isqrt(len(counts)), int(counts.sum())
    shares = [count / rows if seen else None for count, seen in zip(counts, shown(counts.tolist()), strict=True)]
    return View(table, rows, tuple(tuple(map(_plain, shares[i * side : (i + 1) * side])) for i in range(side)))


def _plain(share: float | None) -> float | None:
    return None if share is None else float(share)
