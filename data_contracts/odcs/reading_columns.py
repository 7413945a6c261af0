"""From one property of the standard's document to one column."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.contract import KINDS, Bound, Column
from data_contracts.odcs.dateformats import from_jdk
from data_contracts.odcs.nodes import Custom, Node

__all__ = ["KINDS_OF", "default_kind", "read_column", "zone"]

KINDS_OF = {
    "integer": ("integer", "category", "id"),
    "number": ("number",),
    "boolean": ("boolean",),
    "string": ("category", "id"),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "object": ("image",),
}
"""Which kinds of column each logicalType of the standard can be."""

_IMAGE = {"height": int, "width": int, "channels": int, "resize": bool, "shown": bool}
_LATER = ("text",)
_READ = (
    "name", "description", "logicalType", "logicalTypeOptions", "required", "unique", "primaryKey",
    "primaryKeyPosition", "classification", "enum", "quality", "customProperties",
)  # fmt: skip
_OTHERS = (
    "id", "physicalType", "physicalName", "businessName", "deprecated", "synonyms", "authoritativeDefinitions", "tags",
    "encryptedName", "transformSourceObjects", "transformLogic", "transformDescription", "examples",
    "criticalDataElement",
)  # fmt: skip
_OPTIONS = {
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum", "multipleOf"),
    "boolean": (),
    "string": ("pattern",),
    "date": ("minimum", "maximum", "format"),
    "timestamp": ("minimum", "maximum", "format", "timezone", "defaultTimezone"),
    "object": (),
}


def read_column(node: Node) -> Column | None:
    """Return the column that a property describes; None where not even its kind is known."""
    node.keys(_READ, _OTHERS, needed=("name", "logicalType"))
    custom = Custom(node, ("kind", "unit", *_IMAGE, "formats"))
    logical = node.read("logicalType", str)
    kind = _kind(node, custom, logical) if logical else None
    if kind is None or logical is None:
        return None
    values: dict[str, Any] = {"name": node.read("name", str, default=""), "kind": kind} | _key(node)
    values |= {
        "description": node.read("description", str, default=""),
        "sensitivity": node.read("classification", str),
    }
    values |= {"values": _values(node)}
    if kind in ("category", "id"):
        values["storage"] = logical
    if "unit" in custom:
        if kind == "timestamp":
            values["unit"] = custom.read("unit", str)
        else:
            custom.fail("contract.precision", f"a unit on a {kind}", "unit")
    values |= _image(custom, kind)
    if "logicalTypeOptions" in node:
        values |= _options(node["logicalTypeOptions"].keys(_OPTIONS[logical]), logical)
    return Column(**values)


def _image(custom: Custom, kind: str) -> dict[str, Any]:
    """Return what is said of an image: height, width, channels, formats, what may be done."""
    said = [name for name in (*_IMAGE, "formats") if name in custom]
    if kind != "image":
        for name in said:
            custom.fail("contract.image", f"on a {kind}", name)
        return {}
    for name in ("height", "width", "channels"):
        if name not in custom:
            custom.fail("contract.needed", "missing", f"customProperties.{name}")
    values = {name: custom.read(name, wanted) for name, wanted in _IMAGE.items() if name in custom}
    if "formats" in custom:
        values["formats"] = tuple(each.value for each in custom.items("formats") if each.check(str))
    return values


def default_kind(logical: str, *, primary_key: bool) -> str:
    """Return the kind that a logicalType means where none is given: keys are identifiers, texts are categories."""
    return "id" if primary_key and "id" in KINDS_OF[logical] else KINDS_OF[logical][0]


def _kind(node: Node, custom: Custom, logical: str) -> str | None:
    """Return the kind of a column; None where it is unknown or does not go with the logicalType."""
    if logical not in KINDS_OF:
        node.fail("contract.kind", f"not one of {', '.join(KINDS_OF)}", "logicalType")
        return None
    kind = custom.read("kind", str, default=default_kind(logical, primary_key=node["primaryKey"].value is True))
    if kind in KINDS_OF[logical]:
        return str(kind)
    known = f"with {logical}: {', '.join(KINDS_OF[logical])}"
    if kind in _LATER:
        custom.fail("contract.kind", f"the kind {kind} comes later; {known}", "kind")
    else:
        custom.fail("contract.kind", f"does not go with {logical}; {known}" if kind in KINDS else known, "kind")
    return None


def _key(node: Node) -> dict[str, bool]:
    """Return required, unique and primary_key; a key's columns are required."""
    flags = {key: bool(node.read(key, bool, default=False)) for key in ("required", "unique", "primaryKey")}
    if flags["primaryKey"] and node["required"].value is False:
        node.fail("contract.primary_key", "false, on a column of the primary key", "required")
    if "primaryKeyPosition" in node:
        position = node.read("primaryKeyPosition", int, default=-1)
        if position > 0 and not flags["primaryKey"]:
            node.fail("contract.primary_key", "a position without primaryKey: true", "primaryKeyPosition")
    key = flags["primaryKey"]
    return {"required": flags["required"] or key, "unique": flags["unique"], "primary_key": key}


