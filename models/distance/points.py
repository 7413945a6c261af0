"""Rows as points, between which there are distances.

A number has a place of spread 1 (`models.distance.scale`), a category is one-hot over the square root of 2, so that
another category is as far as one standard deviation.  Null is a category of its own, and a number that is null lies in
the middle.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.distance.scale import Scale
from models.encoding import UNKNOWN, Encoder, Span
from models.encoding.axis import to_axis
from models.encoding.number import NumberStatistics

__all__ = ["Points"]

_MOST_CODES = 64  # of a column: the rarer ones share the last
_APART = 1 / math.sqrt(2)


@dataclass(frozen=True, slots=True)
class Points:
    """How rows become points of P coordinates.

    Args:
        encoder: of the columns.
        scales: of each column of numbers; None: of others.
        slots: of each column the (codes,) coordinates that its codes take, from 0 on; None: its codes take none.
    """

    encoder: Encoder
    scales: tuple[Scale | None, ...]
    slots: tuple[NDArray[np.int64] | None, ...]

    @classmethod
    def fit(cls, encoder: Encoder, batch: pa.RecordBatch) -> "Points":
        """Return how rows like those of a batch become points."""
        codes = encoder.encode(batch).codes.numpy()
        scales: list[Scale | None] = [None] * len(encoder.columns)
        for place in _numbers(encoder):
            numbers, present = to_axis(encoder.columns[place], batch.column(encoder.columns[place].name))
            scales[place] = Scale.fit(numbers[present].astype(np.float64))
        slots = [
            _slots(codes[:, span.code], span) if span.value is None and not _is_number(encoder, place) else _null(span)
            for place, span in enumerate(encoder.spans)
        ]
        return cls(encoder, tuple(scales), tuple(slots))

    def of(
        self, batch: pa.RecordBatch, codes: Tensor | None = None, *, without: NDArray[np.bool_] | None = None
    ) -> Tensor:
        """Return the (N, P) float32 points of a batch's (N,) rows.

        Args:
            batch: with the contract's columns.
            codes: (N, C) of the batch, where the encoder was asked already.
            without: (N, C) cells that are passed over; None: none.
        """
        known = (self.encoder.encode(batch).codes if codes is None else codes).numpy()
        if without is not None:
            known = np.where(without, UNKNOWN, known)
        parts = [
            part
            for place in range(len(self.encoder.columns))
            for part in self._column(batch, place, known[:, self.encoder.spans[place].code])
        ]
        return torch.from_numpy(np.concatenate([np.zeros((batch.num_rows, 0)), *parts], 1).astype(np.float32))

    @property
    def spans(self) -> tuple[slice, ...]:
        """Return the coordinates of each of C columns."""
        ends = np.cumsum([0, *(_is_number(self.encoder, place) + _width(own) for place, own in enumerate(self.slots))])
        return tuple(slice(int(low), int(high)) for low, high in pairwise(ends))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the coordinates that are numbers."""
        return tuple(self.spans[place].start for place in _numbers(self.encoder))

    def _column(self, batch: pa.RecordBatch, place: int, codes: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
        """Yield the coordinates of a column's (N,) cells; a number that is passed over lies in the middle."""
        column, scale, slots = self.encoder.columns[place], self.scales[place], self.slots[place]
        if scale:
            numbers, present = to_axis(column, batch.column(column.name))
            standing = scale.of(numbers.astype(np.float64))
            yield np.where(present & ((codes != UNKNOWN) | (slots is None)), standing, 0.0)[:, None]
        if slots is not None:
            slot = np.where(codes == UNKNOWN, -1, slots[codes])
            yield _APART * (slot[:, None] == np.arange(_width(slots)))


def _slots(codes: NDArray[np.int64], span: Span) -> NDArray[np.int64] | None:
    """Return which coordinate each code of a column takes: the usual ones one each."""
    if span.size == 1:
        return None
    order = np.argsort(-np.bincount(codes[codes != UNKNOWN], minlength=span.size), kind="stable")
    slots = np.empty(span.size, np.int64)
    slots[order] = np.minimum(np.arange(span.size), _MOST_CODES - 1)
    return slots


def _null(span: Span) -> NDArray[np.int64] | None:
    """Return the coordinate that null takes beside a number; None: there are no nulls."""
    if span.null is None:
        return None
    return np.where(np.arange(span.size) == span.null, 0, -1)


def _width(slots: NDArray[np.int64] | None) -> int:
    return 0 if slots is None else int(slots.max()) + 1


def _is_number(encoder: Encoder, place: int) -> bool:
    return isinstance(encoder.statistics[place], NumberStatistics)


def _numbers(encoder: Encoder) -> Sequence[int]:
    return [place for place in range(len(encoder.columns)) if _is_number(encoder, place)]
