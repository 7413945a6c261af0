"""How odd a row is to a model, and which of its cells make it so.

    score(x) = -log p(x) + the costs of the cells of which the density says nothing

in nats, of any model with a density; `gan` has its critic's score in the density's place.  A cell that the model has no
code for costs as much as an event that was not seen once in all rows learned from (Laplace's rule of succession), a
number outside all that was learned by how far out it lies (`models.encoding.number.beyond`), and a cell at odds with
its contract more than any density takes away.

A column's part in it is how far the score falls when its cell takes the best of a few usual values, drawn from the
model.  So the cell is named that is wrong, also where the columns after it, drawn given it, are those that surprise.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.encoding import UNKNOWN, Encoded, Encoder
from models.life import Density, Model

__all__ = ["BROKEN", "Judge", "Odd", "Surprise", "Weighing", "costs"]

Form = TypeVar("Form", Encoded, Tensor)
"""What rows are to that which scores them."""

BROKEN = 1e6
"""Nats that a cell at odds with the contract costs: more than a row of thousands of columns has."""

_USUAL = 16  # values that are tried in a cell's place
_CHUNK = 2**15  # rows that are weighed at a time


@runtime_checkable
class Weighing(Model, Density, Protocol):
    """A model that draws rows and says how likely a row is."""


@runtime_checkable
class Critical(Model, Protocol):
    """A model that draws rows and says how like the training rows a row looks: the log-ratio of two densities."""

    def critic_score(self, x: Encoded) -> Tensor:
        """Return the (N,) scores of (N,) rows."""


Judge = Weighing | Critical
"""What rows can be judged by."""


@dataclass(frozen=True, slots=True)
class Odd(Generic[Form]):
    """Rows with their scores.

    Args:
        x: (N,) rows, cells that break the contract unknown.
        costs: (N, C) float64 nats beside the density's.
        scores: (N,) float64; higher is odder.
    """

    x: Form
    costs: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __getitem__(self, rows: NDArray[np.int64]) -> "Odd[Form]":
        """Return the rows at (n,) positions."""
        return Odd(self.x[torch.from_numpy(rows)], self.costs[rows], self.scores[rows])


class Surprise:
    """What scores rows by a model.

    Args:
        model: draws rows, and has a density or a critic.
        encoder: that it was trained behind.
        rows: that it learned from.
    """

    def __init__(self, model: Judge, encoder: Encoder, *, rows: int) -> None:
        self.model, self.encoder, self.unseen = model, encoder, math.log(rows + 1)

    def of(
        self, batch: pa.RecordBatch, *, unfit: NDArray[np.bool_] | None = None, ruled: NDArray[np.bool_] | None = None
    ) -> Odd[Encoded]:
        """Return a batch's (N,) rows scored.

        Args:
            batch: with the contract's columns.
            unfit: (N, C) cells that are not what their column holds; None: none.
            ruled: (N, C) cells between which a rule is broken; None: none.
        """
        x = self.encoder.encode(batch)
        beside = costs(self.encoder, batch, x.codes, unseen=self.unseen, unfit=unfit, ruled=ruled)
        x = x if unfit is None else self._without(x, torch.from_numpy(unfit))
        return Odd(x, beside, beside.sum(1) - self._log_prob(x))

    def drawn(self, rows: int, *, generator: torch.Generator) -> NDArray[np.float64]:
        """Return the (rows,) scores of rows that the model draws."""
        return -self._log_prob(self.model.sample(rows, generator=generator))

    def parts(self, odd: Odd[Encoded]) -> NDArray[np.float64]:
        """Return each column's (N, C) part in the scores, from 0 on: how far they fall when its cell is a usual one."""
        found = odd.costs.copy()
        density = odd.costs.sum(1) - odd.scores
        for place, span in enumerate(self.encoder.spans):
            if span.size > 1 or span.value is not None:
                found[:, place] += self._best(odd.x, place) - density
        return np.maximum(found, 0.0)

    @cached_property
    def _usual(self) -> Encoded:
        """Return the rows whose cells stand for usual ones: the same each time."""
        return self.model.sample(_USUAL, generator=torch.Generator().manual_seed(0))

    def _best(self, x: Encoded, place: int) -> NDArray[np.float64]:
        """Return the (N,) greatest log-densities of (N,) rows with one of the usual rows' cells in a column."""
        span, usual, count = self.encoder.spans[place], self._usual, _USUAL
        best = []
        for low in range(0, len(x), _CHUNK // count):
            part = x[slice(low, low + _CHUNK // count)]
            changed = part[torch.arange(len(part)).repeat_interleave(count)]
            changed.codes[:, place] = usual.codes[:, place].repeat(len(part))
            if span.value is not None:
                changed.values[:, span.value] = usual.values[:, span.value].repeat(len(part))
            best.append(self._log_prob(changed).reshape(-1, count).max(1))
        return np.concatenate(best) if best else np.zeros(0)

    def _without(self, x: Encoded, unfit: Tensor) -> Encoded:
        """Return (N,) rows with the cells of an (N, C) mask unknown."""
        codes, values = torch.where(unfit, UNKNOWN, x.codes), x.values.clone()
        for span in self.encoder.spans:
            if span.value is not None:
                values[unfit[:, span.code], span.value] = torch.nan
        return Encoded(codes, values, x.pixels)

    def _log_prob(self, x: Encoded) -> NDArray[np.float64]:
        model = self.model
        weighed = model.log_prob(x) if isinstance(model, Weighing) else model.critic_score(x)
        found = weighed.double().numpy()
        return np.asarray(np.nan_to_num(found, nan=-BROKEN, neginf=-BROKEN))


def costs(
    encoder: Encoder,
    batch: pa.RecordBatch,
    codes: Tensor,
    *,
    unseen: float,
    unfit: NDArray[np.bool_] | None = None,
    ruled: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the (N, C) nats that cells of a batch cost beside what its rows score by their values.

    Args:
        encoder: that knows which values were learned.
        batch: with the contract's columns.
        codes: (N, C) of the batch, as the encoder has them.
        unseen: what a cell without a code costs.
        unfit: (N, C) cells that are not what their column holds; None: none.
        ruled: (N, C) cells between which a rule is broken; None: none.
    """
    none = np.zeros((batch.num_rows, len(encoder.columns)), bool)
    unfit, ruled = none if unfit is None else unfit, none if ruled is None else ruled
    unknown = (codes == UNKNOWN).numpy() & ~unfit
    return np.asarray(BROKEN * (unfit | ruled) + unseen * unknown + np.where(unfit, 0.0, encoder.beyond(batch)))