def _values(node: Node) -> tuple[Any, ...] | None:
    """Return the allowed values, from `enum` or from a quality check of invalid values; None: not given."""
    found: list[Node] = []
    if "enum" in node:
        others = ("label", "id", "description", "customProperties", "authoritativeDefinitions", "tags")
        found = [item.keys(("value",), others, needed=("value",))["value"] for item in node.items("enum")]
    for check in node.items("quality"):
        if "enum" in node or found:
            check.fail("contract.values", "allowed values are given twice")
        found = _valid(check)
    if not found and "enum" not in node and "quality" not in node:
        return None
    whole = node["logicalType"].value == "integer"
    return tuple(item.value for item in found if item.value is not None and item.check(int if whole else str))


def _valid(check: Node) -> list[Node]:
    """Return the valid values of a quality check; it is the only check of a column that is held to."""
    check.keys(("metric", "mustBe", "arguments", "type"), ("id", "name", "description", "dimension", "severity"))
    if (check["metric"].value, check["type"].value or "library") != ("invalidValues", "library"):
        check.fail("contract.held", "only one check is held to here: invalidValues with mustBe: 0 and validValues")
        return []
    if isinstance(check["mustBe"].value, bool) or check["mustBe"].value != 0:
        check.fail("contract.held", "only 0 is held to", "mustBe")
    if "arguments" not in check:
        check.fail("contract.needed", "missing", "arguments")
        return []
    return list(check["arguments"].keys(("validValues",), needed=("validValues",)).items("validValues"))


def _options(node: Node, logical: str) -> dict[str, Any]:
    """Return what the options of a logicalType say of a column."""
    values: dict[str, Any] = {}
    if "pattern" in node:
        values["pattern"] = node.read("pattern", str)
    if "format" in node and node["format"].check(str):
        values["format"] = from_jdk(node["format"].value)
        if values["format"] is None:
            node.fail("contract.format", "letters of a DateTimeFormatter that are not read here", "format")
    if "multipleOf" in node:
        values["decimals"] = _decimals(node)
    values["timezone"] = _timezone(node)
    for key in ("minimum", "maximum"):
        if key in node:
            values[key] = _bound(node, key, logical=logical, timezone=values["timezone"])
    return values


def _decimals(node: Node) -> int | None:
    """Return how many digits after the point a step of 0.01 leaves; a step is 1 or a power of a tenth."""
    step = node.number("multipleOf")
    if step is None:
        return None
    digits = Decimal(repr(step)).normalize().as_tuple()
    if digits.digits == (1,) and not digits.sign and isinstance(digits.exponent, int) and digits.exponent <= 0:
        return -digits.exponent
    node.fail("contract.precision", "not 1 or a power of a tenth (0.1, 0.01, ...)", "multipleOf")
    return None


def _timezone(node: Node) -> str | None:
    """Return the zone: the default one where it is named, UTC where texts say their own; None: local time."""
    named = node.read("defaultTimezone", str)
    if named is not None and zone(named) is None:
        node.fail("contract.timezone", "not the name of a time zone", "defaultTimezone")
    return named or ("Etc/UTC" if node.read("timezone", bool) else None)


def zone(name: str) -> ZoneInfo | None:
    """Return the time zone of that name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None


def _bound(node: Node, key: str, *, logical: str, timezone: str | None) -> Bound | None:
    """Return a bound in the column's own type; a timestamp with a zone in UTC."""
    if logical == "integer":
        whole: int | None = node.read(key, int)
        return whole
    if logical == "number":
        return node.number(key)
    text = node.read(key, str)
    try:
        bound = None if text is None else (date if logical == "date" else datetime).fromisoformat(text)
        if isinstance(bound, datetime) and timezone is not None:
            local = bound if bound.tzinfo else bound.replace(tzinfo=zone(timezone))
            return local.astimezone(UTC)
    except (ValueError, OverflowError):
        node.fail("contract.range", f"not an ISO 8601 {logical}", key)
        return None
    return bound
