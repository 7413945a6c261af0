"""Checks judged plainly: the form of a table, and predicates that count the rows of a batch which break a check.

Great Expectations judges what it has words for; these judge the rest (`data_contracts.checks` says how), and
what it would judge inexactly: it turns every bound into a float64, so integers beyond 2**53 lose their last digits.
A null breaks none of them.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts import Contract
from data_contracts.arrow import arrow_schema
from data_contracts.checks import DECIMALS_TOLD, Check
from data_contracts.conditions import Condition
from data_contracts.contract import Operator

__all__ = ["EXACT", "broken", "holds", "is_learned", "meets", "misshapen", "sound_types"]

EXACT = 2**53
"""Up to here float64 holds every integer."""

_OPERATORS: dict[Operator, Callable[[pa.Array, pa.Array], pa.Array]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


def misshapen(contract: Contract, schema: pa.Schema) -> dict[str, str]:
    """Return what is wrong with the columns and their types, by rule.

    Args:
        contract: what they must be.
        schema: the data's.
    """
    wrong = {
        f"{field.name}.type": f"is {schema.field(field.name).type}, must be {field.type}"
        for field in arrow_schema(contract)
        if schema.names.count(field.name) == 1 and schema.field(field.name).type != field.type
    }
    if tuple(schema.names) != contract.names:
        wrong["table.columns"] = _columns_detail(contract, schema)
    return wrong


def sound_types(contract: Contract, schema: pa.Schema) -> dict[str, pa.DataType]:
    """Return the types of the columns that are there once and as the contract has them: these can be looked into."""
    return {
        field.name: field.type
        for field in arrow_schema(contract)
        if schema.names.count(field.name) == 1 and schema.field(field.name).type == field.type
    }


def _columns_detail(contract: Contract, schema: pa.Schema) -> str:
    """Return what is wrong with the columns; unknown ones are counted, since a stray name may be a cell."""
    missing = [name for name in contract.names if name not in schema.names]
    repeated = [name for name in contract.names if schema.names.count(name) > 1]
    unknown = sum(name not in contract.names for name in schema.names)
    found = {"missing": ", ".join(missing), "more than once": ", ".join(repeated), "unknown": unknown}
    return "; ".join(f"{word}: {what}" for word, what in found.items() if what) or "in another order"


def is_learned(check: Check) -> bool:
    """Return whether the check only means something beside other data: combinations that the contract does not list."""
    return check.subject == "combination" and check.arguments["allowed"] is None


def holds(operator: Operator, left: pa.Array, right: pa.Array) -> pa.Array:
    """Return (N,) whether `left operator right` holds, null where either is.

    Raises:
        pyarrow.ArrowException: the types cannot be compared; its message can quote a cell.
    """
    return _OPERATORS[operator](_decoded(left), _decoded(right))


def meets(conditions: Iterable[Condition], columns: Mapping[str, pa.Array], rows: int) -> NDArray[np.bool_]:
    """Return the (N,) mask of the rows that meet all conditions.

    Args:
        conditions: on the columns.
        columns: (N,) each, by name.
        rows: N.
    """
    keeps = np.ones(rows, dtype=bool)
    for condition in conditions:
        values = _decoded(columns[condition.column])
        keeps &= np.asarray(_met(condition, values).to_numpy(zero_copy_only=False), dtype=bool)
    return keeps


def _met(condition: Condition, values: pa.Array) -> pa.Array:
    """Return (N,) whether values, or nulls, meet a condition."""
    if condition.value is None:
        return values.is_null() if condition.operator == "is" else values.is_valid()
    value = pa.scalar(condition.value, values.type)
    if condition.operator == "is not":
        return pc.fill_null(pc.not_equal(values, value), fill_value=True)
    operator = "==" if condition.operator == "is" else condition.operator
    return pc.fill_null(_OPERATORS[operator](values, value), fill_value=False)


def broken(check: Check, batch: pa.RecordBatch) -> int:
    """Return how many rows of a batch break a check.

    Raises:
        KeyError: there is no predicate for such a check.
        pyarrow.ArrowException: the columns' types do not fit the check; its message can quote a cell.
    """
    return _PREDICATES[check.subject](check, batch)


def _outside(check: Check, batch: pa.RecordBatch) -> int:
    values = batch.column(check.columns[0])
    bounds = (("minimum", pc.less), ("maximum", pc.greater))
    given = [(check.arguments[name], beyond) for name, beyond in bounds if check.arguments[name] is not None]
    return sum(_true(beyond(values, pa.scalar(bound, values.type))) for bound, beyond in given)


def _imprecise(check: Check, batch: pa.RecordBatch) -> int:
    values, scale = batch.column(check.columns[0]), 10.0 ** check.arguments["decimals"]
    scaled = pc.multiply(values, scale)
    differs = pc.not_equal(pc.divide(pc.round(scaled), scale), values)
    return _true(pc.and_(differs, pc.less(pc.abs(scaled), DECIMALS_TOLD)))


def _uncompared(check: Check, batch: pa.RecordBatch) -> int:
    left, right = (batch.column(name) for name in check.columns)
    return _true(pc.invert(holds(check.arguments["operator"], left, right)))


def _uncombined(check: Check, batch: pa.RecordBatch) -> int:
    """Count by distinct combination, which are few, and look each up once."""
    names, allowed = list(check.columns), set(check.arguments["allowed"])
    table = pa.table([_decoded(batch.column(name)) for name in names], names=names)
    groups = table.group_by(names).aggregate([([], "count_all")])
    rows = zip(*(groups[name].to_pylist() for name in names), strict=True)
    counts = groups["count_all"].to_pylist()
    return sum(count for row, count in zip(rows, counts, strict=True) if None not in row and row not in allowed)


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _true(flags: pa.Array) -> int:
    return int(pc.sum(flags).as_py() or 0)


_PREDICATES: dict[str, Callable[[Check, pa.RecordBatch], int]] = {
    "range": _outside,
    "precision": _imprecise,
    "comparison": _uncompared,
    "combination": _uncombined,
}
