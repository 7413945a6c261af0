"""What can be wrong with a source as a whole, in the project's words: rule, fact, remedy, and no cell of it."""

from collections.abc import Sequence
from typing import Any

from data_contracts import DataError, Failure

__all__ = ["PATIENT", "UnreachableError", "check_columns", "column_failures", "refused"]


class UnreachableError(DataError):
    """A connection failed: the one error about a source that goes away by itself, so that trying again makes sense."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "the source can be reached",
            f"the connection failed with {reason}",
            "Check the network and the location, then run again",
            [Failure("source.connection", (), 0, 0, reason)],
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Be told by another process as it was."""
        return type(self), (self.failures[0].detail,)


def _went_away_by_itself(task: Any, run: Any, state: Any) -> bool:  # noqa: ANN401, ARG001 - Prefect's signature
    """Return whether a failed attempt is worth another: only a connection that failed is."""
    try:
        state.result()
    except UnreachableError:
        return True
    except Exception:  # noqa: BLE001 - whatever else it was, it would be the same again
        return False
    return False


PATIENT: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [2, 10, 30],  # a network's hiccup, a restart, a failover
    "retry_condition_fn": _went_away_by_itself,
}
"""The options of a task that looks at a source."""


def refused(rule: str, sentence: str, fact: str, remedy: str) -> DataError:
    """Return the error that a source as a whole breaks a rule."""
    return DataError(sentence, fact, remedy, [Failure(rule, (), 0, 0, fact)])


def column_failures(found: Sequence[str], wanted: Sequence[str] | None, *, shown: bool) -> list[Failure]:
    """Return how a source's columns differ from the contract's: `table.columns`, or nothing; any order will do.

    Args:
        found: names in the source.
        wanted: names in the contract; None: whatever is there, but no name twice.
        shown: foreign names may be said: they come from a schema, not from the first line of a text, which may be data.
    """
    details = []
    if twice := {name for name in found if found.count(name) > 1} if len(set(found)) < len(found) else set():
        known = sorted(twice if shown else twice & set(wanted or ()))
        details.append(f"{len(twice)} given twice{_names(known)}")
    if missing := [] if wanted is None else [name for name in wanted if name not in set(found)]:
        details.append(f"{len(missing)} missing{_names(missing)}")
    if extra := [] if wanted is None else [name for name in dict.fromkeys(found) if name not in set(wanted)]:
        details.append(f"{len(extra)} that the contract does not name{_names(extra if shown else [])}")
    return [Failure("table.columns", (), 0, 0, "; ".join(details))] if details else []


def check_columns(found: Sequence[str], wanted: Sequence[str] | None, *, shown: bool, label: str) -> None:
    """Refuse a source whose columns are not the contract's; the arguments are those of `column_failures`.

    Raises:
        DataError: `table.columns`.
    """
    if failures := column_failures(found, wanted, shown=shown):
        raise DataError(
            "the source has the contract's columns, each once",
            f"those of {label} are others",
            "Correct the contract's columns, or how it says the source is written, or the source",
            failures,
        )


def _names(names: Sequence[str]) -> str:
    most = 20  # enough to see the pattern in a wide table
    return f": {', '.join(names[:most])}{', ...' if len(names) > most else ''}" if names else ""
