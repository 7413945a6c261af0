"""One column's conditional distribution, learned once without each fold of the rows; see `models.chain.folds`."""

from torch import Tensor, nn

from models.chain.conditional import Conditional
from models.chain.folds import Folds
from models.columns import Axis, Head
from models.encoding import Encoded

__all__ = ["Crossed"]


class Crossed(nn.Module):
    """F networks that are read as one: a row by that which saw no row of its fold.

    Args:
        parts: F, of the same column.
        folds: of the rows.
    """

    def __init__(self, parts: list[Conditional], folds: Folds) -> None:
        super().__init__()
        self._parts, self.folds = nn.ModuleList(parts), folds

    def read(self, features: Tensor, x: Encoded) -> Tensor:
        """Return the (N, outputs) that rows are drawn by; see `Conditional.read`."""
        parts = self.parts
        return self.folds.gathered(x, self.head.outputs, lambda fold, rows: parts[fold].read(features[rows], x[rows]))

    def correct(self, out: Tensor, x: Encoded) -> None:
        """Let each token be chosen as often as it was seen, by the (n, outputs) of (n,) rows, in each fold."""
        for part, rows in zip(self.parts, self.folds.split(x), strict=True):
            part.correct(out[rows], x[rows])

    @property
    def parts(self) -> tuple[Conditional, ...]:
        """Return the networks."""
        return tuple(part for part in self._parts if isinstance(part, Conditional))

    @property
    def axis(self) -> Axis:
        """Return the column's axis."""
        return self.head.axis

    @property
    def head(self) -> Head:
        """Return the column's head, which all networks share."""
        return self.parts[0].head

    @head.setter
    def head(self, head: Head) -> None:
        for part in self.parts:
            part.head = head
