"""Dates and timestamps: text by ISO 8601 or a strptime form, checked against the calendar, in NumPy throughout.

A column with a time zone takes only what says its offset, one without takes only what does not.
"""

import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, ContractError
from tasks.readers.spelling import Cells, Mask, Spelling, none, present

__all__ = ["from_text", "from_typed"]

Ints = npt.NDArray[np.int64]

_DATE = r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
_ZONE = r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})"
_TIME = r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DIRECTIVES = {
    "Y": r"(?P<Y>[0-9]{4})", "y": r"(?P<y>[0-9]{2})", "m": r"(?P<m>[0-9]{1,2})", "d": r"(?P<d>[0-9]{1,2})",
    "H": r"(?P<H>[0-9]{1,2})", "I": r"(?P<I>[0-9]{1,2})", "M": r"(?P<M>[0-9]{1,2})", "S": r"(?P<S>[0-9]{1,2})",
    "f": r"(?P<f>[0-9]{1,9})", "p": r"(?P<p>(?i:am|pm))", "z": _ZONE, "b": f"(?P<b>(?i:{'|'.join(_MONTHS)}))",
    "B": f"(?P<b>(?i:{_LONG_MONTHS}))", "a": r"(?i:mon|tue|wed|thu|fri|sat|sun)",
    "A": r"(?i:(?:mon|tues|wednes|thurs|fri|satur|sun)day)", "%": "%",
}  # fmt: skip
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_YEARS_NS = (1678, 2261)  # whole years that 64 bits of nanoseconds hold
_CENTURY = 69  # %y: from here on 19.., before it 20.., as POSIX has it


