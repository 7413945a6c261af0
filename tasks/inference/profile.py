"""What a column looks like, learned in one pass over its batches in bounded memory: what `tasks.infer` decides by.

A kind stays a candidate as long as every cell seen fits it, judged by the same casts that ingest uses; so what
is drafted is what will be read.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column
from tasks.readers.cells import Spelling, cast, is_text
from tasks.readers.numbers import rounded_differs
from tasks.readers.spelling import matches, present

__all__ = ["MARKS", "MOST_VALUES", "Candidate", "Profile", "Shape"]

MARKS = ("?", "NA", "N/A", "#N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "\\N")
"""Marks that stand for "not known" wherever they stand."""

_NUMERIC_MARKS = ("-", "--", ".", "*", "none", "nil", "unknown", "Unknown", "UNKNOWN", "missing", "Missing")
"""Marks that do so among numbers, dates and booleans; among words they are words."""

MOST_VALUES = 1_000  # more distinct texts are no category
_MOST_SEEN = 5_000_000  # distinct cells kept to prove a key unique; beyond, it is not proven
_MOST_DECIMALS = 9  # more digits are the tail of a computation, not a precision
_UNITS: tuple[Literal["s", "ms", "us", "ns"], ...] = ("s", "ms", "us", "ns")
_GLANCE = 1_000  # cells that a kind is tried on before all of a batch

_DATE_FORMATS = (
    None, "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y",
    "%d %B %Y", "%B %d, %Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
)  # fmt: skip
_TIME_FORMATS = (None, *(f"{day} {time}" for day in _DATE_FORMATS[1:] for time in ("%H:%M:%S", "%H:%M", "%I:%M %p")))


@dataclass(slots=True)
class Candidate:
    """A kind that fits every cell seen so far, and the extremes under it, with how many rows hold each."""

    column: Column
    low: Any = None
    high: Any = None
    low_rows: int = 0
    high_rows: int = 0

    def fits(self, values: pa.Array, rows: "np.ndarray[Any, Any]", spelling: Spelling) -> bool:
        """Return whether the kind fits distinct cells too; if so, learn from them; `rows` is how many hold each."""
        while (cells := cast(values, replace(self.column, decimals=None), spelling)).imprecise.any() and self._refine():
            pass
        if cells.wrong.any() or cells.imprecise.any():
            return False
        if self.column.kind in ("integer", "number", "date", "timestamp"):
            self._extend(cells.values, rows)
        if self.column.kind == "number":
            self._count_decimals(cells.values)
        return True

    def _refine(self) -> bool:
        """Take a timestamp's next finer unit; False where there is none."""
        finer = _UNITS[_UNITS.index(self.column.unit) + 1 :]
        if self.column.kind != "timestamp" or not finer:
            return False
        self.column = replace(self.column, unit=finer[0])
        return True

    def _extend(self, values: pa.Array, rows: "np.ndarray[Any, Any]") -> None:
        if self.column.kind == "timestamp":
            values = pc.cast(values, pa.date32(), safe=False) if self.column.timezone is None else _days(values)
        low, high = pc.min_max(values).values()
        for bound, better in ((low, "low"), (high, "high")):
            held, value = getattr(self, better), bound.as_py()
            count = int(rows[present(pc.equal(values, bound))].sum())
            if held is None or (value < held if better == "low" else value > held):
                setattr(self, better, value)
                setattr(self, f"{better}_rows", count)
            elif value == held:
                setattr(self, f"{better}_rows", getattr(self, f"{better}_rows") + count)

    def _count_decimals(self, values: pa.Array) -> None:
        decimals = self.column.decimals
        while decimals is not None and rounded_differs(values, decimals).any():
            decimals = decimals + 1 if decimals < _MOST_DECIMALS else None
        self.column = replace(self.column, decimals=decimals)


def _days(values: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(values, pa.timestamp(values.type.unit)), pa.date32(), safe=False)


@dataclass(slots=True)
class Shape:
    """What characters a text column is made of, and how long its texts are."""

    digits: bool = False
    lower: bool = False
    upper: bool = False
    others: set[str] = field(default_factory=set)
    shortest: int | None = None
    longest: int = 0

    def add(self, texts: pa.Array) -> None:
        """Learn from distinct texts."""
        self.digits = self.digits or bool(matches(texts, "[0-9]").any())
        self.lower = self.lower or bool(matches(texts, "[a-z]").any())
        self.upper = self.upper or bool(matches(texts, "[A-Z]").any())
        rest = pc.unique(pc.replace_substring_regex(texts, "[0-9a-zA-Z]", ""))
        self.others.update(*(cell for cell in rest.to_pylist() if cell))
        low, high = (each.as_py() for each in pc.min_max(pc.utf8_length(texts)).values())
        self.shortest = low if self.shortest is None else min(self.shortest, low)
        self.longest = max(self.longest, high)


