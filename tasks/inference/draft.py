"""From what a column looks like to its draft in a contract.

No value is written that fewer than `FREQUENT` rows share; bounds are rounded outward, and patterns say only which
characters a text is made of.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import Any

from data_contracts import Column
from tasks.inference.profile import Candidate, Profile, Shape

__all__ = ["FREQUENT", "draft_columns"]

FREQUENT = 20  # rows that share a value before it is a fact about many rather than about a person
_MOST_LISTED = 50  # values of a category that a person would still read
_ROWS_PER_VALUE = 5  # fewer rows share a value on average: it names people rather than groups
_FEW = 2  # values of an integer that is a code rather than a count
_MANY = 50  # values of an integer named like an id, from which on it is one
_YEARS = 2  # of a span of dates, from which on bounds are whole years
_LARGEST = 1.7e308  # beyond, a bound says nothing
_SMALLEST = 1e-290  # a span below has no first digit worth rounding to
_ID = re.compile(r"(?i:(?:^|[\W_])(?:id|uuid|guid)$)|[a-z](?:ID|Id)$")
_KEY = re.compile(rf"{_ID.pattern}|(?i:(?:^|[\W_])(?:no|nr|key|index|number)$)|[a-z](?:No|Nr|Key)$")


def draft_columns(profiles: Sequence[Profile], marks: Sequence[str]) -> tuple[Column, ...]:
    """Return the drafts of all columns; the first that can be the primary key becomes one.

    Args:
        profiles: one a column, in order.
        marks: the unknown-value marks taken as null.
    """
    columns = [_column(profile, marks) for profile in profiles]
    for index, (column, profile) in enumerate(zip(columns, profiles, strict=True)):
        if _can_be_key(column, profile, first=index == 0) and _present(profile, marks) == profile.rows:
            key = _id(column) if column.kind == "id" else _id(Column(name=column.name, kind="id", storage="integer"))
            columns[index] = replace(key, primary_key=True, required=True, unique=True)
            break
    return tuple(columns)


def _present(profile: Profile, marks: Sequence[str]) -> int:
    return profile.rows - profile.nulls - sum(profile.marks[mark] for mark in marks)


def _counts(profile: Profile, marks: Sequence[str]) -> Counter[Any] | None:
    """Return how many rows hold each value, marks that are not adopted among them; None where they are too many."""
    if profile.counts is None:
        return None
    return profile.counts + Counter({mark: n for mark, n in profile.marks.items() if mark not in marks})


def _column(profile: Profile, marks: Sequence[str]) -> Column:
    """Return the draft of one column."""
    present = _present(profile, marks)
    plain = Column(name=profile.name, kind="category", required=present == profile.rows)
    if not present:
        return replace(plain, description="Null in every row seen.")
    if not profile.candidates:
        return _of_words(profile, plain, counts=_counts(profile, marks), present=present)
    best = profile.candidates[0]
    if best.column.kind == "integer":
        return _of_integers(profile, plain, best)
    ranged = replace(best.column, required=plain.required)
    if best.column.kind == "number":
        return replace(ranged, minimum=_low(best), maximum=_high(best))
    return _of_days(ranged, best) if best.column.kind in ("date", "timestamp") else ranged


def _of_integers(profile: Profile, plain: Column, best: Candidate) -> Column:
    """Return an id, a code or a count."""
    distinct = None if profile.counts is None else len(profile.counts)
    if _ID.search(profile.name) and (distinct is None or distinct > _MANY):
        return _id(replace(plain, storage="integer", unique=_is_unique(profile)))
    if distinct == _FEW and profile.counts and min(profile.counts.values()) >= FREQUENT:
        values = tuple(sorted(int(value) for value in profile.counts))
        return replace(plain, storage="integer", values=values)
    return replace(plain, kind="integer", minimum=_low(best), maximum=_high(best))


def _of_words(profile: Profile, plain: Column, *, counts: Counter[Any] | None, present: int) -> Column:
    """Return a category where values are shared by many rows, else an id."""
    if counts is None or present < _ROWS_PER_VALUE * len(counts):
        return _id(replace(plain, unique=_is_unique(profile), pattern=_pattern(profile.shape)))
    if len(counts) > _MOST_LISTED or min(counts.values()) < FREQUENT:
        return replace(plain, description="Values are learned from the data: some are too rare, or too many, to list.")
    return replace(plain, values=tuple(sorted(map(str, counts))))


def _is_unique(profile: Profile) -> bool:
    return profile.unique and not any(profile.marks.values())


def _id(column: Column) -> Column:
    return replace(
        column, kind="id", sensitivity="confidential", description="Names people or things: generated, never learned."
    )


def _pattern(shape: Shape) -> str | None:
    """Return a regular expression of the characters and the length of texts; None where there are too many kinds."""
    if any(not " " <= character <= "~" for character in shape.others) or shape.shortest is None:
        return None
    letters = f"{'A-Z' * shape.upper}{'a-z' * shape.lower}{'0-9' * shape.digits}"
    others = "".join(rf"\{each}" if each in r"\]^-[&~|" else each for each in sorted(shape.others))
    if shape.shortest == shape.longest:
        return f"[{letters}{others}]{{{shape.longest}}}"
    longest = math.ceil(shape.longest / 10) * 10  # the exact length of the longest would be one row's
    return f"[{letters}{others}]{{{min(shape.shortest, 1)},{longest}}}"


def _step(candidate: Candidate) -> float:
    """Return one unit of the first digit of what the column spans, or of its values where it is constant."""
    extent = min(float(candidate.high) - float(candidate.low), _LARGEST)
    extent = extent or abs(float(candidate.high))
    step = 10.0 ** math.floor(math.log10(max(extent, _SMALLEST)))
    return max(step / 10 if extent < 2 * step else step, 1.0 if candidate.column.kind == "integer" else 0.0)


def _low(candidate: Candidate) -> float | None:
    """Return a minimum: the least value where many rows share it, 0 where none is below, else rounded outward."""
    low, step = candidate.low, _step(candidate)
    if candidate.low_rows >= FREQUENT or low == 0:
        return low  # type: ignore[no-any-return]
    rounded = _clean(math.ceil(low / step - 1) * step, step)
    return _bound(rounded if low < 0 else max(rounded, 0), candidate)


def _high(candidate: Candidate) -> float | None:
    """Return a maximum: the greatest value where many rows share it, 0 where none is above, else rounded outward."""
    high, step = candidate.high, _step(candidate)
    if candidate.high_rows >= FREQUENT or high == 0:
        return high  # type: ignore[no-any-return]
    rounded = _clean(math.floor(high / step + 1) * step, step)
    return _bound(rounded if high > 0 else min(rounded, 0), candidate)


def _bound(rounded: float, candidate: Candidate) -> float | None:
    """Return a bound in its column's type; None where it would be no bound."""
    if candidate.column.kind == "number":
        return float(rounded) if abs(rounded) <= _LARGEST else None
    return int(rounded) if abs(rounded) < 2.0**63 else None


