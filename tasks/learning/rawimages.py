"""Between images as files and images as pixels in a row, which is how `models.encoding` takes and gives them."""

import numpy as np
import pyarrow as pa

from data_contracts import Column
from tasks.pictures import paths, pixels_of, struct_of

__all__ = ["from_raw", "to_raw"]


def to_raw(batch: pa.RecordBatch, column: Column) -> pa.RecordBatch:
    """Return a batch whose images are their pixels in a row.

    Raises:
        DataError: one is no PNG file of the column's form.
    """
    place = batch.schema.names.index(column.name)
    pixels = pixels_of(batch.column(place), column)
    size = int(np.prod(column.pixels))
    raw = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(pixels), [None, pa.py_buffer(pixels)])
    return batch.set_column(place, column.name, raw)


def from_raw(array: pa.Array, column: Column, *, first_row: int) -> pa.Array:
    """Return (N,) images of pixels in a row as PNG files, with paths made up from their rows' numbers."""
    size = int(np.prod(column.pixels))
    flat = np.frombuffer(array.buffers()[1], np.uint8)
    pixels = flat[array.offset * size : (array.offset + len(array)) * size].reshape(-1, *column.pixels)
    return struct_of(pixels, paths(first_row, len(array)))
