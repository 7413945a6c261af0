"""Which columns can be seen side by side: those of numbers and times, and those of names; ids and keys are made."""

from data_contracts import Column, Contract

__all__ = ["comparable", "is_named"]

_NAMED = ("category", "boolean")
_ORDERED = ("integer", "number", "date", "timestamp")


def is_named(column: Column) -> bool:
    """Return whether a column's values are names, and not along an axis."""
    return column.kind in _NAMED


def comparable(contract: Contract, *, keys: bool = False) -> list[Column]:
    """Return the columns that have a shape to compare, those of a primary key only if they are asked for."""
    columns = [column for column in contract.columns if column.kind in (*_NAMED, *_ORDERED)]
    return [column for column in columns if keys or not column.primary_key]
