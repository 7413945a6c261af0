"""What rules between columns leave to random rows: joint choices, bounds that narrow one another, what is broken."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne

import numpy as np
import pyarrow as pa

from data_contracts.contract import Column, Combination, Comparison, Contract
from data_contracts.random_rows.columns import ORDERED, PER_SECOND, Array, limits, natural, snap

__all__ = ["Bounds", "Drawn", "broken", "drawing_order", "equals", "joint_choices", "propagate", "repeated", "start"]

Bounds = dict[str, tuple[Array, Array]]
"""Least and greatest value left to each ordered column, row by row."""

_OPERATORS = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of one column: values, and which of them are null."""

    values: Array
    nulls: Array

    def __getitem__(self, keep: Array | slice) -> "Drawn":
        """Return some of the rows."""
        return Drawn(self.values[keep], self.nulls[keep])

    def __add__(self, other: "Drawn") -> "Drawn":
        """Return these rows and the others after them."""
        return Drawn(np.concatenate([self.values, other.values]), np.concatenate([self.nulls, other.nulls]))


def joint_choices(contract: Contract) -> list[tuple[tuple[str, ...], list[tuple[str | int, ...]]]]:
    """Return columns that are chosen together, and their choices: combinations that share a column are joined."""
    groups: list[tuple[tuple[str, ...], list[tuple[str | int, ...]]]] = []
    for rule in contract.rules:
        if isinstance(rule, Combination) and rule.allowed is not None:
            names, choices = rule.columns, list(rule.allowed)
            for group in [group for group in groups if set(group[0]) & set(names)]:
                groups.remove(group)
                names, choices = _join(names, choices, group)
            groups.append((names, choices))
    return groups


def _join(
    names: tuple[str, ...],
    choices: list[tuple[str | int, ...]],
    other: tuple[tuple[str, ...], list[tuple[str | int, ...]]],
) -> tuple[tuple[str, ...], list[tuple[str | int, ...]]]:
    """Return the natural join of two lists of choices."""
    both = dict.fromkeys((*names, *other[0]))
    rows = []
    for left in choices:
        for right in other[1]:
            one, two = dict(zip(names, left, strict=True)), dict(zip(other[0], right, strict=True))
            if all(one[name] == two[name] for name in one.keys() & two.keys()):
                rows.append(tuple((one | two)[name] for name in both))
    return tuple(both), rows


def drawing_order(contract: Contract) -> list[Column]:
    """Return the ordered columns, coarse grids first: what equals a coarse value has room on a finer grid."""
    units = list(PER_SECOND)

    def fineness(column: Column) -> int:
        if column.kind == "number":
            return 100 if column.decimals is None else 1 + column.decimals
        return units.index(column.unit) if column.kind == "timestamp" else 0

    return sorted((column for column in contract.columns if column.kind in ORDERED), key=fineness)


def start(contract: Contract, rows: int) -> Bounds:
    """Return the bounds of all ordered columns as the contract gives them."""
    bounds: Bounds = {}
    for column in contract.columns:
        if column.kind in ORDERED:
            low, high = limits(column)
            kind = np.float64 if column.kind == "number" else np.int64
            bounds[column.name] = np.full(rows, low, kind), np.full(rows, high, kind)
    return bounds


def propagate(contract: Contract, bounds: Bounds) -> None:
    """Narrow bounds, in place, by the comparisons between columns, until each knows of all its neighbours."""
    rules = [rule for rule in contract.rules if isinstance(rule, Comparison) and rule.left in bounds]
    for _ in rules:
        for rule in rules:
            if rule.operator != "!=":
                _narrow(contract, bounds, rule)


def _narrow(contract: Contract, bounds: Bounds, rule: Comparison) -> None:
    """Narrow the bounds of the two columns of a comparison by one another."""
    strict = rule.operator in ("<", ">")
    less, more = (rule.right, rule.left) if rule.operator.startswith(">") else (rule.left, rule.right)
    for low, high in ((less, more), (more, less)) if rule.operator == "==" else ((less, more),):
        one, two = contract[low], contract[high]
        ceiling = _carry(bounds[high][1], two, to=one, up=False, strict=strict)
        floor = _carry(bounds[low][0], one, to=two, up=True, strict=strict)
        bounds[low] = bounds[low][0], np.minimum(bounds[low][1], ceiling)
        bounds[high] = np.maximum(bounds[high][0], floor), bounds[high][1]


