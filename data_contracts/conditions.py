"""Which rows are asked for: conditions that every row meets, and shares of the rows that have a value.

A null meets no comparison, as in SQL; to `is` and `is not` it is one more value.
"""

import operator as compare
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate, pairwise
from typing import Any, Literal

from data_contracts.contract import Operator

__all__ = ["EVERY", "Asked", "Condition", "Selection", "Share", "Value"]

Value = str | int | float | bool | date | datetime
Asked = Operator | Literal["is", "is not"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": compare.lt,
    "<=": compare.le,
    ">": compare.gt,
    ">=": compare.ge,
    "==": compare.eq,
    "!=": compare.ne,
}
_LEAST_SHARE = 1e-9  # what is left below it is left by the rounding of a sum


@dataclass(frozen=True, slots=True)
class Condition:
    """What every row meets: `column operator value`; the value None, of `is` and `is not` only, stands for null."""

    column: str
    operator: Asked
    value: Value | None

    def met_by(self, value: Value | None) -> bool:
        """Return whether a value of the column, or null, meets it."""
        if self.operator in ("is", "is not"):
            return (value == self.value) is (self.operator == "is")
        return value is not None and _COMPARE[self.operator](value, self.value)

    def __str__(self) -> str:
        """Return it as people write it: `age >= 60`, `occupation is null`."""
        return f"{self.column} {'=' if self.operator == '==' else self.operator} {_shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the rows, 0 to 1, in which the column has the value."""

    column: str
    value: Value
    share: float

    def __str__(self) -> str:
        """Return it as people write it: `income: >50K = 0.5`."""
        return f"{self.column}: {_shown(self.value)} = {self.share:g}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are asked for.

    Args:
        where: every row meets all of these.
        shares: of one column's values; the other rows keep their proportions.
    """

    where: tuple[Condition, ...] = ()
    shares: tuple[Share, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything is asked for."""
        return bool(self.where or self.shares)

    @property
    def words(self) -> dict[str, list[str]]:
        """Return conditions and shares as people write them, for manifests and pages."""
        return {"where": [str(each) for each in self.where], "share": [str(each) for each in self.shares]}

    @property
    def strata(self) -> tuple[tuple[tuple[Condition, ...], float], ...]:
        """Return the parts that the rows fall into: what the rows of each meet, and its share of all."""
        parts = [((*self.where, Condition(one.column, "is", one.value)), one.share) for one in self.shares]
        others = (*self.where, *(Condition(one.column, "is not", one.value) for one in self.shares))
        parts.append((others, 1 - sum(one.share for one in self.shares)))
        return tuple(part for part in parts if part[1] > _LEAST_SHARE)

    def counts(self, rows: int) -> tuple[int, ...]:
        """Return how many of so many rows fall into each stratum: each to the next whole number, the sum exactly."""
        ends = [0, *(round(rows * end) for end in accumulate(share for _, share in self.strata))]
        return tuple(high - low for low, high in pairwise(ends))


EVERY = Selection()
"""Rows as they come."""


def _shown(value: Value | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value.isoformat() if isinstance(value, date) else str(value)
