"""How far a row lies from known rows: their neighbourhood, and the noise that would have pushed it there.

    score(x) = log r(x) + E[log s | x] + the costs of cells that have no place

r is the distance to the fifth nearest known row (Ramaswamy, Rastogi, Shim: Efficient algorithms for mining outliers
from large data sets, 2000), s the level of noise that the row looks like (`models.distance.noise`).  Both are
logarithms of lengths in the same units, and are added as they are: where one sees nothing, the other often does.

A column's part is how far the score falls when its cell takes the best of a few known ones, as in `models.surprise`.
"""

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from models.distance.noise import NoiseLevel
from models.distance.points import Points
from models.surprise import Odd, costs

__all__ = ["Distance"]

_NEIGHBOURS = 5  # what PyOD's KNN takes
_LEAST = 1e-3  # standard deviations: nearer is as near
_USUAL = 16  # known rows whose cells are tried in a cell's place
_FEW = 2_000  # known rows that a column's part is told by
_CHUNK = 2**15  # points that are weighed at a time


class Distance:
    """What scores rows by known ones.

    Args:
        points: how rows become points.
        known: (M, P) points of known rows.
        noise: learned on them.
        rows: that the encoder learned from.
    """

    def __init__(self, points: Points, known: Tensor, noise: NoiseLevel, *, rows: int) -> None:
        self.points, self.known, self.noise, self.unseen = points, known, noise, math.log(rows + 1)
        self._near, self._few = _searching(known), _searching(known[:_FEW])

    def of(
        self, batch: pa.RecordBatch, *, unfit: NDArray[np.bool_] | None = None, ruled: NDArray[np.bool_] | None = None
    ) -> Odd[Tensor]:
        """Return a batch's (N,) rows scored.

        Args:
            batch: with the contract's columns.
            unfit: (N, C) cells that are not what their column holds; None: none.
            ruled: (N, C) cells between which a rule is broken; None: none.
        """
        codes = self.points.encoder.encode(batch).codes
        beside = costs(self.points.encoder, batch, codes, unseen=self.unseen, unfit=unfit, ruled=ruled)
        x = self.points.of(batch, codes, without=unfit)
        return Odd(x, beside, beside.sum(1) + self._scores(x, self._near))

    def parts(self, odd: Odd[Tensor]) -> NDArray[np.float64]:
        """Return each column's (N, C) part in the scores, from 0 on: how far they fall when its cell is a known one."""
        found, scores = odd.costs.copy(), self._scores(odd.x, self._few)
        for place, span in enumerate(self.points.spans):
            if span.stop > span.start:
                found[:, place] += scores - self._best(odd.x, span)
        return np.maximum(found, 0.0)

    def _best(self, x: Tensor, span: slice) -> NDArray[np.float64]:
        """Return the (N,) least scores of (N, P) points with one of the known ones' coordinates in a span."""
        usual = self.known[:_USUAL, span]
        best = [np.zeros(0)]
        for part in _chunks(x, _CHUNK // len(usual)):
            changed = part.repeat_interleave(len(usual), 0)
            changed[:, span] = usual.repeat(len(part), 1)
            best.append(self._scores(changed, self._few).reshape(-1, len(usual)).min(1))
        return np.concatenate(best)

    def _scores(self, x: Tensor, searched: NearestNeighbors) -> NDArray[np.float64]:
        found = [_log_radii(part, searched) + self.noise.log_levels(part) for part in _chunks(x, _CHUNK)]
        return np.concatenate([np.zeros(0), *found])


def _searching(known: Tensor) -> NearestNeighbors:
    count = min(_NEIGHBOURS, len(known))
    return NearestNeighbors(n_neighbors=count, n_jobs=-1).fit(known.numpy())


def _log_radii(x: Tensor, searched: NearestNeighbors) -> NDArray[np.float64]:
    distances, _ = searched.kneighbors(x.numpy())
    return np.asarray(np.log(distances[:, -1].astype(np.float64) + _LEAST))


def _chunks(x: Tensor, size: int) -> Iterator[Tensor]:
    """Yield (N, P) points so many at a time."""
    for low in range(0, len(x), size):
        yield x[low : low + size]
