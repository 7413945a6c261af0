"""Real beside synthetic, one column at a time, as shares that may be shown.

What is shown of the real rows is coarse: see `tasks.reports.suppression` for what a bar may stand for.  A category is
named only if the contract names it or at least `FEWEST` real rows hold it.  Axes run between round figures over all but
the outermost rows, at least `FEWEST` of either table at either end; these share a bar without an end.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, Contract
from tasks.reports.axes import Axis, axis_over
from tasks.reports.kinds import comparable, is_named
from tasks.reports.suppression import FEWEST, shown

__all__ = ["Bar", "Marginal", "marginals"]

_NAMED = 10  # categories with a bar of their own; the rest share one
_UNNAMED = "all others"

Counts = list[int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, and the share of rows of each table; `real` is None where too few rows stand behind it."""

    label: str
    real: float | None
    synthetic: float


@dataclass(frozen=True, slots=True)
class Marginal:
    """One column of the tables.

    Args:
        column: its name.
        kind: of the column.
        bars: in order of the axis, or of frequency; shares of all rows, nulls included.
        nulls: the share of nulls.
        ticks: along an axis, the label of each border between two bars; None: the bars are categories.
        distance: total variation distance of the synthetic rows from the real ones, 0 to 1, over what is shown, the
            rest taken together.
        floor: the same of the held-out rows; None: there are none.
    """

    column: str
    kind: str
    bars: tuple[Bar, ...]
    nulls: Bar
    ticks: tuple[str, ...] | None
    distance: float
    floor: float | None = None


def marginals(
    contract: Contract, *, train: pa.Table, synthetic: pa.Table, holdout: pa.Table | None = None
) -> list[Marginal]:
    """Return each column of the tables that has a shape to compare as bars.

    Args:
        contract: of all tables.
        train: the real rows that were learned from.
        synthetic: the rows generated.
        holdout: real rows that were not learned from: how far apart two real tables lie.
    """
    tables = [train, synthetic, *([] if holdout is None else [holdout])]
    return [_marginal(column, [table[column.name] for table in tables]) for column in comparable(contract, keys=True)]


def _marginal(column: Column, values: list[pa.ChunkedArray]) -> Marginal:
    """Return one column of two or three tables, the real one first."""
    axis = None if is_named(column) else axis_over(column, values[:2])
    labels, counts = _frequencies(column, values) if axis is None else (list(axis.labels), _binned(axis, values))
    counts = [[*each, array.null_count] for each, array in zip(counts, values, strict=True)]
    visible = shown(counts[0])
    shares = [[_share(count, len(array)) for count in each] for each, array in zip(counts, values, strict=True)]
    bars = [
        Bar(label, real if seen else None, synthetic)
        for label, seen, real, synthetic in zip([*labels, "null"], visible, *shares[:2], strict=True)
    ]
    apart = [_distance(shares[0], other, visible) for other in shares[1:]]
    ticks = None if axis is None else axis.ticks
    return Marginal(column.name, column.kind, tuple(bars[:-1]), bars[-1], ticks, apart[0], (*apart, None)[1])


def _share(count: int, rows: int) -> float:
    return count / rows if rows else 0.0


def _distance(real: list[float], other: list[float], visible: list[bool]) -> float:
    """Return the total variation distance over what is visible, all else as one part: it gives nothing more away."""
    gaps = [left - right for left, right in zip(real, other, strict=True)]
    parts = [gap for gap, seen in zip(gaps, visible, strict=True) if seen]
    rest = sum(gap for gap, seen in zip(gaps, visible, strict=True) if not seen)
    return sum(map(abs, [*parts, rest])) / 2


def _frequencies(column: Column, values: list[pa.ChunkedArray]) -> tuple[list[str], list[Counts]]:
    """Return the commonest categories by real frequency, and the others together; few are in order of their names."""
    found = [_value_counts(each) for each in values]
    listed = set(map(str, column.values or ())) | ({"True", "False"} if column.kind == "boolean" else set())
    nameable = [value for value in set(found[0]) | listed if value in listed or found[0].get(value, 0) >= FEWEST]
    often = {value: found[0].get(value, 0) if found[0].get(value, 0) >= FEWEST else 0 for value in nameable}
    named = sorted(nameable, key=lambda value: (-often[value], value))[:_NAMED]
    counts = [[each.get(value, 0) for value in named] for each in found]
    others = [sum(count for value, count in each.items() if value not in named) for each in found]
    if not any(others):
        return named, counts
    return [*named, _UNNAMED], [[*each, rest] for each, rest in zip(counts, others, strict=True)]


def _value_counts(values: pa.ChunkedArray) -> dict[str, int]:
    counted = pc.value_counts(values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values)
    return {str(each["values"]): each["counts"] for each in counted.to_pylist() if each["values"] is not None}


def _binned(axis: Axis, values: list[pa.ChunkedArray]) -> list[Counts]:
    return [axis.count(each) for each in values]
