"""The standard normal between two bounds: its probability there, and draws from it, both exact far out in the tails."""

import math

import torch
from torch import Tensor

__all__ = ["draw", "mass"]


def mass(low: Tensor, high: Tensor) -> Tensor:
    """Return the probability between bounds of one shape, which may be infinite; float64."""
    near, far, _ = _left(low, high)
    return (_below(far) - _below(near)).clamp(min=0)


def draw(low: Tensor, high: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return a draw between each pair of bounds, by the inverse of the distribution function; float64."""
    near, far, mirrored = _left(low, high)
    start, end = _below(near), _below(far)
    uniform = torch.rand(low.shape, generator=generator, dtype=torch.float64)
    drawn = torch.special.ndtri(start + uniform * (end - start))
    return torch.where(mirrored, -drawn, drawn).clamp(low.double(), high.double())


def _below(bound: Tensor) -> Tensor:
    """Return the probability below bounds; `torch.special.ndtr` has lost all digits at -9."""
    share: Tensor = torch.special.erfc(-bound / math.sqrt(2)) / 2
    return share


def _left(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return bounds mirrored to the left where both lie to the right: there float64 has digits for small shares."""
    low, high = low.double(), high.double()
    mirrored = low > 0
    return torch.where(mirrored, -high, low), torch.where(mirrored, -low, high), mirrored