def _clean(value: float, step: float) -> float:
    """Return a multiple of a power of ten without the noise of its computation."""
    return round(value, max(0, -math.floor(math.log10(step))))


def _of_days(column: Column, best: Candidate) -> Column:
    """Return a date or timestamp, bounded around what was seen."""
    low, high = _days_around(best.low, best.high)
    if column.kind == "date":
        return replace(column, minimum=low, maximum=high)
    zone = UTC if column.timezone else None
    return replace(column, minimum=low and _midnight(low, zone), maximum=high and _midnight(high, zone))


def _days_around(low: date, high: date) -> tuple[date | None, date | None]:
    """Return the firsts of a month around a span, of January where it is years; None at the calendar's ends."""
    years = high - low > timedelta(days=365 * _YEARS)
    first = (low - timedelta(days=1)).replace(day=1) if low.year > MINYEAR else None
    after = (high.replace(day=28) + timedelta(days=4)).replace(day=1) if high.year < MAXYEAR else None
    if years and first:
        first = first.replace(month=1)
    if years and after and after.month > 1:
        after = after.replace(year=after.year + 1, month=1) if after.year < MAXYEAR else None
    return first, after


def _midnight(day: date, zone: Any) -> datetime:  # noqa: ANN401 - UTC or none
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _can_be_key(column: Column, profile: Profile, *, first: bool) -> bool:
    """Return whether a column is unique and no measure: a text, the first, named like a key, or a numbering of rows."""
    if not _is_unique(profile) or column.kind not in ("id", "integer"):
        return False
    if first or column.kind == "id" or _KEY.search(column.name):
        return True
    return any(best.high - best.low + 1 == profile.rows for best in (profile.candidates or [])[:1])
