"""From the standard's document to the contract: each key read once, each mistake noted with its path."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.contract import Column, Combination, Comparison, Contract, Rule, Source, Threshold
from data_contracts.odcs.nodes import Custom, Node
from data_contracts.odcs.problems import Problem
from data_contracts.odcs.reading_columns import read_column

__all__ = ["located", "read_contract"]

_NEEDED = ("apiVersion", "kind", "id", "version", "schema")
_TOP = (*_NEEDED, "description", "servers", "customProperties")
_TOP_OTHERS = (
    "status", "name", "tenant", "tags", "dataProduct", "domain", "context", "support", "price", "team", "roles",
    "slaDefaultElement", "slaProperties", "authoritativeDefinitions", "contractCreatedTs",
)  # fmt: skip
_TABLE_OTHERS = (
    "id", "logicalType", "physicalType", "physicalName", "description", "businessName", "deprecated", "synonyms",
    "authoritativeDefinitions", "tags", "dataGranularityDescription", "context",
)  # fmt: skip
_CUSTOM = ("rules", "gate", "model", "target", "holdout", "licence")
_WRITING = {"header": bool, "separator": str, "decimal": str, "table": str, "query": str}
_SERVER_TYPES = ("local", "custom", "s3", "azure")


def read_contract(document: Any, base: Path, *, problems: list[Problem]) -> Contract | None:  # noqa: ANN401 - any value
    """Return the contract that a document says; where anything is wrong it is noted, and None returned."""
    top = Node(document, "", problems).keys(_TOP, _TOP_OTHERS, needed=_NEEDED)
    _standard(top)
    custom = Custom(top, _CUSTOM)
    values: dict[str, Any] = {key: top.read(key, str) for key in ("id", "version")}
    values |= {key: custom.read(key, str) for key in ("licence", "model", "target") if key in custom}
    values |= {"holdout": custom.number("holdout")} if "holdout" in custom else {}
    values |= {"purpose": _purpose(top), "source": _source(top, base), "rules": _rules(custom), "gate": _gate(custom)}
    values |= _table(top)
    if "model" not in values and any(column.kind == "image" for column in values.get("columns", ())):
        values["model"] = "flow_matching"
    return None if problems else Contract(**values)


def located(document: Any, path: str) -> str:  # noqa: ANN401 - any value
    """Return where the file says what `dump` would write at a path: custom properties by index, values in `enum`."""
    before, listed, after = path.partition("customProperties.")
    if listed:
        name = re.match(r"\w*", after)[0]  # type: ignore[index]
        items = _at(document, f"{before}customProperties") or []
        found = [index for index, item in enumerate(items) if item.get("property") == name]
        return f"{before}customProperties[{found[0]}].value{after[len(name) :]}" if found else path
    column, listed, _ = path.partition(".quality[0].arguments.validValues")
    return f"{column}.enum" if listed and "enum" in _at(document, column) else path


def _at(document: Any, path: str) -> Any:  # noqa: ANN401 - any value
    """Return the value at a path of plain words and indexes."""
    for word, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        document = document.get(word) if word else document[int(index)]
    return document


def _standard(top: Node) -> None:
    if not top.read("apiVersion", str, default="v3").startswith("v3"):
        top.fail("contract.standard", "not a version v3.x.x of the standard", "apiVersion")
    if top.read("kind", str, default="DataContract") != "DataContract":
        top.fail("contract.standard", "not DataContract", "kind")


def _purpose(top: Node) -> str:
    if "description" not in top:
        return ""
    others = ("usage", "limitations", "authoritativeDefinitions", "customProperties")
    return str(top["description"].keys(("purpose",), others).read("purpose", str, default=""))


def _table(top: Node) -> dict[str, Any]:
    """Return the table's name, columns and least number of rows."""
    tables = list(top.items("schema"))
    if "schema" in top and len(tables) != 1:
        top.fail("contract.held", f"{len(tables)} tables, where exactly one is held to", "schema")
        return {}
    columns: tuple[Column, ...] = ()
    values: dict[str, Any] = {}
    for table in tables:
        table.keys(("name", "properties", "quality", "customProperties"), _TABLE_OTHERS, needed=("name", "properties"))
        Custom(table, ())
        columns = _keyed(table, tuple(filter(None, map(read_column, table.items("properties")))))
        values = {"name": table.read("name", str), "columns": columns, **_rows(table)}
    return values


