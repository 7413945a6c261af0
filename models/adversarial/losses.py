"""What the two networks descend along: pairs of rows, the critic's slope, and margins that both tables have."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.adversarial.layout import Layout

__all__ = ["Margins", "gradient_penalty", "margins_of", "pairing_loss"]

_RARE = 0.01  # a share below which a cell's weight rises no more: its own sampling error is all that it would tell

_CELLS = 2**26  # of rows that are multiplied at a time: 256 MB, however many rows and tokens there are


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


def margins_of(layout: Layout, token: Tensor, scores: Tensor, weight: Tensor) -> Margins:
    """Return the margins of rows of (N, C) tokens and (N, V) scores, each of so much (N,) weight."""
    chunk = max(1, _CELLS // layout.width)
    parts = [torch.split(part, chunk) for part in (token, scores, weight)]
    real = reduce(torch.add, (_products(layout, *part) for part in zip(*parts, strict=True)))
    spread = (real[0] + _RARE).sqrt()
    column = torch.cat([torch.tensor([-1]), layout.columns])
    column = torch.cat([column, torch.tensor(layout.valued, dtype=torch.int64).repeat_interleave(layout.knots)])
    apart = column[:, None] != column[None, :]
    return Margins(real, apart / (spread[:, None] * spread[None, :]) / len(layout.axes) ** 2, layout)


def _products(layout: Layout, token: Tensor, scores: Tensor, weight: Tensor) -> Tensor:
    cells = _cells(layout, layout.hot(token), scores)
    return cells.T @ (cells * weight[:, None])


def _cells(layout: Layout, hot: Tensor, scores: Tensor) -> Tensor:
    """Return (N, D): a constant, the shares of the tokens, and the values' steps."""
    values = layout.values(hot[:, layout.present], scores)
    return torch.cat([torch.ones(len(hot), 1), hot, values], 1)
