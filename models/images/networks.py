"""Convolutions on the grid: blocks that are told of the time and the attributes, and the U-Net made of them."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, leaky_relu, silu

from models.images.frame import Frame

__all__ = ["Critic", "Decoder", "Reader", "Unet"]

_GROUPS = 8  # of channels that are normalised together
_PERIODS = 32  # of the time, as sines and cosines
_FASTEST = 1_000.0
_LEAK = 0.2  # what is left of what is below 0


def conv(
    inputs: int, outputs: int, side: int, *, gain: float = 1.0, stride: int = 1, generator: torch.Generator
) -> nn.Conv2d:
    """Return a convolution whose weights are drawn from the generator, so that variances stay."""
    around = (side - 1) // 2 if stride == 1 else 0
    made = nn.Conv2d(inputs, outputs, side, stride=stride, padding=around, device="meta").to_empty(device="cpu")
    _begin(made.weight, made.bias, gain / math.sqrt(inputs * side**2), generator)
    return made


def linear(inputs: int, outputs: int, *, gain: float = 1.0, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer whose weights are drawn from the generator, so that variances stay."""
    made = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    _begin(made.weight, made.bias, gain / math.sqrt(max(1, inputs)), generator)
    return made


@torch.no_grad()
def _begin(weight: Tensor, bias: Tensor | None, scale: float, generator: torch.Generator) -> None:
    weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
    if bias is not None:
        bias.zero_()


