"""Codes of one column in tokens: each its own, or, where there are very many, the rarest of them in groups."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

__all__ = ["Groups", "rows_of"]

_OWN = 192  # codes with a token of their own where there are more than that and the groups together
_GROUPS = 64  # tokens for all others: neighbours in code order, of about equal mass
_UNSEEN_ROWS = 0.1  # of a code that no row has: unlikely, not impossible


@dataclass(frozen=True, slots=True)
class Groups:
    """Which token stands for a code, and how often it does.

    Args:
        token: (size,) int64: of each code, without gaps from 0.
        log_share: (size,) of each code within its token.
    """

    token: Tensor
    log_share: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Return the groups of codes that (size,) rows hold, more than 0 each."""
        token = _grouped(rows)
        mass = torch.zeros(int(token.max()) + 1, dtype=torch.float64).index_add_(0, token, rows)
        return cls(token, (rows / mass[token]).log().float())

    @property
    def count(self) -> int:
        """Return how many tokens there are."""
        return int(self.token.max()) + 1

    @property
    def alone(self) -> bool:
        """Return whether each code has a token of its own, which then is the code."""
        return self.count == len(self.token)

    def tokens(self, code: Tensor) -> Tensor:
        """Return the (N,) tokens of (N,) codes; unknown ones stay unknown."""
        return torch.where(code < 0, code, self.token.to(code.device)[code.clamp(min=0)])

    def codes(self, token: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) codes for (n,) tokens: their only one, or one of the group's by its frequency."""
        if self.alone:
            return token
        order = torch.argsort(self.token, stable=True)
        ends = self.log_share.double().exp()[order].cumsum(0)  # those of token t end at t + 1: its shares sum to 1
        drawn = torch.rand(len(token), generator=generator, dtype=torch.float64)
        place = torch.searchsorted(ends, token + drawn, right=True).clamp(max=len(order) - 1)
        return order[place]

    def share(self, allowed: Tensor) -> Tensor:
        """Return the (tokens,) shares of each token's codes that a (size,) mask allows; float64."""
        share = torch.zeros(self.count, dtype=torch.float64)
        return share.index_add_(0, self.token, self.log_share.double().exp() * allowed)

    def within(self, allowed: Tensor) -> Self:
        """Return the groups in which a token stands for its allowed codes, of a (size,) mask, where it has any."""
        share, mass = self.log_share.double().exp() * allowed, self.share(allowed)[self.token]
        return replace(self, log_share=torch.where(mass > 0, (share / mass).log(), self.log_share.double()))

    def log_share_of(self, code: Tensor) -> Tensor:
        """Return the (N,) log-shares of (N,) codes within their tokens; 0 where unknown."""
        return torch.where(code < 0, 0.0, self.log_share.to(code.device)[code.clamp(min=0)])


def rows_of(code: Tensor, size: int) -> Tensor:
    """Return how many of (N,) codes each of (size,) codes has; one that has none counts a tenth of a row."""
    return torch.bincount(code[code >= 0].cpu(), minlength=size).double() + _UNSEEN_ROWS


def _grouped(rows: Tensor) -> Tensor:
    """Return (size,) tokens for codes of so many rows each, ascending in code order."""
    size = len(rows)
    if size <= _OWN + _GROUPS:
        return torch.arange(size)
    alone = torch.zeros(size, dtype=torch.bool)
    alone[torch.argsort(rows, descending=True, stable=True)[:_OWN]] = True
    others = torch.where(alone, 0.0, rows)
    group = (others.cumsum(0) / others.sum() * _GROUPS).ceil().clamp(1, _GROUPS).long() - 1
    label = torch.where(alone, torch.arange(size) + _GROUPS, group)
    token: Tensor = torch.unique(label, return_inverse=True)[1]
    return token
