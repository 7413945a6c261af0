"""The one door to Pillow: images as the bytes of PNG files, and as pixels.

A column of images is held as `struct<bytes, path>` everywhere outside the models; pixels are decoded in batches, by who
needs them, and are never floats here.  The same pixels give the same bytes, so that equal images are equal cells.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, DataError
from data_contracts.arrow import arrow_type

__all__ = ["packed", "paths", "pixels_of", "png_of", "raw_of", "raw_pixels", "struct_of"]

Pixels = NDArray[np.uint8]
"""(height, width, channels), or (N, height, width, channels)."""

_LEVEL = 6  # of zlib: level 9 takes twice the time for files a hundredth smaller


def pixels_of(array: pa.Array | pa.ChunkedArray, column: Column | None = None) -> Pixels:
    """Return the (N, height, width, channels) uint8 pixels of (N,) images.

    Args:
        array: of `struct<bytes, path>`, none of them null.
        column: whose form they must have; None: that of the first.

    Raises:
        DataError: one is no PNG file, or is of another form than the others.
    """
    files = _bytes_of(array)
    shape = column.pixels if column is not None else _decoded(files[0].as_py()).shape if len(files) else (0, 0, 1)
    found = np.empty((len(files), *shape), np.uint8)
    for row, file in enumerate(files):
        one = _decoded(file.as_py())
        if one.shape != shape:
            raise _unlike(shape, f"one of {len(files):,} has {_said(one.shape)}")
        found[row] = one
    return found


def struct_of(pixels: Pixels, names: Iterable[str]) -> pa.Array:
    """Return (N,) images as `struct<bytes, path>`, the bytes those of PNG files.

    Args:
        pixels: (N, height, width, channels) uint8.
        names: N paths.
    """
    return packed([png_of(one) for one in pixels], list(names))


def packed(files: Sequence[bytes | None], names: Sequence[str | None]) -> pa.Array:
    """Return (N,) PNG files and their paths as `struct<bytes, path>`; a file that is None is a null."""
    kind = arrow_type(Column(name="", kind="image"))
    absent = pa.array([file is None for file in files], pa.bool_())
    parts = [pa.array(files, pa.binary()), pa.array(names, pa.string())]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=absent)


def raw_of(array: pa.Array, column: Column) -> pa.Array:
    """Return (N,) images as their pixels in a row, as `models.encoding` takes them.

    Raises:
        DataError: one is no PNG file of the column's form.
    """
    pixels = pixels_of(array, column)
    size = int(np.prod(column.pixels))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(pixels), [None, pa.py_buffer(pixels)])


def raw_pixels(array: pa.Array, column: Column) -> Pixels:
    """Return the (N, height, width, channels) pixels of (N,) images in a row, as `models.encoding` gives them."""
    size = int(np.prod(column.pixels))
    flat = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * size : (array.offset + len(array)) * size]
    return flat.reshape(-1, *column.pixels)


def paths(first: int, count: int) -> list[str]:
    """Return made-up paths of so many images from a row on."""
    return [f"{row:08}.png" for row in range(first, first + count)]


def png_of(pixels: Pixels) -> bytes:
    """Return (height, width, channels) pixels as a PNG file that holds nothing else."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def _bytes_of(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the files of a struct array."""
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return whole.field("bytes")


def _decoded(file: bytes | None) -> Pixels:
    """Return the pixels of one of our own files.

    Raises:
        DataError: it is none.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file or b""), formats=["PNG"]) as image:
            array = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's words may quote the file
        raise _unlike((), "one cannot be decoded") from None
    return array[:, :, None] if array.ndim == 2 else array  # noqa: PLR2004 - grey has no axis of channels


def _unlike(shape: Sequence[int], fact: str) -> DataError:
    wanted = f" of {_said(shape)}" if shape else ""
    return DataError(f"images are whole PNG files{wanted}", fact, "Ingest the images anew, or validate the file")


def _said(shape: Sequence[Any]) -> str:
    height, width, channels = shape
    return f"{height} x {width} pixels, {channels} channel{'s' * (channels > 1)}"
