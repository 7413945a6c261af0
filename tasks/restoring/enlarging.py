"""Ways to enlarge small images: a trained model's mean and draws, and the bicubic kernel beside them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.learning.modelfiles import load_state

if TYPE_CHECKING:
    import torch

    from models.images.upscaling import Upscaling

__all__ = ["BICUBIC", "CHUNK", "DRAWN", "MEAN", "REAL", "Pixels", "planes", "upscaler", "ways"]

Pixels = NDArray[np.uint8]
"""(n, height, width, channels)."""

REAL, BICUBIC, MEAN, DRAWN = "real", "bicubic", "mean", "drawn"
"""What large images may be: as they are, enlarged by a kernel, or by the model in one of two ways."""

CHUNK = 1_024
"""Images that are enlarged at a time, the same ones together however they come: so sums are the same."""


def upscaler(folder: Path) -> "Upscaling":
    """Return the model in a folder.

    Raises:
        ModelError: there is none.
    """
    from models.images.upscaling import Upscaling

    tensors, described = load_state(folder)
    return Upscaling.from_state(tensors, described["config"])


def ways(model: "Upscaling", *, seed: int) -> dict[str, Callable[[Pixels], Pixels]]:
    """Return by name what enlarges small images; draws go on from one call to the next."""
    import torch

    from models.images.upscaling import enlarged

    generator = torch.Generator().manual_seed(seed)
    return {
        BICUBIC: lambda small: _rows(enlarged(planes(small), model.factor)),
        MEAN: lambda small: _rows(model.expected(planes(small))),
        DRAWN: lambda small: _rows(model.drawn(planes(small), generator=generator)),
    }


def planes(pixels: Pixels) -> "torch.Tensor":
    """Return images as models take them: (n, channels, height, width)."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def _rows(images: "torch.Tensor") -> Pixels:
    found: Pixels = images.permute(0, 2, 3, 1).numpy()
    return found
