"""Weighted proposals turned into draws, by rejection against the greatest weight.

J. von Neumann, Various techniques used in connection with random digits, 1951; with the greatest weight found on the
way, B. Caffo, J. Booth, A. Davis, Empirical supremum rejection sampling, 2002.
"""

import math

import torch
from torch import Tensor

from data_contracts import ModelError
from models.encoding import Encoded

__all__ = ["Accepted"]

_TRIES = 100_000  # proposals for each row, at most: what is rarer was not learned


class Accepted:
    """The proposals that are draws, as far as the greatest weight so far can tell.

    Args:
        rows: how many are wanted.
    """

    def __init__(self, rows: int) -> None:
        self.wanted, self.tried, self._bound = rows, 0, -math.inf
        self._parts: list[Encoded] = []
        self._heights: list[Tensor] = []  # log(weight / uniform): accepted where it is above the bound

    def add(self, x: Encoded, log_weight: Tensor, *, generator: torch.Generator) -> None:
        """Accept (n,) proposals with probability weight / greatest weight; a new greatest thins those before."""
        self.tried += len(x)
        uniform = torch.rand(len(x), generator=generator, dtype=torch.float64)
        height = torch.where(log_weight > -math.inf, log_weight - uniform.log(), -math.inf)
        self._parts.append(x)
        self._heights.append(height)
        greatest = float(log_weight.max())
        self._thin(slice(None) if greatest > self._bound else slice(-1, None), max(greatest, self._bound))

    def _thin(self, parts: slice, bound: float) -> None:
        """Keep of some parts what stands above a bound."""
        self._bound = bound
        keeps = [(height >= bound) & height.isfinite() for height in self._heights[parts]]
        self._parts[parts] = [part[keep] for part, keep in zip(self._parts[parts], keeps, strict=True)]
        self._heights[parts] = [height[keep] for height, keep in zip(self._heights[parts], keeps, strict=True)]

    def __len__(self) -> int:
        """Return how many are accepted."""
        return sum(map(len, self._parts))

    @property
    def rows(self) -> Encoded:
        """Return those that are wanted."""
        return Encoded.join(self._parts)[: self.wanted]

    @property
    def more(self) -> int:
        """Return how many proposals should be enough for the rest, by how many were so far; 0: there are enough.

        Raises:
            ModelError: what is asked is too rare.
        """
        if len(self) >= self.wanted:
            return 0
        if self.tried > _TRIES * (len(self) + 10):  # ten more, so that the first proposals decide nothing
            raise ModelError(
                f"of {self.tried:,} rows that were proposed, {self.wanted:,} meet the conditions",
                f"{self.wanted - len(self):,} are missing",
                "Ask for what is less rare, or for fewer rows",
            )
        return math.ceil((self.wanted - len(self)) * max(1, self.tried) / max(1, len(self)))
