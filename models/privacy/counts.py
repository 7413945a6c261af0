"""Counts of which no row has a noticeable part."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.privacy.accounting import Privacy

__all__ = ["noisy_rows", "nonnegative"]

_LEAST_ROWS = 0.01  # of a code that noise has left without rows: unlikely, not impossible


def noisy_rows(codes: Tensor, sizes: Sequence[int], *, privacy: Privacy, generator: torch.Generator) -> list[Tensor]:
    """Return (size,) float64 noisy rows of each column's codes, above 0.

    Args:
        codes: (N, C) int64, -1 where unknown.
        sizes: C, how many codes a column has; a single one has all rows, and costs nothing.
        privacy: what is promised to every row.
        generator: of the noise.
    """
    told = sum(size > 1 for size in sizes)  # a row is one in so many counts
    scale = privacy.counts_noise * math.sqrt(max(told, 1))
    noisy = []
    for size, code in zip(sizes, codes.cpu().T, strict=True):
        rows = torch.bincount(code[code >= 0], minlength=size).double()
        drawn = scale * torch.randn(size, generator=generator, dtype=torch.float64)
        kept = nonnegative((rows + drawn).numpy(), len(codes)) if size > 1 else np.array([float(len(codes))])
        noisy.append(torch.from_numpy(kept).clamp(min=_LEAST_ROWS))
    return noisy


def nonnegative(noisy: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Return the counts of at least 0 and of a total that are nearest to noisy ones.

    Wang, Lopuhaä-Zwakenberg, Li, Skoric, Li: Locally differentially private frequency estimation with consistency,
    2020 (norm-sub).

    Args:
        noisy: (U,) counts.
        total: that they have; at least 0.
    """
    descending = np.sort(noisy)[::-1]
    excess = (descending.cumsum() - total) / np.arange(1, len(noisy) + 1)
    kept = np.flatnonzero(descending > excess)
    counts: NDArray[np.float64] = np.maximum(noisy - excess[kept[-1] if len(kept) else -1], 0.0)
    return counts
