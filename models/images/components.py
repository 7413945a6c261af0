"""Principal components of images: the few directions in which most of them differ, and what is left, pixel by pixel."""

import torch
from torch import Tensor

from models.images.training import Rows

__all__ = ["principal"]

_SWEEPS = 5  # over the images: the directions are found by repeated multiplication
_SPARE = 8  # directions more than are kept, which makes these exact
_BATCH = 2_048
_ROUNDING = 1 / (127.5**2 * 12)  # the variance of a pixel that is rounded to a byte: no less is left of any


def principal(rows: Rows, places: Tensor, count: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return the (D,) mean of images, (D, count) orthonormal directions, and the (D,) variances that these leave.

    Halko, Martinsson, Tropp: Finding structure with randomness, 2011.

    Args:
        rows: that hold them.
        places: (m,) of those that are looked at.
        count: of directions, at most D.
        generator: of the start.
    """
    wide = rows.frame.numbers
    total = torch.zeros(wide, dtype=torch.float64)
    for part in torch.split(places, _BATCH):
        total += rows.at(part)[0].cpu().flatten(1).double().sum(0)
    mean = (total / len(places)).float()
    basis = torch.randn(wide, min(wide, count + _SPARE), generator=generator)
    spread = torch.zeros(wide, dtype=torch.float64)
    for _ in range(_SWEEPS):
        basis, _ = torch.linalg.qr(basis)
        turned = torch.zeros_like(basis)
        for part in torch.split(places, _BATCH):
            apart = _apart(rows, part, mean)
            turned += apart.T @ (apart @ basis)
        basis = turned
    basis, _ = torch.linalg.qr(basis)
    inner = torch.zeros(basis.shape[1], basis.shape[1])
    for part in torch.split(places, _BATCH):
        codes = _apart(rows, part, mean) @ basis
        inner += codes.T @ codes
    turn = torch.linalg.eigh(inner)[1].flip(1)
    basis = (basis @ turn)[:, :count].contiguous()
    for part in torch.split(places, _BATCH):
        apart = _apart(rows, part, mean)
        spread += (apart - (apart @ basis) @ basis.T).double().square().sum(0)
    return mean, basis, (spread / len(places)).float() + _ROUNDING


def _apart(rows: Rows, places: Tensor, mean: Tensor) -> Tensor:
    return rows.at(places)[0].cpu().flatten(1) - mean
