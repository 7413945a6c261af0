"""A small network that learns to name the class of images: what it sees in them is what images are compared by.

No weights are downloaded: features of ImageNet say little of clothes, cells or digits, and a judge must not differ from
machine to machine.  Where there are no classes it learns which way up an image is; Gidaris et al.: Unsupervised
Representation Learning by Predicting Image Rotations, 2018, https://arxiv.org/abs/1803.07728.  The same images, labels
and seed give the same network, bit for bit: it adds on one thread, and its randomness is a generator of its own.

Legend: `N` images, `H`, `W`, `C` height, width and channels, `D` features.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.processors import one_thread

__all__ = ["FEATURES", "TURNS", "Classifier", "learn", "turned", "version"]

FEATURES = 64
"""`D`: how many numbers the network sums an image up in."""

TURNS = 4
"""How many ways an image can lie: what is learned where there are no classes."""

_CHANNELS = (16, 32, 64)
_GRID = 32  # cells of a side that the first layer leaves: larger images cost as much as images of this size
_BATCH = 128
_RATE = 4e-3  # of learning, at its highest
_DECAY = 0.01
_WARM = 0.2  # of the steps, in which the rate rises
_PASSES = (3, 30)  # over the images, at least and at most: 1,000 gain nothing by 60
_STEPS = 150  # at least, however few images there are
_SEEN = 90_000  # images, repeated ones too, unless the passes say otherwise: some 12 s of one core for grey 28 x 28
_ASKED = 500  # images at a time
_EPSILON = 1e-3  # of the batch norm, which must not blow up what never varies

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Classifier:
    """A network that has learned.

    Args:
        network: in evaluation mode.
        classes: how many it tells apart.
    """

    network: nn.Sequential
    classes: int

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of its parameters, hexadecimal: networks that see alike have the same."""
        parts = [(name, value.numpy().tobytes()) for name, value in sorted(self.network.state_dict().items())]
        return hashlib.sha256(b"".join(name.encode() + value for name, value in parts)).hexdigest()

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Return what it sees in images (N, H, W, C): (N, D)."""
        return self._asked(self.network[:-1], pixels).astype(np.float64)

    def classified(self, pixels: Pixels) -> NDArray[np.int64]:
        """Return the class (N,) that it takes each image (N, H, W, C) for."""
        classes: NDArray[np.int64] = self._asked(self.network, pixels).argmax(axis=1)
        return classes

    def _asked(self, network: nn.Module, pixels: Pixels) -> NDArray[np.float32]:
        parts = [pixels[start : start + _ASKED] for start in range(0, len(pixels), _ASKED)]
        with torch.no_grad(), one_thread():
            return np.concatenate([network(_input(part)).numpy() for part in parts])


def learn(pixels: Pixels, labels: NDArray[np.int64] | None, *, classes: int, seed: int) -> Classifier:
    """Return a network that has learned the classes of some images.

    Args:
        pixels: (N, H, W, C), two or more.
        labels: (N,) the class of each, 0 to classes - 1; None: it learns which way up they are.
        classes: how many there are; `TURNS` where there are no labels.
        seed: of its first parameters and of the order of the images.
    """
    randomness = torch.Generator().manual_seed(seed)
    network = _network(pixels.shape[1:], classes, randomness)
    steps_a_pass = max(1, len(pixels) // _BATCH)
    steps = max(_STEPS, steps_a_pass * min(max(_SEEN // len(pixels), _PASSES[0]), _PASSES[1]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=_WARM)
    order = torch.empty(0, dtype=torch.int64)
    with one_thread():
        for step in range(steps):
            if step % steps_a_pass == 0:
                order = torch.randperm(len(pixels), generator=randomness)
            rows = order[step % steps_a_pass * _BATCH :][:_BATCH].numpy()
            shown, truth = _shown(pixels[rows], None if labels is None else labels[rows], randomness)
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(network(_input(shown)), truth))
            optimizer.step()
            schedule.step()
    return Classifier(network.eval(), classes)


def turned(pixels: Pixels, turn: int) -> Pixels:
    """Return images (N, H, W, C) the other way up: by quarters of a turn, or mirrored where they are not square."""
    if pixels.shape[1] == pixels.shape[2]:
        return np.rot90(pixels, turn, axes=(1, 2))
    mirrored = pixels[:, ::-1] if turn % 2 else pixels
    return mirrored[:, :, ::-1] if turn >= TURNS // 2 else mirrored


def version() -> str:
    """Return library and version, for a score's record."""
    return f"torch {torch.__version__}"


def _shown(pixels: Pixels, labels: NDArray[np.int64] | None, randomness: torch.Generator) -> tuple[Pixels, Tensor]:
    """Return a batch and what is to be said of it."""
    if labels is not None:
        return pixels, torch.from_numpy(labels)
    turns = torch.randint(TURNS, (len(pixels),), generator=randomness)
    shown = np.concatenate([turned(image[None], int(turn)) for image, turn in zip(pixels, turns, strict=True)])
    return shown, turns


def _input(pixels: Pixels) -> Tensor:
    """Return images (N, H, W, C) of bytes as (N, C, H, W) of 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255)


def _network(shape: tuple[int, ...], classes: int, randomness: torch.Generator) -> nn.Sequential:
    """Return a network with its first parameters; its last layer names the class, the one before gives the features."""
    height, width, channels = shape
    stride = max(1, min(height, width) // _GRID)
    layers: list[nn.Module] = []
    for place, size in enumerate(_CHANNELS):
        first = place == 0
        kernel, step = (2 * stride + 1, stride) if first and stride > 1 else (3, 1)
        layers += [nn.Conv2d(channels, size, kernel, step, kernel // 2, bias=False)]
        layers += [nn.BatchNorm2d(size, eps=_EPSILON), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if size < _CHANNELS[-1] else [nn.AdaptiveAvgPool2d(2), nn.Flatten()]
        channels = size
    layers += [nn.Linear(4 * channels, FEATURES), nn.ReLU(), nn.Linear(FEATURES, classes)]
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=randomness)
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
