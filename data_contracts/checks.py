"""Every rule of a contract as plain data, and the same in the vocabulary of Great Expectations.

`checks` is the whole list, by the names under which failures are reported.  `expectations` are the checks that are
evaluated on rows; Great Expectations itself is not imported here.  Null breaks `required` and the primary key only.

Three types of expectation start with `likeness_`, since the library has none for them (or slow ones).  A row
fails them as follows, where `A`, `B`, `x` are columns and null never fails:

* `likeness_pair_to_compare(column_A, operator, column_B)`: both are present, and `A operator B` is false;
* `likeness_columns_to_be_in_set(column_list, value_set)`: all are present, and the tuple is not in `value_set`.  Where
  `value_set` is None the combinations are those of the real data: real rows pass, synthetic rows are held to the set of
  combinations that the real rows have;
* `likeness_values_to_have_decimals(column, decimals)`: `|x| 10^d < 2^53` and `rint(x 10^d) / 10^d != x`.  Both sides
  are exact up to 2^53, so that this is true of every float64 read from a text of at most `d` digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from data_contracts.arrow import arrow_type
from data_contracts.contract import Column, Comparison, Contract, Rule
from data_contracts.expressions import anchored
from data_contracts.images import asked_of_images

__all__ = ["DECIMALS_TOLD", "Check", "Expectation", "Subject", "checks", "expectations", "image_expectations"]

Subject = Literal[
    "columns", "rows", "type", "precision", "required", "unique", "range", "values", "pattern", "primary_key",
    "comparison", "combination", "image",
]  # fmt: skip
"""What a check is about."""

DECIMALS_TOLD = 2.0**51
"""Decimals of a float64 are judged below so many of their unit: beyond, times the unit and back may not be the same."""

_ONE_COLUMN: dict[Subject, str] = {
    "required": "expect_column_values_to_not_be_null",
    "unique": "expect_column_values_to_be_unique",
    "precision": "likeness_values_to_have_decimals",
    "range": "expect_column_values_to_be_between",
    "values": "expect_column_values_to_be_in_set",
    "pattern": "expect_column_values_to_match_regex",
}
_ARGUMENTS = {
    "minimum": "min_value",
    "maximum": "max_value",
    "values": "value_set",
    "pattern": "regex",
    "decimals": "decimals",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule that data is held to.

    Args:
        rule: the name under which a failure is reported: `age.range`, `table.primary_key`, a rule's own name.
        subject: what it is about.
        columns: that it speaks of.
        arguments: what it asks: `{"minimum": 17, "maximum": 90}`.
    """

    rule: str
    subject: Subject
    columns: tuple[str, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One check in the vocabulary of Great Expectations.

    Args:
        rule: the name under which a failure is reported.
        columns: that it speaks of.
        type: of the expectation: `expect_column_values_to_be_between`, or one of ours (see the module).
        arguments: of the expectation; ranges of dates are `date` and `datetime` values.
    """

    rule: str
    columns: tuple[str, ...]
    type: str
    arguments: dict[str, Any] = field(default_factory=dict)


def checks(contract: Contract) -> tuple[Check, ...]:
    """Return every rule of a contract: about the table, then column by column, then between columns."""
    key = contract.primary_key
    return (
        Check("table.columns", "columns", contract.names),
        Check("table.rows", "rows", (), {"minimum": contract.minimum_rows}),
        *((Check("table.primary_key", "primary_key", key),) if key else ()),
        *(check for column in contract.columns for check in _of_column(column, key)),
        *(_of_rule(rule) for rule in contract.rules),
    )


def expectations(contract: Contract) -> tuple[Expectation, ...]:
    """Return the checks that rows are evaluated against; types are held by the Arrow schema already.

    Those of images are not among them: they are judged on a table of measures, by `image_expectations`.
    """
    return tuple(_expectation(check) for check in checks(contract) if check.subject not in ("type", "image"))


def image_expectations(column: Column) -> tuple[Expectation, ...]:
    """Return the checks of a column of images, on the columns of the table of measures (`data_contracts.images`)."""
    found = []
    for rule, asked in asked_of_images(column).items():
        measure = "format" if rule == "required" else rule
        arguments = {word: value for word, value in asked.items() if word != "blank"}
        found.append(
            Expectation(f"{column.name}.{rule}", (measure,), _measured(rule), {"column": measure, **arguments})
        )
    return tuple(found)


def _measured(rule: str) -> str:
    """Return the type of expectation for a rule of images."""
    if rule == "required":
        return _ONE_COLUMN["required"]
    return _ONE_COLUMN["values" if rule in ("format", "mode") else "range"]


def _of_column(column: Column, key: tuple[str, ...]) -> Iterator[Check]:
    """Yield the checks of one column; that a whole key is unique is said once, by `table.primary_key`."""
    asked: dict[Subject, dict[str, Any] | None] = {
        "type": {"type": str(arrow_type(column))},
        "required": {} if column.required and column.kind != "image" else None,
        "unique": {} if column.unique and key != (column.name,) else None,
        "precision": None if column.decimals is None else {"decimals": column.decimals},
        "range": {"minimum": column.minimum, "maximum": column.maximum} if _bounded(column) else None,
        "values": None if column.values is None else {"values": column.values},
        "pattern": None if column.pattern is None else {"pattern": column.pattern},
    }
    for subject, arguments in asked.items():
        if arguments is not None:
            yield Check(f"{column.name}.{subject}", subject, (column.name,), arguments)
    for rule, arguments in asked_of_images(column).items() if column.kind == "image" else ():
        yield Check(f"{column.name}.{rule}", "image", (column.name,), arguments)


def _bounded(column: Column) -> bool:
    return column.minimum is not None or column.maximum is not None


def _of_rule(rule: Rule) -> Check:
    if isinstance(rule, Comparison):
        return Check(rule.name, "comparison", rule.columns, {"operator": rule.operator})
    return Check(rule.name, "combination", rule.columns, {"allowed": rule.allowed})


def _expectation(check: Check) -> Expectation:
    """Return one check in the library's words."""
    asked, columns = check.arguments, list(check.columns)
    if check.subject in _ONE_COLUMN:
        kind, arguments = _ONE_COLUMN[check.subject], {"column": columns[0]} | _renamed(asked)
    elif check.subject == "columns":
        kind, arguments = "expect_table_columns_to_match_ordered_list", {"column_list": columns}
    elif check.subject == "rows":
        kind, arguments = "expect_table_row_count_to_be_between", _renamed(asked)
    elif check.subject == "primary_key":
        kind, arguments = _unique_together(columns)
    elif check.subject == "comparison":
        kind, arguments = _compared(columns, asked["operator"])
    else:
        kind, arguments = "likeness_columns_to_be_in_set", {"column_list": columns, "value_set": asked["allowed"]}
    return Expectation(check.rule, check.columns, kind, arguments)


def _renamed(asked: dict[str, Any]) -> dict[str, Any]:
    """Return a check's arguments under the library's names; a pattern matches from the first character to the last."""
    values = {_ARGUMENTS[name]: value for name, value in asked.items() if value is not None}
    if "regex" in values:
        values["regex"] = anchored(values["regex"])
    return values | ({"value_set": list(values["value_set"])} if "value_set" in values else {})


def _unique_together(columns: list[str]) -> tuple[str, dict[str, Any]]:
    if len(columns) == 1:
        return "expect_column_values_to_be_unique", {"column": columns[0]}
    return "expect_compound_columns_to_be_unique", {"column_list": columns, "ignore_row_if": "any_value_is_missing"}


def _compared(columns: list[str], operator: str) -> tuple[str, dict[str, Any]]:
    """Return a comparison: `<` and `<=` with the columns changed over, since the library knows `>` and `>=` only."""
    left, right = columns if operator.startswith(">") else columns[::-1]
    if operator in ("==", "!="):
        return "likeness_pair_to_compare", {"column_A": columns[0], "operator": operator, "column_B": columns[1]}
    return "expect_column_pair_values_a_to_be_greater_than_b", {
        "column_A": left,
        "column_B": right,
        "or_equal": operator.endswith("="),
        "ignore_row_if": "either_value_is_missing",
    }
