"""A column as an axis: the tokens that a conditional distribution chooses among, and the features it is read by.

Tokens, in order: the codes (the rarest of very many in groups), B bins of equal mass for the value's score, and the
K Gaussians that may give the value instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from models.columns.groups import Groups, rows_of
from models.encoding import Encoded, Span

__all__ = ["Axis", "axis_by", "axis_of", "edged", "features_of", "frequencies", "shares_by", "widths"]

_OUTER_ROWS = 30  # at either end of a column: among these, a draw may be the extreme itself
_FEW = 4  # codes whose order says nothing that each one's own weight does not


_NOWHERE = 1e9  # a score that no draw reaches: JSON has no infinity


@dataclass(frozen=True, slots=True)
class Axis:
    """One column.

    Args:
        span: of the encoding.
        bins: B; 0 without values.
        gaussians: K; 0 without values.
        knots: Q features that say where a number stands among the others.
        token: (size,) int64: of each code.
        log_share: (size,) of each code within its token.
        rank: (tokens of codes,) from 0 to 1, the middle of each among all rows.
        ends: the least and the greatest score; none without values.
        outer: the scores below and above which a draw may be the extreme itself.
    """

    span: Span
    bins: int
    gaussians: int
    knots: int
    token: Tensor
    log_share: Tensor
    rank: Tensor
    ends: tuple[float, float] = (0.0, 0.0)
    outer: tuple[float, float] = (-_NOWHERE, _NOWHERE)

    @property
    def coded(self) -> int:
        """Return how many tokens stand for codes."""
        return self.rank.shape[0]

    @property
    def tokens(self) -> int:
        """Return how many tokens stand for codes and bins."""
        return self.coded + self.bins

    @property
    def constant(self) -> bool:
        """Return whether there is nothing to learn."""
        return self.span.size < 2 and self.span.value is None  # noqa: PLR2004 - a choice has two sides

    @property
    def ranked(self) -> bool:
        """Return whether the codes themselves have a useful order."""
        return self.span.value is None and self.span.ordered and self.coded > _FEW

    @property
    def places(self) -> Tensor:
        """Return the places from 0 to 1 of those tokens that lie in order: the bins, or the codes."""
        if self.bins:
            return (torch.arange(self.bins) + 0.5) / self.bins
        return self.rank if self.ranked else torch.zeros(0)

    @property
    def width(self) -> int:
        """Return P, the number of features."""
        valued = self.span.value is not None
        codes = self.coded if self.span.size > 1 else 0
        return codes + (self.knots if valued or self.ranked else 0) + valued

    def target(self, x: Encoded) -> tuple[Tensor, Tensor]:
        """Return (N,) tokens, -1 where unknown, and (N,) values, NaN where the token says all."""
        code = x.codes[:, self.span.code]
        token = self.groups.tokens(code)
        if self.span.value is None:
            return token, torch.full_like(code, torch.nan, dtype=torch.float32)
        score = x.values[:, self.span.value]
        place: Tensor = (torch.special.ndtr(score.nan_to_num(0.0)) * self.bins).long().clamp(0, self.bins - 1)
        return torch.where(code == (self.span.regular or 0), self.coded + place, token), score

    def features(self, x: Encoded) -> Tensor:
        """Return (N, P) float32: which token; how far each of Q equal steps of rank is taken; the score itself."""
        code = x.codes[:, self.span.code]
        token = self.token.to(code.device)[code.clamp(min=0)]
        parts = [one_hot(token, self.coded).float()] if self.span.size > 1 else []
        if self.span.value is not None:
            score = x.values[:, self.span.value]
            present = (~score.isnan()).float()[:, None]
            score = score.nan_to_num(0.0)[:, None]
            parts += [self._steps(torch.special.ndtr(score)) * present, score * present]
        elif self.ranked:
            parts.append(self._steps(self.rank.to(code.device)[token][:, None]))
        joined = torch.cat(parts, 1) if parts else torch.zeros(len(code), 0, device=code.device)
        return joined * (code >= 0)[:, None]

    def table(self, weights: Tensor) -> Tensor:
        """Return (R, H): what (H, P) weights make of each token, of each whole number of steps, and of the score."""
        coded, valued = self.coded if self.span.size > 1 else 0, self.span.value is not None
        codes, steps, score = torch.split(weights.T, [coded, self.width - coded - valued, int(valued)])
        if valued:
            return torch.cat([codes, torch.zeros_like(score), steps.cumsum(0), score])
        return codes + self._steps(self.rank[:, None]) @ steps if self.ranked else codes

    @property
    def table_rows(self) -> int:
        """Return R, the rows of `table`."""
        return (self.coded if self.span.size > 1 else 0) + (self.knots + 2 if self.span.value is not None else 0)

    @property
    def lookups(self) -> int:
        """Return L, the rows of `table` that a row's features are a sum of."""
        return (self.span.size > 1) + (3 if self.span.value is not None else 0)

    def looked_up(self, x: Encoded) -> tuple[Tensor, Tensor]:
        """Return (N, L) rows of `table` and their (N, L) weights: the features of (N,) rows, no code unknown."""
        coded = self.span.size > 1
        places = [self.token[x.codes[:, self.span.code]]] if coded else []
        weights = [torch.ones(len(x))] if coded else []
        if self.span.value is not None:
            score = x.values[:, self.span.value]
            present, score = (~score.isnan()).float(), score.nan_to_num(0.0)
            taken = torch.special.ndtr(score) * self.knots
            whole = taken.long().clamp(max=self.knots - 1)
            part, begin = taken - whole, self.coded if coded else 0
            places += [begin + whole, begin + whole + 1, torch.full_like(whole, begin + self.knots + 1)]
            weights += [(1 - part) * present, part * present, score * present]
        return torch.stack(places, 1), torch.stack(weights, 1)

    def codes(self, token: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) codes for (n,) tokens: their only one, or one of the group's by its frequency."""
        return self.groups.codes(token, generator=generator)

    @property
    def groups(self) -> Groups:
        """Return which token stands for a code."""
        return Groups(self.token, self.log_share)

    def log_share_of(self, x: Encoded) -> Tensor:
        """Return the (N,) log-shares of the codes within their tokens; 0 where unknown."""
        return self.groups.log_share_of(x.codes[:, self.span.code])

    def _steps(self, rank: Tensor) -> Tensor:
        return (rank * self.knots - torch.arange(self.knots, device=rank.device)).clamp(0, 1)


