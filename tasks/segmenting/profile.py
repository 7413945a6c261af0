"""Segments in plain words: what of each is high, low, frequent, against all rows.

Every figure stands for ten rows or more (`models.segments.features.FEWEST`): a segment of fewer is not described; a
share is told where ten rows have the word and ten have not; and a median is the mean of the five numbers about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_contracts import Column
from models.encoding.axis import to_axis

if TYPE_CHECKING:
    from models.segments.features import Feature
    from tasks.segmenting.finding import Segments

__all__ = ["Portrait", "Trait", "portraits"]

_TOLD = 6  # traits of a segment: of more, none is remembered
_HIGH, _VERY_HIGH = 0.4, 1.0  # deviations of all rows that a segment's mean is off
_NARROW = 0.6  # of all rows' deviation: a segment that near the middle is known by it
_OFTEN, _LEAST_GAP = 0.3, 0.1  # deviations of a word's share, and the least difference of shares that is told
_AROUND = 2  # numbers on either side of the median
_DIGITS = 100  # a number from here on is written without a fraction
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trait:
    """How a segment differs from all rows in one column.

    Args:
        column: its name.
        words: what is so, with figures.
        strength: how far off, in deviations; traits of a segment are told by it.
    """

    column: str
    words: str
    strength: float


@dataclass(frozen=True, slots=True)
class Portrait:
    """One segment.

    Args:
        segment: its number, from 1.
        rows: of the data.
        share: of all its rows.
        looked_at: its rows in the sample.
        traits: the strongest first.
        told: it has enough rows to be described.
    """

    segment: int
    rows: int
    share: float
    looked_at: int
    traits: tuple[Trait, ...]
    told: bool

    @property
    def words(self) -> str:
        """Return the description as one text."""
        if not self.told:
            return "too few rows to be described"
        return "; ".join(f"{each.column} {each.words}" for each in self.traits) or "as all rows are"


def portraits(found: "Segments", sizes: list[int]) -> tuple[Portrait, ...]:
    """Return a portrait of each segment.

    Args:
        found: the segments, and the sample that describes them.
        sizes: of the segments, in rows of the data.
    """
    from models.segments.features import FEWEST

    traits = {place: list[Trait]() for place in range(len(sizes))}
    for feature in found.features.features:
        for place, trait in _of_column(feature, found, segments=len(sizes)):
            traits[place].append(trait)
    looked_at = np.bincount(found.hard, minlength=len(sizes)).tolist()
    return tuple(
        Portrait(
            place + 1,
            rows,
            rows / max(sum(sizes), 1),
            looked_at[place],
            tuple(sorted(traits[place], key=lambda each: -each.strength)[:_TOLD]),
            looked_at[place] >= FEWEST and rows >= FEWEST,
        )
        for place, rows in enumerate(sizes)
    )


def _of_column(feature: "Feature", found: "Segments", *, segments: int) -> Iterator[tuple[int, Trait]]:
    """Yield each segment that differs in a column, and how."""
    from models.segments.features import FEWEST
    from models.segments.scale import Scale

    array = found.rows.column(feature.column.name).combine_chunks()
    codes, values = feature.encode(array)
    numbers, present = to_axis(feature.column, array) if isinstance(feature.told, Scale) else (codes, codes >= 0)
    for place in range(segments):
        own = found.hard == place
        if own.sum() < FEWEST or segments == 1:
            continue
        trait = _words(feature, codes, own)
        if trait is None and values is not None and (own & present).sum() >= FEWEST:
            trait = _number(feature.column, numbers.astype(np.float64), values, own=own & present, all_rows=present)
        if trait is not None:
            yield place, trait


def _number(column: Column, numbers: Floats, values: Floats, *, own: Mask, all_rows: Mask) -> Trait | None:
    """Return how the numbers of a segment's rows differ from those of all rows; None: not to speak of."""
    off, spread = float(values[own].mean()), float(values[own].std())
    high, low = ("late", "early") if column.kind in ("date", "timestamp") else ("high", "low")
    word = high if off > 0 else low
    if abs(off) < _HIGH and spread > _NARROW:
        return None
    word = "in the middle" if abs(off) < _HIGH else f"very {word}" if abs(off) >= _VERY_HIGH else word
    figures = f"median {_figure(column, _median(numbers[own]))} against {_figure(column, _median(numbers[all_rows]))}"
    return Trait(column.name, f"{word} ({figures})", max(abs(off), _HIGH * (1 - spread)))


def _words(feature: "Feature", codes: NDArray[np.int64], own: Mask) -> Trait | None:
    """Return the word that is more frequent in a segment than in all rows, by most; None: none is, to speak of."""
    from models.segments.features import FEWEST

    rows, size = np.bincount(codes[own & (codes >= 0)], minlength=feature.size), int(own.sum())
    share, whole = rows / size, np.bincount(codes[codes >= 0], minlength=feature.size) / len(codes)
    strength = (share - whole) / np.sqrt(np.maximum(whole * (1 - whole), 1e-9))
    named = [place for place in range(feature.size) if _word(feature, place) and rows[place] >= FEWEST]
    gaps = [place for place in named if share[place] - whole[place] >= _LEAST_GAP and strength[place] >= _OFTEN]
    if not gaps:
        return None
    place = max(gaps, key=lambda each: float(strength[each]))
    told = f"{share[place]:.0%}" if size - rows[place] >= FEWEST else "all or nearly all"
    often = "mostly" if share[place] >= 0.5 else "more often"  # noqa: PLR2004 - half
    words = f"{often} {_word(feature, place)} ({told} against {whole[place]:.0%})"
    return Trait(feature.column.name, words.replace("%", " %"), float(strength[place]))


def _word(feature: "Feature", code: int) -> str:
    """Return what a code is called; empty: it has no name of its own."""
    from models.segments.features import Bins, Names

    if code == feature.words:
        return "not known"
    match feature.told:
        case Bins():
            relation, number = feature.told.words[code]
            return f"{_RELATIONS[relation]}{_figure(feature.column, number)}"
        case Names():
            return str(feature.told.kept[code]) if code < len(feature.told.kept) else ""
        case _:
            return ""


_RELATIONS = {"=": "", "<": "below ", ">": "above "}


def _median(numbers: Floats) -> float:
    """Return the mean of the five numbers about the median: none is a row's own."""
    ordered = np.sort(numbers)
    middle = len(ordered) // 2
    return float(ordered[middle - _AROUND : middle + _AROUND + 1].mean())


def _figure(column: Column, number: float) -> str:
    """Return a number of a column's axis as people write it."""
    if column.kind in ("date", "timestamp"):
        return _moment(number * 86_400 if column.kind == "date" else number / _SECONDS[column.unit], column)
    return f"{number:,.0f}" if abs(number) >= _DIGITS else f"{number:.3g}"


def _moment(seconds: float, column: Column) -> str:
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:  # a year outside 1 to 9999
        return f"{seconds:.3g} s"
    return f"{moment:%Y-%m-%d}" if column.kind == "date" else f"{moment:%Y-%m-%d %H:%M}"
