"""From the contract to the standard's document, keys in the order in which people read them."""

from datetime import date
from typing import Any

from data_contracts.contract import Column, Combination, Contract, Rule, Source, Threshold
from data_contracts.odcs.dateformats import from_jdk, to_jdk
from data_contracts.odcs.problems import Problem, refuse
from data_contracts.odcs.reading_columns import default_kind

__all__ = ["write_contract"]

_API_VERSION = "v3.1.0"  # the first with `validValues` and `timezone`; every tool that knows v3.2 reads it
_LOGICAL = {"category": "string", "id": "string", "image": "object"}


def write_contract(contract: Contract) -> dict[str, Any]:
    """Return the document of a contract; what has its default value is left out.

    Raises:
        ContractError: a format that the standard has no letters for.
    """
    document: dict[str, Any] = {"apiVersion": _API_VERSION, "kind": "DataContract"}
    document |= {"id": contract.id, "version": contract.version, "status": "active"}
    if contract.purpose:
        document["description"] = {"purpose": contract.purpose}
    if contract.source:
        document["servers"] = [_server(contract.source)]
    properties = [_property(contract, column) for column in contract.columns]
    rows = [{"metric": "rowCount", "mustBeGreaterOrEqualTo": contract.minimum_rows}]
    document["schema"] = [{"name": contract.name, "properties": properties, "quality": rows}]
    custom = {
        "licence": contract.licence or None,
        "model": contract.model,
        "target": contract.target,
        "holdout": contract.holdout,
        "rules": [_rule(rule) for rule in contract.rules] or None,
        "gate": {threshold.score: _threshold(threshold) for threshold in contract.gate} or None,
    }
    return document | _custom(custom)


def _custom(values: dict[str, Any]) -> dict[str, Any]:
    """Return custom properties for the values that are there; no key at all where there are none."""
    items = [{"property": name, "value": value} for name, value in values.items() if value is not None]
    return {"customProperties": items} if items else {}


def _server(source: Source) -> dict[str, Any]:
    """Return the source: `local` where its path and format are known, as the standard asks, else `custom`."""
    remote = "://" in source.location
    kind = "local" if source.format and not remote else "custom"
    server = {"server": "source", "type": kind, "location" if remote else "path": source.location}
    server |= {"format": source.format} if source.format else {}
    server |= {"encoding": source.encoding} if source.encoding != "utf-8" else {}
    plain = Source(location="")
    names = ("header", "separator", "decimal", "table", "query", "leave_out")
    custom = {name: getattr(source, name) for name in names if getattr(source, name) != getattr(plain, name)}
    return server | _custom(custom | {"unknown": list(source.unknown) or None})


def _property(contract: Contract, column: Column) -> dict[str, Any]:
    """Return one column: name, meaning, type, range, key, sensitivity, values."""
    logical = _LOGICAL.get(column.kind, column.kind) if column.storage == "string" else "integer"
    item: dict[str, Any] = {"name": column.name}
    item |= {"description": column.description} if column.description else {}
    item |= {"logicalType": logical}
    options = _options(column)
    item |= {"logicalTypeOptions": options} if options else {}
    if column.primary_key:
        item["primaryKey"] = True
        key = contract.primary_key
        item |= {"primaryKeyPosition": key.index(column.name) + 1} if len(key) > 1 else {}
    item |= {name: True for name in ("required", "unique") if getattr(column, name)}
    item |= {"classification": column.sensitivity} if column.sensitivity is not None else {}
    if column.values is not None:
        values = {"validValues": list(column.values)}
        item["quality"] = [{"metric": "invalidValues", "mustBe": 0, "arguments": values}]
    plain = default_kind(logical, primary_key=column.primary_key)
    unit = column.unit if column.unit != "us" else None
    if column.kind == "image":
        return item | _custom({"kind": column.kind, **_image(column)})
    return item | _custom({"kind": column.kind if column.kind != plain else None, "unit": unit})


def _image(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(column, name) for name in ("height", "width", "channels")}
    formats = None if column.formats is None else list(column.formats)
    return said | {"formats": formats, "resize": column.resize or None, "shown": column.shown or None}


def _options(column: Column) -> dict[str, Any]:
    bounds = {"minimum": column.minimum, "maximum": column.maximum}
    options: dict[str, Any] = {
        key: bound.isoformat() if isinstance(bound, date) else bound for key, bound in bounds.items()
    }
    options["multipleOf"] = (
        None if column.decimals is None else float(f"1e-{column.decimals}") if column.decimals else 1
    )
    options["pattern"] = column.pattern
    options["format"] = None if column.format is None else _format(column)
    options |= {"timezone": True, "defaultTimezone": column.timezone} if column.timezone is not None else {}
    return {key: value for key, value in options.items() if value is not None}


def _format(column: Column) -> str:
    letters = to_jdk(column.format or "")
    if letters is None or from_jdk(letters) != column.format:
        refuse("contract", [Problem("contract.format", column.name, "a format that the standard has no letters for")])
    return letters


def _rule(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Combination):
        item: dict[str, Any] = {"name": rule.name, "combination": list(rule.columns)}
        return item | ({} if rule.allowed is None else {"allowed": [list(row) for row in rule.allowed]})
    return {"name": rule.name, "check": [rule.left, rule.operator, rule.right]}


def _threshold(threshold: Threshold) -> dict[str, Any]:
    bounds = {"minimum": threshold.minimum, "maximum": threshold.maximum}
    return {key: bound for key, bound in bounds.items() if bound is not None} | {"because": threshold.because}
