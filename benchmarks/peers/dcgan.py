"""A plain DCGAN: Radford, Metz, Chintala, Unsupervised representation learning with deep convolutional GANs, 2016.

Its layers and settings for images of 28 x 28: strided convolutions, batch normalisation, Adam at .0002 with momentum
.5, weights from N(0, .02), the loss of Goodfellow et al. (2014) that does not saturate.  No labels, no averages, no
penalty.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peers.harness import Task, contend
from benchmarks.peers.pictures import pixels, write

_LATENT, _WIDTH, _BATCH = 100, 64, 128
_RATE, _MOMENTUM, _SPREAD = 2e-4, (0.5, 0.999), 0.02
_ROWS = 1_000  # drawn at a time


@dataclass(frozen=True)
class Trained:
    """A generator, and after how many steps."""

    generator: nn.Module
    seed: int
    facts: dict[str, Any]


def fit(task: Task) -> Trained:
    """Return the generator when the budget is spent."""
    until = time.monotonic() + task.settings["budget_seconds"]
    torch.manual_seed(task.seed)
    images = torch.from_numpy(pixels(task.train)).float() / 127.5 - 1
    generator, critic = _generator(), _critic()
    for each in (*generator.modules(), *critic.modules()):
        _begin(each)
    optimisers = [torch.optim.Adam(net.parameters(), lr=_RATE, betas=_MOMENTUM) for net in (critic, generator)]
    steps = 0
    while time.monotonic() < until:
        _step(images[torch.randint(len(images), (_BATCH,))], generator, critic, optimisers)
        steps += 1
    return Trained(generator.eval(), task.seed, {"steps": steps})


def draw(trained: Trained, rows: int, path: Path) -> None:
    """Write images."""
    torch.manual_seed(trained.seed)
    with torch.no_grad():
        parts = [trained.generator(_noise(min(_ROWS, rows - low))) for low in range(0, rows, _ROWS)]
    write((torch.cat(parts).numpy().astype(np.float32) + 1) / 2, path)


def _step(real: Tensor, generator: nn.Module, critic: nn.Module, optimisers: list[torch.optim.Adam]) -> None:
    judge = nn.functional.binary_cross_entropy_with_logits
    made = generator(_noise(len(real)))
    told_real, told_made = critic(real).flatten(), critic(made.detach()).flatten()
    loss = judge(told_real, torch.ones_like(told_real)) + judge(told_made, torch.zeros_like(told_made))
    _down(loss, optimisers[0])
    told = critic(made).flatten()
    _down(judge(told, torch.ones_like(told)), optimisers[1])


def _down(loss: Tensor, optimiser: torch.optim.Adam) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _noise(rows: int) -> Tensor:
    return torch.randn(rows, _LATENT, 1, 1)


def _generator() -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose2d(_LATENT, 4 * _WIDTH, 7, bias=False),
        nn.BatchNorm2d(4 * _WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * _WIDTH, 2 * _WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * _WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * _WIDTH, 1, 4, 2, 1),
        nn.Tanh(),
    )


def _critic() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, _WIDTH, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(_WIDTH, 2 * _WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * _WIDTH),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * _WIDTH, 1, 7),
    )


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, _SPREAD)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, _SPREAD)


if __name__ == "__main__":
    contend(fit, draw, packages=("torch", "numpy"))
