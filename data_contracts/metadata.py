"""What SDMetrics is told of a table: its unified metadata dictionary."""

from typing import Any

from data_contracts.contract import Column, Contract

__all__ = ["sdmetrics_metadata"]

_SDTYPES = {
    "integer": "numerical",
    "number": "numerical",
    "boolean": "boolean",
    "category": "categorical",
    "date": "datetime",
    "timestamp": "datetime",
    "id": "id",
}


def sdmetrics_metadata(contract: Contract) -> dict[str, Any]:
    """Return the metadata of the contract's one table, under the contract's name for it.

    An identifier is no statistic, so that columns of kind `id` are left out of every score; a key is named only
    where one identifier is the whole key, which is the one form that SDMetrics checks.  Images are not of its world.
    """
    columns = {column.name: _column(column) for column in contract.columns if column.kind != "image"}
    table: dict[str, Any] = {"columns": columns}
    key = contract.primary_key
    if len(key) == 1 and contract[key[0]].kind == "id":
        table["primary_key"] = key[0]
    return {"tables": {contract.name: table}, "relationships": []}


def _column(column: Column) -> dict[str, str]:
    """Return one column; a date's form is the one in which a frame holds it as text."""
    form = {"datetime_format": "%Y-%m-%d"} if column.kind == "date" else {}
    return {"sdtype": _SDTYPES[column.kind], **form}
