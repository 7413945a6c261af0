"""Fingerprints of a column: 64 bits for each value, equal for equal values, so that repeats are found in little memory.

Integers, dates and times are their own fingerprints, so their repeats are exact.  Texts are hashed: among
20,000,000 different texts the chance that any two meet is n**2 / 2**65, about 1 in 90,000.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.parquet import read_batches

__all__ = ["fingerprints"]

Prints = np.ndarray[Any, np.dtype[np.uint64]]


def fingerprints(path: Path, column: str) -> Any:  # noqa: ANN401 - a pandas array
    """Return a column's fingerprints as a nullable pandas array of uint64, read in batches.

    Args:
        path: of a Parquet file.
        column: of the file.
    """
    import pandas as pd

    prints, nulls = [np.empty(0, np.uint64)], [np.empty(0, np.bool_)]
    for batch in read_batches(path, [column]):
        prints.append(_hashed(batch.column(0)))
        nulls.append(batch.column(0).is_null().to_numpy(zero_copy_only=False))
    return pd.arrays.IntegerArray(np.concatenate(prints), np.concatenate(nulls))


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
