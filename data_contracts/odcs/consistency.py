"""What a contract must not say: contradictions between its own words, told with the path of the later one."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from math import isfinite

from data_contracts.contract import Bound, Column, Contract, Source, Threshold
from data_contracts.expressions import compiled
from data_contracts.odcs.consistency_images import image_problems
from data_contracts.odcs.consistency_rules import rule_problems
from data_contracts.odcs.dateformats import reads_dates
from data_contracts.odcs.problems import Problem
from data_contracts.odcs.reading_columns import zone

__all__ = ["MAXIMUM_DECIMALS", "contradictions"]

MAXIMUM_DECIMALS = 15  # as many as float64 keeps of any decimal number

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}(-[0-9A-Za-z.-]{1,64})?", re.ASCII)
_INT64 = (-(2**63), 2**63 - 1)
_NANOSECONDS = (datetime(1677, 9, 22), datetime(2262, 4, 11))  # noqa: DTZ001 - what 64 bits of ns hold, in any zone
_FORMATS = ("csv", "tsv", "parquet", "jsonl", "sql", "images", "idx", "npz")
_ORDERED = ("integer", "number", "date", "timestamp")


def contradictions(contract: Contract) -> tuple[Problem, ...]:
    """Return what is wrong with a contract whose every word was understood, with paths as `dump` would write them.

    A custom property stands in a path by its name: `customProperties.rules[0].check`.
    """
    return (
        *_identity(contract),
        *(problem for index, column in enumerate(contract.columns) for problem in _column(column, index)),
        *_names(contract),
        *image_problems(contract),
        *(_source(contract.source, contract) if contract.source else ()),
        *rule_problems(contract, "customProperties.rules"),
        *(problem for threshold in contract.gate for problem in _threshold(threshold)),
    )


def _identity(contract: Contract) -> Iterator[Problem]:
    if not _ID.fullmatch(contract.id) or ".." in contract.id:
        yield Problem("contract.id", "id", "not such a name, or it would leave the folder of releases")
    if not _VERSION.fullmatch(contract.version):
        yield Problem("contract.version", "version", "not of the form 1.0.0")
    if not contract.columns:
        yield Problem("contract.needed", "schema[0].properties", "no column")
    if contract.minimum_rows < 1:
        yield Problem("contract.rows", "schema[0].quality[0].mustBeGreaterOrEqualTo", "below 1")
    if not 0 < contract.holdout <= 0.5:  # noqa: PLR2004 - more held out than learned from is no holdout
        yield Problem("contract.holdout", "customProperties.holdout", "outside that")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", contract.model):
        yield Problem("contract.model", "customProperties.model", "no such word")
    if contract.target is not None and contract.target not in contract.names:
        yield Problem("contract.target", "customProperties.target", "no column of that name")
    elif contract.target is not None and contract[contract.target].kind in ("id", "date", "timestamp", "image"):
        yield Problem(
            "contract.target", "customProperties.target", f"a column of kind {contract[contract.target].kind}"
        )


def _names(contract: Contract) -> Iterator[Problem]:
    if not _printable(contract.name):
        yield Problem("contract.names", "schema[0].name", "empty, or with control characters")
    seen: dict[str, int] = {}
    for index, name in enumerate(contract.names):
        path = f"schema[0].properties[{index}].name"
        if not _printable(name):
            yield Problem("contract.names", path, "empty, or with control characters")
        if name in seen:
            yield Problem("contract.names", path, f"the name of properties[{seen[name]}] already")
        seen.setdefault(name, index)


def _printable(name: str) -> bool:
    return bool(name.strip()) and not re.search(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]", name
    )


def _column(column: Column, index: int) -> Iterator[Problem]:
    """Yield what is wrong with one column taken by itself."""
    path = f"schema[0].properties[{index}]"
    options = f"{path}.logicalTypeOptions"
    if column.primary_key and not column.required:
        yield Problem("contract.primary_key", f"{path}.required", "a column of the primary key may be null")
    yield from _range(column, options)
    yield from _pattern(column, options)
    yield from _values(column, path)
    if column.decimals is not None and not (column.kind == "number" and 0 <= column.decimals <= MAXIMUM_DECIMALS):
        yield Problem("contract.precision", f"{options}.multipleOf", f"finer than {MAXIMUM_DECIMALS} digits")
    if column.unit not in ("s", "ms", "us", "ns"):
        yield Problem("contract.precision", f"{path}.customProperties.unit", "not a unit")
    if column.format is not None and (column.kind not in ("date", "timestamp") or not reads_dates(column.format)):
        yield Problem("contract.format", f"{options}.format", "does not say year, month and day")
    if column.timezone is not None and zone(column.timezone) is None:
        yield Problem("contract.timezone", f"{options}.defaultTimezone", "not the name of a time zone")


def _range(column: Column, options: str) -> Iterator[Problem]:
    bounds = {key: bound for key in ("minimum", "maximum") if (bound := getattr(column, key)) is not None}
    wrong = {key: fact for key, bound in bounds.items() if (fact := _bound(column, bound))}
    yield from (Problem("contract.range", f"{options}.{key}", fact) for key, fact in wrong.items())
    if len(bounds) == 2 and not wrong and bounds["minimum"] > bounds["maximum"]:  # noqa: PLR2004 - both
        yield Problem("contract.range", f"{options}.minimum", "above the maximum")


def _bound(column: Column, bound: Bound) -> str:
    """Return what is wrong with one bound; empty: nothing."""
    if column.kind not in _ORDERED:
        return f"a range on a column of kind {column.kind}"
    if column.kind == "integer" and not _INT64[0] <= bound <= _INT64[1]:  # type: ignore[operator]
        return "beyond 64 bits"
    if column.kind == "number" and not (isfinite(bound) and abs(bound) <= 1.7e308):  # type: ignore[arg-type] # noqa: PLR2004
        return "not finite"
    if isinstance(bound, datetime) and (bound.tzinfo is None) != (column.timezone is None):
        return "an offset goes with a time zone, and only with one"
    if isinstance(bound, datetime) and column.unit == "ns":
        low, high = _NANOSECONDS
        return "" if low <= bound.replace(tzinfo=None) < high else "beyond what 64 bits hold in nanoseconds"
    return ""


def _pattern(column: Column, options: str) -> Iterator[Problem]:
    if column.pattern is None:
        return
    if column.kind not in ("category", "id") or column.storage != "string":
        yield Problem("contract.pattern", f"{options}.pattern", "a pattern on a column that is not text")
    elif compiled(column.pattern) is None:
        yield Problem("contract.pattern", f"{options}.pattern", "does not compile")


def _values(column: Column, path: str) -> Iterator[Problem]:
    """Yield what is wrong with the allowed values: by count, never by value."""
    if column.values is None:
        return
    path = f"{path}.quality[0].arguments.validValues"
    if column.kind != "category":
        yield Problem("contract.values", path, f"a list of values on a column of kind {column.kind}")
    elif not column.values:
        yield Problem("contract.values", path, "an empty list")
    else:
        yield from (Problem("contract.values", path, fact) for fact in _value_facts(column, column.values))


def _value_facts(column: Column, values: Iterable[str | int]) -> Iterator[str]:
    listed = list(values)
    if len(set(listed)) < len(listed):
        yield f"{len(listed) - len(set(listed))} given twice"
    kind = int if column.storage == "integer" else str
    wrong = sum(not isinstance(value, kind) or isinstance(value, bool) for value in listed)
    if wrong:
        yield f"{wrong} of {len(listed)} are not of type {column.storage}"
    elif column.storage == "integer" and any(not _INT64[0] <= value <= _INT64[1] for value in listed):  # type: ignore[operator]
        yield "beyond 64 bits"
    elif column.pattern is not None and (pattern := compiled(column.pattern)) is not None:
        misses = sum(pattern.match(str(value)) is None for value in listed)
        if misses:
            yield f"{misses} of {len(listed)} do not match the column's pattern"


def _source(source: Source, contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with how the source is written."""
    facts = {
        "path": "" if source.location and _printable(source.location) else "empty, or with control characters",
        "format": "" if source.format in (None, *_FORMATS) else f"not one of {', '.join(_FORMATS)}",
        "encoding": "" if _encoding(source.encoding) else "not the name of an encoding",
        "customProperties.separator": ""
        if re.fullmatch(r'[^"\r\n] ?', source.separator)
        else "not one character, which a space may follow",
        "customProperties.decimal": "" if source.decimal in (".", ",") else "neither '.' nor ','",
        "customProperties.leave_out": _left_out(source, contract),
    }
    if source.decimal == source.separator:
        facts["customProperties.decimal"] = "the separator already"
    if source.table is not None and source.query is not None:
        facts["customProperties.query"] = "table and query; one of them says what is read"
    marks = set(source.unknown)
    if any(column.values and marks & set(column.values) for column in contract.columns):
        facts["customProperties.unknown"] = "a mark for not known is an allowed value of a column"
    yield from (Problem("contract.source", f"servers[0].{key}", fact) for key, fact in facts.items() if fact)


def _left_out(source: Source, contract: Contract) -> str:
    """Return what is wrong with the share of images that may be left out; empty: nothing."""
    if not 0 <= source.leave_out < 1:
        return "not a share from 0 to below 1"
    return "a share of images, where there are none" if source.leave_out and contract.image is None else ""


def _encoding(name: str) -> bool:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def _threshold(threshold: Threshold) -> Iterator[Problem]:
    """Yield what is wrong with one threshold."""
    path = f"customProperties.gate.{threshold.score}"
    bounds = [bound for bound in (threshold.minimum, threshold.maximum) if bound is not None]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", threshold.score):
        yield Problem("contract.gate", path, "not the name of a score")
    if not threshold.because.strip():
        yield Problem("contract.gate", f"{path}.because", "no reason")
    if not bounds:
        yield Problem("contract.gate", path, "neither minimum nor maximum")
    if not all(map(isfinite, bounds)) or bounds != sorted(bounds):
        yield Problem("contract.gate", f"{path}.minimum", "not finite, or above the maximum")
