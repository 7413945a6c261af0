r"""Texts that match a regular expression, numbered, so that row n always gets text n.

The usual subset: literals, ``.``, ``\d \w \s``, classes with ranges, groups, alternatives, ``? * + {m,n}``, anchors.
An open or wide repetition is used for its eight shortest lengths.
"""

import math
import string
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts import ModelError

__all__ = ["Pattern"]

Shape = tuple[str, ...]
"""A text of fixed length: the letters that may stand at each place."""

_LENGTHS = 8  # of a repetition, counted from its shortest
_SHAPES = 4_096  # more combinations of lengths and alternatives than this are no id's pattern
_INDEX_SIZE = 2**62  # texts that are numbered; more than any table has rows
_CLASSES = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " "}
_ANY = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Pattern:
    """The texts of a regular expression, by shape."""

    shapes: tuple[Shape, ...]

    @classmethod
    def of(cls, expression: str, name: str) -> "Pattern":
        """Read an expression.

        Raises:
            ModelError: it goes beyond the subset.
        """
        try:
            return cls(tuple(dict.fromkeys(_Reader(expression).read())))
        except _UnreadableError as error:
            raise ModelError(
                "an id's pattern can be turned into ids",
                f"the pattern of column {name!r} has {error}",
                "Use letters, classes, groups, alternatives and repetitions only",
            ) from None

    @property
    def size(self) -> int:
        """Return how many texts are numbered."""
        return min(sum(self._sizes), _INDEX_SIZE)

    @property
    def _sizes(self) -> list[int]:
        return [min(math.prod(len(letters) for letters in shape), _INDEX_SIZE) for shape in self.shapes]

    def texts(self, rows: NDArray[np.int64], *, seed: int) -> list[str]:
        """Return the (N,) texts of (N,) rows: distinct for distinct rows below `size`, scattered by the seed."""
        size = self.size
        ends = np.minimum(np.cumsum(np.array(self._sizes, dtype=object)), size).astype(np.int64)
        numbers = _scatter(rows % size, size=size, seed=seed)
        shape_of = np.searchsorted(ends, numbers, side="right")
        texts: NDArray[Any] = np.empty(len(rows), dtype=object)
        for place, shape in enumerate(self.shapes):
            chosen = np.flatnonzero(shape_of == place)
            if len(chosen):
                within = numbers[chosen] - (ends[place - 1] if place else 0)
                texts[chosen] = _spell(shape, within.astype(np.uint64))
        return [str(text) for text in texts.tolist()]


def _spell(shape: Shape, numbers: NDArray[np.uint64]) -> list[str]:
    """Return the (N,) texts of one shape: the number in mixed radix, then mixed again for the places left over."""
    letters = np.zeros((len(numbers), max(len(shape), 1)), dtype="U1")
    left, room = numbers.copy(), _INDEX_SIZE
    for place in reversed(range(len(shape))):
        base = np.uint64(len(shape[place]))
        if room <= 1:  # the number is used up: the places that remain follow from it
            left, room = _mix(numbers + np.uint64(place)), _INDEX_SIZE
        letters[:, place] = np.array(list(shape[place]))[(left % base).astype(np.int64)]
        left, room = left // base, room // int(base)
    return [str(text) for text in letters.view(f"U{letters.shape[1]}")[:, 0]]


def _scatter(rows: NDArray[np.int64], *, size: int, seed: int) -> NDArray[np.int64]:
    """Return a permutation of 0 to size - 1 at (N,) places: four Feistel rounds, walked until inside the range."""
    half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    keys = [np.uint64((seed * 4 + round_ + 1) % 2**63) for round_ in range(4)]
    numbers = rows.astype(np.uint64)
    outside = np.ones(len(rows), dtype=bool)
    while outside.any():
        right, left = numbers[outside] & mask, numbers[outside] >> np.uint64(half)
        for key in keys:
            left, right = right, left ^ (_mix(right + _mix(np.full(1, key))[0]) & mask)
        numbers[outside] = (left << np.uint64(half)) | right
        outside = numbers >= np.uint64(size)
    return numbers.astype(np.int64)


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-mixed bits of (N,) numbers: SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


