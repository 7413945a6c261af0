"""Rows that are told apart: read once and kept for as long as it takes, then written with their segments."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Contract, LikenessError
from data_contracts.arrow import arrow_schema, nullable_schema
from tasks.detecting.reading import read_rows
from tasks.parquet import read_batches, write_parquet
from tasks.progress import counted, progress
from tasks.segmenting.asking import Asked
from tasks.segmenting.finding import Segments

__all__ = ["Assigned", "Kept"]

_OURS = ("row", "segment", "probability")


@dataclass(slots=True)
class Kept:
    """The rows, on this machine.

    Args:
        path: of a Parquet file.
        unfit: rows with cells that are not what their column holds, or against a rule of the contract.
    """

    path: Path
    unfit: int = 0

    @classmethod
    def of(cls, asked: Asked, path: Path) -> "Kept":
        """Read the rows from wherever they are; a cell that is not of its column's kind is not known.

        Raises:
            DataError: they cannot be read, or have other columns than the contract's.
        """
        kept, contract = cls(path), asked.contract
        names = [each.name for each in contract.columns if each.primary_key or each in asked.columns]
        schema = pa.schema([nullable_schema(contract).field(name) for name in names])
        try:
            with progress("reading rows") as advance:
                write_parquet(path, counted(kept._read(asked, names), advance), schema=schema)
        except LikenessError as error:
            error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
            raise
        return kept

    def _read(self, asked: Asked, names: list[str]) -> Iterator[pa.RecordBatch]:
        for rows in read_rows(asked.contract, asked.source):
            self.unfit += int((rows.unfit | rows.ruled).any(1).sum())
            yield rows.batch.select(names)


@dataclass(slots=True)
class Assigned:
    """Rows with their segments.

    Args:
        found: the segments.
        contract: of the rows.
        sizes: (K,) rows of each segment so far.
    """

    found: Segments
    contract: Contract
    sizes: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self.sizes = np.zeros(self.found.chosen.segments, np.int64)

    def write(self, rows: Path, path: Path) -> None:
        """Write each row's number, key, segment from 1, the probability of that, and those of all.

        Raises:
            ReleaseError: the file cannot be written.
        """
        with progress("telling rows apart") as advance:
            write_parquet(path, counted(self._batches(rows), advance), schema=self._schema)

    @property
    def _schema(self) -> pa.Schema:
        held = arrow_schema(self.contract)
        all_of = [(f"probability_{place + 1}", pa.float64()) for place in range(len(self.sizes))]
        taken = {*_OURS, *(name for name, _ in all_of)}
        names = [
            (f"{name}_key" if name in taken else name, held.field(name).type) for name in self.contract.primary_key
        ]
        own = [("segment", pa.int32()), ("probability", pa.float64())]
        return pa.schema([("row", pa.int64()), *names, *own, *all_of])

    def _batches(self, rows: Path) -> Iterator[pa.RecordBatch]:
        for batch in read_batches(rows):
            probabilities, first = self.found.probabilities(batch), int(self.sizes.sum())
            hard = probabilities.argmax(1)
            self.sizes += np.bincount(hard, minlength=len(self.sizes))
            numbers = pa.array(np.arange(first, first + len(hard)))
            keys = [batch.column(name) for name in self.contract.primary_key]
            own = [pa.array(hard + 1, pa.int32()), pa.array(probabilities.max(1))]
            all_of = [pa.array(each) for each in np.ascontiguousarray(probabilities.T)]
            yield pa.RecordBatch.from_arrays([numbers, *keys, *own, *all_of], schema=self._schema)
