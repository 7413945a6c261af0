"""JPEG at as many bytes: the best quality whose images take no more, on average."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.coding.counting import psnr
from tasks.pictures import through_jpeg

__all__ = ["Jpeg", "jpeg_at"]

_QUALITIES = (1, 100)


@dataclass(frozen=True, slots=True)
class Jpeg:
    """What JPEG makes of some images.

    Args:
        quality: 1 to 100, of all of them.
        bytes: of an image on average, without the header and tables that all have in common.
        psnr: in dB.
        fits: it is of no more bytes than were asked for; if not, the least quality has more.
        images: how many were looked at.
    """

    quality: int
    bytes: float
    psnr: float
    fits: bool
    images: int


def jpeg_at(pixels: NDArray[np.uint8], most_bytes: float) -> Jpeg:
    """Return the best JPEG of (n, height, width, channels) images that takes so many bytes an image at most."""
    low, high = _QUALITIES
    best = _at(pixels, low, most_bytes)
    while low < high and best.fits:
        middle = (low + high + 1) // 2
        found = _at(pixels, middle, most_bytes)
        low, high, best = (middle, high, found) if found.fits else (low, middle - 1, best)
    return best


def _at(pixels: NDArray[np.uint8], quality: int, most_bytes: float) -> Jpeg:
    sizes, errors = zip(*_each(pixels, quality), strict=True)
    mean = float(np.mean(sizes))
    return Jpeg(quality, mean, psnr(float(np.mean(errors))), mean <= most_bytes, len(pixels))


def _each(pixels: NDArray[np.uint8], quality: int) -> Iterable[tuple[int, float]]:
    for image in pixels:
        size, restored = through_jpeg(image, quality)
        yield size, float(np.square(restored.astype(float) - image).mean())
