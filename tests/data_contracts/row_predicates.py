"""Expectations evaluated row by row in plain Python, as `data_contracts.checks` words them: the tests' own judge."""

import re
from collections import Counter
from operator import eq, ne


def broken(expectations, table):
    """Return the names of the rules that a table breaks, each with the number of rows."""
    rows = table.to_pylist()
    counts = {expectation.rule: _count(expectation, rows, table.column_names) for expectation in expectations}
    return {rule: count for rule, count in counts.items() if count}


def _count(expectation, rows, names):
    asked, kind = expectation.arguments, expectation.type
    if kind == "expect_table_columns_to_match_ordered_list":
        return int(names != asked["column_list"])
    if kind == "expect_table_row_count_to_be_between":
        return int(len(rows) < asked["min_value"])
    cells = [tuple(_plain(row[name]) for name in expectation.columns) for row in rows]
    if kind == "expect_column_values_to_not_be_null":
        return sum(cell is None for (cell,) in cells)
    present = [cell for cell in cells if None not in cell]
    if kind in ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"):
        return sum(count for count in Counter(present).values() if count > 1)
    return sum(not _holds(kind, asked, expectation.columns, cell) for cell in present)


def _plain(cell):
    """Return a cell, of an image its bytes."""
    return cell["bytes"] if isinstance(cell, dict) else cell


def _holds(kind, asked, columns, cell):  # noqa: PLR0911 - one return a type of expectation
    if kind == "expect_column_values_to_be_between":
        value = cell[0]
        if hasattr(value, "to_pydatetime"):
            value = value.to_pydatetime(warn=False)
        return asked.get("min_value", value) <= value <= asked.get("max_value", value)
    if kind == "expect_column_values_to_be_in_set":
        return cell[0] in asked["value_set"]
    if kind == "expect_column_values_to_match_regex":
        return re.match(asked["regex"], cell[0]) is not None
    if kind == "expect_column_pair_values_a_to_be_greater_than_b":
        values = dict(zip(columns, cell, strict=True))
        one, two = values[asked["column_A"]], values[asked["column_B"]]
        return one >= two if asked["or_equal"] else one > two
    if kind == "likeness_pair_to_compare":
        return {"==": eq, "!=": ne}[asked["operator"]](*cell)
    if kind == "likeness_columns_to_be_in_set":
        return asked["value_set"] is None or cell in asked["value_set"]
    if kind == "likeness_values_to_have_decimals":
        scale = 10.0 ** asked["decimals"]
        return abs(cell[0]) * scale >= 2.0**51 or round(cell[0] * scale) / scale == cell[0]
    raise AssertionError(kind)