def _carry(values: Array, column: Column, *, to: Column, up: bool, strict: bool) -> Array:
    """Return bounds of one column as bounds of another: the next point of its grid up or down."""
    none = values == natural(column)[0 if up else 1]
    step = 1 if up else -1
    if to.kind == "number":
        moved = snap(to, _as_float(values, up=up), up=up)
        if strict:
            beyond = np.nextafter(moved, step * np.inf) if to.decimals is None else moved + step * 10.0**-to.decimals
            near = moved + (0.0 if to.decimals is None else step * 0.5 * 10.0**-to.decimals)
            moved = np.where(moved == values, snap(to, beyond if to.decimals is None else near, up=up), moved)
    else:
        moved = _whole(values, column, to=to, up=up)
        exact = _whole(values, column, to=to, up=not up) == moved
        moved = moved + np.where(exact & strict & (moved != natural(to)[1 if up else 0]), step, 0)
    return np.where(none, natural(to)[0 if up else 1], moved).astype(moved.dtype)


def _as_float(values: Array, *, up: bool) -> Array:
    """Return numbers as float64, rounded up or down where they are whole and beyond 2^53."""
    floats = values.astype(np.float64)
    if values.dtype != np.int64:
        return floats
    back = np.clip(floats, -(2.0**63), 2.0**63 - 1024).astype(np.int64)
    off = back < values if up else back > values
    return np.where(off, np.nextafter(floats, np.inf if up else -np.inf), floats)


def _whole(values: Array, column: Column, *, to: Column, up: bool) -> Array:
    """Return values of one column on the whole-numbered grid of another, rounded up or down."""
    if column.kind == "number":
        rounded = np.ceil(values) if up else np.floor(values)
        return np.clip(rounded, -(2.0**62), 2.0**62).astype(np.int64)
    if column.kind != "timestamp":
        return values
    many, one = PER_SECOND[to.unit], PER_SECOND[column.unit]
    if many >= one:
        ratio = many // one
        return np.clip(values, -(2**63) // ratio + 1, (2**63 - 1) // ratio) * ratio
    ratio = one // many
    return -(-values // ratio) if up else values // ratio


def equals(contract: Contract, name: str) -> set[str]:
    """Return the columns, itself included, that rules ask to be equal to a column."""
    found, before = {name}, 0
    pairs = [set(rule.columns) for rule in contract.rules if isinstance(rule, Comparison) and rule.operator == "=="]
    while len(found) > before:
        before = len(found)
        found = found.union(*(pair for pair in pairs if pair & found))
    return found


def broken(contract: Contract, rows: Mapping[str, Drawn]) -> Array:
    """Return which rows break a comparison, or leave a range because a comparison left them no room in it."""
    wrong = np.zeros(len(rows[contract.names[0]].values), bool)
    for column in contract.columns:
        if column.kind in ORDERED:
            low, high = limits(column)
            drawn = rows[column.name]
            wrong |= ((drawn.values < low) | (drawn.values > high)) & ~drawn.nulls
    for rule in contract.rules:
        if isinstance(rule, Comparison):
            left, right = rows[rule.left], rows[rule.right]
            one, two = _same_unit(contract, rule, left.values, right.values)
            holds = np.asarray(_OPERATORS[rule.operator](one, two), bool)
            if {one.dtype.kind, two.dtype.kind} == set("if"):  # float64 is inexact beyond 2^53, Python is not
                holds &= np.asarray(_OPERATORS[rule.operator](one.astype(object), two.astype(object)), bool)
            wrong |= ~(holds | left.nulls | right.nulls)
    return wrong


def _same_unit(contract: Contract, rule: Comparison, left: Array, right: Array) -> tuple[Array, Array]:
    one, two = contract[rule.left], contract[rule.right]
    if one.kind != "timestamp" or one.unit == two.unit:
        return left, right
    fine = max(one, two, key=lambda column: PER_SECOND[column.unit])
    return _whole(left, one, to=fine, up=True), _whole(right, two, to=fine, up=True)


def repeated(contract: Contract, rows: Mapping[str, Drawn]) -> Array:
    """Return which rows have what an earlier row has, in a unique column or in the whole key."""
    again = np.zeros(len(rows[contract.names[0]].values), bool)
    for names in _unique(contract):
        codes = np.zeros(len(again), np.int64)
        for name in names:
            encoded = pa.array(rows[name].values).dictionary_encode()
            codes = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy(zero_copy_only=False)
            codes = np.unique(codes, return_inverse=True)[1]
        nulls = np.any([rows[name].nulls for name in names], axis=0)
        codes = np.where(nulls, -1 - np.arange(len(codes)), codes)
        first = np.unique(codes, return_index=True)[1]
        again |= ~np.isin(np.arange(len(codes)), first)
    return again


def _unique(contract: Contract) -> Iterator[tuple[str, ...]]:
    yield from ((column.name,) for column in contract.columns if column.unique)
    if len(contract.primary_key) > 1:
        yield contract.primary_key
