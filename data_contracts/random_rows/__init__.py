"""Random rows that keep every rule of a contract: for tests, and to see what a contract allows.

Rows are drawn column by column: combinations first, then each column within what those before it leave; rows that
break a rule all the same (`!=`, keys drawn twice) are drawn anew.  Ranges are met at both ends, optional columns have
nulls, and what a contract leaves to the data gets placeholders.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from data_contracts.arrow import arrow_schema, empty_table
from data_contracts.contract import Column, Contract
from data_contracts.errors import ContractError
from data_contracts.random_rows.columns import Array, candidates, draw_between, draw_ids, fits, no_value, to_arrow
from data_contracts.random_rows.images import random_images
from data_contracts.random_rows.rules import (
    Drawn,
    broken,
    drawing_order,
    equals,
    joint_choices,
    propagate,
    repeated,
    start,
)

__all__ = ["NULLS", "random_rows"]

NULLS = 0.1
"""Share of nulls in a column that may be null."""

_ROUNDS = 50  # of drawing anew what breaks a rule, before the contract is taken to leave too few rows


def random_rows(contract: Contract, rows: int, rng: np.random.Generator) -> pa.Table:
    """Return random rows under the contract, in its schema; the same generator gives the same rows.

    Args:
        contract: whose rules they keep; the least number of rows is not one of them.
        rows: how many.
        rng: where the randomness comes from.

    Raises:
        ContractError: so many rows were not found: the rules leave too few, or none.
    """
    if rows == 0:
        return empty_table(contract)
    drawn = _rows(plain, rows, rng) if (plain := _without_images(contract)).columns else {}
    arrays = [
        random_images(column, rows, rng)
        if column.kind == "image"
        else to_arrow(column, drawn[column.name].values, drawn[column.name].nulls)
        for column in contract.columns
    ]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(contract))


def _without_images(contract: Contract) -> Contract:
    """Return the contract of the columns that rules can speak of."""
    return replace(contract, columns=tuple(column for column in contract.columns if column.kind != "image"))


def _rows(contract: Contract, rows: int, rng: np.random.Generator) -> dict[str, Drawn]:
    """Return as many rows that keep every rule.

    Raises:
        ContractError: they were not found.
    """
    found: dict[str, Drawn] = {}
    have = 0
    for _ in range(_ROUNDS):
        fresh = _draw(contract, rows if not found else 2 * (rows - have) + 64, rng)
        found = {name: found[name] + fresh[name] for name in fresh} if found else fresh
        keep = ~broken(contract, found)
        found = {name: drawn[keep] for name, drawn in found.items()}
        keep = ~repeated(contract, found)
        found = {name: drawn[keep][:rows] for name, drawn in found.items()}
        have = len(found[contract.names[0]].values)
        if have == rows:
            return found
    raise ContractError(
        "a contract's rules leave rows that keep them all",
        f"{contract.id}: {rows:,} such rows were asked for, and {have:,} found in {_ROUNDS} rounds",
        "Widen the ranges of compared columns, or the values of unique ones",
    )


def _draw(contract: Contract, rows: int, rng: np.random.Generator) -> dict[str, Drawn]:
    """Return rows of all columns; each is within its own rules, most keep the rules between columns."""
    values = _combined(contract, rows, rng)
    bounds = start(contract, rows)
    for name in bounds.keys() & values.keys():
        bounds[name] = values[name], values[name]
    propagate(contract, bounds)
    for column in drawing_order(contract):
        if column.name not in values:
            low, high = bounds[column.name]
            distinct = column.unique or column.primary_key
            values[column.name] = draw_between(column, low, high, rng, distinct=distinct)
            bounds[column.name] = values[column.name], values[column.name]
            propagate(contract, bounds)
    for column in contract.columns:
        if column.name not in values:
            _draw_equal(contract, column, rows, rng, values=values)
    return {column.name: Drawn(values[column.name], _nulls(column, rows, rng)) for column in contract.columns}


def _combined(contract: Contract, rows: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return the columns that are bound by listed combinations."""
    values: dict[str, Array] = {}
    for names, choices in joint_choices(contract):
        if not choices:
            raise no_value(contract[names[0]])
        picks = rng.integers(len(choices), size=rows)
        for index, name in enumerate(names):
            kind = np.int64 if contract[name].kind == "integer" or contract[name].storage == "integer" else object
            values[name] = np.array([choice[index] for choice in choices], kind)[picks]
    return values


def _draw_equal(
    contract: Contract, column: Column, rows: int, rng: np.random.Generator, *, values: dict[str, Array]
) -> None:
    """Draw a category, boolean or identifier into `values`, and with it those that must be equal to it."""
    names = [name for name in contract.names if name in equals(contract, column.name)]
    known = [values[name] for name in names if name in values]
    group = sorted(map(contract.__getitem__, names), key=_freedom)
    if known:
        drawn = known[0]
    elif group[0].kind == "id":
        drawn = draw_ids(group[0], rows, rng, never=_unknown(contract))
    else:
        drawn = _picked(contract, group, rows, rng)
    for name in names:
        values.setdefault(name, drawn)


def _freedom(column: Column) -> tuple[bool, bool, bool]:
    """Return a key that puts the column first whose values are bound most."""
    return (column.values is None, column.pattern is None, column.kind == "id")


def _picked(contract: Contract, group: list[Column], rows: int, rng: np.random.Generator) -> Array:
    """Return picks from what all columns of a group allow; each value once where the group is unique."""
    distinct = any(column.unique or column.primary_key for column in group)
    listed = candidates(group[0], 2 * rows if distinct else 0, rng, never=_unknown(contract))
    allowed = [value for value in listed if all(fits(column, value) for column in group)]
    if not allowed:
        raise no_value(group[0])
    picks = rng.permutation(len(allowed)) if distinct else rng.integers(len(allowed), size=rows)
    return np.array(allowed, np.int64 if group[0].storage == "integer" else object)[np.resize(picks, rows)]


def _unknown(contract: Contract) -> frozenset[str]:
    """Return the texts that a source would read as null."""
    return frozenset(contract.source.unknown if contract.source else ()) | {""}


def _nulls(column: Column, rows: int, rng: np.random.Generator) -> Array:
    """Return which rows are null: none of the first two, which hold the ends of ranges; the third where it may be."""
    nulls = rng.random(rows) < NULLS
    nulls[:3] = (False, False, True)[:rows]
    return nulls & (not column.required)
