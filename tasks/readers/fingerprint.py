"""What a source's bytes are, and whether they changed while they were read."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_contracts import Source
from tasks.readers.locate import File, find_files, format_of, reading
from tasks.readers.pixels import labels_beside
from tasks.storage import digest_file

__all__ = ["fingerprint", "source_files", "stamp"]


def fingerprint(source: Source, only: frozenset[str] = frozenset()) -> str | None:
    """Return a digest of a source's files: of their bytes, or of what a remote filesystem knows them by.

    None: a database has no such thing.

    Args:
        source: that is read.
        only: paths of the files that are meant; none: all.

    Raises:
        DataError: the source is not there, or cannot be read.
    """
    if format_of(source) == "sql":
        return None
    with reading("the source"):
        told = [f"{file.path}\n{_digest(file)}\n" for file in source_files(source, only)]
    return hashlib.sha256("".join(told).encode()).hexdigest()


def stamp(files: Sequence[File]) -> tuple[str, ...]:
    """Return what changes when files do, without reading them."""
    return tuple(f"{file.path} {file.mark}" for file in files)


def source_files(source: Source, only: frozenset[str] = frozenset()) -> list[File]:
    """Return the files that are read: the location's, labels beside IDX, and what a list of images may name.

    A database has none.

    Args:
        source: that is read.
        only: paths of the files that are meant; none: all.

    Raises:
        DataError: the source is not there, or cannot be listed.
    """
    form = format_of(source)
    if form == "sql":
        return []
    files = find_files(source)
    if form == "idx":
        files += [beside for file in files for beside in labels_beside(file)]
    if form == "images" and source.location.endswith(".csv"):
        files += find_files(replace(source, location=source.location.rpartition("/")[0] or "."))
    each = {file.path: file for file in files if not only or file.path in only}
    return [each[path] for path in sorted(each)]


def _digest(file: File) -> str:
    return digest_file(Path(file.path)) if file.system is None else file.mark
