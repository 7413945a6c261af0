"""Fingerprints of a column: 64 bits for each value, equal for equal values, so that repeats are found in little memory.

Integers, dates and times are their own fingerprints, so their repeats are exact.  Texts are hashed: among
20,000,000 different texts the chance that any two meet is n**2 / 2**65, about 1 in 90,000.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.parquet import BATCH_ROWS, read_batches, read_schema, regrouped, write_parquet
from tasks.references import Reference

__all__ = ["read_prints", "write_prints"]

Prints = np.ndarray[Any, np.dtype[np.uint64]]


def write_prints(part: Path, names: Sequence[str], to: Path) -> Reference:
    """Write the fingerprints of a part's columns, and null for a null, under the columns' names.

    Args:
        part: a Parquet file.
        names: of its columns; none: the file that is written has no column.
        to: the file to write.
    """
    schema = pa.schema([(name, pa.uint64()) for name in names])
    batches = (
        pa.RecordBatch.from_arrays([_printed(batch.column(name)) for name in names], schema=schema)
        for batch in (read_batches(part, names) if names else ())
    )
    return write_parquet(to, regrouped(batches, BATCH_ROWS), schema=schema)


def read_prints(parts: Sequence[Path], name: str) -> Any:  # noqa: ANN401 - a pandas array
    """Return a column's fingerprints over all parts as a nullable pandas array of uint64.

    Args:
        parts: what `write_prints` wrote of each.
        name: of the column.
    """
    import pandas as pd

    rows, start = sum(read_schema(part)[1] for part in parts), 0
    prints, nulls = np.empty(rows, np.uint64), np.empty(rows, np.bool_)
    for batch in (batch for part in parts for batch in read_batches(part, [name])):
        end = start + batch.num_rows
        prints[start:end] = batch.column(0).fill_null(0).to_numpy()
        nulls[start:end] = batch.column(0).is_null().to_numpy(zero_copy_only=False)
        start = end
    return pd.arrays.IntegerArray(prints, nulls)


def _printed(values: pa.Array) -> pa.Array:
    return pa.array(_hashed(values), mask=values.is_null().to_numpy(zero_copy_only=False))


def _hashed(values: pa.Array) -> Prints:
    """Return one uint64 for each value; for a null, any."""
    import pandas as pd

    if pa.types.is_struct(values.type):  # an image is its file: equal pixels are equal bytes
        values = values.field("bytes")
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    if pa.types.is_integer(values.type) or pa.types.is_boolean(values.type):
        values = values.cast(pa.int64())
    if pa.types.is_timestamp(values.type) or pa.types.is_int64(values.type):
        whole: Prints = values.view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
        return whole
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    hashed: Prints = pd.util.hash_array(values.to_numpy(zero_copy_only=False), categorize=False)
    return hashed
