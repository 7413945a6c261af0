"""Predicates that single out a row: `age >= 61 and job == clerk and hours <= 20` fits one row of a table.

As an attacker makes them (Giomi et al., 2023, https://arxiv.org/abs/2211.10459): of a synthetic row some columns are
taken; of a number whether it is at least, or at most, what that row has, by the side of the median it lies on; of a
category whether it is the same.  Those that fit one synthetic row alone are tried on real rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.frames import Frame

__all__ = ["COLUMNS", "Predicate", "isolated", "singling_out"]

COLUMNS = 6
"""Of a predicate: with three, a table of few numbers has hardly any that fit one row alone."""

_ATTACKS = 3_000  # predicates that are tried on real rows
_ATTEMPTS = 20_000  # predicates that are tried on synthetic rows


class Predicate(NamedTuple):
    """What a row must be like to fit.

    Args:
        columns: positions, ascending; numbers come first.
        values: what each column is compared with; NaN: null.
        signs: of each column: 1 at least, -1 at most, 0 equal.
    """

    columns: tuple[int, ...]
    values: tuple[float, ...]
    signs: tuple[int, ...]


def singling_out(synthetic: Frame, rng: np.random.Generator) -> list[Predicate]:
    """Return different predicates that fit one of the different synthetic rows each."""
    table = _table(synthetic)
    table = np.asfortranarray(table[np.unique(synthetic.keys, return_index=True)[1]])
    count = min(COLUMNS, table.shape[1])
    if not count:
        return []
    numbers = len(synthetic.features.numbers)
    medians = np.array([np.median(known) if len(known) else 0 for known in map(_known, table.T[:numbers])])
    found: dict[Predicate, None] = {}
    for row in rng.integers(len(table), size=_ATTEMPTS):
        columns = np.sort(rng.choice(table.shape[1], count, replace=False))
        predicate = _predicate(table[row], columns, medians)
        if predicate not in found and _fits(table, predicate).sum() == 1:
            found[predicate] = None
        if len(found) == _ATTACKS:
            break
    return list(found)


def isolated(frame: Frame, predicates: list[Predicate], *, first: int) -> NDArray[np.int64]:
    """Return of each predicate (N,) what it fits: 1 one of the first rows alone, 0 one of the others alone, -1 neither.

    Equal rows among the first, and among the others, count as one.
    """
    numbers = np.arange(len(frame))
    different = np.concatenate(
        [part[np.unique(frame.keys[part], return_index=True)[1]] for part in np.split(numbers, [first])]
    )
    table, member = np.asfortranarray(_table(frame)[different]), different < first
    fits = (_fits(table, predicate) for predicate in predicates)
    return np.array([int(member[fit.argmax()]) if fit.sum() == 1 else -1 for fit in fits], np.int64)


def _table(frame: Frame) -> NDArray[np.float64]:
    """Return rows (N, P + Q) of numbers, then codes."""
    return np.hstack([frame.numbers, frame.codes])


def _known(column: NDArray[np.float64]) -> NDArray[np.float64]:
    return column[~np.isnan(column)]


def _predicate(row: NDArray[np.float64], columns: NDArray[np.int64], medians: NDArray[np.float64]) -> Predicate:
    signs = [
        0 if column >= len(medians) or np.isnan(row[column]) else 1 if row[column] > medians[column] else -1
        for column in columns
    ]
    return Predicate(tuple(columns.tolist()), tuple(row[columns].tolist()), tuple(signs))


def _fits(table: NDArray[np.float64], predicate: Predicate) -> NDArray[np.bool_]:
    """Return the mask (N,) of rows that fit."""
    fits = np.ones(len(table), np.bool_)
    for column, value, sign in zip(*predicate, strict=True):
        values = table[:, column]
        if np.isnan(value):
            fits &= np.isnan(values)
        else:
            fits &= values >= value if sign > 0 else values <= value if sign < 0 else values == value
    return fits
