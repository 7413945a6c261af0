"""Real beside synthetic, one column at a time, as counts that may be shown.

What is shown of the real rows is rounded: a bar that stands for fewer than `FEWEST` of them is left out, a
category is named only if the contract names it or as many rows hold it, and axes end at round figures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, Contract

__all__ = ["FEWEST", "Bar", "Marginal", "marginals"]

FEWEST = 10
"""Rows that a figure about the real data stands for at least: the usual floor of statistical offices."""

_BARS = 24  # of a histogram: the shape can be seen, and a bar is wide enough for a phone
_NAMED = 10  # categories with a bar of their own; the rest share one
_DAY = 86_400
_SPANS = tuple(s for m in (1, 60, 3600) for s in (m, 2 * m, 5 * m, 15 * m)) + tuple(
    _DAY * days for days in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1826, 3652, 18262, 36524)
)  # seconds that people count time in

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, and the share of rows of each table; `real` is None where too few rows stand behind it."""

    label: str
    real: float | None
    synthetic: float


@dataclass(frozen=True, slots=True)
class Marginal:
    """One column of both tables.

    Args:
        column: its name.
        kind: of the column.
        ordered: the bars follow an axis; else they are categories.
        bars: in order of the axis, or of frequency; shares of all rows, nulls included.
        nulls: the share of nulls.
        distance: total variation distance over the bars and the nulls, 0 to 1, of the exact counts.
    """

    column: str
    kind: str
    ordered: bool
    bars: tuple[Bar, ...]
    nulls: Bar
    distance: float


def marginals(contract: Contract, *, train: pa.Table, synthetic: pa.Table) -> list[Marginal]:
    """Return each column of both tables as bars; ids have no shape to compare and are left out.

    Args:
        contract: of both tables.
        train: the real rows that were learned from.
        synthetic: the rows generated.
    """
    columns = [column for column in contract.columns if column.kind != "id"]
    return [_marginal(column, train[column.name], synthetic[column.name]) for column in columns]


def _marginal(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> Marginal:
    ordered = column.kind not in ("category", "boolean")
    counted = _histogram(column, real, synthetic) if ordered else _frequencies(column, real, synthetic)
    counted.append(("null", real.null_count, synthetic.null_count))
    bars = [_bar(label, left, right, rows=(len(real), len(synthetic))) for label, left, right in counted]
    apart = sum(abs(_share(left, len(real)) - _share(right, len(synthetic))) for _, left, right in counted) / 2
    return Marginal(column.name, column.kind, ordered, tuple(bars[:-1]), bars[-1], apart)


Counted = list[tuple[str, int, int]]


def _bar(label: str, real: int, synthetic: int, *, rows: tuple[int, int]) -> Bar:
    shown = None if 0 < real < FEWEST else _share(real, rows[0])
    return Bar(label, shown, _share(synthetic, rows[1]))


def _share(count: int, rows: int) -> float:
    return count / rows if rows else 0.0


def _frequencies(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> Counted:
    """Return the commonest categories by real frequency, and the others together."""
    counts = [_value_counts(each) for each in (real, synthetic)]
    listed = set(map(str, column.values or ())) | ({"True", "False"} if column.kind == "boolean" else set())
    nameable = [value for value in set(counts[0]) | listed if value in listed or counts[0].get(value, 0) >= FEWEST]
    named = sorted(nameable, key=lambda value: (-counts[0].get(value, 0), value))[:_NAMED]
    bars = [(value, counts[0].get(value, 0), counts[1].get(value, 0)) for value in named]
    others = [sum(count for value, count in each.items() if value not in named) for each in counts]
    return [*bars, ("all others", others[0], others[1])] if any(others) else bars


def _value_counts(values: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values)
    return {str(each["values"]): each["counts"] for each in counted.to_pylist() if each["values"] is not None}


def _histogram(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> Counted:
    """Return counts between round edges that hold both tables."""
    timed = column.kind in ("date", "timestamp")
    tables = [_numbers(each, timed=timed) for each in (real, synthetic)]
    values = np.concatenate(tables)
    if not len(values):
        return []
    step = _step(float(np.ptp(values)), column)
    first = math.floor(values.min() / step)
    edges = (first + np.arange(math.floor(values.max() / step) - first + 2)) * step
    counts = [np.histogram(each, edges)[0] for each in tables]
    label = _moment(step) if timed else _number
    return [(label(edge), int(left), int(right)) for edge, left, right in zip(edges, *counts, strict=False)]


def _numbers(values: pa.ChunkedArray, *, timed: bool) -> Floats:
    """Return the values that are there as floats; dates and times in seconds since 1970."""
    values = values.drop_null()
    if timed:
        values = values.cast(pa.timestamp("s", getattr(values.type, "tz", None)), safe=False).cast(pa.int64())
    numbers: Floats = values.to_numpy().astype(np.float64)
    return numbers[np.isfinite(numbers)]


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


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.4g}"  # noqa: PLR2004


def _moment(step: float) -> Callable[[float], str]:
    form = "%Y-%m-%d" if step >= _DAY else "%m-%d %H:%M"

    def label(seconds: float) -> str:
        try:
            return datetime.fromtimestamp(seconds, UTC).strftime(form)
        except (ValueError, OverflowError, OSError):  # a year outside 1 to 9999
            return f"{seconds / (365.2425 * _DAY) + 1970:,.0f}"

    return label
