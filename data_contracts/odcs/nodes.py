"""A document of plain values, read with its paths: what is wrong is noted where it stands, and reading goes on."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from typing import Any

from data_contracts.odcs.problems import Problem

__all__ = ["VENDOR", "Custom", "Node", "join"]

VENDOR = "likeness"
"""Custom properties of other vendors are theirs."""

_WORD = re.compile(r"[A-Za-z_][\w-]{0,60}")
_NAMES = {str: "text", bool: "true or false", int: "a whole number", list: "a list", dict: "a mapping"}


def join(path: str, key: str | int) -> str:
    """Return the path of a key or an index below a path."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    word = key if _WORD.fullmatch(key) else ascii(key[:60])
    return f"{path}.{word}" if path else word


class Node:
    """One value of a document.

    Args:
        value: plain: dict, list, str, int, float, bool or None.
        path: where it stands.
        problems: where to note what is wrong; shared by all nodes of a document.
    """

    def __init__(self, value: Any, path: str, problems: list[Problem]) -> None:  # noqa: ANN401 - any YAML value
        self.value, self.path, self.problems = value, path, problems

    def fail(self, rule: str, fact: str, key: str | None = None) -> None:
        """Note that this value (or the one at a key below) breaks a rule."""
        self.problems.append(Problem(rule, self.path if key is None else self[key].path, fact))

    def __contains__(self, key: str) -> bool:
        """Return whether this is a mapping with that key, whose value is not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> "Node":
        """Return the node at a key; its value is None where the key is not there."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(value, join(self.path, key), self.problems)

    def keys(self, known: Iterable[str], others: Iterable[str] = (), *, needed: Iterable[str] = ()) -> "Node":
        """Note what is not a mapping, keys that are unknown, not held to, or missing; return this node.

        Args:
            known: keys that are read.
            others: keys of the standard that are left to people and other tools.
            needed: keys that must be there.
        """
        if not isinstance(self.value, dict):
            self.fail("contract.types", f"{_found(self.value)}, where a mapping is expected")
            return self
        allowed = {*known, *others}
        for key in self.value:
            if key not in allowed:
                self.fail("contract.keys", f"unknown key; {_meant(str(key), known, allowed)}", str(key))
        for key in needed:
            if key not in self:
                self.fail("contract.needed", "missing", key)
        return self

    def items(self, key: str) -> Iterator["Node"]:
        """Yield the nodes of the list at a key; none where it is not there."""
        return self[key].each() if key in self else iter(())

    def each(self) -> Iterator["Node"]:
        """Yield the nodes of this list; note it if it is none."""
        for index, value in enumerate(self.value if self.check(list) else ()):
            yield Node(value, join(self.path, index), self.problems)

    def read(self, key: str, kind: type, *, default: Any = None) -> Any:  # noqa: ANN401 - of the asked type
        """Return the value at a key if it is of a type, else note it and return the default."""
        if key not in self:
            return default
        node = self[key]
        return node.value if node.check(kind) else default

    def check(self, kind: type) -> bool:
        """Note a value that is not of a type: str, bool, int, list or dict; return whether it is."""
        if isinstance(self.value, kind) and not (kind is int and isinstance(self.value, bool)):
            return True
        hint = "; write it between quotes" if kind is str and isinstance(self.value, (int, float, date)) else ""
        self.fail("contract.types", f"{_found(self.value)}, where {_NAMES[kind]} is expected{hint}")
        return False

    def number(self, key: str) -> int | float | None:
        """Return the number at a key; None where it is not there or is none, which is noted."""
        value = self[key].value
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        self.fail("contract.types", f"{_found(value)}, where a number is expected", key)
        return None


class Custom(Node):
    """Our custom properties of a node, read as if they were its keys; those of other vendors are left alone.

    Args:
        node: that may have `customProperties`.
        known: the names that may stand there.
    """

    def __init__(self, node: Node, known: Iterable[str]) -> None:
        self._found: dict[str, Node] = {}
        for item in node.items("customProperties"):
            item.keys(("property", "value", "vendor"), ("id", "description"), needed=("property", "value"))
            if item.read("vendor", str, default=VENDOR) == VENDOR:
                self._add(item, item.read("property", str, default=""), sorted(known))
        super().__init__({name: found.value for name, found in self._found.items()}, node.path, node.problems)

    def __getitem__(self, key: str) -> Node:
        """Return the node of a property's value."""
        return self._found[key] if key in self._found else Node(None, join(self.path, key), self.problems)

    def _add(self, item: Node, name: str, known: list[str]) -> None:
        if name in self._found:
            item.fail("contract.names", "this property is given twice", "property")
        elif name in known:
            self._found[name] = item["value"]
        elif name:
            item.fail("contract.keys", f"unknown property; {_meant(name, known, known)}", "property")


def _meant(key: str, known: Iterable[str], allowed: Iterable[str]) -> str:
    """Return what may have been meant: the key most like it, or what is known here."""
    close = get_close_matches(key, allowed, 1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known) or 'none'}"


def _found(value: object) -> str:
    """Return the kind of a value in words, without the value."""
    names = {bool: "true or false", int: "a whole number", float: "a number", type(None): "nothing"}
    return (_NAMES | names).get(type(value), "a date")
