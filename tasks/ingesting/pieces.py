"""Pieces: groups of whole files of a source, in its order, that are read each by itself, wherever there is a worker.

How a source is cut follows from its files' sizes alone, so that the result does not depend on how many workers there
are; a file that is added at the end, or changed, changes its own piece and leaves the others as they were.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_contracts import Contract, Source
from tasks.ingesting.tally import Tally
from tasks.readers.fingerprint import source_files, stamp
from tasks.readers.imagefolder import is_listed
from tasks.readers.locate import File, find_files, format_of
from tasks.references import Reference

__all__ = ["Layout", "Part", "Piece", "layout_of"]

BYTES = 100_000_000
"""Of a piece at least: two seconds of reading CSV, five of JSON lines, beside which what a task costs is little."""

FILE_BYTES = 100_000
"""Added for each file: to open one takes as long as to read so much of it."""

_TABLES = ("csv", "tsv", "jsonl", "parquet")  # each file says by itself what it holds


@dataclass(frozen=True, slots=True)
class Piece:
    """Some files of a source.

    Args:
        number: of the piece, from 0.
        paths: of its files, within their filesystem.
    """

    number: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a source is cut.

    Args:
        pieces: of it, in order; a single one is the source as a whole.
        stamp: what changes when its files do.
    """

    pieces: tuple[Piece, ...]
    stamp: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece that was read.

    Args:
        rows: of it, those that fit.
        tally: of what does not, to be judged when all pieces are read.
    """

    rows: Reference
    tally: Tally


def layout_of(contract: Contract, source: Source) -> Layout:
    """Return how a contract's source is cut.

    Raises:
        DataError: the source is not there, or cannot be listed.
    """
    files = source_files(source)
    groups = list(_groups(files)) if _is_cut(contract, source) else [files]
    pieces = (Piece(number, tuple(file.path for file in group)) for number, group in enumerate(groups))
    return Layout(tuple(pieces), stamp(files))


def _is_cut(contract: Contract, source: Source) -> bool:
    """Return whether each file can be read without the others: images of a table are numbered through all of them."""
    form = format_of(source)
    if form == "images":
        return not is_listed(source, find_files(source))
    return form in _TABLES and contract.image is None


def _groups(files: Sequence[File]) -> Iterator[list[File]]:
    """Yield files in groups that are closed by the file that fills them."""
    group, held = list[File](), 0
    for file in files:
        group.append(file)
        held += file.size + FILE_BYTES
        if held >= BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group
