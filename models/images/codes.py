"""Codes of images as whole numbers of a few bits: a grid along each latent dimension, and who has latent codes."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from models.encoding import Encoded

__all__ = ["BITS", "Coder", "Grid"]

_STEPS = {2: 0.9957, 3: 0.5860, 4: 0.3352, 5: 0.1881, 6: 0.1041, 7: 0.0569, 8: 0.0308}
"""The step at which a normal variable of spread 1 loses least, by the bits of its code (Max: Quantizing for minimum
distortion, 1960)."""

BITS = (min(_STEPS), max(_STEPS))
"""Of a code, at least and at most."""


@runtime_checkable
class Coder(Protocol):
    """A model that has a latent code for an image, and an image for a code."""

    def encode(self, x: Encoded) -> tuple[Tensor, Tensor]:
        """Return the (N, Z) means and log-scales of the codes of (N,) rows' images."""

    def decode(self, z: Tensor, x: Encoded) -> Encoded:
        """Return (n,) rows with the images that (n, Z) codes stand for beside the rows' other columns."""

    def code_scale(self) -> tuple[Tensor, Tensor]:
        """Return the (Z,) means and spreads that codes have."""

    def log_prob(self, x: Encoded) -> Tensor:
        """Return (N,) lower bounds of the log-densities of (N,) rows, of pixels as numbers from -1 to 1."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal steps along each dimension; what lies beyond the outermost is taken for these.

    Args:
        bits: of a code in one dimension.
        centre: (Z,) in the middle of the steps.
        step: (Z,) from one code to the next.
    """

    bits: int
    centre: Tensor
    step: Tensor

    @classmethod
    def of(cls, model: Coder, bits: int) -> "Grid":
        """Return the grid at which a model's codes lose least."""
        mean, spread = model.code_scale()
        return cls(bits, mean.double(), _STEPS[bits] * spread.double())

    def numbered(self, z: Tensor) -> Tensor:
        """Return (n, Z) codes as uint8 numbers of steps."""
        places = torch.floor((z.double() - self.centre) / self.step) + self._middle
        return places.clamp(0, 2 * self._middle - 1).to(torch.uint8)

    def valued(self, numbers: Tensor) -> Tensor:
        """Return (n, Z) numbers of steps as float32 codes: the middle of each step."""
        return ((numbers.double() - self._middle + 0.5) * self.step + self.centre).float()

    @property
    def _middle(self) -> int:
        return 1 << (self.bits - 1)
