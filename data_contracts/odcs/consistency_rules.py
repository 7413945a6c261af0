"""Which rules between columns make sense: of columns that are there and that can be compared."""

import re
from collections.abc import Iterator
from typing import get_args

from data_contracts.contract import Column, Combination, Comparison, Contract, Operator
from data_contracts.expressions import compiled
from data_contracts.odcs.problems import Problem

__all__ = ["rule_problems"]

_EQUALITY = ("==", "!=")
_COMBINED = ("category", "integer", "boolean")


def rule_problems(contract: Contract, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the rules of a contract; `path` is where their list stands."""
    seen: set[str] = set()
    for index, rule in enumerate(contract.rules):
        here = f"{path}[{index}]"
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", rule.name):
            yield Problem("contract.rules", f"{here}.name", "not a word of letters, digits, '_' and '-'")
        if rule.name in seen:
            yield Problem("contract.rules", f"{here}.name", "the name of an earlier rule")
        seen.add(rule.name)
        word = "check" if isinstance(rule, Comparison) else "combination"
        missing = [name for name in rule.columns if name not in contract.names]
        if missing:
            yield Problem("contract.rules", f"{here}.{word}", f"no column {', '.join(map(ascii, missing))}")
        elif len(set(rule.columns)) < len(rule.columns) or len(rule.columns) < 2:  # noqa: PLR2004 - a rule between
            yield Problem("contract.rules", f"{here}.{word}", "not two or more different columns")
        elif isinstance(rule, Comparison):
            yield from _comparison(contract, rule, f"{here}.check")
        else:
            yield from _combination(contract, rule, here)


def _comparison(contract: Contract, rule: Comparison, path: str) -> Iterator[Problem]:
    left, right = contract[rule.left], contract[rule.right]
    if rule.operator not in get_args(Operator):
        yield Problem("contract.rules", path, f"an operator that is not one of {', '.join(get_args(Operator))}")
    elif _order(left) != _order(right) or "image" in (left.kind, right.kind):
        yield Problem("contract.rules", path, f"a {left.kind} and a {right.kind} that cannot be compared")
    elif _order(left)[0] == "equal" and rule.operator not in _EQUALITY:
        yield Problem("contract.rules", path, f"a {left.kind} has no order; only == and != can be asked")


def _order(column: Column) -> tuple[object, ...]:
    """Return what a column can be compared with: columns of the same family."""
    if column.kind in ("integer", "number"):
        return ("order", "number")
    if column.kind in ("date", "timestamp"):
        return ("order", column.kind, column.timezone is None)
    return ("equal", column.storage if column.kind != "boolean" else "boolean")


def _combination(contract: Contract, rule: Combination, path: str) -> Iterator[Problem]:
    columns = [contract[name] for name in rule.columns]
    wrong = [column.kind for column in columns if column.kind not in _COMBINED]
    if wrong:
        yield Problem("contract.rules", f"{path}.combination", f"a {wrong[0]}; only {', '.join(_COMBINED)} combine")
    elif rule.allowed is not None:
        if not rule.allowed or len(set(map(_key, rule.allowed))) < len(rule.allowed):
            yield Problem("contract.rules", f"{path}.allowed", "empty, or a combination given twice")
        for index, row in enumerate(rule.allowed):
            if len(row) != len(columns) or not all(map(_fits, columns, row)):
                fact = f"not {len(columns)} values, each one that its column allows"
                yield Problem("contract.rules", f"{path}.allowed[{index}]", fact)


def _key(row: tuple[object, ...]) -> tuple[object, ...]:
    """Return a key for a row of any values, true not the same as 1."""
    return tuple((type(cell).__name__, str(cell)) for cell in row)


def _fits(column: Column, cell: object) -> bool:
    """Return whether a column may hold a value."""
    if column.kind == "boolean":
        return isinstance(cell, bool)
    if column.kind == "integer" or column.storage == "integer":
        low = -(2**63) if column.minimum is None else column.minimum
        high = 2**63 - 1 if column.maximum is None else column.maximum
        whole = isinstance(cell, int) and not isinstance(cell, bool)
        return whole and low <= cell <= high and cell in (column.values or (cell,))  # type: ignore[operator]
    pattern = compiled(column.pattern or ".*") if column.values is None else None
    return (
        isinstance(cell, str) and cell in (column.values or (cell,)) and (pattern is None or bool(pattern.match(cell)))
    )
