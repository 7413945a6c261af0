"""From the texts that people write to conditions and shares, held to the contract.

sex=Female   age>=60   sex!=Male   occupation is null   workclass is not Private      a condition
income:>50K=0.5                                                                       a share
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from data_contracts.conditions import Asked, Condition, Selection, Share, Value
from data_contracts.contract import Column, Contract
from data_contracts.errors import ContractError
from data_contracts.expressions import compiled

__all__ = ["select"]

_COMPARED = re.compile(r"\s*(?P<operator>==|!=|<=|>=|=|<|>)\s*(?P<value>.+)", re.DOTALL)
_IS = re.compile(r"\s+(?P<operator>is not|is)\s+(?P<value>.+)", re.DOTALL)
_SHARED = re.compile(r"\s*:\s*(?P<value>.+?)\s*=\s*(?P<share>[^=]+)", re.DOTALL)
_CONDITION = "Write it as sex=Female, age>=60, sex!=Male, occupation is null or workclass is not Private"
_SHARE = "Write it as income:>50K=0.5"
_ORDERED = ("integer", "number", "date", "timestamp")
_MOST_SHOWN = 20  # values of a contract that a remedy lists


def select(contract: Contract, *, where: Iterable[str] = (), shares: Iterable[str] = ()) -> Selection:
    """Return the rows that are asked for in so many words.

    Raises:
        ContractError: a text is no condition or share, does not go with the contract, or contradicts another.
    """
    selection = Selection(
        tuple(_condition(contract, text) for text in where), tuple(_share(contract, text) for text in shares)
    )
    _require_possible(contract, selection.where)
    if selection.shares:
        _require_shares(contract, selection)
    return selection


def _condition(contract: Contract, text: str) -> Condition:
    """Return one condition."""
    column, found = _found(contract, text, (_COMPARED, _IS), what="condition", remedy=_CONDITION)
    operator, value = found["operator"].replace("==", "="), found["value"].strip()
    if operator in ("is", "is not") and value.lower() == "null":
        return Condition(column.name, cast("Asked", operator), None)
    if operator in ("<", "<=", ">", ">=") and column.kind not in _ORDERED:
        raise ContractError(
            "an order is asked of numbers and times",
            f"{text!a} asks for one of {column.name!r}, of kind {column.kind}",
            "Ask with =, != or is",
        )
    asked = cast("Asked", "==" if operator == "=" else operator)
    return Condition(column.name, asked, _value(column, value, text))


def _share(contract: Contract, text: str) -> Share:
    """Return one share."""
    column, found = _found(contract, text, (_SHARED,), what="share", remedy=_SHARE)
    try:
        share = float(found["share"])
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ContractError("a share lies between 0 and 1", f"that of {text!a} does not", _SHARE)
    return Share(column.name, _value(column, found["value"], text), share)


def _found(
    contract: Contract, text: str, forms: Sequence[re.Pattern[str]], *, what: str, remedy: str
) -> tuple[Column, re.Match[str]]:
    """Return the column that a text begins with, the longest name first, and what follows it."""
    text = text.strip()
    named = [name for name in contract.names if re.match(rf"{re.escape(name)}(?!\w)", text)]
    for name in sorted(named, key=len, reverse=True):
        for form in forms:
            if found := form.fullmatch(text[len(name) :]):
                return contract[name], found
    if named:
        raise ContractError(f"a {what} has a form that can be read", f"{text!a} has not", remedy)
    raise ContractError(
        f"a {what} speaks of a column of the contract",
        f"{text!a} does not",
        f"Choose among {', '.join(contract.names)}",
    )


def _value(column: Column, value: str, text: str) -> Value:
    """Return a value of the column's kind, one that the contract allows."""
    if column.kind not in _READ:
        fact = f"{text!a} asks for one of {column.name!r}, of kind {column.kind}"
        raise ContractError("values that are learned can be asked for", fact, "Ask for values of other columns")
    try:
        read = _READ[column.kind](column, value)
    except (ValueError, OverflowError):
        fact = f"{text!a} has none that {column.name!r}, of kind {column.kind}, could hold"
        raise ContractError("a value is of its column's kind", fact, f"Write it as {_EXAMPLES[column.kind]}") from None
    _require_allowed(column, read, text)
    return read


def _require_allowed(column: Column, value: Value, text: str) -> None:
    """Refuse a value that the contract's list or pattern does not allow."""
    rule, fact = "a value is one that the contract allows", f"that of {text!a} is not"
    if column.values is not None and value not in column.values:
        listed = ", ".join(map(str, column.values[:_MOST_SHOWN]))
        more = ", ..." if len(column.values) > _MOST_SHOWN else ""
        raise ContractError(rule, fact, f"Choose among {listed}{more}")
    pattern = compiled(column.pattern) if column.pattern is not None else None
    if pattern is not None and not pattern.match(str(value)):
        raise ContractError(rule, fact, f"Choose one that matches the pattern of {column.name!r}")


