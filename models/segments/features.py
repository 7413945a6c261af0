"""What segments are told apart by: each column as one value, or as one of few words.

The encoding that models learn from keeps a number that many rows share as a code of its own, so that it can be drawn
again: there, 40 and 41 differ as much as 40 and 90.  Here numbers keep their distances, and nothing is ever decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from models.encoding import UNKNOWN, Encoded, Span
from models.encoding.axis import to_axis
from models.segments.scale import Floats, Scale

__all__ = ["FEWEST", "NUMERIC", "Bins", "Feature", "Features", "Names"]

Codes = NDArray[np.int64]

FEWEST = 10
"""Rows that share a word: what fewer hold has one word together, and a segment of fewer is not sought."""

NUMERIC = frozenset({"integer", "number", "date", "timestamp"})
"""The kinds of column that lie along an axis."""

_TOLD = NUMERIC | {"boolean", "category"}
_MOST_NAMES = 32  # of a category: a table of more costs more than it tells
_MOST_NUMBERS = 8  # different ones: up to so many, each is a word; on steps so wide no Gaussian fits
_SPIKE = 0.25  # of the rows: a number that so many share is a word, and the others lie below it or above


@dataclass(frozen=True, slots=True)
class Bins:
    """A column of numbers as words: each number, or the one that very many rows share, below it and above it.

    Args:
        cuts: (B - 1,) ascending; a number belongs to the word that follows the last cut it has reached.
        words: (B,) of them, each a relation, `=`, `<` or `>`, and the number.
    """

    cuts: tuple[float, ...]
    words: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, numbers: Floats) -> "Bins | None":
        """Return the words of (N,) numbers; None: they are better told by their values."""
        different, rows = np.unique(numbers, return_counts=True)
        if len(different) <= _MOST_NUMBERS:
            return cls(tuple(different[1:].tolist()), tuple(("=", each) for each in different.tolist()))
        spike = int(rows.argmax())
        if rows[spike] < _SPIKE * len(numbers):
            return None
        number = float(different[spike])
        below = [("<", number)] if spike else []
        above = [(">", number)] if spike < len(different) - 1 else []
        cuts = ([number] if below else []) + ([float(np.nextafter(number, np.inf))] if above else [])
        return cls(tuple(cuts), (*below, ("=", number), *above))

    def codes(self, numbers: Floats) -> Codes:
        """Return the (N,) codes of (N,) numbers."""
        return np.searchsorted(np.array(self.cuts), numbers, side="right").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Names:
    """A column of names: those of enough rows, the most frequent first, and one word for all others, where there are.

    Args:
        kept: the names.
        others: rows had others.
    """

    kept: tuple[str | int | bool, ...]
    others: bool

    @classmethod
    def of(cls, array: pa.Array) -> "Names":
        """Return the names in an array."""
        counted = pc.value_counts(array.drop_null()).to_pylist()
        ordered = sorted(counted, key=lambda each: (-each["counts"], str(each["values"])))
        kept = [each["values"] for each in ordered[:_MOST_NAMES] if each["counts"] >= FEWEST]
        return cls(tuple(kept), others=len(kept) < len(ordered))

    def codes(self, array: pa.Array) -> Codes:
        """Return the (N,) codes of an array; a name that is not known is one of the others, where there are."""
        known = pc.index_in(array, value_set=pa.array(self.kept, array.type))
        other = len(self.kept) if self.others else UNKNOWN
        return np.asarray(known.fill_null(other).to_numpy(zero_copy_only=False), np.int64)


@dataclass(frozen=True, slots=True)
class Feature:
    """What a column is told by.

    Args:
        column: of the contract.
        told: a value by a scale, or words.
        nulls: some were seen: one more word.
    """

    column: Column
    told: Scale | Bins | Names
    nulls: bool

    @classmethod
    def of(cls, column: Column, array: pa.Array) -> "Feature | None":
        """Return what tells a column's rows apart; None: nothing does."""
        if column.kind not in NUMERIC:
            array = _plain(array)
            names = Names.of(array)
            found = cls(column, names, array.null_count > 0)
        else:
            numbers, present = to_axis(column, array)
            there = numbers[present].astype(np.float64)
            told = Bins((), ()) if not len(there) else Bins.of(there) or Scale.of(there)
            found = cls(column, told, not present.all())
        return found if found.size > 1 or isinstance(found.told, Scale) else None

    @property
    def words(self) -> int:
        """Return how many words there are beside that of null."""
        match self.told:
            case Scale():
                return 1
            case Bins():
                return len(self.told.words)
            case Names():
                return len(self.told.kept) + self.told.others

    @property
    def size(self) -> int:
        """Return the number of codes, that of null last."""
        return self.words + self.nulls

    def encode(self, array: pa.Array) -> tuple[Codes, Floats | None]:
        """Return the (N,) codes, and the (N,) values by a scale: of a null NaN, or the middle where none was seen."""
        null = self.words if self.nulls else UNKNOWN
        if isinstance(self.told, Names):
            array = _plain(array)
            absent = np.asarray(array.is_null().to_numpy(zero_copy_only=False), bool)
            return np.where(absent, null, self.told.codes(array)), None
        numbers, present = to_axis(self.column, array)
        if isinstance(self.told, Bins):
            return np.where(present, self.told.codes(numbers.astype(np.float64)), null), None
        values = np.where(present, self.told.values(numbers.astype(np.float64)), np.nan if self.nulls else 0.0)
        return np.where(present, 0, null), values


class Features:
    """The columns that segments are told apart by.

    Args:
        features: of them, one at least.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        self.spans = tuple(self._spans())

    @classmethod
    def of(cls, columns: Sequence[Column], rows: pa.Table) -> "Features":
        """Return what tells (N,) rows apart.

        Args:
            columns: of the contract that may; keys, ids and images never do.
            rows: that segments are sought in.

        Raises:
            ModelError: nothing does: the columns are keys, or the same in all rows; or a number is infinite.
        """
        told = [each for each in columns if each.kind in _TOLD and not each.primary_key and not each.unique]
        found = [Feature.of(each, rows.column(each.name).combine_chunks()) for each in told]
        features = [each for each in found if each is not None]
        if not features:
            fact = f"of {len(columns)} columns none does: they are keys, or the same in all rows"
            raise ModelError("segments are told apart by columns that differ", fact, "Bring rows that differ")
        return cls(features)

    def encode(self, rows: pa.RecordBatch | pa.Table) -> Encoded:
        """Return (N,) rows by codes and values."""
        codes, values = [], []
        for each in self.features:
            array = rows.column(each.column.name)
            whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
            code, value = each.encode(whole)
            codes.append(torch.from_numpy(code))
            values += [] if value is None else [torch.from_numpy(value).float()]
        return Encoded(torch.stack(codes, 1), torch.stack(values, 1) if values else torch.zeros(len(codes[0]), 0))

    def _spans(self) -> list[Span]:
        spans: list[Span] = []
        for place, each in enumerate(self.features):
            value = sum(span.value is not None for span in spans) if isinstance(each.told, Scale) else None
            regular = None if value is None else 0
            spans.append(Span(each.column.name, place, each.size, value, regular))
        return spans


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
