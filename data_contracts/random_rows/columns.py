"""Random values of one column, as numpy arrays: what a column may hold at least and at most, and draws from it.

Dates are days, and timestamps counts of the column's unit, since 1970; texts are objects.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.arrow import arrow_type
from data_contracts.checks import DECIMALS_TOLD
from data_contracts.contract import Column
from data_contracts.errors import ContractError
from data_contracts.random_rows.patterns import matching_text

__all__ = [
    "ORDERED", "PER_SECOND", "Array", "candidates", "draw_between", "draw_ids", "fits", "limits", "natural", "no_value",
    "snap", "to_arrow",
]  # fmt: skip

Array = np.ndarray[Any, Any]

ORDERED = ("integer", "number", "date", "timestamp")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

_EDGES = 0.02  # share of values at either end of the range, so that both ends are seen in few rows
_LABELS = 8  # placeholders of a category whose values are learned
_DAYS = (-719_162, 2_932_896)  # of the years 1 to 9999
_INT64 = (-(2**63), 2**63 - 1)
_TIGHT = 4  # times as many values as rows: below this, distinct values are dealt out rather than drawn
_IDS = 2**40  # identifiers below: wide enough that few are drawn twice
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def natural(column: Column) -> tuple[float, float]:
    """Return what a column of this kind can hold at all; a bound there means that there is none."""
    if column.kind == "integer":
        return _INT64
    if column.kind == "number":
        return (-np.inf, np.inf)
    if column.kind == "date":
        return _DAYS
    if column.unit == "ns":
        return (_INT64[0] + 1, _INT64[1])
    second = 86_400 * PER_SECOND[column.unit]
    return (_DAYS[0] * second, (_DAYS[1] + 1) * second - 1)


def limits(column: Column) -> tuple[float, float]:
    """Return the contract's range of an ordered column, on its grid; the natural one where it gives none."""
    low, high = natural(column)
    low = low if column.minimum is None else _number(column, column.minimum, up=True)
    return low, high if column.maximum is None else _number(column, column.maximum, up=False)


