"""What a source's bytes are, and whether they changed while they were read."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from data_contracts import Source
from tasks.readers.locate import File, find_files, format_of, reading
from tasks.readers.pixels import labels_beside
from tasks.storage import digest_file

__all__ = ["fingerprint", "stamp"]


def fingerprint(source: Source) -> str | None:
    """Return a digest of a source's files: of their bytes, or of what a remote filesystem knows them by.

    None: a database has no such thing.

    Raises:
        DataError: the source is not there, or cannot be read.
    """
    if format_of(source) == "sql":
        return None
    with reading("the source"):
        told = [f"{file.path}\n{_digest(file)}\n" for file in _files(source)]
    return hashlib.sha256("".join(told).encode()).hexdigest()


def stamp(source: Source) -> tuple[str, ...]:
    """Return what changes when a source's files do, without reading them; nothing, of a database."""
    if format_of(source) == "sql":
        return ()
    with reading("the source"):
        return tuple(f"{file.path} {_mark(file)}" for file in _files(source))


def _files(source: Source) -> list[File]:
    """Return the files that are read: the location's, labels beside IDX, and what a list of images may name."""
    files, form = find_files(source), format_of(source)
    if form == "idx":
        files += [beside for file in files for beside in labels_beside(file)]
    if form == "images" and source.location.endswith(".csv"):
        files += find_files(replace(source, location=source.location.rpartition("/")[0] or "."))
    return sorted({file.path: file for file in files}.values(), key=lambda file: file.path)


def _digest(file: File) -> str:
    return digest_file(Path(file.path)) if file.system is None else _mark(file)


def _mark(file: File) -> str:
    """Return size, time and number of a local file; of a remote one, what its filesystem knows it by (an ETag)."""
    if file.system is not None:
        return str(file.system.ukey(file.path))
    found = os.stat(file.path)  # noqa: PTH116 - fsspec speaks in texts
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
