"""What a tree reads of a column: where a number stands, a code's place, and which of the frequent codes it is."""

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
    """

    axis: Axis
    order: Tensor

    @classmethod
    def of(cls, axis: Axis) -> "Reader":
        """Return the reader of a column."""
        if axis.span.ordered:
            return cls(axis, torch.arange(axis.coded).float())
        steps = torch.diff(axis.rank.double(), prepend=torch.zeros(1, dtype=torch.float64))
        mass = torch.zeros(axis.coded, dtype=torch.float64)
        before = 0.0  # a rank is the middle of a token's mass: what came before, and half of its own
        for token, step in enumerate(steps.tolist()):
            mass[token] = 2 * (step - before / 2)
            before = float(mass[token])
        return cls(axis, torch.argsort(torch.argsort(mass, descending=True, stable=True)).float())

    @property
    def singled(self) -> int:
        """Return how many frequent codes have a feature of their own."""
        return 0 if self.axis.span.ordered or self.axis.coded < 3 else min(_FREQUENT, self.axis.coded)  # noqa: PLR2004

    @property
    def width(self) -> int:
        """Return the number of features."""
        return (self.axis.span.value is not None) + (self.axis.span.size > 1) + self.singled

    def features(self, x: Encoded) -> Tensor:
        """Return (N, width) float32."""
        code = x.codes[:, self.axis.span.code]
        place = torch.where(code < 0, _ABSENT, self.order[self.axis.token[code.clamp(min=0)]])
        parts = [place[:, None]] if self.axis.span.size > 1 else []
        if self.axis.span.value is not None:
            score = x.values[:, self.axis.span.value]
            stands = (torch.special.ndtr(score.nan_to_num(0.0)) * _PLACES).floor()
            parts.append(torch.where(score.isnan(), _ABSENT, stands)[:, None])
        parts += [(place == frequent).float()[:, None] for frequent in range(self.singled)]
        return torch.cat(parts, 1) if parts else torch.zeros(len(x), 0)