class Told(nn.Module):
    """What blocks are told of a row: attributes and codes as one vector."""

    def __init__(self, features: int, width: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.row = linear(features, width, gain=math.sqrt(features), generator=generator)
        self.mix = linear(width, width, generator=generator)

    def forward(self, given: Tensor, beside: Tensor | float = 0.0) -> Tensor:
        """Return (n, width) for (n, P) features, and what else stands beside them."""
        return silu(self.mix(silu(self.row(given) + beside)))


class Timed(Told):
    """What blocks are told of a row and of the time."""

    periods: Tensor

    def __init__(self, features: int, width: int, *, generator: torch.Generator) -> None:
        super().__init__(features, width, generator=generator)
        self.time = linear(2 * _PERIODS, width, generator=generator)
        self.register_buffer("periods", torch.exp(torch.linspace(0, math.log(_FASTEST), _PERIODS)), persistent=False)

    def at(self, time: Tensor, features: Tensor) -> Tensor:
        """Return (n, width) for (n,) times from 0 to 1 and (n, P) features."""
        angle = time[:, None] * self.periods
        waves = torch.cat([angle.cos(), angle.sin()], 1) * math.sqrt(2)
        told: Tensor = self(features, self.time(waves))
        return told


class Block(nn.Module):
    """x + V·silu(scale ⊙ norm(U·silu(norm x)) + shift), scale and shift by what the block is told."""

    def __init__(self, channels: int, told: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.up = conv(channels, channels, 3, generator=generator)
        self.down = conv(channels, channels, 3, gain=0.1, generator=generator)
        self.told = linear(told, 2 * channels, gain=0.1, generator=generator)
        self.scales = nn.Parameter(torch.ones(2, channels))
        self.shifts = nn.Parameter(torch.zeros(2, channels))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return (n, channels, h, w) for the same, told (n, width)."""
        scale, shift = self.told(told)[:, :, None, None].chunk(2, 1)
        hidden = self.up(silu(group_norm(x, _GROUPS, self.scales[0], self.shifts[0])))
        hidden = group_norm(hidden, _GROUPS, self.scales[1], self.shifts[1]) * (1 + scale) + shift
        more: Tensor = self.down(silu(hidden))
        return x + more


class Unet(nn.Module):
    """Two levels of blocks: the grid and its half.

    Args:
        frame: of the images.
        channels: of the first level; the second has twice as many.
        blocks: of the second level; the first has one on the way down and one on the way up.
        features: P.
        generator: for the parameters at the start.
        images: how many it looks at together, channel after channel: the one that it answers for, and those beside it.
    """

    def __init__(
        self, frame: Frame, channels: int, blocks: int, features: int, *, generator: torch.Generator, images: int = 1
    ) -> None:
        super().__init__()
        self.frame, twice, told = frame, 2 * channels, 4 * channels
        self.told = Timed(features, told, generator=generator)
        self.enter = conv(images * frame.depth, channels, 3, generator=generator)
        self.fine = nn.ModuleList(Block(channels, told, generator=generator) for _ in range(2))
        self.halve = conv(channels, twice, 2, stride=2, generator=generator)
        self.coarse = nn.ModuleList(Block(twice, told, generator=generator) for _ in range(blocks))
        self.widen = conv(twice, 4 * channels, 1, generator=generator)
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.leave = conv(channels, frame.depth, 3, gain=0.0, generator=generator)

    def forward(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """Return (n, c, h, w) float32 for (n, images * c, h, w) numbers at (n,) times, given (n, P) features."""
        told = self.told.at(time, features)
        fine = self.fine[0](self.enter(self.frame.cells(x)), told)
        coarse = self.halve(fine)
        for block in self.coarse:
            coarse = block(coarse, told)
        fine = self.fine[1](fine + nn.functional.pixel_shuffle(self.widen(coarse), 2), told)
        out = self.leave(silu(group_norm(fine, _GROUPS, self.scale, self.shift)))
        return self.frame.images(out.float())


class Decoder(nn.Module):
    """From codes to images: the U-Net's second half.

    Args:
        frame: of the images.
        codes: Z.
        channels: of the grid's level; its half has twice as many.
        blocks: of the half.
        features: P.
        generator: for the parameters at the start.
    """

    def __init__(
        self, frame: Frame, codes: int, channels: int, blocks: int, features: int, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.frame, twice, told = frame, 2 * channels, 4 * channels
        self.small = (twice, frame.grid[0] // 2, frame.grid[1] // 2)
        self.told = Told(codes + features, told, generator=generator)
        self.enter = linear(codes + features, math.prod(self.small), generator=generator)
        self.coarse = nn.ModuleList(Block(twice, told, generator=generator) for _ in range(blocks))
        self.widen = conv(twice, 4 * channels, 1, generator=generator)
        self.fine = Block(channels, told, generator=generator)
        self.scale = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.leave = conv(channels, frame.depth, 3, gain=0.1, generator=generator)

    def forward(self, codes: Tensor, features: Tensor) -> Tensor:
        """Return (n, c, h, w) float32 numbers for (n, Z) codes and (n, P) features."""
        given = torch.cat([codes, features], 1)
        told, coarse = self.told(given), self.enter(given).unflatten(1, self.small)
        for block in self.coarse:
            coarse = block(coarse, told)
        fine = self.fine(nn.functional.pixel_shuffle(self.widen(coarse), 2), told)
        out = self.leave(silu(group_norm(fine, _GROUPS, self.scale, self.shift)))
        return self.frame.images(out.float())


class Reader(nn.Module):
    """From images to a vector: the U-Net's first half, without norms where it is to be a critic.

    Args:
        frame: of the images.
        outputs: of the vector.
        channels: of the grid's level; its half has twice as many.
        blocks: of the half.
        generator: for the parameters at the start.
    """

    def __init__(self, frame: Frame, outputs: int, channels: int, blocks: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.frame, twice = frame, 2 * channels
        self.enter = conv(frame.depth, channels, 3, generator=generator)
        self.fine = Plain(channels, generator=generator)
        self.halve = conv(channels, twice, 2, stride=2, generator=generator)
        self.coarse = nn.ModuleList(Plain(twice, generator=generator) for _ in range(blocks))
        self.leave = linear(twice * frame.grid[0] // 2 * frame.grid[1] // 2, outputs, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, outputs) float32 for (n, c, h, w) images."""
        hidden = self.halve(self.fine(self.enter(self.frame.cells(images))))
        for block in self.coarse:
            hidden = block(hidden)
        out: Tensor = self.leave(leaky_relu(hidden, _LEAK).flatten(1))
        return out.float()


class Plain(nn.Module):
    """x + V·leaky(U·leaky(x)): no norms, which would let a critic's slope hide."""

    def __init__(self, channels: int, *, generator: torch.Generator) -> None:
        super().__init__()
        self.up = conv(channels, channels, 3, gain=math.sqrt(2), generator=generator)
        self.down = conv(channels, channels, 3, gain=0.3, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels, h, w) for the same."""
        more: Tensor = self.down(leaky_relu(self.up(leaky_relu(x, _LEAK)), _LEAK))
        return x + more


class Critic(nn.Module):
    """How real an image looks beside its row's other columns: a·image + image·B·features.

    Args:
        frame: of the images.
        channels: of the grid's level.
        blocks: of its half.
        features: P.
        generator: for the parameters at the start.
    """

    def __init__(self, frame: Frame, channels: int, blocks: int, features: int, *, generator: torch.Generator) -> None:
        super().__init__()
        width = 4 * channels
        self.reader = Reader(frame, width, channels, blocks, generator=generator)
        self.row = linear(features, width, gain=math.sqrt(features), generator=generator)
        self.alone = linear(width, 1, generator=generator)

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """Return (n,) scores of (n, c, h, w) images beside (n, P) features."""
        seen = leaky_relu(self.reader(images), _LEAK)
        alone: Tensor = self.alone(seen)
        beside: Tensor = (seen * self.row(features)).float().mean(1)
        return alone[:, 0].float() + beside
