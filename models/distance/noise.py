"""How much noise a point has on it: a network that tells at which level known points were disturbed.

Rows of whatever kind lie near a surface; a point off it looks like one that was pushed off by noise.  Points x + s e
are made of known ones at levels from s = .05 to 3 standard deviations, the levels are learned as classes, and the
score of a new point is the mean of log s under what the network says (Livernoche, Jain, Hezaveh, Ravanbakhsh: On
diffusion modeling for anomaly detection, 2024).  Numbers take Gaussian noise; the cells of a category are taken from
another row, the more often the greater the level.

How it fails: of few rows it remembers which they were.  It is for those who hold them, and is never published.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.life import Course, Progress, Terms
from models.processors import half_is_fast, one_thread

__all__ = ["NoiseLevel"]

_LEVELS = torch.logspace(math.log10(0.05), math.log10(3.0), 24)
_HIDDEN, _DEPTH = 384, 3
_STEPS, _ROWS = 2_500, 256  # of the training, and points in each
_RATE, _DECAY = 1e-3, 0.01
_FAR = 20.0  # standard deviations: numbers further out look alike
_CHUNK = 2**14  # points that are weighed at a time


class NoiseLevel:
    """What tells a point's level of noise.

    Args:
        network: (N, P) points to (N, levels) logits.
    """

    def __init__(self, network: nn.Sequential) -> None:
        self.network = network

    @classmethod
    @one_thread()
    def fit(
        cls,
        points: Tensor,
        *,
        numbers: Sequence[int],
        spans: Sequence[slice],
        generator: torch.Generator,
        follow: Progress | None = None,
    ) -> "NoiseLevel":
        """Return what has learned (M, P) known points.

        Args:
            points: that are known.
            numbers: the coordinates that take Gaussian noise.
            spans: the coordinates of each column.
            generator: all randomness.
            follow: called after each step.
        """
        course = Course(Terms(on_progress=follow))
        course.ready(planned=_STEPS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            network = _network(points.shape[1])
        disturb = _Disturb(points.clamp(-_FAR, _FAR), numbers, spans, generator)
        half = half_is_fast()
        optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, _STEPS)
        for _ in range(_STEPS):
            x, level = disturb()
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = cross_entropy(network(x), level)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            course.passed(loss.item(), "")
        return cls(network.eval())

    @torch.no_grad()
    def log_levels(self, points: Tensor) -> NDArray[np.float64]:
        """Return the (N,) means of log s that (N, P) points look like."""
        logs = _LEVELS.log()
        near = points.clamp(-_FAR, _FAR)
        found = [
            (self.network(near[low : low + _CHUNK]).softmax(1) * logs).sum(1) for low in range(0, len(near), _CHUNK)
        ]
        return np.asarray(torch.cat([*found, torch.zeros(0)]).double().numpy())

    def state(self) -> dict[str, Tensor]:
        """Return the weights by name."""
        return {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor]) -> "NoiseLevel":
        """Return what `state` described."""
        network = _network(tensors["0.weight"].shape[1])
        network.load_state_dict(tensors)
        return cls(network.eval())


class _Disturb:
    """Draws known points with noise on them, and its level."""

    def __init__(
        self, points: Tensor, numbers: Sequence[int], spans: Sequence[slice], generator: torch.Generator
    ) -> None:
        self.points, self.generator = points, generator
        self.number = torch.zeros(points.shape[1])
        self.number[list(numbers)] = 1.0
        self.coded = [span for span in spans if span.stop > span.start and span.start not in numbers]

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Return (R, P) points and their (R,) levels."""
        level = torch.randint(len(_LEVELS), (_ROWS,), generator=self.generator)
        spread = _LEVELS[level]
        x = self._known()
        for span in self.coded:
            moved = torch.rand(_ROWS, generator=self.generator) < spread / (1 + spread)
            x[:, span] = torch.where(moved[:, None], self._known()[:, span], x[:, span])
        noise = torch.randn(x.shape, generator=self.generator)
        return x + spread[:, None] * noise * self.number, level

    def _known(self) -> Tensor:
        rows = torch.randint(len(self.points), (_ROWS,), generator=self.generator)
        return self.points[rows]


def _network(inputs: int) -> nn.Sequential:
    widths = [inputs, *[_HIDDEN] * _DEPTH]
    layers: list[Any] = [layer for low, high in pairwise(widths) for layer in (nn.Linear(low, high), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(_HIDDEN, len(_LEVELS)))
