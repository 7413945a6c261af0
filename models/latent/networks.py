"""The networks of the variational autoencoder: rows to latent codes, latent codes to the columns' distributions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from models.columns import Axis, Head, features_of, widths
from models.encoding import Encoded
from models.latent.prior import Prior

__all__ = ["Autoencoder", "Rows", "Size"]

_OUT_BEGIN = 0.02  # of 1 / sqrt(H): the start is all but the columns' own frequencies
_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE = -5.0, 1.0  # of a posterior: a code of 148 places in one standard deviation


@dataclass(frozen=True, slots=True)
class Size:
    """How large the networks are.

    Args:
        latent: Z.
        hidden: H, units of a layer.
        blocks: residual, of each network.
        prior: units of a layer of the prior.
        gaussians: of each latent code's prior.
    """

    latent: int
    hidden: int
    blocks: int
    prior: int
    gaussians: int


@dataclass(frozen=True, slots=True)
class Rows:
    """What the networks are learned from.

    Args:
        features: (N, P) of all columns.
        tokens: (N, C) targets.
        scores: (N, C) targets' values.
    """

    features: Tensor
    tokens: Tensor
    scores: Tensor

    def __len__(self) -> int:
        """Return N."""
        return len(self.features)

    def __getitem__(self, rows: Tensor) -> "Rows":
        """Return the rows at (n,) positions."""
        return Rows(self.features[rows], self.tokens[rows], self.scores[rows])

    @classmethod
    def of(cls, axes: Sequence[Axis], x: Encoded, *, half: bool) -> "Rows":
        """Return what is learned from (N,) rows."""
        targets = [axis.target(x) for axis in axes]
        tokens, scores = (torch.stack(parts, 1) for parts in zip(*targets, strict=True))
        return cls(features_of(axes, x, half=half), tokens, scores)


class Perceptron(nn.Module):
    """Residual blocks between a layer that enters and one that leaves: h += V · relu(U · relu(h))."""

    def __init__(self, inputs: int, outputs: int, *, size: Size, begin: float, generator: torch.Generator) -> None:
        super().__init__()
        hidden = size.hidden

        def drawn(rows: int, columns: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) * scale)

        self.enter = drawn(hidden, inputs, 1 / math.sqrt(max(1, min(inputs, 60))))
        self.enter_bias = nn.Parameter(torch.zeros(hidden))
        self.ups = nn.ParameterList(drawn(hidden, hidden, math.sqrt(2 / hidden)) for _ in range(size.blocks))
        self.up_biases = nn.ParameterList(torch.zeros(hidden) for _ in range(size.blocks))
        self.downs = nn.ParameterList(drawn(hidden, hidden, 0.3 / math.sqrt(hidden)) for _ in range(size.blocks))
        self.leave = drawn(outputs, hidden, begin / math.sqrt(hidden))
        self.leave_bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, outputs) float32 for (N, inputs), which enter in their own precision."""
        with torch.autocast(inputs.device.type, enabled=False):
            hidden = linear(inputs, self.enter.to(inputs.dtype), self.enter_bias.to(inputs.dtype))
        for up, bias, down in zip(self.ups, self.up_biases, self.downs, strict=True):
            hidden = hidden + linear(relu(linear(relu(hidden), up, bias)), down)
        return linear(relu(hidden), self.leave, self.leave_bias).float()


class Autoencoder(nn.Module):
    """Encoder q(z|x), decoder p(x|z) and prior p(z).

    Args:
        axes: C, of the columns.
        size: of the networks.
        log_shares: C times (tokens,): of each token among the training rows.
        generator: for the parameters at the start.
    """

    def __init__(
        self, axes: Sequence[Axis], *, size: Size, log_shares: Sequence[Tensor], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.size, self.heads = size, tuple(Head(axis) for axis in axes)
        outputs = sum(self._outputs())
        inputs = widths(axes)[-1]
        self.encoder = Perceptron(inputs, 2 * size.latent, size=size, begin=0.3, generator=generator)
        self.decoder = Perceptron(size.latent, outputs, size=size, begin=_OUT_BEGIN, generator=generator)
        self.prior = Prior(size.latent, hidden=size.prior, gaussians=size.gaussians, generator=generator)
        begins = [head.begin(share) for head, share in zip(self.heads, log_shares, strict=True) if _learned(head)]
        self.decoder.leave_bias.data = torch.cat([*begins, torch.zeros(0)])

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Return the columns' axes."""
        return tuple(head.axis for head in self.heads)

    def posterior(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (N, Z) means and log-scales of q(z|x) for (N, P) features."""
        means, scales = self.encoder(features).chunk(2, 1)
        return means, scales.clamp(_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE)

    def log_likelihood(self, z: Tensor, tokens: Tensor, scores: Tensor) -> Tensor:
        """Return the (N,) log p(x|z) of (N, C) targets given (N, Z) latent codes, by tokens."""
        parts = self._parts(z)
        total = torch.zeros(len(z), device=z.device)
        for place, (head, out) in enumerate(zip(self.heads, parts, strict=True)):
            if _learned(head):
                total = total + head.log_prob(out, tokens[:, place], scores[:, place])
        return total

    def losses(self, rows: Rows, noise: Tensor, *, weight: float = 1.0) -> Tensor:
        """Return the (N,) negative ELBO, -log p(x|z) + weight · (log q(z|x) - log p(z)), at z = mean + scale · noise.

        Args:
            rows: N of them.
            noise: (N, Z) standard normal.
            weight: of the divergence; 1 is the bound.
        """
        means, scales = self.posterior(rows.features)
        z = means + scales.exp() * noise
        divergence = log_normal(noise, scales) - self._prior(z)
        return weight * divergence - self.log_likelihood(z, rows.tokens, rows.scores)

    def decode(self, z: Tensor, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows drawn given (n, Z) latent codes."""
        codes = torch.zeros(len(z), len(self.heads), dtype=torch.int64)
        values = torch.full((len(z), sum(axis.span.value is not None for axis in self.axes)), torch.nan)
        for head, out in zip(self.heads, self._parts(z), strict=True):
            if _learned(head):
                span = head.axis.span
                codes[:, span.code], score = head.draw(out, generator=generator)
                if span.value is not None:
                    values[:, span.value] = score
        return Encoded(codes, values)

    def _prior(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):
            return self.prior.log_prob(z)

    def _parts(self, z: Tensor) -> tuple[Tensor, ...]:
        return torch.split(self.decoder(z), self._outputs(), 1)

    def _outputs(self) -> list[int]:
        return [head.outputs if _learned(head) else 0 for head in self.heads]


def log_normal(noise: Tensor, scales: Tensor) -> Tensor:
    """Return the (N,) log q(z|x) at z = mean + scale · noise, of (N, Z) noise and log-scales."""
    return (-0.5 * noise**2 - scales - 0.5 * math.log(2 * math.pi)).sum(1)


def _learned(head: Head) -> bool:
    return not head.axis.constant
