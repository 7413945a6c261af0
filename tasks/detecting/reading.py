"""New rows as a contract's kinds, and which of their cells are at odds with it: nothing of that is an error here."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts import Column, Combination, Contract, DataError, Failure, Source
from data_contracts.arrow import nullable_schema
from data_contracts.contract import Rule
from data_contracts.expressions import compiled
from tasks.pictures import packed, png_of
from tasks.readers import read, spelling_of
from tasks.readers.cells import Cells, cast
from tasks.readers.images import Images, named
from tasks.readers.locate import format_of
from tasks.validation.predicates import holds

__all__ = ["Rows", "read_rows"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of N rows.

    Args:
        batch: with the contract's columns; null where a cell is not of its column's kind, of images a black one.
        unfit: (N, C) cells that are not what their column holds: of another kind, null where none may be, out of
            range, none of the values, or of another pattern.
        ruled: (N, C) cells between which a rule is broken.
    """

    batch: pa.RecordBatch
    unfit: Mask
    ruled: Mask


def read_rows(contract: Contract, source: Source) -> Iterator[Rows]:
    """Yield a source's rows in batches.

    That a column repeats no value is a matter of the whole table, and is not looked at.

    Raises:
        DataError: the source cannot be read, its columns are others, or lines of it are no rows.
    """
    schema, image = nullable_schema(contract), contract.image
    spelling, lines = spelling_of(source), list[Failure]()
    form = None if image is None else format_of(source)
    images = Images()
    for raw in read(source, names=contract.names, failures=lines, image="" if image is None else image.name):
        cells = [
            _images(raw.column(column.name), column, images)
            if column == image
            else cast(named(raw.column(column.name), column, form), column, spelling)
            for column in contract.columns
        ]
        arrays = [each.values.cast(kind) for each, kind in zip(cells, schema.types, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        unfit = [
            each.wrong | each.imprecise | _unfit(array, column)
            for each, array, column in zip(cells, arrays, contract.columns, strict=True)
        ]
        yield Rows(batch, np.stack(unfit, 1), _ruled(contract, batch))
    if lines:
        raise DataError(
            "every line of the data is a row", "some are not", "Mend the file; cells may be odd, rows not", lines
        )


def _images(raw: pa.Array, column: Column, images: Images) -> Cells:
    """Return (N,) images as PNG files of the contract's form, a black one in the place of what does not fit.

    Raises:
        DataError: these are no images.
    """
    cast_ = images.cast(raw, column)
    if images.counts["type"]:
        fact, remedy = f"column {column.name!r} holds none", "Name images, or a release of such a table"
        raise DataError("the release is of images, and so are new rows", fact, remedy, images.failures(column))
    wrong = _mask(cast_.is_null())
    black = png_of(np.zeros(column.pixels, np.uint8))
    files = [file if file is not None else black for file in cast_.field("bytes").to_pylist()]
    return Cells(packed(files, cast_.field("path").to_pylist()), wrong, np.zeros_like(wrong))


def _unfit(array: pa.Array, column: Column) -> Mask:
    """Return which of (N,) cells, of the column's kind or null, are not what the column holds."""
    absent = array.is_null()
    found = _mask(absent) if column.required or column.primary_key else np.zeros(len(array), bool)
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    for bound, outside in ((column.minimum, pc.less), (column.maximum, pc.greater)):
        if bound is not None:
            found |= _mask(outside(plain, pa.scalar(bound, plain.type)))
    if column.values is not None:
        listed = pc.is_in(plain, value_set=pa.array(column.values, plain.type))
        found |= _mask(pc.invert(pc.or_(listed, absent)))
    if column.pattern is not None:
        found |= _other(plain, column.pattern)
    return found


def _other(plain: pa.Array, pattern: str) -> Mask:
    """Return which of (N,) texts, or whole numbers as text, a pattern does not match; null is no text."""
    expression = compiled(pattern)
    texts = pc.dictionary_encode(plain.cast(pa.string()))
    matched = [expression is None or expression.match(text) is not None for text in texts.dictionary.to_pylist()]
    return _mask(pc.invert(pa.array(matched, pa.bool_()).take(texts.indices)))


def _ruled(contract: Contract, batch: pa.RecordBatch) -> Mask:
    """Return the (N, C) cells of the columns between which a rule that the contract spells out is broken."""
    found = np.zeros((batch.num_rows, len(contract.columns)), bool)
    for rule in contract.rules:
        broken = _broken(rule, batch)
        for name in rule.columns:
            found[:, contract.names.index(name)] |= broken
    return found


def _broken(rule: Rule, batch: pa.RecordBatch) -> Mask:
    columns = [batch.column(name) for name in rule.columns]
    if isinstance(rule, Combination):
        allowed = set(rule.allowed or ())
        if rule.allowed is None:  # learned combinations are the density's
            return np.zeros(batch.num_rows, bool)
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return np.array([None not in row and row not in allowed for row in rows], bool)
    return _mask(pc.invert(holds(rule.operator, *columns)))


def _mask(array: pa.Array) -> Mask:
    """Return an Arrow mask as NumPy's; null is False."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=np.bool_)  # noqa: FBT003 - the fill
