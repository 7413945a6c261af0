"""A sheet of the images that a model would draw so far: one PNG file in the run's folder, renewed while it trains."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.pictures import png_of
from tasks.storage import atomic

if TYPE_CHECKING:
    from models.encoding import Encoded

__all__ = ["save_sheet", "sheet_of"]

_ACROSS = 10  # images in a row of the sheet


def save_sheet(path: Path, x: "Encoded") -> None:
    """Write the images of (N,) drawn rows as a sheet, whole or not at all; the rows stand in order of their codes.

    Raises:
        ReleaseError: the file cannot be written.
    """
    if x.pixels is None or not len(x):
        return
    order = np.lexsort(x.codes.numpy().T[::-1])
    sheet = png_of(sheet_of(x.pixels[order].permute(0, 2, 3, 1).numpy()))
    with atomic(path) as partial:
        partial.write_bytes(sheet)


def sheet_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (N, height, width, channels) images side by side, ten in a row; places that are left over are black."""
    count, height, width, channels = pixels.shape
    down = -(-count // _ACROSS)
    places = np.zeros((down * _ACROSS, height, width, channels), np.uint8)
    places[:count] = pixels
    grid = places.reshape(down, _ACROSS, height, width, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(down * height, _ACROSS * width, channels)