class _UnreadableError(Exception):
    """A part of an expression that the subset does not have."""


class _Reader:
    """Reads an expression from left to right into shapes."""

    def __init__(self, expression: str) -> None:
        self.rest = expression

    def read(self) -> list[Shape]:
        """Return the shapes of the whole expression."""
        shapes = self._alternatives()
        if self.rest:
            raise _UnreadableError("a bracket that was not opened")
        return shapes

    def _alternatives(self) -> list[Shape]:
        shapes = self._sequence()
        while self._take("|"):
            shapes = shapes + self._sequence()
        return shapes

    def _sequence(self) -> list[Shape]:
        shapes: list[Shape] = [()]
        while self.rest and self.rest[0] not in "|)":
            shapes = _join(shapes, self._repeated(self._atom()))
        return shapes

    def _atom(self) -> list[Shape]:
        letter, self.rest = self.rest[0], self.rest[1:]
        if letter in "^$":
            return [()]
        if letter == "(":
            return self._group()
        if letter == "[":
            return [(self._class(),)]
        if letter == "\\":
            return [(self._escape(),)]
        if letter in "*+?{":
            raise _UnreadableError("a repetition of nothing")
        return [(_ANY if letter == "." else letter,)]

    def _group(self) -> list[Shape]:
        if self._take("?") and not self._take(":"):
            raise _UnreadableError("a group with an extension")
        shapes = self._alternatives()
        if not self._take(")"):
            raise _UnreadableError("a bracket that is not closed")
        return shapes

    def _class(self) -> str:
        negated, letters = self._take("^"), ""
        while not (letters and self._take("]")):
            if not self.rest:
                raise _UnreadableError("a class that is not closed")
            letters += self._range()
        if negated:
            letters = "".join(letter for letter in _ANY if letter not in letters)
        return "".join(dict.fromkeys(letters))

    def _range(self) -> str:
        low = self._letter()
        if len(low) > 1 or not self.rest.startswith("-") or self.rest.startswith("-]"):
            return low
        self.rest = self.rest[1:]
        return "".join(map(chr, range(ord(low), ord(self._letter()) + 1)))

    def _letter(self) -> str:
        letter, self.rest = self.rest[:1], self.rest[1:]
        return self._escape() if letter == "\\" else letter

    def _escape(self) -> str:
        letter, self.rest = self.rest[:1], self.rest[1:]
        if letter in _CLASSES:
            return _CLASSES[letter]
        if not letter or letter.isalnum():
            raise _UnreadableError("an escape that is not known")
        return letter

    def _repeated(self, shapes: list[Shape]) -> list[Shape]:
        low, high = self._bounds()
        repeated: list[Shape] = [()] if low == 0 else []
        power: list[Shape] = [()]
        for times in range(1, min(high, low + _LENGTHS - 1) + 1):
            power = _join(power, shapes)
            repeated += power if times >= low else []
        return repeated

    def _bounds(self) -> tuple[int, int]:
        for mark, bounds in {"?": (0, 1), "*": (0, _LENGTHS), "+": (1, _LENGTHS)}.items():
            if self._take(mark):
                return bounds
        if not self._take("{"):
            return 1, 1
        inside, closed, self.rest = self.rest.partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not (low or "0").isdigit() or not (high or "0").isdigit() or inside in ("", ","):
            raise _UnreadableError("a repetition that cannot be read")
        least = int(low or 0)
        return least, int(high) if high else (least + _LENGTHS if comma else least)

    def _take(self, mark: str) -> bool:
        if self.rest.startswith(mark):
            self.rest = self.rest[len(mark) :]
            return True
        return False


def _join(first: list[Shape], second: list[Shape]) -> list[Shape]:
    """Return every shape of the first followed by every shape of the second."""
    if len(first) * len(second) > _SHAPES:
        raise _UnreadableError(f"more than {_SHAPES:,} combinations of lengths and alternatives")
    return [head + tail for head, tail in product(first, second)]
