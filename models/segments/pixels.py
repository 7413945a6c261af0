"""The pixels of one image by colour and place: what its segments are told apart by."""

import numpy as np
import torch
from numpy.typing import NDArray

from models.encoding import Encoded, Span

__all__ = ["encode", "lab", "spans_of"]

_COLOUR = 20.0  # CIELAB units that are 1 here: a segment's least deviation, a tenth, is a difference hardly seen
_PLACE = 0.3  # of the longer side: about the deviation of the places of an image
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # sRGB's primaries
_WHITE = _TO_XYZ.sum(1)  # D65
_KNEE = 6 / 29  # below its third power CIELAB is a line

Floats = NDArray[np.float64]


def spans_of(channels: int) -> tuple[Span, ...]:
    """Return the spans of the encoding of grey or coloured pixels."""
    names = ("lightness", "down", "across") if channels == 1 else ("lightness", "red", "yellow", "down", "across")
    return tuple(Span(name, place, 1, place, 0) for place, name in enumerate(names))


def encode(pixels: NDArray[np.uint8], first: NDArray[np.int64], *, height: int, width: int) -> Encoded:
    """Return (N,) pixels of an image by colour and place.

    Args:
        pixels: (N, channels) of them.
        first: (N,) their numbers in the image, row by row.
        height: of the image.
        width: of the image.
    """
    colour = lab(pixels) / _COLOUR
    colour = colour[:, :1] if pixels.shape[1] == 1 else colour
    places = np.stack(np.divmod(first, width), 1) - np.array([height - 1, width - 1]) / 2
    values = torch.from_numpy(np.concatenate([colour, places / (_PLACE * max(height, width))], 1)).float()
    return Encoded(torch.zeros(len(values), values.shape[1], dtype=torch.int64), values)


def lab(pixels: NDArray[np.uint8]) -> Floats:
    """Return the CIELAB colours of (N, 1 or 3) sRGB pixels: (N, 3), in which distances are about as far as they look.

    CIE 1976 L*a*b*, under D65; sRGB as IEC 61966-2-1 has it.
    """
    light = _LINEAR[np.broadcast_to(pixels, (len(pixels), 3))]
    ratio = light @ _TO_XYZ.T / _WHITE
    bent = np.where(ratio > _KNEE**3, np.cbrt(ratio), ratio / (3 * _KNEE**2) + 4 / 29)
    x, y, z = bent.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _linear() -> Floats:
    """Return the light of each of the 256 levels of a channel."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB's


_LINEAR = _linear()