def _keyed(table: Node, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns, the one that is the whole key as unique."""
    if sum(column.primary_key for column in columns) != 1:
        return columns
    for node in table.items("properties"):
        if node["primaryKey"].value is True and node["unique"].value is False:
            node.fail("contract.primary_key", "false, on the column that is the whole primary key", "unique")
    return tuple(replace(column, unique=True) if column.primary_key else column for column in columns)


def _rows(table: Node) -> dict[str, int]:
    """Return the least number of rows that the table's quality asks for."""
    values: dict[str, int] = {}
    for check in table.items("quality"):
        check.keys(("metric", "mustBeGreaterOrEqualTo", "type"), ("id", "name", "description", "dimension", "severity"))
        if (check["metric"].value, check["type"].value or "library") != ("rowCount", "library") or values:
            check.fail("contract.held", "only one check is held to here: rowCount with mustBeGreaterOrEqualTo")
        elif "mustBeGreaterOrEqualTo" not in check:
            check.fail("contract.needed", "missing", "mustBeGreaterOrEqualTo")
        else:
            values["minimum_rows"] = check.read("mustBeGreaterOrEqualTo", int)
    return values


def _source(top: Node, base: Path) -> Source | None:
    """Return where the data comes from; relative paths start at the contract's folder."""
    servers = list(top.items("servers"))
    if len(servers) > 1:
        top.fail("contract.held", f"{len(servers)} servers, where at most one is read", "servers")
    if len(servers) != 1:
        return None
    server = servers[0].keys(
        ("type", "path", "location", "format", "encoding", "customProperties"),
        ("id", "server", "description", "environment", "roles"),
        needed=("server", "type"),
    )
    custom = Custom(server, (*_WRITING, "unknown", "leave_out"))
    if server.read("type", str, default="local") not in _SERVER_TYPES:
        server.fail("contract.source", f"cannot be read; use one of {', '.join(_SERVER_TYPES)}", "type")
    if ("path" in server) == ("location" in server):
        server.fail("contract.source", "one of path and location says where the data lies, not both")
    place = server.read("path", str) or server.read("location", str) or ""
    values = {key: server.read(key, str) for key in ("format", "encoding") if key in server}
    values |= {key: custom.read(key, kind) for key, kind in _WRITING.items() if key in custom}
    values |= {"leave_out": custom.number("leave_out")} if custom.number("leave_out") is not None else {}
    values |= {"unknown": tuple(mark.value for mark in custom.items("unknown") if mark.check(str))}
    return Source(location=_resolve(place, base), **values)


def _resolve(place: str, base: Path) -> str:
    """Return a location with its path made absolute; URIs stay, but for the file of an SQLite URL."""
    sqlite = re.fullmatch(r"(sqlite(?:\+\w+)?:///)(?!:memory:)([^/?].*)", place)
    if sqlite:
        return sqlite[1] + os.path.abspath(base / sqlite[2])  # noqa: PTH100 - resolves `..`, but follows no links
    if "://" in place or not place:
        return place
    return os.path.abspath(base / place)  # noqa: PTH100 - the same


def _rules(custom: Custom) -> tuple[Rule, ...]:
    return tuple(filter(None, map(_rule, custom.items("rules"))))


def _rule(node: Node) -> Rule | None:
    """Return a comparison of two columns or a combination of several."""
    node.keys(("name", "check", "combination", "allowed"), needed=("name",))
    name = node.read("name", str, default="")
    if ("check" in node) == ("combination" in node):
        node.fail("contract.rules", "one of check and combination says what the rule asks, not both")
        return None
    words = [word.value for word in node.items("check" if "check" in node else "combination") if word.check(str)]
    if "combination" in node:
        allowed = tuple(tuple(cell.value for cell in row.each()) for row in node.items("allowed"))
        return Combination(name, tuple(words), allowed if "allowed" in node else None)
    if len(words) != 3:  # noqa: PLR2004 - left, operator, right
        node.fail("contract.rules", "not three words: column, operator, column", "check")
        return None
    if "allowed" in node:
        node.fail("contract.rules", "goes with a combination only", "allowed")
    return Comparison(name, words[0], words[1], words[2])


def _gate(custom: Custom) -> tuple[Threshold, ...]:
    """Return the thresholds, in the order of the file."""
    if "gate" not in custom or not custom["gate"].check(dict):
        return ()
    gate = custom["gate"]
    return tuple(_threshold(gate[str(score)], str(score)) for score in gate.value)


def _threshold(node: Node, score: str) -> Threshold:
    node.keys(("minimum", "maximum", "because"), needed=("because",))
    because = node.read("because", str, default="")
    return Threshold(score, because, minimum=node.number("minimum"), maximum=node.number("maximum"))
