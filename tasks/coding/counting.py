"""What is counted of images while they are coded, and a few of them that are kept."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.encoding import Encoded

__all__ = ["Kept", "Tally", "psnr"]

_WHITE = 255.0
_LEAST = _WHITE**2 / 1e10  # 100 dB: JSON has no infinity


def psnr(square: float) -> float:
    """Return the peak signal-to-noise ratio of a mean squared error of bytes, in dB; of no error, that of the least."""
    return 10 * math.log10(_WHITE**2 / max(square, _LEAST))


@dataclass(slots=True)
class Tally:
    """Counts over all batches.

    Args:
        width: Z.
        bits: of a number.
        images: coded so far.
        squares: of the pixels' errors, summed.
        pixels: looked at.
        counts: (Z, 2 ** bits) how often each number came in each dimension.
    """

    width: int
    bits: int
    images: int = 0
    squares: int = 0
    pixels: int = 0
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.counts = np.zeros((self.width, 2**self.bits), np.int64)

    def add(self, numbers: NDArray[np.uint8], images: NDArray[np.uint8], restored: NDArray[np.uint8]) -> None:
        """Take in the (n, Z) codes of n images, and what was restored of them."""
        self.images += len(numbers)
        self.squares += int(np.square(images.astype(np.int64) - restored).sum())
        self.pixels += images.size
        for place, column in enumerate(numbers.T):
            self.counts[place] += np.bincount(column, minlength=self.counts.shape[1])

    @property
    def psnr(self) -> float:
        """Return that of all images together."""
        return psnr(self.squares / max(self.pixels, 1))

    @property
    def entropy_bytes(self) -> float:
        """Return how many bytes an image takes at least, where each number is coded by its frequency alone."""
        share = self.counts / max(self.images, 1)
        return float(-(share * np.log2(share, where=share > 0, out=np.zeros_like(share))).sum()) / 8


@dataclass(slots=True)
class Kept:
    """Rows at equal distances, so many at most: the same ones however the rows come in batches."""

    most: int
    step: int = 1
    seen: int = 0
    parts: "list[Encoded]" = field(default_factory=list)

    def add(self, x: "Encoded") -> None:
        """Take in the next rows."""
        self.parts.append(x[slice(-self.seen % self.step, None, self.step)])
        self.seen += len(x)
        while sum(map(len, self.parts)) > self.most:
            self.step *= 2
            self.parts = [self.rows[slice(0, None, 2)]]

    @property
    def rows(self) -> "Encoded":
        """Return what is kept."""
        return type(self.parts[0]).join(self.parts)