def from_text(text: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    """Return texts as dates or timestamps of the column's unit and zone."""
    parts = pc.extract_regex(text, _pattern(column.format, column.kind))
    found = {field.name: parts.field(i) for i, field in enumerate(parts.type)}
    days, wrong = _days(found)
    valid = present(parts.is_valid())
    wrong |= ~valid
    if column.kind == "date":
        return _dates(days, present(text.is_valid()), wrong=wrong & present(text.is_valid()))
    seconds, bad_time = _seconds(found)
    offset, zoned = _offset(found.get("z"), len(text))
    wrong |= bad_time | (zoned != (column.timezone is not None)) | ~_year_fits(days, column.unit)
    nanos = _integer(_padded(found["f"]), 0) if "f" in found else np.zeros(len(text), np.int64)
    return _timestamps(days * 86_400 + seconds - offset, nanos, column=column, null=text, wrong=wrong)


@cache
def _pattern(form: str | None, kind: str) -> str:
    """Return the regular expression (RE2) of a strptime form, with a group for each part.

    Raises:
        ContractError: the form has a directive that is not read here.
    """
    if form is None:
        return f"^{_DATE}$" if kind == "date" else f"^{_DATE}(?:[ T]{_TIME})?{_ZONE}?$"
    parts = []
    for directive, literal in re.findall(r"%(.)|([^%]+)", form, re.DOTALL):
        if directive and directive not in _DIRECTIVES:
            raise ContractError(
                "a format is made of directives that can be read",
                f"%{directive} is not among {' '.join(f'%{known}' for known in _DIRECTIVES)}",
                "Write the format with those",
            )
        parts.append(_DIRECTIVES[directive] if directive else re.escape(literal).replace(r"\ ", " "))
    return f"^{''.join(parts)}$"


def _integer(digits: pa.Array, default: int) -> Ints:
    """Return digits as integers, `default` where there are none."""
    filled = pc.if_else(pc.equal(pc.fill_null(digits, ""), ""), str(default), digits)
    return np.asarray(pc.cast(filled, pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _padded(digits: pa.Array) -> pa.Array:
    return pc.utf8_rpad(digits, 9, padding="0")


def _days(found: dict[str, pa.Array]) -> tuple[Ints, Mask]:
    """Return days since 1970-01-01, and where there is no such day."""
    if "Y" in found:
        year = _integer(found["Y"], 1970)
    else:
        year = _integer(found["y"], 70) if "y" in found else np.full(len(next(iter(found.values()))), 70, np.int64)
        year = year + np.where(year >= _CENTURY, 1900, 2000)
    if "b" in found:
        names = pa.array(_MONTHS)
        short = pc.utf8_slice_codeunits(pc.utf8_lower(found["b"]), 0, 3)
        month = np.asarray(pc.fill_null(pc.index_in(short, value_set=names), 0), dtype=np.int64) + 1
    else:
        month = _integer(found["m"], 1) if "m" in found else np.ones_like(year)
    day = _integer(found["d"], 1) if "d" in found else np.ones_like(year)
    months = (year - 1970) * 12 + month - 1
    days = months.astype("M8[M]").astype("M8[D]") + (day - 1)
    same = days.astype("M8[M]").astype(np.int64) == months
    return days.astype(np.int64), ~same | (month < 1) | (month > 12) | (day < 1) | (year < 1)  # noqa: PLR2004 - months


def _seconds(found: dict[str, pa.Array]) -> tuple[Ints, Mask]:
    """Return seconds of the day, and where there is no such time; a leap second is none."""
    rows = len(next(iter(found.values())))
    part = {name: _integer(found[name], 0) if name in found else np.zeros(rows, np.int64) for name in ("H", "M", "S")}
    hour, bad = part["H"], none(rows)
    if "I" in found:
        twelve = _integer(found["I"], 12)
        afternoon = present(pc.equal(pc.utf8_lower(found["p"]), "pm")) if "p" in found else none(rows)
        hour, bad = twelve % 12 + 12 * afternoon, (twelve < 1) | (twelve > 12)  # noqa: PLR2004 - the clock
    bad = bad | (hour > 23) | (part["M"] > 59) | (part["S"] > 59)  # noqa: PLR2004 - the clock
    return hour * 3600 + part["M"] * 60 + part["S"], bad


def _offset(zone: pa.Array | None, rows: int) -> tuple[Ints, Mask]:
    """Return seconds east of Greenwich, and where an offset is stated."""
    if zone is None:
        return np.zeros(rows, np.int64), none(rows)
    stated = present(pc.not_equal(pc.fill_null(zone, ""), ""))
    digits = pc.replace_substring_regex(pc.fill_null(zone, ""), "[^0-9]", "")
    number = _integer(digits, 0)
    seconds = number // 100 * 3600 + number % 100 * 60
    return np.where(present(pc.starts_with(zone, "-")), -seconds, seconds), stated


def _year_fits(days: Ints, unit: str) -> Mask:
    if unit != "ns":
        return np.ones(len(days), dtype=np.bool_)
    years = days.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
    return (years >= _YEARS_NS[0]) & (years <= _YEARS_NS[1])


def _dates(days: Ints, valid: Mask, *, wrong: Mask) -> Cells:
    values = pa.array(np.where(wrong, 0, days).astype(np.int32), mask=~valid | wrong).cast(pa.date32())
    return Cells(values, wrong, none(len(days)))


def _timestamps(seconds: Ints, nanos: Ints, *, column: Column, null: pa.Array, wrong: Mask) -> Cells:
    per = _PER_SECOND[column.unit]
    step = 10**9 // per
    valid = present(null.is_valid())
    wrong = wrong & valid
    coarse = valid & ~wrong & (nanos % step != 0)
    ticks = np.where(wrong, 0, seconds) * per + nanos // step
    values = pa.array(ticks, mask=~valid | wrong | coarse).cast(pa.timestamp(column.unit, column.timezone))
    return Cells(values, wrong, coarse)


def from_typed(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    """Return dates and timestamps of other units as the column's kind; nothing else is one."""
    kind: Any = raw.type
    valid = present(raw.is_valid())
    if pa.types.is_date(kind):
        raw, kind = pc.cast(raw, pa.timestamp("s")), pa.timestamp("s")
    if not pa.types.is_timestamp(kind):
        return _timestamps(*np.zeros((2, len(raw)), np.int64), column=column, null=raw, wrong=valid)
    zone = column.timezone if column.kind == "timestamp" else None
    mismatch = np.full(len(raw), (kind.tz is None) != (zone is None))
    ticks = np.asarray(pc.fill_null(pc.cast(raw, pa.int64()), 0).to_numpy(zero_copy_only=False), dtype=np.int64)
    per = _PER_SECOND[kind.unit]
    seconds, rest = np.divmod(ticks, per)
    days, of_day = np.divmod(seconds, 86_400)
    if column.kind == "date":
        return _dates(days, valid, wrong=valid & (mismatch | (of_day != 0) | (rest != 0)))
    wrong = mismatch | ~_year_fits(days, column.unit) | (np.abs(seconds) >= _MOST_SECONDS)
    return _timestamps(seconds, rest * (10**9 // per), column=column, null=raw, wrong=wrong)


_MOST_SECONDS = 2**63 // 10**6  # within 64 bits in every unit but nanoseconds, which `_year_fits` checks
