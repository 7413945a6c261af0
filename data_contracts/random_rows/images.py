"""Random images, as noise: the bytes of PNG files.

The format is that of the W3C (Portable Network Graphics specification, third edition, 2025).  They are written
without an imaging library, so that what reads them is tested against the format itself.
"""

import struct
import zlib

import numpy as np
import pyarrow as pa

from data_contracts.arrow import arrow_type
from data_contracts.contract import Column
from data_contracts.random_rows.columns import Array

__all__ = ["random_images"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR = {1: 0, 3: 2}  # the format's number for grey, and for red, green, blue
_FIRST, _LAST = 0, 255


def random_images(column: Column, rows: int, rng: np.random.Generator) -> pa.Array:
    """Return images of noise in the column's Arrow type; each holds the darkest and the brightest value."""
    noise = rng.integers(_FIRST, _LAST, (rows, *column.pixels), np.uint8, endpoint=True)
    noise[:, 0, 0], noise[:, -1, -1] = _FIRST, _LAST
    cells = [{"bytes": _png(each), "path": f"{row:08}.png"} for row, each in enumerate(noise)]
    return pa.array(cells, arrow_type(column))


def _png(pixels: Array) -> bytes:
    """Return (height, width, channels) pixels as a PNG file of 8 bits."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], 1)  # each with filter 0
    data = zlib.compress(lines.tobytes(), 1)
    return _SIGNATURE + b"".join(_chunk(*part) for part in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