def _require_possible(contract: Contract, where: Sequence[Condition]) -> None:
    """Refuse conditions that no row of the contract can meet together."""
    for name in dict.fromkeys(condition.column for condition in where):
        own = [condition for condition in where if condition.column == name]
        if not _possible(contract[name], own):
            raise ContractError(
                "conditions can be met together, and within the contract",
                f"no value of {name!r} meets {' and '.join(map(str, own))}",
                "Take one of them away, or look at the column's range in the contract",
            )


def _require_shares(contract: Contract, selection: Selection) -> None:
    """Refuse shares that do not go together, or not with the conditions."""
    shares = selection.shares
    columns, values = {one.column for one in shares}, {one.value for one in shares}
    if len(columns) > 1:
        fact, remedy = f"they are of {', '.join(sorted(columns))}", "Ask for the others in runs of their own"
        raise ContractError("shares are of one column's values", fact, remedy)
    if len(values) < len(shares):
        fact = f"{len(shares) - len(values)} of {len(shares)} come twice"
        raise ContractError("each value has one share", fact, "Ask for each value once")
    if (total := sum(one.share for one in shares)) > 1 + 1e-9:  # the rounding of a sum
        raise ContractError("shares add up to 1 at most", f"they add up to {total:g}", "Lower them")
    for conditions, _ in selection.strata:
        _require_possible(contract, conditions)


def _possible(column: Column, conditions: Sequence[Condition]) -> bool:
    """Return whether there is a value, or null, that the contract allows and that meets all conditions.

    What holds of any number or time holds of one that is named, or of one next to it.
    """
    candidates: list[Value | None] = [*_candidates(column, [one.value for one in conditions if one.value is not None])]
    candidates += [] if column.required else [None]
    return any(all(condition.met_by(value) for condition in conditions) for value in candidates)


def _candidates(column: Column, named: Sequence[Any]) -> list[Value]:
    """Return values that a column may have, one at least of each sort that conditions on named values tell apart."""
    if column.kind == "boolean":
        return [False, True]
    if column.kind not in _ORDERED:
        free = max(named, default=0) + 1 if column.storage == "integer" else "\0".join(["", *map(str, named)])
        return list(column.values) if column.values is not None else [*named, free]
    low, high = column.minimum, column.maximum
    points = [*named, *(bound for bound in (low, high) if bound is not None)] or [_ANY[column.kind]]
    near = [each for point in points for each in _near(column, point)]
    return [each for each in near if (low is None or each >= low) and (high is None or each <= high)]


def _near(column: Column, point: Any) -> list[Any]:  # noqa: ANN401 - a number or a time
    """Return a value and those next to it."""
    if column.kind == "number":
        return [math.nextafter(point, -math.inf), point, math.nextafter(point, math.inf)]
    step: Any = {"integer": 1, "date": timedelta(1), "timestamp": _UNITS[column.unit]}[column.kind]
    near = [point]
    for sign in (-1, 1):
        with suppress(OverflowError):  # the first and the last day that there are
            near.append(point + sign * step)
    return near


_UNITS = {
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
    "ns": timedelta(microseconds=1),
}
_ANY: dict[str, Any] = {"integer": 0, "number": 0.0, "date": date(2000, 1, 1), "timestamp": datetime(2000, 1, 1)}  # noqa: DTZ001


def _whole(_: Column, text: str) -> int:
    """Return a whole number of 64 bits."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _number(_: Column, text: str) -> float:
    """Return a finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(_: Column, text: str) -> bool:
    """Return true or false."""
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _category(column: Column, text: str) -> Value:
    """Return a category: the text itself, or the whole number."""
    return _whole(column, text) if column.storage == "integer" else text


def _timestamp(column: Column, text: str) -> datetime:
    """Return a time to the column's unit: in UTC where it has a zone, without one where it has none."""
    time = datetime.fromisoformat(text)
    coarse = {"s": 1_000_000, "ms": 1_000}.get(column.unit, 1)
    if time.microsecond % coarse or (time.tzinfo is not None and column.timezone is None):
        raise ValueError
    if column.timezone is None:
        return time
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(column.timezone))).astimezone(UTC)


_READ: dict[str, Callable[[Column, str], Value]] = {
    "integer": _whole,
    "number": _number,
    "boolean": _boolean,
    "category": _category,
    "date": lambda _, text: date.fromisoformat(text),
    "timestamp": _timestamp,
}
_EXAMPLES = {
    "integer": "60",
    "number": "0.5",
    "boolean": "true or false",
    "category": "a whole number",
    "date": "2024-12-31",
    "timestamp": "2024-12-31T23:59:00",
}
