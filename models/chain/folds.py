"""Which rows a network may not learn from, where the columns before all but name a row.

Of a table in which time stamps or other composite keys come first, a network learns what each single row was, and a
row that it draws of the same key is like the one that it has seen.  So the rows are cut in folds by their key, each
column after it is learned F times without one of them, and a row is read by the network that saw no row of its key: it
is as far from those learned from as from any other.  The product of these conditionals is a density as before, since
the fold of a row is known before the columns that it decides on.  Cross-fitting in the manner of Tang, Mahloujifar et
al. (Mitigating membership inference attacks by self-distillation through a novel ensemble architecture, 2022), where
the query is a row to be drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.columns import Axis
from models.encoding import Encoded

__all__ = ["Folds"]

_NAMED = 0.99  # of the rows have a key of their own, so that none is learned from by its like
_LEAST_ROWS = 2_000  # fewer cannot spare a fold
_MODULUS, _FACTOR = 2**31 - 1, 48_271  # of the minimal standard generator (Park, Miller, 1988)


@dataclass(frozen=True, slots=True)
class Folds:
    """A cut of all rows by the codes of their key.

    Args:
        key: positions of these codes.
        after: the last of them; columns beyond are learned in folds.
        count: F.
    """

    key: tuple[int, ...]
    after: int
    count: int

    @classmethod
    def of(cls, axes: Sequence[Axis], x: Encoded, *, count: int) -> "Folds | None":
        """Return the folds of (N,) rows by the first columns without values that name them; None: no such come first.

        Args:
            axes: of all columns, in order.
            x: (N,) rows.
            count: F; below 2: none.
        """
        key, names = list[int](), torch.zeros(len(x), dtype=torch.int64, device=x.codes.device)
        if count < 2 or len(x) < _LEAST_ROWS:  # noqa: PLR2004 - one fold is no cut
            return None
        for place, axis in enumerate(axes[:-1]):
            if axis.span.value is None and not axis.constant:
                key.append(axis.span.code)
                names = names * axis.span.size + x.codes[:, axis.span.code]
                names = torch.unique(names, return_inverse=True)[1]
                if int(names.max()) + 1 >= _NAMED * len(x):
                    return cls(tuple(key), place, count)
        return None

    def __call__(self, x: Encoded) -> Tensor:
        """Return the (n,) folds of (n,) rows, from 0 to F - 1."""
        mixed = torch.ones(len(x), dtype=torch.int64, device=x.codes.device)
        for place in self.key:
            mixed = (mixed + x.codes[:, place] + 1) * _FACTOR % _MODULUS
        return mixed * _FACTOR % _MODULUS * self.count // _MODULUS

    def gathered(self, x: Encoded, width: int, read: Callable[[int, Tensor], Tensor]) -> Tensor:
        """Return (n, width) float32 for (n,) rows: what is read, by a fold and the positions of its rows."""
        out = torch.empty(len(x), width)
        for fold, rows in enumerate(self.split(x)):
            out[rows] = read(fold, rows)
        return out

    def split(self, x: Encoded) -> list[Tensor]:
        """Return the positions of each fold's rows among (n,) rows."""
        own = self(x)
        return [(own == fold).nonzero()[:, 0] for fold in range(self.count)]
