"""What an encoded table is: codes and values, and the span that each column takes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["UNKNOWN", "Encoded", "Span"]

UNKNOWN = -1
"""The code of a cell that the encoding has no code for: a model passes over it, and never draws it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A column's slice of the encoded table.

    Args:
        column: its name, for messages only.
        code: its position in `Encoded.codes`.
        size: how many codes it has: values, spikes, null, "regular"; 1 says nothing and may be passed over.
        value: its position in `Encoded.values`; None: all is said by the code.
        regular: the code with which the value is present; None where there is no value.
        ordered: the codes are numbers, ascending, but for "regular" and null, which come last.
        null: the code of null; None: the column has none.
        pixels: (channels, height, width) of `Encoded.pixels`; None: the column is no image.  An image has one code.
    """

    column: str
    code: int
    size: int
    value: int | None = None
    regular: int | None = None
    ordered: bool = False
    null: int | None = None
    pixels: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A table as tensors.

    Args:
        codes: (N, C) int64, each from 0 to its span's size, or `UNKNOWN`.
        values: (N, V) float32, about standard normal in each column; NaN where the code says all.
        pixels: (N, channels, height, width) uint8 of the one image column; None: there is none.
    """

    codes: Tensor
    values: Tensor
    pixels: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def __getitem__(self, rows: slice | Tensor) -> "Encoded":
        """Return the rows that a slice, a mask or (N,) positions name."""
        return self._each(lambda part: part[rows])

    def to(self, device: str) -> "Encoded":
        """Return the same rows on a device."""
        return self._each(lambda part: part.to(device))

    def clone(self) -> "Encoded":
        """Return a copy that can be changed."""
        return self._each(torch.clone)

    @classmethod
    def join(cls, parts: Sequence["Encoded"]) -> "Encoded":
        """Return the rows of all parts, one after the other."""
        pixels = [part.pixels for part in parts if part.pixels is not None]
        codes, values = torch.cat([part.codes for part in parts]), torch.cat([part.values for part in parts])
        return cls(codes, values, torch.cat(pixels) if pixels else None)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Encoded":
        pixels = None if self.pixels is None else change(self.pixels)
        return Encoded(change(self.codes), change(self.values), pixels)
