"""From Python values, as JSON and database drivers give them, to Arrow arrays that still say what each cell was."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

import pyarrow as pa

__all__ = ["batch_rows", "to_array"]

_CELLS = 3_000_000  # of a batch: some hundred megabytes of text
_FOREIGN = "foreign"


def batch_rows(columns: int) -> int:
    """Return how many rows of a table of so many columns are held in memory at once."""
    from tasks.parquet import BATCH_ROWS

    return max(1_000, min(BATCH_ROWS, _CELLS // max(columns, 1)))


def to_array(values: Sequence[Any]) -> pa.Array:
    """Return a column as an Arrow array; where its cells have several types, as a sparse union of one array each.

    Integers beyond 64 bits come as decimals.  What no kind can hold (lists, objects, times of day) comes as
    empty bytes, so that it is counted and its content goes no further.
    """
    kinds = [_type(value) for value in values]
    present = sorted({kind for kind in kinds if kind})
    if len(present) <= 1:
        return _of_type(values, present[0] if present else "")
    parts = [_of_type([v if k == kind else None for v, k in zip(values, kinds, strict=True)], kind) for kind in present]
    codes = pa.array([present.index(kind) if kind else 0 for kind in kinds], pa.int8())
    return pa.UnionArray.from_sparse(codes, parts)


def _type(value: Any) -> str:  # noqa: ANN401 - any cell
    if value is None:
        return ""
    if type(value) is int:
        return "int" if -(2**63) <= value < 2**63 else "decimal" if abs(value) < 10**76 else _FOREIGN
    if isinstance(value, Decimal):
        return "decimal" if value.is_finite() and _digits(value) <= _MOST_DIGITS else "float"
    return next((name for name, (kinds, _) in _MAKERS.items() if isinstance(value, kinds)), _FOREIGN)


_MOST_DIGITS = 76  # of Arrow's widest decimal


def _digits(value: Decimal) -> int:
    _, digits, exponent = value.as_tuple()
    return len(digits) + abs(int(exponent))


_MAKERS: dict[str, tuple[tuple[type, ...], Callable[[Any], Any]]] = {
    "bool": ((bool,), bool),
    "int": ((int,), int),
    "float": ((float,), float),
    "str": ((str, UUID), str),
    "datetime": ((datetime,), lambda value: value),
    "date": ((date,), lambda value: value),
    "decimal": ((Decimal,), Decimal),
}


def _of_type(values: Sequence[Any], kind: str) -> pa.Array:
    if not kind:
        return pa.nulls(len(values))
    if kind == _FOREIGN:
        return pa.array([None if value is None else b"" for value in values], pa.binary())
    if kind == "float":  # a decimal beyond Arrow's is the nearest float, infinity included, and then refused
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    make = _MAKERS[kind][1]
    return pa.array([None if value is None else make(value) for value in values])


def _float(value: Any) -> float:  # noqa: ANN401 - a float or a decimal
    try:
        return float(value)
    except (OverflowError, ValueError):
        return inf
