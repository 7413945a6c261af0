"""JSON lines, plain or gzip: one object a line; a key that is not there is null."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from data_contracts import Failure, Source
from tasks.readers.locate import File, open_bytes, reading
from tasks.readers.problems import column_failures, refused
from tasks.readers.values import batch_rows, to_array

__all__ = ["read_jsonl"]

_BLOCK_BYTES = 4 << 20


def read_jsonl(
    file: File, source: Source, *, names: Sequence[str] | None, failures: list[Failure]
) -> Iterator[pa.RecordBatch]:
    """Yield a JSON lines file's rows.

    Args:
        file: to read.
        source: its encoding.
        names: of the contract's columns; None: the keys of the first batch of rows.
        failures: `table.objects` (lines that are no JSON object) and `table.columns` (foreign, missing or
            repeated keys; a key that no line has is missing) are counted here.

    Raises:
        DataError: `source.empty`, `source.format`, `table.encoding`.
    """
    parser = _Parser()
    with reading(file.label):
        objects = filter(None, map(parser, _lines(file, source.encoding)))
        wanted = names
        while rows := _take(objects, batch_rows(len(wanted or ()))):
            wanted = wanted if wanted is not None else list(dict.fromkeys(key for row in rows for key in row))
            parser.keys.update(*rows)
            arrays = [to_array([row.get(name) for row in rows]) for name in wanted]
            yield pa.RecordBatch.from_arrays(arrays, list(wanted))
    if not parser.lines:
        raise refused("source.empty", "the source has something in it", f"{file.label} is empty", "Check the location")
    failures += parser.failures(wanted or ())


class _Parser:
    """Parses lines, and counts those that are no object or say a key twice."""

    def __init__(self) -> None:
        self.lines = self.bad = self.first = self.twice = 0
        self.keys: set[str] = set()
        self._decode = json.JSONDecoder(object_pairs_hook=self._object, parse_constant=str).decode

    def __call__(self, line: str) -> dict[str, Any] | None:
        """Return a line's object; None where it has none."""
        self.lines += 1
        if not line or line.isspace():
            return None
        try:
            value = self._decode(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.bad, self.first = self.bad + 1, self.first or self.lines
            return None
        return value or {"": None}

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        self.twice += len(value) < len(pairs)
        return value

    def failures(self, wanted: Sequence[str]) -> list[Failure]:
        """Return what was counted; keys may be data, so those that the contract does not name are not said."""
        found = []
        if self.bad:
            detail = f"no JSON object, the first in line {self.first:,}"
            found.append(Failure("table.objects", (), self.bad, self.lines, detail))
        if self.twice:
            found.append(Failure("table.columns", (), self.twice, self.lines, "an object says a key twice"))
        return found + (column_failures(sorted(self.keys), wanted, shown=False) if self.keys else [])


def _take(objects: Iterator[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return [row for _, row in zip(range(most), objects, strict=False)]


def _lines(file: File, encoding: str) -> Iterator[str]:
    """Yield a file's lines as text, without holding more than a block and a line."""
    with open_bytes(file) as stream:
        rest = b""
        while block := stream.read(_BLOCK_BYTES):
            if b"\0" in block:
                raise refused("source.format", "a text source is text", f"{file.label} is binary", "State its format")
            *lines, rest = (rest + block).split(b"\n")
            yield from (_text(line, file, encoding) for line in lines)
        if rest:
            yield _text(rest, file, encoding)


def _text(line: bytes, file: File, encoding: str) -> str:
    try:
        return line.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise refused(
            "table.encoding",
            f"the text is written in {encoding}",
            f"{file.label} has bytes that are not",
            "State the source's encoding in the contract",
        ) from None