def axis_of(span: Span, x: Encoded, bins: int, gaussians: int, knots: int) -> Axis:
    """Return a column's axis by its codes' frequencies in (N,) rows; without values, bins and Gaussians are none."""
    rows = rows_of(x.codes[:, span.code], span.size)
    return replace(axis_by(span, rows, bins, gaussians, knots), ends=_ends(span, x))


def axis_by(span: Span, rows: Tensor, bins: int, gaussians: int, knots: int) -> Axis:
    """Return a column's axis by (size,) float64 rows of each code, above 0; its ends are as good as none."""
    groups = Groups.of(rows)
    mass = torch.zeros(groups.count, dtype=torch.float64).index_add_(0, groups.token, rows)
    rank = (mass.cumsum(0) - mass / 2) / mass.sum()
    return Axis(span, bins, gaussians, knots, groups.token, groups.log_share, rank.float(), (-_FAR, _FAR))


_FAR = 4.0  # a score that a row in 30,000 goes beyond


def _ends(span: Span, x: Encoded) -> tuple[float, float]:
    """Return the ends of a column's scores."""
    scores = _scores(span, x)
    return (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 0.0)


def edged(axis: Axis, drawn: Encoded, *, rows: int) -> Axis:
    """Return the axis with the outermost of a column's draws, at either end, as its outer ones: 30 of so many rows."""
    scores = _scores(axis.span, drawn).sort()[0]
    if not len(scores):
        return axis
    last = min(round(_OUTER_ROWS * len(drawn) / rows), len(scores) // 10)
    return replace(axis, outer=(float(scores[last]), float(scores[-1 - last])))


def _scores(span: Span, x: Encoded) -> Tensor:
    """Return the scores that there are of a column."""
    scores = x.values[:, span.value] if span.value is not None else torch.zeros(0)
    return scores[~scores.isnan()]


def frequencies(axis: Axis, token: Tensor) -> Tensor:
    """Return (tokens,) log-shares of (N,) tokens; that of "regular", which bins stand for, is as good as -inf."""
    rows = rows_of(token, axis.tokens)
    log_share = (rows / rows.sum()).log().float()
    if axis.span.regular is not None:
        log_share[axis.token[axis.span.regular]] = _NEVER
    return log_share


_NEVER = -1e4
"""A logit that float32 and bfloat16 both turn into a probability of 0."""


def shares_by(axis: Axis, rows: Tensor) -> Tensor:
    """Return (tokens,) log-shares by (size,) float64 rows of each code: a value's bins have equal shares."""
    mass = torch.zeros(axis.tokens, dtype=torch.float64).index_add_(0, axis.token, rows)
    if axis.span.regular is not None:
        mass[axis.coded :] = mass[axis.token[axis.span.regular]] / axis.bins
        mass[axis.token[axis.span.regular]] = 0
    log_share = (mass / mass.sum()).log().float()
    return log_share.clamp(min=_NEVER)


def widths(axes: Sequence[Axis]) -> list[int]:
    """Return how many features stand before each column, and in all: a constant, and those of all columns before it."""
    ends = [1]
    for axis in axes:
        ends.append(ends[-1] + axis.width)
    return ends


def features_of(axes: Sequence[Axis], x: Encoded, *, half: bool) -> Tensor:
    """Return (N, P) features of (N,) rows, the first of them constant."""
    kind, ends = torch.bfloat16 if half else torch.float32, widths(axes)
    features = torch.ones(len(x), ends[-1], dtype=kind, device=x.codes.device)
    for low in range(0, len(x), _BATCH):
        for axis, start, end in zip(axes, ends, ends[1:], strict=False):
            features[low : low + _BATCH, start:end] = axis.features(x[low : low + _BATCH])
    return features


_BATCH = 16_384  # rows: the features of very many codes, at full precision, would take more memory than all that stays
