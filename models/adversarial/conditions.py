"""What a generated row is given: a token of one column, and the training rows that have it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from data_contracts import ModelError

__all__ = ["Conditions", "conditions_of", "given_by"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Training by sampling (Xu et al.: Modeling tabular data using conditional GAN, 2019).

    Args:
        count: (T,) rows that have each token.
        chance: (T,) of each token to be given: of any column, the rare ones more often than they are there.
        order: (N * C,) rows by the token that they have.
    """

    count: Tensor
    chance: Tensor
    order: Tensor

    @property
    def share(self) -> Tensor:
        """Return (T,) how often each token is given where any column's is, as often as it is there."""
        return self.count / self.count.sum()

    def draw(self, rows: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (rows,) given tokens, and (rows,) training rows that have them."""
        given = given_by(self.chance, rows, generator=generator)
        within = (torch.rand(rows, generator=generator, dtype=torch.float64) * self.count[given]).long()
        return given, self.order[(self.count.cumsum(0) - self.count).long()[given] + within]

    def weight(self, token: Tensor) -> Tensor:
        """Return the (N,) chances of training rows of (N, C) tokens to be drawn."""
        each = (self.chance / self.count.clamp(min=1))[token.clamp(min=0)]
        return torch.where(token < 0, 0.0, each).sum(1).float()


def conditions_of(token: Tensor, columns: Tensor, evenness: float) -> Conditions:
    """Return the conditions that (N, C) tokens give.

    Args:
        token: of the training rows, -1 where unknown.
        columns: (T,) of the tokens.
        evenness: 0: a token is given as often as it is there; 1: all of a column equally often.

    Raises:
        ModelError: no cell is known.
    """
    known = token.T.flatten()
    rows = torch.arange(len(token)).repeat(token.shape[1])[known >= 0]
    known = known[known >= 0]
    if not len(known):
        raise ModelError("a model learns from rows", "there are none, or all is unknown", "Look at the source")
    count = torch.bincount(known, minlength=len(columns)).double()
    raised = torch.where(count > 0, count ** (1 - evenness), 0.0)
    mass = torch.zeros(int(columns[-1]) + 1, dtype=torch.float64).index_add_(0, columns, raised)
    held = torch.zeros_like(mass).index_add_(0, columns, count)
    chance = raised / mass.clamp(min=1)[columns] * held[columns] / count.sum()
    return Conditions(count, chance, rows[torch.argsort(known, stable=True)])


def given_by(chance: Tensor, rows: int, *, generator: torch.Generator) -> Tensor:
    """Return (rows,) tokens drawn with (T,) chances."""
    ends = chance.cumsum(0)
    drawn = torch.rand(rows, generator=generator, dtype=torch.float64) * ends[-1]
    return torch.searchsorted(ends, drawn, right=True).clamp(max=len(chance) - 1)
