"""An axis for a column of numbers or times: round borders, that say of the outermost real rows only where they end."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts import Column
from tasks.reports.suppression import FEWEST

__all__ = ["Axis", "axis_over", "numbers"]

_BARS = 24  # of a histogram: the shape can be seen, and a bar is wide enough for a phone
_OUTSIDE = 0.005  # of the rows, at either end: one far row must not press all others into one bar
_DAY = 86_400
_SPANS = tuple(s for m in (1, 60, 3600) for s in (m, 2 * m, 5 * m, 15 * m)) + tuple(
    _DAY * days for days in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1826, 3652, 18262, 36524)
)  # seconds that people count time in

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Bars side by side; the first and the last have no end.

    Args:
        column: whose values are counted.
        borders: (B,) between the bars, ascending.
        ticks: (B,) the label of each border.
        labels: (B + 1,) of the bars.
    """

    column: Column
    borders: Floats
    ticks: tuple[str, ...]
    labels: tuple[str, ...]

    def count(self, values: pa.ChunkedArray) -> list[int]:
        """Return how many values that are there fall into each of the B + 1 bars."""
        place = np.searchsorted(self.borders, numbers(values, self.column), side="right")
        counts: list[int] = np.bincount(place, minlength=len(self.labels)).tolist()
        return counts


def axis_over(column: Column, tables: Sequence[pa.ChunkedArray]) -> Axis:
    """Return an axis that holds all of a column's values in some tables but the outermost."""
    ends = [end for values in tables for end in _inner(numbers(values, column))]
    if not ends:
        return Axis(column, np.empty(0), (), ("any",))
    step = _step(max(ends) - min(ends), column)
    first, last = (math.floor(end / step) for end in (min(ends), max(ends)))
    borders = np.round(np.arange(first, last + 2) * step, _digits(step) + 1)  # 3 * 0.1 is 0.3, as in the data
    label = _moment(step) if column.kind in ("date", "timestamp") else _number(step)
    ticks = tuple(map(label, borders))
    whole = column.kind == "integer" and step == 1
    inner = ticks[:-1] if whole else tuple(f"{low} to {high}" for low, high in pairwise(ticks))
    return Axis(column, borders, ticks, (f"below {ticks[0]}", *inner, f"{ticks[-1]} and above"))


def _inner(values: Floats) -> tuple[float, ...]:
    """Return the least and greatest of values without the outermost; nothing of too few."""
    aside = max(FEWEST - 1, math.floor(len(values) * _OUTSIDE))
    if len(values) <= 2 * aside:
        return ()
    ordered = np.partition(values, (aside, len(values) - 1 - aside))
    return float(ordered[aside]), float(ordered[-1 - aside])


def numbers(values: pa.ChunkedArray, column: Column, *, finite: bool = True) -> Floats:
    """Return the values that are there, or that are finite, as floats; dates and times in seconds since 1970."""
    values = values.drop_null()
    if column.kind in ("date", "timestamp"):
        values = values.cast(pa.timestamp("s", getattr(values.type, "tz", None)), safe=False).cast(pa.int64())
    found: Floats = values.to_numpy().astype(np.float64)
    return found[np.isfinite(found)] if finite else found


def _step(span: float, column: Column) -> float:
    """Return a round width of a bar, so that some `_BARS` cover the span."""
    least = span / _BARS
    if column.kind in ("date", "timestamp"):
        spans = [each for each in _SPANS if column.kind == "timestamp" or each >= _DAY]
        return float(next((each for each in spans if each >= least), spans[-1] * math.ceil(least / spans[-1])))
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))
    return max(step, 1.0) if column.kind == "integer" else step


def _digits(step: float) -> int:
    """Return how many digits after the point tell one multiple of a step from the next."""
    return max(0, -math.floor(math.log10(step)))


def _number(step: float) -> Callable[[float], str]:
    """Return how a multiple of a step is written."""
    plain = 1e-6 < step < 1e15  # noqa: PLR2004 - outside, digits are too many to read
    return lambda value: f"{value + 0.0:,.{_digits(step)}f}" if plain else f"{value:.6g}"


def _moment(step: float) -> Callable[[float], str]:
    form = "%Y-%m-%d" if step >= _DAY else "%m-%d %H:%M"

    def label(seconds: float) -> str:
        try:
            return datetime.fromtimestamp(seconds, UTC).strftime(form)
        except (ValueError, OverflowError, OSError):  # a year outside 1 to 9999
            return f"{seconds / (365.2425 * _DAY) + 1970:,.0f}"

    return label
