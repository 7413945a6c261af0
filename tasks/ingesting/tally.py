"""How many rows of a source break which rule: counted piece by piece, summed, and judged over the whole."""

from dataclasses import dataclass, field

import pyarrow as pa

from data_contracts import Column, Contract, DataError, Failure
from tasks.readers.cells import cast
from tasks.readers.images import Images
from tasks.readers.spelling import Mask, Spelling

__all__ = ["Tally"]


@dataclass(slots=True)
class _Count:
    rows: int = 0
    first: int = 0

    def add(self, rows: int, first: int) -> None:
        """Count rows that come after all that were counted, the first of them so numbered."""
        if rows:
            self.first = self.first or first
            self.rows += rows


@dataclass(slots=True)
class Tally:
    """How many rows break which rule.

    Args:
        rows: how many were looked at.
        counts: by `column.rule`, how many rows break it, and the number of the first.
        structural: what the readers counted: rows that are no rows, columns that are others.
        images: of the column of images.
    """

    rows: int = 0
    counts: dict[str, _Count] = field(default_factory=dict)
    structural: list[Failure] = field(default_factory=list)
    images: Images = field(default_factory=Images)

    def cast(self, raw: pa.Array, column: Column, spelling: Spelling) -> pa.Array:
        """Return a column's cells as its kind, those that do not fit as null and counted."""
        if column.kind == "image":
            return self.images.cast(raw, column)
        try:
            cells = cast(raw, column, spelling)
        except pa.ArrowException as error:
            raise DataError(
                "every cell can be looked at",
                f"{column.name} ended with {type(error).__name__}",
                "Check the contract's kind of this column",
                [Failure(f"{column.name}.type", (column.name,), 0, 0, type(error).__name__)],
            ) from None
        for rule, mask in (("type", cells.wrong), ("precision", cells.imprecise)):
            self._count(f"{column.name}.{rule}").add(*_broken(mask, self.rows))
        return cells.values

    def add(self, following: "Tally") -> None:
        """Add what was counted in the rows that follow."""
        for rule, count in following.counts.items():
            self._count(rule).add(count.rows, self.rows + count.first)
        self.structural += following.structural
        self.images.add(following.images)
        self.rows += following.rows

    def failures(self, contract: Contract, *, leave_out: float) -> list[Failure]:
        """Return the rules that some rows break, in the order of the columns; images only beyond what is left out."""
        broken = [
            Failure(rule, (rule.rpartition(".")[0],), count.rows, self.rows, _detail(contract, rule, count))
            for rule, count in self.counts.items()
            if count.rows
        ]
        left_out = self.images.left_out
        if contract.image is not None and left_out > leave_out * self.rows:
            broken = self.images.failures(contract.image) + broken
        if self.rows - left_out < (least := contract.minimum_rows):
            fact = f"{self.rows - left_out:,} rows, at least {least:,} are needed"
            broken.append(Failure("table.rows", (), 0, 0, fact))
        return self.structural + broken

    def _count(self, rule: str) -> _Count:
        return self.counts.setdefault(rule, _Count())


def _broken(mask: Mask, before: int) -> tuple[int, int]:
    """Return how many rows a mask has, and the number of the first, after so many rows."""
    return int(mask.sum()), before + int(mask.argmax()) + 1 if len(mask) else 0


def _detail(contract: Contract, rule: str, count: _Count) -> str:
    name, _, broken = rule.rpartition(".")
    column = contract[name]
    held = column.kind if column.kind not in ("category", "id") else f"{column.kind} stored as {column.storage}"
    finer = f"finer than {column.unit}" if column.kind == "timestamp" else _digits(column)
    return f"{f'not of kind {held}' if broken == 'type' else finer}, the first in row {count.first:,}"


def _digits(column: Column) -> str:
    if column.decimals is None:
        return "more digits than float64 holds"
    return f"more than {column.decimals} digits after the point"
