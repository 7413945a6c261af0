"""How dates are written: the standard's letters (JDK `DateTimeFormatter`) and Python's directives (`strptime`)."""

import re
from datetime import UTC, datetime

__all__ = ["from_jdk", "reads_dates", "to_jdk"]

_JDK = {
    "%Y": "yyyy", "%y": "yy", "%m": "MM", "%b": "MMM", "%B": "MMMM", "%d": "dd", "%j": "DDD", "%a": "EEE",
    "%A": "EEEE", "%H": "HH", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "SSSSSS", "%p": "a", "%z": "xx",
}  # fmt: skip
_STRPTIME = {letters: directive for directive, letters in _JDK.items()} | {
    "uuuu": "%Y", "y": "%Y", "uu": "%y", "M": "%m", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "s": "%S",
    "SSS": "%f", "Z": "%z", "X": "%z", "XX": "%z", "XXX": "%z", "x": "%z", "xxx": "%z",
}  # fmt: skip
_JDK_PARTS = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|([^A-Za-z'])", re.DOTALL)
_STRPTIME_PARTS = re.compile(r"(%.?)|([A-Za-z']+)|([^%A-Za-z']+)", re.DOTALL)


def from_jdk(pattern: str) -> str | None:
    """Return the `strptime` form of a JDK pattern; None where it has letters that cannot be read."""
    parts, end = [], 0
    for match in _JDK_PARTS.finditer(pattern):
        if match.start() != end or (match[2] and match[2] not in _STRPTIME):
            return None
        literal = match[4] or ("'" if match[1] == "" else (match[1] or "").replace("''", "'"))
        parts.append(_STRPTIME[match[2]] if match[2] else literal.replace("%", "%%"))
        end = match.end()
    return "".join(parts) if end == len(pattern) else None


def to_jdk(form: str) -> str | None:
    """Return the JDK form of a `strptime` form; None where a directive has no letters there."""
    parts = []
    for directive, letters, other in _STRPTIME_PARTS.findall(form):
        if directive and directive != "%%" and directive not in _JDK:
            return None
        quoted = "'" + letters.replace("'", "''") + "'"
        parts.append(_JDK.get(directive, "%") if directive else quoted if letters else other)
    return "".join(parts)


def reads_dates(form: str) -> bool:
    """Return whether a `strptime` form says the whole date, so that what it writes can be read again."""
    day = datetime(2001, 2, 3, tzinfo=UTC)  # year, month and day are all different
    try:
        return datetime.strptime(day.strftime(form), form).date() == day.date()  # noqa: DTZ007 - only the date counts
    except (ValueError, re.error):
        return False
