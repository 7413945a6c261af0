"""What a tree reads of a column: where a number stands, a code's place, and which of the frequent codes it is.

Of very many codes it reads where they stand in their own order, too: neighbours share tokens, and often more than that
(names with a common beginning, districts of a town).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.columns import Axis
from models.encoding import Encoded

__all__ = ["Reader"]

_PLACES = 256  # that a number's score is told apart by: a split lies between two
_FREQUENT = 8  # codes without an order that a split can single out
_ABSENT = -1.0  # below every place: nothing is known, or a code is there instead of a number


@dataclass(frozen=True, slots=True)
class Reader:
    """The features of one column; whole numbers, so that a threshold between two is exact.

    Args:
        axis: of the column.
        order: (tokens of codes,) float32 place of each: in code order, or by frequency where that says nothing.
        line: (tokens of codes,) the mean code of each, or nothing where each code has a token of its own.
    """

    axis: Axis
    order: Tensor
    line: Tensor

    @classmethod
    def of(cls, axis: Axis) -> "Reader":
        """Return the reader of a column."""
        line = _means(axis) if axis.span.size > axis.coded and not axis.span.ordered else torch.zeros(0)
        if axis.span.ordered:
            return cls(axis, torch.arange(axis.coded).float(), line)
        steps = torch.diff(axis.rank.double(), prepend=torch.zeros(1, dtype=torch.float64))
        mass = torch.zeros(axis.coded, dtype=torch.float64)
        before = 0.0  # a rank is the middle of a token's mass: what came before, and half of its own
        for token, step in enumerate(steps.tolist()):
            mass[token] = 2 * (step - before / 2)
            before = float(mass[token])
        return cls(axis, torch.argsort(torch.argsort(mass, descending=True, stable=True)).float(), line)

    @property
    def singled(self) -> int:
        """Return how many frequent codes have a feature of their own."""
        return 0 if self.axis.span.ordered or self.axis.coded < 3 else min(_FREQUENT, self.axis.coded)  # noqa: PLR2004

    @property
    def width(self) -> int:
        """Return the number of features."""
        known = (self.axis.span.value is not None) + (self.axis.span.size > 1) + (len(self.line) > 0)
        return known + self.singled

    def features(self, x: Encoded) -> Tensor:
        """Return (N, width) float32."""
        code = x.codes[:, self.axis.span.code]
        token = self.axis.token[code.clamp(min=0)]
        place = torch.where(code < 0, _ABSENT, self.order[token])
        parts = [place[:, None]] if self.axis.span.size > 1 else []
        if len(self.line):
            parts.append(torch.where(code < 0, _ABSENT, self.line[token])[:, None])
        if self.axis.span.value is not None:
            score = x.values[:, self.axis.span.value]
            stands = (torch.special.ndtr(score.nan_to_num(0.0)) * _PLACES).floor()
            parts.append(torch.where(score.isnan(), _ABSENT, stands)[:, None])
        parts += [(place == frequent).float()[:, None] for frequent in range(self.singled)]
        return torch.cat(parts, 1) if parts else torch.zeros(len(x), 0)


def _means(axis: Axis) -> Tensor:
    """Return the (tokens of codes,) whole means of the codes that each token stands for."""
    codes = torch.arange(axis.span.size, dtype=torch.float64)
    total = torch.zeros(axis.coded, dtype=torch.float64).index_add_(0, axis.token, codes)
    return (total / torch.bincount(axis.token, minlength=axis.coded)).round().float()
