"""The two networks: residual perceptrons without normalisation, which would tie the rows of a batch together."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear

__all__ = ["Critic", "Generator"]

_SLOPE = 0.2  # below 0: a unit that is never above it still has a gradient
_DEPTH = 2  # residual blocks
_GIVEN_BEGIN = 0.5  # of a token that is given, beside noise of spread 1
_TOKEN_BEGIN = 0.2  # of logits: the start is not far from the columns' own frequencies
_BLOCK_BEGIN = 0.5  # of a block beside what goes by it
_CRITIC_BEGIN = 0.3
_INPUTS_AT_ONCE = 40  # features that a row has on, about


class _Trunk(nn.Module):
    """h += V · act(U · act(h)), twice."""

    def __init__(self, hidden: int, *, generator: torch.Generator) -> None:
        super().__init__()

        def drawn(scale: float) -> nn.ParameterList:
            scale /= math.sqrt(hidden)
            return nn.ParameterList([torch.randn(hidden, hidden, generator=generator) * scale for _ in range(_DEPTH)])

        self.up, self.down = drawn(math.sqrt(2)), drawn(_BLOCK_BEGIN)
        self.bias = nn.ParameterList([torch.zeros(hidden) for _ in range(_DEPTH)])

    def forward(self, hidden: Tensor) -> Tensor:
        """Return (N, H) of (N, H)."""
        for up, bias, down in zip(self.up, self.bias, self.down, strict=True):
            inner = leaky_relu(linear(leaky_relu(hidden, _SLOPE), up, bias), _SLOPE)
            hidden = hidden + linear(inner, down)
        return leaky_relu(hidden, _SLOPE)


class Generator(nn.Module):
    """Noise and a given token to logits and scores.

    Args:
        latent: Z, the width of the noise.
        hidden: H, units of a layer.
        tokens: T.
        values: V.
        generator: for the parameters at the start.
    """

    def __init__(self, latent: int, hidden: int, *, tokens: int, values: int, generator: torch.Generator) -> None:
        super().__init__()
        self.enter = nn.Parameter(torch.randn(hidden, latent, generator=generator) / math.sqrt(latent))
        self.given = nn.Parameter(torch.randn(tokens, hidden, generator=generator) * _GIVEN_BEGIN)
        self.trunk = _Trunk(hidden, generator=generator)
        scale = torch.cat([torch.full((tokens, 1), _TOKEN_BEGIN), torch.ones(values, 1)]) / math.sqrt(hidden)
        self.leave = nn.Parameter(torch.randn(tokens + values, hidden, generator=generator) * scale)
        self.leave_bias = nn.Parameter(torch.zeros(tokens + values))

    @property
    def latent(self) -> int:
        """Return Z."""
        return self.enter.shape[1]

    def forward(self, noise: Tensor, given: Tensor) -> Tensor:
        """Return (N, T + V) logits and scores for (N, Z) noise and (N,) given tokens."""
        hidden = linear(noise, self.enter) + self.given[given]
        return linear(self.trunk(hidden), self.leave, self.leave_bias).float()


class Critic(nn.Module):
    """Features to a score: higher for what is more like the training rows.

    Args:
        inputs: P.
        hidden: H, units of a layer.
        columns: C.
        generator: for the parameters at the start.
    """

    def __init__(self, inputs: int, hidden: int, *, columns: int, generator: torch.Generator) -> None:
        super().__init__()
        scale = 1 / math.sqrt(min(inputs, _INPUTS_AT_ONCE))
        self.enter = nn.Parameter(torch.randn(hidden, inputs, generator=generator) * scale)
        self.enter_bias = nn.Parameter(torch.zeros(hidden))
        self.given = nn.Parameter(torch.zeros(columns, hidden))
        self.trunk = _Trunk(hidden, generator=generator)
        scale = _CRITIC_BEGIN / math.sqrt(hidden)
        self.leave = nn.Parameter(torch.randn(1, hidden, generator=generator) * scale)

    def forward(self, features: Tensor, given: Tensor | None = None) -> Tensor:
        """Return (N,) scores of (N, P) features; given: (N,) columns whose tokens were, if the critic is to know."""
        hidden = linear(features, self.enter, self.enter_bias)
        hidden = hidden if given is None else hidden + self.given[given]
        return linear(self.trunk(hidden), self.leave)[:, 0].float()
