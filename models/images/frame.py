"""Between bytes of pixels and what networks see: numbers from -1 to 1, on a grid whose sides halve evenly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

from data_contracts import ModelError
from models.encoding import Encoded, Span

__all__ = ["Frame", "as_bytes", "as_numbers", "frame_of"]

_MIDDLE = 127.5  # of 0 to 255
_GRID = 16  # the longest side of the grid that the networks' first level works on: its cost hangs on no image's size


def as_numbers(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as float32 from -1 to 1."""
    return pixels.float() / _MIDDLE - 1


def as_bytes(numbers: Tensor) -> Tensor:
    """Return numbers from -1 to 1 as uint8 pixels, those beyond as the nearest."""
    return ((numbers.float() + 1) * _MIDDLE).round_().clamp_(0, 255).to(torch.uint8)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of all images, and of the grid they are laid on.

    Args:
        channels: c, 1 or 3.
        height: in pixels.
        width: in pixels.
    """

    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (c, h, w)."""
        return self.channels, self.height, self.width

    @property
    def numbers(self) -> int:
        """Return how many an image has."""
        return self.channels * self.height * self.width

    @property
    def patch(self) -> int:
        """Return the side of the square of pixels that is one cell of the grid: a power of 2."""
        return 1 << max(0, math.ceil(math.log2(max(self.height, self.width) / _GRID)))

    @property
    def depth(self) -> int:
        """Return how many numbers a cell has."""
        return self.channels * self.patch**2

    @property
    def grid(self) -> tuple[int, int]:
        """Return the cells down and across; both can be halved."""
        side = 2 * self.patch
        return 2 * math.ceil(self.height / side), 2 * math.ceil(self.width / side)

    def cells(self, images: Tensor) -> Tensor:
        """Return (n, c, h, w) images as (n, depth, *grid) cells; beyond the edges the last pixels are repeated."""
        down, across = (cells * self.patch for cells in self.grid)
        right, below = across - self.width, down - self.height
        padded = pad(images, (0, right, 0, below), mode="replicate") if right or below else images
        return pixel_unshuffle(padded, self.patch) if self.patch > 1 else padded

    def images(self, cells: Tensor) -> Tensor:
        """Return (n, depth, *grid) cells as (n, c, h, w) images; what lies beyond the edges is cut off."""
        whole = pixel_shuffle(cells, self.patch) if self.patch > 1 else cells
        return whole[:, :, : self.height, : self.width]


def frame_of(x: Encoded, spans: Sequence[Span]) -> Frame:
    """Return the frame of the one image column.

    Raises:
        ModelError: there is none.
    """
    shapes = [span.pixels for span in spans if span.pixels is not None]
    if len(shapes) != 1 or x.pixels is None:
        raise ModelError(
            "a model of images learns one column of kind image",
            f"there are {len(shapes)}",
            "Choose a model of tables, or name the column in the contract",
        )
    return Frame(*shapes[0])
