"""How far two tables lie apart, column by column, in one pass each and in the memory of one column."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts import Contract
from tasks.parquet import read_batches, read_schema, read_table
from tasks.pictures import pixels_of

__all__ = ["distances"]

_BATCH_IMAGES = 1_000  # 50 MB of pixels, of 128 x 128 in colour
_DIGITS = 4  # beyond them, chance


def distances(contract: Contract, one: Path, other: Path) -> dict[str, float]:
    """Return by column how far apart two Parquet files, or folders of parts, are, 0 to 1.

    Ids, and columns of other types, are passed over.

    Of numbers, dates and timestamps it is Kolmogorov's and Smirnov's distance, of categories and booleans the total
    variation. A null is one more value, the greatest. Images are compared by how bright each is on average.
    """
    schemas = [read_schema(path)[0] for path in (one, other)]
    found = {}
    for column in contract.columns:
        known = all(column.name in schema.names for schema in schemas)
        if column.kind != "id" and known and schemas[0].field(column.name).type == schemas[1].field(column.name).type:
            read = _brightness if column.kind == "image" else _column
            first, second = (read(path, column.name) for path in (one, other))
            ordered = column.kind not in ("category", "boolean")
            found[column.name] = round(_steps(first, second) if ordered else _shares(first, second), _DIGITS)
    return found


def _column(path: Path, name: str) -> pa.Array:
    return read_table(path, [name]).column(0).unify_dictionaries().combine_chunks()


def _brightness(path: Path, name: str) -> pa.Array:
    """Return the average of each image's values, 0 to 255."""
    parts = [pixels_of(batch.column(0)).mean((1, 2, 3)) for batch in read_batches(path, [name], rows=_BATCH_IMAGES)]
    return pa.array(np.concatenate(parts) if parts else [], pa.float64())


def _steps(one: pa.Array, other: pa.Array) -> float:
    """Return the greatest difference between two distribution functions."""
    values = [_numbers(array) for array in (one, other)]
    points = np.unique(np.concatenate(values))
    if not len(points):
        return 0.0 if len(one) and len(other) else 1.0
    parts = zip(values, (one, other), strict=True)
    first, second = (np.searchsorted(part, points, side="right") / max(len(array), 1) for part, array in parts)
    return float(np.abs(first - second).max())


def _numbers(array: pa.Array) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return the values that are present, ascending."""
    present = array.drop_null()
    if pa.types.is_floating(present.type):
        present = present.filter(pc.is_finite(present))
    else:
        present = (present.cast(pa.int32()) if pa.types.is_date32(present.type) else present).cast(pa.int64())
    numbers: NDArray[np.int64] | NDArray[np.float64] = np.sort(present.to_numpy(zero_copy_only=False))
    return numbers


def _shares(one: pa.Array, other: pa.Array) -> float:
    """Return half of the sum of the differences between the values' shares."""
    first, second = (_counted(array) for array in (one, other))
    apart = (abs(first.get(value, 0.0) - second.get(value, 0.0)) for value in first.keys() | second.keys())
    return sum(sorted(apart)) / 2


def _counted(array: pa.Array) -> dict[object, float]:
    """Return the share of each value, null among them."""
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    counted = pc.value_counts(plain)
    values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return {value: count / max(len(array), 1) for value, count in zip(values, counts, strict=True)}
