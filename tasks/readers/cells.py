"""From a source's cells to a contract's kinds: nothing is coerced silently.

Two rules. *A text cell is parsed as its column's kind*, whatever form it comes from. *A typed cell must be its
column's kind without loss*: 3.0 is the integer 3, midnight is a date, 0 and 1 are booleans, but an integer is
no category of texts. What fails is null in the result and counted by the caller.

Text of numbers, booleans and times may have spaces around it; the text of categories and ids is kept as it is.
Booleans are `true`/`false`, `t`/`f` (any case) and `1`/`0`; `yes` is none.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column
from tasks.readers import numbers, times
from tasks.readers.spelling import Cells, Spelling, is_text, none, null_where, present

__all__ = ["Cells", "Spelling", "cast", "is_text"]

Cast = Callable[[pa.Array, Column, Spelling], Cells]


def cast(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:
    """Return a source's cells as the column's kind.

    Args:
        raw: N cells: text, typed, a dictionary, or a sparse union where cells have several types.
        column: what they must be.
        spelling: unknown-value marks and decimal mark of the source.
    """
    raw = _plain(raw)
    if pa.types.is_union(raw.type):
        return _joined([cast(raw.field(i), column, spelling) for i in range(raw.type.num_fields)])
    if pa.types.is_null(raw.type):
        return Cells(pa.nulls(len(raw), _TYPES.get(_form(column), pa.null())), none(len(raw)), none(len(raw)))
    if is_text(raw.type):
        raw = _without_marks(raw, column, spelling)
        return _TEXT[_form(column)](raw, column, spelling)
    if pa.types.is_floating(raw.type) and spelling.has_nan:
        raw = null_where(raw, present(pc.is_nan(raw)))
    return _TYPED[_form(column)](raw, column, spelling)


def _form(column: Column) -> str:
    """Return how a column is held: its kind, or what a category or an id is stored as."""
    return column.storage if column.kind in ("category", "id") else column.kind


def _plain(raw: pa.Array) -> pa.Array:
    """Return cells without dictionary, and texts as plain strings."""
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    return pc.cast(raw, pa.string()) if is_text(raw.type) and not pa.types.is_string(raw.type) else raw


def _without_marks(text: pa.Array, column: Column, spelling: Spelling) -> pa.Array:
    """Return texts with the unknown-value marks as nulls; only categories and ids keep the spaces around theirs."""
    if _form(column) != "string":
        text = pc.utf8_trim_whitespace(text)
    if not spelling.unknown:
        return text
    return null_where(text, present(pc.is_in(text, value_set=pa.array(spelling.unknown, pa.string()))))


def _joined(parts: list[Cells]) -> Cells:
    """Return one column of several, of which at most one has a value in each row."""
    typed = [part.values for part in parts if not pa.types.is_null(part.values.type)]
    return Cells(
        pc.coalesce(*typed) if typed else parts[0].values,
        np.logical_or.reduce([part.wrong for part in parts]),
        np.logical_or.reduce([part.imprecise for part in parts]),
    )


def _text_boolean(text: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    lower = pc.utf8_lower(text)
    yes = present(pc.is_in(lower, value_set=pa.array(["true", "t", "1"])))
    no = present(pc.is_in(lower, value_set=pa.array(["false", "f", "0"])))
    return Cells(pa.array(yes, mask=~(yes | no)), present(text.is_valid()) & ~(yes | no), none(len(text)))


def _typed_boolean(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:
    if pa.types.is_boolean(raw.type):
        return Cells(raw, none(len(raw)), none(len(raw)))
    cells = numbers.from_typed_integer(raw, column, spelling)
    neither = present(pc.invert(pc.is_in(cells.values, value_set=pa.array([0, 1], pa.int64()))))
    neither &= present(cells.values.is_valid())
    return Cells(pc.equal(null_where(cells.values, neither), 1), cells.wrong | neither, cells.imprecise)


def _text_string(text: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    return Cells(text, none(len(text)), none(len(text)))


def _typed_string(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    return _all_wrong(raw, pa.string())


def _all_wrong(raw: pa.Array, kind: pa.DataType) -> Cells:
    return Cells(pa.nulls(len(raw), kind), present(raw.is_valid()), none(len(raw)))


_TEXT: dict[str, Cast] = {
    "integer": numbers.from_text_integer,
    "number": numbers.from_text_number,
    "boolean": _text_boolean,
    "date": times.from_text,
    "timestamp": times.from_text,
    "string": _text_string,
}
_TYPED: dict[str, Cast] = {
    "integer": numbers.from_typed_integer,
    "number": numbers.from_typed_number,
    "boolean": _typed_boolean,
    "date": times.from_typed,
    "timestamp": times.from_typed,
    "string": _typed_string,
}
_TYPES: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "string": pa.string(),
}
