"""Categories and booleans: one code per kept value, and null.

A value is kept if the contract lists it, or if at least five training rows share it.  Rows with a rarer value
take a kept one, drawn by frequency: nothing that points to fewer than five rows is learned or emitted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from data_contracts.conditions import Condition
from models.encoding.allowed import Allowed
from models.encoding.disclosure import KEPT_ROWS
from models.encoding.spans import UNKNOWN

__all__ = ["CategoryStatistics", "allowed", "decode", "encode", "merge", "settle", "summarise"]

Value = str | int | bool

_STAND_IN = "other"
"""The one value of a text column in which no value is shared by enough rows."""


@dataclass(frozen=True, slots=True)
class CategorySummary:
    """What one pass over the rows adds up: rows by value, and the count of nulls."""

    rows: Counter[Value]
    nulls: int


@dataclass(frozen=True, slots=True)
class CategoryStatistics:
    """What is kept of a column of categories.

    Args:
        values: those kept, ascending; code 0 to their number - 1.
        rows: how many training rows hold each; fewer than five are told as five.
        nulls: whether nulls were seen; the last code.
    """

    values: tuple[Value, ...]
    rows: tuple[int, ...]
    nulls: bool

    @property
    def size(self) -> int:
        """Return the number of codes."""
        return len(self.values) + self.nulls

    @property
    def regular_code(self) -> int | None:
        """Return None: the code says all."""
        return None

    def state(self) -> dict[str, Any]:
        """Return the statistics as JSON holds them."""
        return {"values": list(self.values), "rows": list(self.rows), "nulls": self.nulls}

    @classmethod
    def from_state(cls, state: dict[str, Any], column: Column) -> "CategoryStatistics":  # noqa: ARG003 - one signature for all kinds
        """Return the statistics that `state` described."""
        return cls(tuple(state["values"]), tuple(state["rows"]), state["nulls"])


def summarise(array: pa.Array, column: Column) -> CategorySummary:
    """Return the summary of one batch's (N,) column."""
    counted = pc.value_counts(_plain(array, column).drop_null())
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return CategorySummary(Counter(dict(zip(values, counts, strict=True))), array.null_count)


def merge(first: CategorySummary, second: CategorySummary) -> CategorySummary:
    """Return the summary of both batches' rows."""
    return CategorySummary(first.rows + second.rows, first.nulls + second.nulls)


def settle(summary: CategorySummary, column: Column) -> CategoryStatistics:
    """Return what is kept of a summary.

    Raises:
        ModelError: no value of a column that cannot do without is shared by enough rows.
    """
    listed = {False, True} if column.kind == "boolean" else set(column.values or ())
    kept = sorted(value for value, rows in summary.rows.items() if rows >= KEPT_ROWS or value in listed)
    counts = [max(summary.rows[value], KEPT_ROWS) for value in kept]  # how few rows a listed value has is not told
    if not kept and summary.rows:
        if column.storage != "string" or column.pattern is not None:
            raise ModelError(
                f"a category that is learned has values which at least {KEPT_ROWS} rows share",
                f"column {column.name!r} has {len(summary.rows):,} values and none of them has",
                "Call the column an id, or list its values in the contract",
            )
        kept, counts = [_STAND_IN], [summary.rows.total()]
    return CategoryStatistics(tuple(kept), tuple(counts), summary.nulls > 0)


def encode(
    array: pa.Array, statistics: CategoryStatistics, column: Column, *, generator: torch.Generator | None
) -> tuple[NDArray[np.int64], None]:
    """Return the (N,) codes, and no values.

    Args:
        array: (N,) values or nulls.
        statistics: of the column.
        column: of the contract.
        generator: draws a kept value for each that is not kept; None: it is `UNKNOWN`.
    """
    plain = _plain(array, column)
    known = pa.array(statistics.values, plain.type)
    codes = pc.fill_null(pc.index_in(plain, known, skip_nulls=True), UNKNOWN)
    codes = codes.to_numpy(zero_copy_only=False).astype(np.int64)
    absent = array.is_null().to_numpy(zero_copy_only=False)
    rare = np.flatnonzero((codes == UNKNOWN) & ~absent)
    if generator is not None and statistics.values and len(rare):
        weights = torch.tensor(statistics.rows, dtype=torch.float64)
        codes[rare] = torch.multinomial(weights, len(rare), replacement=True, generator=generator).numpy()
    codes[absent] = len(statistics.values) if statistics.nulls else UNKNOWN
    return codes, None


def allowed(
    conditions: Sequence[Condition],
    statistics: CategoryStatistics,
    column: Column,  # noqa: ARG001 - one signature for all kinds
) -> Allowed:
    """Return the codes that meet all conditions on the column."""
    values: list[Value | None] = [*statistics.values, *([None] if statistics.nulls else [])]
    return Allowed(np.array([all(each.met_by(value) for each in conditions) for value in values], bool))


def decode(
    codes: NDArray[np.int64],
    values: NDArray[np.float32] | None,  # noqa: ARG001 - one signature for all kinds
    statistics: CategoryStatistics,
    column: Column,
) -> pa.Array:
    """Return the column's (N,) Arrow array of (N,) codes."""
    absent = codes == len(statistics.values)
    mask = absent if statistics.nulls else None
    if column.kind == "category" and column.storage == "string":
        indices = pa.array(np.where(absent, 0, codes).astype(np.int32), mask=mask)
        return pa.DictionaryArray.from_arrays(indices, pa.array(statistics.values, pa.string()))
    kind = np.dtype(bool) if column.kind == "boolean" else np.dtype(np.int64)
    table = np.array([*statistics.values, 0], kind)
    return pa.array(table[codes], mask=mask)


def _plain(array: pa.Array, column: Column) -> pa.Array:
    """Return the values themselves: no dictionary."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if column.kind == "category" and column.storage == "string" else array
