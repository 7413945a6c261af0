"""Texts that match a regular expression: the usual subset, drawn part by part."""

import re
import string
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np

__all__ = ["matching_text"]

_STAR = 8  # repeats more than this, where the pattern sets no end: enough variety, still short
_TRIES = 200  # patterns with look-arounds are drawn without them and tried
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def _without(letters: str) -> str:
    return "".join(letter for letter in _PRINTABLE if letter not in letters)


_CLASSES = {
    op.CATEGORY_DIGIT: string.digits,
    op.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    op.CATEGORY_SPACE: " ",
}
_CLASSES |= {
    op.CATEGORY_NOT_DIGIT: _without(string.digits),
    op.CATEGORY_NOT_WORD: _without(_CLASSES[op.CATEGORY_WORD]),
    op.CATEGORY_NOT_SPACE: _without(" "),
}


def matching_text(pattern: str, rng: np.random.Generator) -> str | None:
    """Return a text that a pattern matches from end to end; None where none was found."""
    parsed = _parser.parse(pattern)
    for _ in range(_TRIES):
        text = _sequence(parsed, rng, groups={})
        if re.fullmatch(pattern, text):
            return text
    return None


def _sequence(parsed: Any, rng: np.random.Generator, *, groups: dict[int, str]) -> str:  # noqa: ANN401 - re's own tree
    return "".join(_part(code, value, rng, groups=groups) for code, value in parsed)


def _part(code: Any, value: Any, rng: np.random.Generator, *, groups: dict[int, str]) -> str:  # noqa: ANN401 - the same
    """Return a text for one part of a pattern; look-arounds and anchors take no room."""
    if code == op.BRANCH:
        return _sequence(value[1][rng.integers(len(value[1]))], rng, groups=groups)
    if code == op.SUBPATTERN:
        text = _sequence(value[-1], rng, groups=groups)
        groups[value[0]] = text
        return text
    if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        low, high, part = value
        times = rng.integers(low, min(high, low + _STAR) + 1)
        return "".join(_sequence(part, rng, groups=groups) for _ in range(times))
    if code == op.ATOMIC_GROUP:
        return _sequence(value, rng, groups=groups)
    if code == op.GROUPREF:
        return groups.get(value, "")
    letters = _letters(code, value)
    return letters[rng.integers(len(letters))] if letters else ""


def _letters(code: Any, value: Any) -> str:  # noqa: ANN401 - the same
    """Return the characters that one place of a pattern may hold; none for what takes no room."""
    if code == op.IN:
        listed = "".join(_letters(*item) for item in value if item[0] != op.NEGATE)
        return _without(listed) if value[0][0] == op.NEGATE else listed
    if code == op.RANGE:
        return "".join(map(chr, range(value[0], value[1] + 1)))
    if code == op.CATEGORY:
        return _CLASSES[value]
    if code in (op.LITERAL, op.NOT_LITERAL):
        return chr(value) if code == op.LITERAL else _without(chr(value))
    return _PRINTABLE if code == op.ANY else ""