def _number(column: Column, bound: object, *, up: bool) -> float:
    """Return a bound as a number on the column's grid: its first point above or below."""
    if isinstance(bound, datetime):
        aware = bound if bound.tzinfo else bound.replace(tzinfo=UTC)
        scaled = (aware - _EPOCH) // timedelta(microseconds=1) * PER_SECOND[column.unit]
        return -(-scaled // 10**6) if up else scaled // 10**6
    if isinstance(bound, date):
        return (bound - date(1970, 1, 1)).days
    if column.kind == "integer":
        return int(bound)  # type: ignore[call-overload,no-any-return]
    return float(snap(column, np.array([float(bound)]), up=up)[0])  # type: ignore[arg-type]


def snap(column: Column, values: Array, *, up: bool) -> Array:
    """Return numbers moved up or down to the column's precision; those that have it stay."""
    if column.decimals is None:
        return values
    scale = 10.0**column.decimals
    with np.errstate(invalid="ignore", over="ignore"):
        points = np.rint(values * scale)
        points += (points / scale < values) if up else -1.0 * (points / scale > values)
        return np.where(np.abs(values * scale) < DECIMALS_TOLD, points / scale, values)


def draw_between(column: Column, low: Array, high: Array, rng: np.random.Generator, *, distinct: bool) -> Array:
    """Return values between bounds, row by row, ends more often than the rest; the first two rows are at the ends."""
    rows = len(low)
    low, high = _spread(column, low, high, span=max(1000, 10 * rows))
    if distinct and column.kind != "number" and low.min() == low.max() and high.min() == high.max():
        least, most = int(low[0]), int(high[0])
        if 0 <= most - least < _TIGHT * rows:
            return _permuted(least, most, rows, rng)
    if column.kind == "number":
        share = rng.random(rows)
        values = np.clip(snap(column, low * (1 - share) + high * share, up=False), low, high)
    else:
        values = rng.integers(low, np.maximum(low, high), endpoint=True)
    at_end = rng.random(rows) if not distinct else np.ones(rows)
    at_end[:2] = (0.0, 1.5 * _EDGES)[:rows]
    return np.where(at_end < _EDGES, low, np.where(at_end < 2 * _EDGES, high, values)).astype(values.dtype)


def _spread(column: Column, low: Array, high: Array, *, span: int) -> tuple[Array, Array]:
    """Return bounds with placeholders where there is none: a span from zero, or from the bound that there is."""
    least, most = natural(column)
    if column.kind in ("date", "timestamp"):
        day = 86_400 * PER_SECOND[column.unit] if column.kind == "timestamp" else 1
        start, span = 10_957 * day, 10_000 * day  # from the year 2000 on
    else:
        start = 0
    no_low, no_high = low == least, high == most
    below = np.maximum(high, least + span) - span
    new_low = np.where(no_low, np.where(no_high, start, below), low).astype(low.dtype)
    new_high = np.where(no_high, np.minimum(new_low, most - span) + span, high).astype(high.dtype)
    if column.kind != "number":
        return new_low, new_high
    return snap(column, new_low, up=True), snap(column, new_high, up=False)


def _permuted(low: int, high: int, rows: int, rng: np.random.Generator) -> Array:
    """Return different whole numbers, both ends first; where there are too few, some come again."""
    inner = rng.permutation(np.arange(low + 1, high))
    values = np.concatenate([np.array(sorted({low, high})), inner])
    return np.resize(values, rows)


def candidates(column: Column, count: int, rng: np.random.Generator, *, never: frozenset[str]) -> list[str | int]:
    """Return different values that a category or a boolean may hold: the allowed ones, or placeholders."""
    if column.kind == "boolean":
        return [False, True]
    if column.values is not None:
        return list(column.values)
    if column.storage == "integer":
        return list(range(1, max(count, _LABELS) + 1))
    if column.pattern is None:
        return [f"{column.name[:20]} {index}" for index in range(1, max(count, _LABELS) + 1)]
    texts = (matching_text(column.pattern, rng) for _ in range(2 * max(count, _LABELS)))
    return list(dict.fromkeys(text for text in texts if text and text not in never))


def fits(column: Column, value: str | int) -> bool:
    """Return whether a category may hold a value: it is listed, and its pattern matches."""
    if column.values is not None and value not in column.values:
        return False
    return column.pattern is None or re.fullmatch(column.pattern, str(value)) is not None


def draw_ids(column: Column, rows: int, rng: np.random.Generator, *, never: frozenset[str]) -> Array:
    """Return identifiers; they come again where the column need not be unique."""
    distinct = column.unique or column.primary_key
    pool = rows if distinct else max(1, rows // 3)
    if column.pattern is not None:
        texts = [text for _ in range(pool) if (text := matching_text(column.pattern, rng)) and text not in never]
        if not texts:
            raise no_value(column)
        values = np.array(texts, dtype=object)
    elif column.storage == "integer":
        values = rng.integers(1, _IDS, pool)
    else:
        values = np.array([f"{number:013d}" for number in rng.integers(1, _IDS, pool)], dtype=object)
    values = np.resize(values, rows)
    return values if distinct else rng.permutation(values)


def no_value(column: Column) -> ContractError:
    """Return the error of a column for which no value was found."""
    return ContractError(
        "a column's rules leave values that keep them all",
        f"none was found for column {column.name!a}",
        "Correct its pattern or its allowed values, or those of the columns it equals",
    )


def to_arrow(column: Column, values: Array, nulls: Array) -> pa.Array:
    """Return the column's values in its Arrow type."""
    wanted = arrow_type(column)
    if pa.types.is_dictionary(wanted):
        return pa.array(values, pa.string(), mask=nulls).dictionary_encode()
    if column.kind == "date":
        return pa.array(values.astype(np.int32), pa.int32(), mask=nulls).cast(wanted)
    if column.kind == "timestamp":
        counted = pa.array(values, pa.int64(), mask=nulls)
        return counted.cast(pa.timestamp(column.unit, column.timezone)).cast(wanted)
    return pa.array(values, wanted, mask=nulls)
