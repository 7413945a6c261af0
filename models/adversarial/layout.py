"""How a row stands before the two networks: one token a column and the scores, as features that have gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from models.columns import Axis, axis_of
from models.encoding import Encoded, Span

__all__ = ["Layout", "choose", "layout_of", "pick", "shares", "steps_of"]

_FEW = 4  # tokens whose order says nothing that each one's own weight does not
_LEAST_CHANCE = 1e-9  # of a uniform number: its logarithm is taken twice


@dataclass(frozen=True, slots=True)
class Layout:
    """The tokens of all columns, one after the other: T; the scores of those with values: V.

    Args:
        axes: C of them, without bins: a token of their own says that a value is there.
        knots: Q equal steps of rank.
        steps: (T, R) how far each token of an ordered column goes along its column's Q steps.
    """

    axes: tuple[Axis, ...]
    knots: int
    steps: Tensor

    @property
    def sizes(self) -> list[int]:
        """Return how many tokens each column has."""
        return [axis.coded for axis in self.axes]

    @property
    def starts(self) -> list[int]:
        """Return where each column's tokens begin."""
        return [0, *accumulate(self.sizes)][:-1]

    @property
    def columns(self) -> Tensor:
        """Return the (T,) columns that the tokens belong to."""
        return torch.arange(len(self.axes)).repeat_interleave(torch.tensor(self.sizes))

    @property
    def valued(self) -> list[int]:
        """Return the columns with values, in the values' order."""
        places = [place for place, axis in enumerate(self.axes) if axis.span.value is not None]
        return sorted(places, key=lambda place: self.axes[place].span.value or 0)

    @property
    def present(self) -> Tensor:
        """Return the (V,) tokens with which the values are there."""
        starts, axes = self.starts, self.axes
        places = [starts[one] + int(axes[one].token[axes[one].span.regular or 0]) for one in self.valued]
        return torch.tensor(places, dtype=torch.int64)

    @property
    def width(self) -> int:
        """Return P, the number of features."""
        return sum(self.sizes) + self.steps.shape[1] + len(self.valued) * (self.knots + 1)

    def tokens_of(self, x: Encoded) -> Tensor:
        """Return the (N, C) tokens of (N,) rows, -1 where unknown."""
        columns = []
        for axis, start in zip(self.axes, self.starts, strict=True):
            code = x.codes[:, axis.span.code]
            columns.append(torch.where(code < 0, -1, axis.token[code.clamp(min=0)] + start))
        return torch.stack(columns, 1)

    def hot(self, token: Tensor) -> Tensor:
        """Return (N, T): 1 at each of (N, C) tokens."""
        tokens = sum(self.sizes)
        marks = torch.zeros(len(token), tokens + 1)
        marks.scatter_(1, torch.where(token < 0, tokens, token), 1.0)
        return marks[:, :-1]

    def features(self, hot: Tensor, scores: Tensor) -> Tensor:
        """Return (N, P): the tokens, the steps of ordered ones, the values' scores and steps.

        Args:
            hot: (N, T) 1 at each token.
            scores: (N, V); read where the token says that the value is there.
        """
        there = hot[:, self.present]
        return torch.cat([hot, hot @ self.steps, scores * there, self.values(there, scores)], 1)

    def values(self, there: Tensor, scores: Tensor) -> Tensor:
        """Return (N, V * Q): how far along each of Q equal steps of rank the (N, V) values are that are there."""
        rank: Tensor = torch.special.ndtr(scores)[:, :, None]
        steps = (rank * self.knots - torch.arange(self.knots)).clamp(0, 1)
        return (steps * there[:, :, None]).flatten(1)

    def features_of(self, x: Encoded) -> Tensor:
        """Return the (N, P) features of (N,) rows; 0 where unknown."""
        return self.features(self.hot(self.tokens_of(x)), x.values.nan_to_num(0.0))

    def cells(self, token: Tensor, scores: Tensor) -> Tensor:
        """Return (N, C) of T + V * Q: the tokens, and in place of those of values which step of rank they are on."""
        cells, first = token.clone(), sum(self.sizes)
        for place, (column, present) in enumerate(zip(self.valued, self.present.tolist(), strict=True)):
            step = (torch.special.ndtr(scores[:, place]) * self.knots).long().clamp(0, self.knots - 1)
            own = token[:, column]
            cells[:, column] = torch.where(own == present, first + place * self.knots + step, own)
        return cells

    def rows(self, token: Tensor, scores: Tensor, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows of (n, C) tokens and (n, V) scores."""
        codes, values = torch.zeros(len(token), len(self.axes), dtype=torch.int64), scores.clone()
        for place, (axis, start) in enumerate(zip(self.axes, self.starts, strict=True)):
            code = axis.codes(token[:, place] - start, generator=generator)
            codes[:, axis.span.code] = code
            if axis.span.value is not None:
                values[code != (axis.span.regular or 0), axis.span.value] = torch.nan
        return Encoded(codes, values)


def layout_of(spans: Sequence[Span], x: Encoded, knots: int) -> Layout:
    """Return the layout of (N,) rows' columns."""
    axes = tuple(axis_of(span, x, 0, 0, 0) for span in spans)
    return Layout(axes, knots, steps_of(axes, knots))


def steps_of(axes: Sequence[Axis], knots: int) -> Tensor:
    """Return the (T, R) steps of the tokens of columns that have an order."""
    blocks = []
    for axis in axes:
        ordered = axis.span.ordered and axis.coded > _FEW
        blocks.append((axis.rank[:, None] * knots - torch.arange(knots if ordered else 0)).clamp(0, 1))
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def shares(logits: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the (N, T) probabilities of (N, T) logits, each column's by themselves."""
    return torch.cat([part.softmax(1) for part in torch.split(logits, list(sizes), 1)], 1)


def pick(logits: Tensor, sizes: Sequence[int], *, generator: torch.Generator) -> Tensor:
    """Return (N, C) tokens drawn by (N, T) logits: one uniform number a column."""
    uniform, tokens, start = torch.rand(len(logits), len(sizes), 1, generator=generator), [], 0
    for place, part in enumerate(torch.split(logits, list(sizes), 1)):
        ends = part.softmax(1).cumsum(1)
        own = torch.searchsorted(ends, uniform[:, place] * ends[:, -1:], right=True)
        tokens.append(own.clamp(max=sizes[place] - 1) + start)
        start += sizes[place]
    return torch.cat(tokens, 1)


def choose(logits: Tensor, sizes: Sequence[int], *, warmth: float, generator: torch.Generator) -> Tensor:
    """Return (N, T): 1 at the token of each column that is drawn, with the gradient of a relaxed draw.

    The straight-through Gumbel-softmax of Jang, Gu, Poole (Categorical reparameterization with Gumbel-softmax, 2017).

    Args:
        logits: (N, T).
        sizes: of the columns.
        warmth: of the relaxed draw: the lower, the truer its gradient and the noisier.
        generator: all randomness.
    """
    uniform = torch.rand(logits.shape, generator=generator).clamp_(_LEAST_CHANCE, 1 - 1e-7)
    parts = torch.split(logits - uniform.log_().neg_().log_(), list(sizes), 1)
    soft = torch.cat([(part / warmth).softmax(1) for part in parts], 1)
    hard = torch.cat([torch.zeros_like(part).scatter_(1, part.argmax(1, keepdim=True), 1.0) for part in parts], 1)
    return hard + (soft - soft.detach())
