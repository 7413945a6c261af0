"""The encoder: a table's columns, each by its kind, to codes and values and back."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from data_contracts.conditions import Condition
from models.encoding import category, identity, image, number
from models.encoding.allowed import Allowed
from models.encoding.private import settle_privately
from models.encoding.spans import Encoded, Span
from models.privacy import Privacy

__all__ = ["KINDS", "Encoder"]

Statistics = number.NumberStatistics | category.CategoryStatistics | identity.IdStatistics | image.ImageStatistics

KINDS: dict[str, Any] = {
    "integer": number,
    "number": number,
    "date": number,
    "timestamp": number,
    "boolean": category,
    "category": category,
    "id": identity,
    "image": image,
}
"""The file of each kind.  Text gets a file and a line here: summarise, merge, settle, encode, decode."""

_STATISTICS: dict[Any, Any] = {
    number: number.NumberStatistics,
    category: category.CategoryStatistics,
    identity: identity.IdStatistics,
    image: image.ImageStatistics,
}


class Encoder:
    """What is kept of every column, and the way there and back.

    Args:
        columns: C of the contract.
        statistics: C of their kinds.
    """

    def __init__(self, columns: Sequence[Column], statistics: Sequence[Statistics]) -> None:
        self.columns, self.statistics = tuple(columns), tuple(statistics)
        self.spans = tuple(_spans(self.columns, self.statistics))

    @classmethod
    def fit(
        cls,
        columns: Sequence[Column],
        batches: Iterable[pa.RecordBatch],
        *,
        privacy: Privacy | None = None,
        generator: torch.Generator | None = None,
    ) -> "Encoder":
        """Learn every column's statistics in one pass.

        Args:
            columns: C of the contract.
            batches: of the rows.
            privacy: what is promised to every row; None: nothing.
            generator: of the noise that this asks for.

        Raises:
            ModelError: there are no rows, or a column cannot be learned.
        """
        summaries: list[Any] | None = None
        for batch in batches:
            if batch.num_rows:
                new = [KINDS[column.kind].summarise(batch.column(column.name), column) for column in columns]
                summaries = new if summaries is None else _merge(columns, summaries, new)
        if summaries is None:
            raise ModelError("a model learns from rows", "there are none", "Look at the source and at the split")
        if privacy is not None and generator is not None:
            return cls(columns, settle_privately(columns, summaries, privacy=privacy, generator=generator))
        return cls(columns, [KINDS[c.kind].settle(summary, c) for c, summary in zip(columns, summaries, strict=True)])

    def encode(self, batch: pa.RecordBatch, *, generator: torch.Generator | None = None) -> Encoded:
        """Return a batch's (N,) rows encoded.

        Args:
            batch: with the contract's columns; images as their pixels in a row (`models.encoding.image`).
            generator: spreads equal numbers over their ranks, and gives rare categories a kept value; None: neither.
        """
        codes, values, pixels = [], [], None
        for column, statistics in zip(self.columns, self.statistics, strict=True):
            code, value = KINDS[column.kind].encode(batch.column(column.name), statistics, column, generator=generator)
            codes.append(torch.from_numpy(code))
            values += [] if value is None else [torch.from_numpy(value)]
            if isinstance(statistics, image.ImageStatistics):
                pixels = image.pixels(batch.column(column.name), statistics)
        empty = torch.zeros(batch.num_rows, 0)
        return Encoded(torch.stack(codes, 1), torch.stack(values, 1) if values else empty, pixels)

    def beyond(self, batch: pa.RecordBatch) -> NDArray[np.float64]:
        """Return by how many nats each of a batch's (N, C) cells is the odder for lying outside what was learned."""
        found = np.zeros((batch.num_rows, len(self.columns)))
        for place, (column, statistics) in enumerate(zip(self.columns, self.statistics, strict=True)):
            if isinstance(statistics, number.NumberStatistics):
                found[:, place] = number.beyond(batch.column(column.name), statistics, column)
        return found

    def encode_column(self, place: int, array: pa.Array) -> NDArray[np.int64]:
        """Return the (N,) codes of an array of the column at a place."""
        column = self.columns[place]
        codes: NDArray[np.int64] = KINDS[column.kind].encode(array, self.statistics[place], column, generator=None)[0]
        return codes

    def allowed(self, where: Sequence[Condition]) -> tuple[Allowed | None, ...]:
        """Return what of each column's cells may meet the conditions; None: there are none on it.

        Raises:
            ModelError: nothing that was learned of a column meets those on it.
        """
        found: list[Allowed | None] = []
        for column, statistics in zip(self.columns, self.statistics, strict=True):
            own = [condition for condition in where if condition.column == column.name]
            allowed: Allowed | None = KINDS[column.kind].allowed(own, statistics, column) if own else None
            if allowed is not None and not allowed.codes.any():
                raise ModelError(
                    "conditions are met by values that were learned",
                    f"of column {column.name!r} none meets {' and '.join(map(str, own))}",
                    "Look at how often such rows come in the source",
                )
            found.append(allowed)
        return tuple(found)

    def decode(
        self, x: Encoded, *, generator: torch.Generator, first_row: int = 0, only: Collection[str] | None = None
    ) -> dict[str, pa.Array]:
        """Return (N,) rows as Arrow arrays of the contract's types, by column name; images as their pixels in a row.

        Args:
            x: (N,) rows.
            generator: its seed scatters the ids.
            first_row: the number of the first of them, from which ids are made.
            only: the columns that are wanted; None: all.
        """
        arrays = {}
        for column, statistics, span in zip(self.columns, self.statistics, self.spans, strict=True):
            if only is not None and column.name not in only:
                continue
            codes = x.codes[:, span.code].contiguous().numpy()
            if isinstance(statistics, image.ImageStatistics):
                assert x.pixels is not None  # noqa: S101 - encode made them of the same column
                arrays[column.name] = image.decode(x.pixels, column)
                continue
            if isinstance(statistics, identity.IdStatistics):
                arrays[column.name] = identity.decode(
                    codes, statistics, column, first_row=first_row, seed=generator.initial_seed()
                )
                continue
            values = None if span.value is None else x.values[:, span.value].contiguous().numpy()
            arrays[column.name] = KINDS[column.kind].decode(codes, values, statistics, column)
        return arrays

    def state(self) -> dict[str, Any]:
        """Return the statistics by column name, as JSON holds them."""
        return {column.name: kept.state() for column, kept in zip(self.columns, self.statistics, strict=True)}

    @classmethod
    def from_state(cls, columns: Sequence[Column], state: dict[str, Any]) -> "Encoder":
        """Return the encoder that `state` described.

        Raises:
            ModelError: the state speaks of other columns.
        """
        if [column.name for column in columns] != list(state):
            raise ModelError(
                "a model is used with the contract that it was trained under",
                f"it knows {len(state)} columns and the contract has {len(columns)}, or they are named differently",
                "Train again",
            )
        return cls(columns, [_STATISTICS[KINDS[c.kind]].from_state(state[c.name], c) for c in columns])


def _merge(columns: Sequence[Column], first: list[Any], second: list[Any]) -> list[Any]:
    """Return every column's summaries merged."""
    return [KINDS[c.kind].merge(one, two) for c, one, two in zip(columns, first, second, strict=True)]


def _spans(columns: Sequence[Column], statistics: Sequence[Statistics]) -> Iterable[Span]:
    """Yield each column's span: codes in order, values in order of those that have any."""
    taken = 0
    for place, (column, kept) in enumerate(zip(columns, statistics, strict=True)):
        regular = kept.regular_code
        ordered, null = isinstance(kept, number.NumberStatistics), kept.size - 1 if kept.nulls else None
        value, shape = None if regular is None else taken, getattr(kept, "shape", None)  # only an image has one
        yield Span(column.name, place, kept.size, value, regular, ordered, null, shape)
        taken += regular is not None
