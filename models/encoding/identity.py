"""Ids: made by pattern from seed and row number, never learned; only their share of nulls is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from models.encoding.pattern import Pattern
from models.encoding.spans import UNKNOWN

__all__ = ["IdStatistics", "decode", "encode", "merge", "settle", "summarise"]

_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
"""A text id without a pattern of its own has the shape of a random UUID (RFC 9562, version 4)."""


@dataclass(frozen=True, slots=True)
class IdStatistics:
    """What is kept of a column of ids: whether some are present, and some absent."""

    present: bool
    nulls: bool

    @property
    def size(self) -> int:
        """Return the number of codes: present, null."""
        return self.present + self.nulls

    @property
    def regular_code(self) -> int | None:
        """Return None: there is nothing to learn beyond the code."""
        return None

    def state(self) -> dict[str, Any]:
        """Return the statistics as JSON holds them."""
        return {"present": self.present, "nulls": self.nulls}

    @classmethod
    def from_state(cls, state: dict[str, Any], column: Column) -> "IdStatistics":  # noqa: ARG003 - one signature for all kinds
        """Return the statistics that `state` described."""
        return cls(state["present"], state["nulls"])


def summarise(array: pa.Array, column: Column) -> IdStatistics:  # noqa: ARG001 - one signature for all kinds
    """Return the summary of one batch's (N,) column."""
    return IdStatistics(array.null_count < len(array), array.null_count > 0)


def merge(first: IdStatistics, second: IdStatistics) -> IdStatistics:
    """Return the summary of both batches' rows."""
    return IdStatistics(first.present or second.present, first.nulls or second.nulls)


def settle(summary: IdStatistics, column: Column) -> IdStatistics:  # noqa: ARG001 - one signature for all kinds
    """Return what is kept of a summary: all of it, which is next to nothing."""
    return summary


def encode(
    array: pa.Array,
    statistics: IdStatistics,
    column: Column,  # noqa: ARG001 - one signature for all kinds
    *,
    generator: object = None,  # noqa: ARG001 - one signature for all kinds
) -> tuple[NDArray[np.int64], None]:
    """Return the (N,) codes, 0 for present, and no values."""
    absent = array.is_null().to_numpy(zero_copy_only=False)
    present_code = 0 if statistics.present else UNKNOWN
    null_code = int(statistics.present) if statistics.nulls else UNKNOWN
    return np.where(absent, null_code, present_code).astype(np.int64), None


def decode(
    codes: NDArray[np.int64], statistics: IdStatistics, column: Column, *, first_row: int, seed: int
) -> pa.Array:
    """Return (N,) ids of the rows from `first_row` on: the same whatever the batches, no two alike.

    Raises:
        ModelError: the pattern or the range has fewer ids than there are rows.
    """
    absent = codes == int(statistics.present)
    mask = absent if absent.any() else None
    last_row = first_row + len(codes)
    if column.pattern is None and column.storage == "integer":
        start = int(column.minimum) if isinstance(column.minimum, int | float) else 1
        if isinstance(column.maximum, int | float) and start + last_row - 1 > column.maximum:
            raise _too_few(column, int(column.maximum) - start + 1)
        return pa.array(np.arange(first_row, last_row, dtype=np.int64) + start, mask=mask)
    pattern = Pattern.of(column.pattern or _PATTERN, column.name)
    if last_row > pattern.size and (column.unique or column.primary_key):
        raise _too_few(column, pattern.size)
    texts = pattern.texts(np.arange(first_row, last_row), seed=seed)
    ids = pa.array(texts, pa.string(), mask=mask)
    return ids.cast(pa.int64()) if column.storage == "integer" else ids


def _too_few(column: Column, size: int) -> ModelError:
    return ModelError(
        "a unique id has a value for every row",
        f"column {column.name!r} allows {size:,}",
        "Ask for fewer rows, or widen the pattern or the range in the contract",
    )
