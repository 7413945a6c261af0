"""The four families of error, and the one form in which all of them speak.

Every message reads ``rule, however: fact. remedy.`` and is made of names, shapes and counts.  It never
holds a cell value of real data: logs and run pages lie outside the trust boundary.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ContractError",
    "DataError",
    "Failure",
    "LikenessError",
    "ModelError",
    "ReleaseError",
    "ReleaseRefusedError",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that some rows break.

    Args:
        rule: the rule's name: ``age.range``, ``table.columns``, or a name that the contract gives.
        columns: the columns that the rule speaks of; empty for a rule about the table.
        rows: how many rows break it (for a rule about the table: 1).
        total: how many rows were looked at; 0 when nothing could be read.
        detail: names, counts and bounds that help; never a cell value.
    """

    rule: str
    columns: tuple[str, ...]
    rows: int
    total: int
    detail: str = ""

    @property
    def share(self) -> float:
        """Return the share of rows that break the rule, 0 to 1."""
        return self.rows / self.total if self.total else 1.0

    def __str__(self) -> str:
        """Return one line: rule, count and detail."""
        if self.detail and not (self.rows or self.total):
            return f"{self.rule}: {self.detail}"
        count = f"{self.rows:,} of {self.total:,} rows" if self.total else "no rows"
        return f"{self.rule}: {count}{f' ({self.detail})' if self.detail else ''}"


class LikenessError(Exception):
    """Anything that Likeness refuses, said as rule, fact and remedy.

    Args:
        rule: what must hold, as a sentence without its full stop.
        fact: what was found instead: names, shapes, counts.
        remedy: what the reader can do about it.
        failures: the rules that were broken, where rows were counted.
    """

    exit_status = 2

    def __init__(self, rule: str, fact: str, remedy: str, failures: Iterable[Failure] = ()) -> None:
        self.rule, self.fact, self.remedy, self.failures = rule, fact, remedy, tuple(failures)
        super().__init__(rule, fact, remedy, self.failures)

    def __str__(self) -> str:
        """Return ``rule, however: fact. remedy.``, and a line for each broken rule."""
        head = f"{self.rule}, however: {self.fact}. {self.remedy}."
        return "\n".join([head, *(f"  - {failure}" for failure in self.failures)])


class ContractError(LikenessError):
    """The contract is wrong."""


class DataError(LikenessError):
    """The data breaks the contract, or cannot be read at all."""


class ModelError(LikenessError):
    """The model was misused or did not train."""


class ReleaseError(LikenessError):
    """The release could not be written, or is not what its manifest says."""


class ReleaseRefusedError(ReleaseError):
    """The gate refused the release: a verdict on the data, not wrong use."""

    exit_status = 1
