"""The one door to a contract's YAML form: the Open Data Contract Standard, v3.

Reading goes text → document → contract: the document is read key by key (`reading`), held to the standard's own
JSON schema and model, and the contract to itself (`consistency`).  Everything found wrong is told in one error.
"""

import json
from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from data_contracts.contract import Contract
from data_contracts.errors import ContractError
from data_contracts.odcs.consistency import contradictions
from data_contracts.odcs.consistency_images import SIDES
from data_contracts.odcs.nodes import join
from data_contracts.odcs.problems import RULES, Problem, refuse
from data_contracts.odcs.reading import located, read_contract
from data_contracts.odcs.writing import write_contract

__all__ = ["MAXIMUM_BYTES", "SIDES", "dump", "find", "load", "loads"]

MAXIMUM_BYTES = 8_000_000
"""Of a contract's text: 300 columns with 1,000 listed values each are 5 MB."""

_MAXIMUM_DEPTH = 40  # the standard's deepest path has 12 levels
_LINE = 110  # of the YAML text that is written


def find(name_or_path: str | Path) -> Path:
    """Return the file of a contract: a path as it is, or a name under `data_contracts/`.

    Raises:
        ContractError: there is neither; the message lists the known names.
    """
    path, folder = Path(name_or_path), Path(__file__).parents[1]
    if path.is_file():
        return path
    known = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    raise ContractError(
        RULES["contract.file"],
        f"{str(name_or_path)!a} is neither a file nor a known name",
        f"Give a path, or one of the names {', '.join(known)}",
    )


def load(path: Path | str) -> Contract:
    """Return the contract in a file; its relative source starts at the file's folder.

    Raises:
        ContractError: the file cannot be read, or the contract is wrong: everything found, with its path.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            refuse(path.name, [Problem("contract.file", "", f"more than {MAXIMUM_BYTES:,} bytes")])
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        refuse(path.name, [Problem("contract.file", "", error.strerror or "it cannot be read")])
    except UnicodeDecodeError as error:
        refuse(path.name, [Problem("contract.yaml", "", f"byte {error.start} is not UTF-8")])
    return loads(text, path.name, path.parent)


def loads(text: str, name: str = "contract", base: Path = Path()) -> Contract:
    """Return the contract that a text says.

    Args:
        text: YAML.
        name: of the file, for messages.
        base: the folder at which relative sources start.

    Raises:
        ContractError: the contract is wrong: everything found, with its path.
    """
    document = _document(text, name)
    problems: list[Problem] = []
    contract = read_contract(document, base, problems=problems)
    if contract is None:
        refuse(name, problems)
    problems.extend(replace(problem, path=located(document, problem.path)) for problem in contradictions(contract))
    if problems or (problems := list(_standard(document))):
        refuse(name, problems)
    return contract


def dump(contract: Contract) -> str:
    """Return a contract as YAML that `loads` reads as the same contract; a source's password is not hidden.

    Raises:
        ContractError: a date's format has no letters in the standard.
    """
    document = write_contract(contract)
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_LINE))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain values only, each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """Return a mapping; a key given twice, or a key that is no text, is an error."""
        keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
        if None in keys or len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key given twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


class _Dumper(yaml.SafeDumper):
    """Lists of plain values on one line; no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Return that every value is written out."""
        return True


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.SequenceNode:
    """Return a list, in brackets where it holds plain values only."""
    flat = not any(isinstance(item, (dict, list)) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


_Dumper.add_representer(list, _represent_list)


def _document(text: str, name: str) -> Any:  # noqa: ANN401 - any YAML value
    """Return the plain document of a YAML text; messages give line and column, never what stands there."""
    if len(text) > MAXIMUM_BYTES:
        refuse(name, [Problem("contract.file", "", f"more than {MAXIMUM_BYTES:,} bytes")])
    try:
        fact = _unreadable(text)
        document = None if fact else yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        known = error.problem if error.problem == "a key given twice" else "not YAML"
        refuse(name, [Problem("contract.yaml", "", f"{known} {where}".strip())])
    except (yaml.YAMLError, ValueError, RecursionError, UnicodeError):
        refuse(name, [Problem("contract.yaml", "", "not YAML, or with characters that YAML does not know")])
    if fact or not isinstance(document, dict):
        refuse(name, [Problem("contract.yaml", "", fact or "not a mapping of keys")])
    return document


def _unreadable(text: str) -> str:
    """Return why a YAML text is not constructed at all; empty: it may be."""
    depth = documents = line = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else line
        opens = isinstance(event, yaml.CollectionStartEvent)
        depth += opens - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return f"an anchor or alias at line {line}"
        if depth > _MAXIMUM_DEPTH:
            return f"nested more than {_MAXIMUM_DEPTH} deep at line {line}"
    return "" if documents == 1 else "empty" if not documents else f"{documents} documents, where one is read"


def _standard(document: dict[str, Any]) -> Iterator[Problem]:
    """Yield what the standard's own JSON schema and model refuse; with paths, without values."""
    errors = sorted(_schema().iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    for error in errors:
        path = ""
        for key in error.absolute_path:
            path = join(path, key)
        yield Problem("contract.standard", path, f"refused by the standard's schema: {error.validator}")
    if not errors:
        yield from _model(document)


@cache
def _schema() -> Any:  # noqa: ANN401 - a validator; the library ships no types
    from jsonschema import Draft201909Validator

    schema = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(schema))


def _model(document: dict[str, Any]) -> Iterator[Problem]:
    from open_data_contract_standard.model import OpenDataContractStandard
    from pydantic import ValidationError

    try:
        OpenDataContractStandard.model_validate(document)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_context=False, include_url=False):
            path = ""
            for key in each["loc"]:
                path = join(path, key)
            yield Problem("contract.standard", path, f"refused by the standard's model: {each['type']}")
