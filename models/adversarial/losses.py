"""What the two networks descend along: pairs of rows, the critic's slope, and margins that both tables have."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.adversarial.layout import Layout

__all__ = ["Margins", "gradient_penalty", "margins_of", "pairing_loss"]

_RARE = 0.01  # a share below which a cell's weight rises no more: its own sampling error is all that it would tell

_CHUNK = 65_536  # rows multiplied at a time


def pairing_loss(better: Tensor, worse: Tensor) -> Tensor:
    """Return the mean of log(1 + exp(worse - better)) over (N,) pairs of scores.

    Each row is scored beside one of the other table: a critic cannot then leave out a part of the table at no cost, nor
    a generator.  Jolicoeur-Martineau: The relativistic discriminator, 2019; Sun, Fang, Schwing: Towards a better global
    loss landscape of GANs, 2020.  At its best the critic's difference is that of the log-ratios of the two densities.
    """
    return softplus(worse - better).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Return the mean of |d critic / d features|² over (N, P) features.

    Mescheder, Geiger, Nowozin: Which training methods for GANs do actually converge?, 2018.
    """
    features = features.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(features).sum(), features, create_graph=True)
    return slope.square().sum(1).mean()


@dataclass(frozen=True, slots=True)
class Margins:
    """How often every two cells of different columns come together in the training rows.

    Args:
        real: (D, D) mean products.
        weight: (D, D) 0 within a column; else what brings rare and frequent cells to one scale.
        layout: of the rows.
    """

    real: Tensor
    weight: Tensor
    layout: Layout

    def moments(self, hot: Tensor, scores: Tensor, *, half: bool = False) -> Tensor:
        """Return the (D, D) mean products of (N, T) shares and of (N, V) scores' steps."""
        cells = _cells(self.layout, hot, scores)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            products = cells.T @ cells
        return products.float() / len(hot)

    def between(self, first: Tensor, second: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the squared distance of the (D, D) moments of two independent samples of one table from the real ones.

        A product of two independent errors has no bias, as the square of one has: it can come out below 0.
        """
        real = self.real if real is None else real
        return ((first - real) * (second - real) * self.weight).sum()


def margins_of(layout: Layout, hot: Tensor, scores: Tensor, weight: Tensor) -> Margins:
    """Return the margins of (N,) rows, each of so much (N,) weight."""
    parts = (torch.split(part, _CHUNK) for part in (hot, scores, weight))
    real = torch.stack([_products(layout, *part) for part in zip(*parts, strict=True)]).sum(0)
    spread = (real[0] + _RARE).sqrt()
    column = torch.cat([torch.tensor([-1]), layout.columns])
    column = torch.cat([column, torch.tensor(layout.valued, dtype=torch.int64).repeat_interleave(layout.knots)])
    apart = column[:, None] != column[None, :]
    return Margins(real, apart / (spread[:, None] * spread[None, :]) / len(layout.axes) ** 2, layout)


def _products(layout: Layout, hot: Tensor, scores: Tensor, weight: Tensor) -> Tensor:
    cells = _cells(layout, hot, scores)
    return cells.T @ (cells * weight[:, None])


def _cells(layout: Layout, hot: Tensor, scores: Tensor) -> Tensor:
    """Return (N, D): a constant, the shares of the tokens, and the values' steps."""
    values = layout.values(hot[:, layout.present], scores)
    return torch.cat([torch.ones(len(hot), 1), hot, values], 1)