@dataclass(slots=True)
class Profile:
    """One column, as far as it has been seen.

    Args:
        name: of the column.
        spelling: of the source; its unknown-value marks are those that are certain beforehand.
        parse: texts may be numbers and booleans, as in a text file; else only dates, as in JSON.
    """

    name: str
    spelling: Spelling
    parse: bool
    rows: int = 0
    nulls: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    counts: Counter[Any] | None = field(default_factory=Counter)
    unique: bool = True
    is_text: bool = False
    shape: Shape = field(default_factory=Shape)
    candidates: list[Candidate] | None = None
    _seen: set[Any] = field(default_factory=set)

    def add(self, raw: pa.Array) -> None:
        """Learn from one batch of the column."""
        self.rows += len(raw)
        parts = list(_parts(raw))
        self.nulls += len(raw) - sum(len(part) for part in parts)
        for part in parts:
            self._add(part)

    def _add(self, cells: pa.Array) -> None:
        """Learn from cells of one type without nulls."""
        cells = self._known(cells)
        distinct = pc.value_counts(cells)
        values, rows = distinct.field("values"), np.asarray(distinct.field("counts"))
        if not len(values):
            return
        self._count(values, rows)
        if is_text(values.type):
            self.is_text = True
            self.shape.add(values)
        if self.candidates is None:
            dated = not is_text(values.type) or bool(matches(values.slice(0, _GLANCE), "[0-9].*[0-9]").all())
            self.candidates = list(_candidates(self.name, cells.type, parse=self.parse, dated=dated))
        self.candidates = [each for each in self.candidates if self._fits(each, values, rows)]

    def _fits(self, candidate: Candidate, values: pa.Array, rows: "np.ndarray[Any, Any]") -> bool:
        if is_text(values.type) and not _may_be(candidate.column, values.slice(0, _GLANCE), self.spelling):
            return False
        return not (is_text(values.type) and _is_worded(candidate.column, values)) and candidate.fits(
            values, rows, self.spelling
        )

    def _known(self, cells: pa.Array) -> pa.Array:
        """Return the cells that are no unknown-value mark, and count those that are."""
        if pa.types.is_floating(cells.type):
            found = present(pc.is_nan(cells))
            self.marks["NaN"] += int(found.sum())
        elif is_text(cells.type):
            marks = pa.array([*self.spelling.unknown, *MARKS, *_NUMERIC_MARKS])
            trimmed = pc.utf8_trim_whitespace(cells)
            found = present(pc.is_in(trimmed, value_set=marks))
            for mark, count in Counter(trimmed.filter(pa.array(found)).to_pylist()).items():
                self.nulls += count if mark in self.spelling.unknown else 0
                self.marks[mark] += 0 if mark in self.spelling.unknown else count
        else:
            return cells
        return cells.filter(pa.array(~found))

    def _count(self, values: pa.Array, rows: "np.ndarray[Any, Any]") -> None:
        if self.unique and (rows.max() > 1 or (pa.types.is_floating(values.type) and self.candidates == [])):
            self.unique = False
        if self.unique:
            cells = set(values.to_pylist())
            self.unique = self._seen.isdisjoint(cells) and len(self._seen) + len(cells) <= _MOST_SEEN
            self._seen = self._seen | cells if self.unique else set()
        if self.counts is not None and len(values) <= MOST_VALUES:
            self.counts.update(dict(zip(values.to_pylist(), rows.tolist(), strict=True)))
            self.counts = self.counts if len(self.counts) <= MOST_VALUES else None
        else:
            self.counts = None


def _parts(raw: pa.Array) -> Iterator[pa.Array]:
    """Yield a column's cells by type, without nulls and dictionaries, texts as plain strings."""
    if pa.types.is_union(raw.type):
        for index in range(raw.type.num_fields):
            yield from _parts(raw.field(index))
        return
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    if is_text(raw.type):
        raw = pc.cast(raw, pa.string())
    if not pa.types.is_null(raw.type):
        yield raw.drop_null()


def _candidates(name: str, kind: pa.DataType, *, parse: bool, dated: bool) -> Iterator[Candidate]:
    """Yield the kinds that cells of a type may be, the most telling first."""
    if pa.types.is_boolean(kind) or (parse and is_text(kind)):
        yield Candidate(Column(name=name, kind="boolean"))
    if not is_text(kind) or parse:
        yield Candidate(Column(name=name, kind="integer"))
        yield Candidate(Column(name=name, kind="number", decimals=0))
    if not dated:
        return
    for form in _DATE_FORMATS if is_text(kind) else (None,):
        yield Candidate(Column(name=name, kind="date", format=form))
    for form in _TIME_FORMATS if is_text(kind) else (None,):
        yield Candidate(Column(name=name, kind="timestamp", unit="s", format=form))
    yield Candidate(Column(name=name, kind="timestamp", unit="s", timezone=getattr(kind, "tz", None) or "UTC"))


def _may_be(column: Column, texts: pa.Array, spelling: Spelling) -> bool:
    return not cast(texts, column, spelling).wrong.any()


def _is_worded(column: Column, texts: pa.Array) -> bool:
    """Return whether texts that can be read as a kind would lose by it: leading zeros, and 0 and 1 as booleans."""
    if column.kind == "boolean":
        return not bool(matches(texts, "(?i)^ *(true|false) *$").all())
    return column.kind in ("integer", "number") and bool(matches(texts, r"^ *[+-]?0[0-9]").any())
