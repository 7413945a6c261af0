"""From a location (path, glob, folder, fsspec URI) to the files to read, and what their errors are called.

Nothing said here quotes a library's own message: those may quote what they read.
"""

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from data_contracts import Source
from tasks.readers.problems import UnreachableError, refused

__all__ = ["File", "find_files", "format_of", "is_database", "open_bytes", "reading", "size_and_mark"]

_FORMATS = {
    ".csv": "csv", ".data": "csv", ".txt": "csv", ".test": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".png": "images", ".jpg": "images", ".jpeg": "images", ".pgm": "images", ".ppm": "images", ".pnm": "images",
    ".npz": "npz", ".idx": "idx", ".idx1": "idx", ".idx3": "idx",
}  # fmt: skip
_IDX = re.compile(r"idx\d-ubyte$")
_GZIP = b"\x1f\x8b"
_PARTITION = re.compile(r"([^=/]+)=([^/]*)")
_PASSING = ("url", "time", "accessTime")  # where a request was led to, and when the file was last read
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # how Hive, and pyarrow after it, spells null in a folder's name


@dataclass(frozen=True, slots=True)
class File:
    """One file of a source.

    Args:
        system: the fsspec filesystem; None: the local disk, which Arrow reads itself.
        path: within the filesystem.
        label: what people may see of it: never a path, whose folders may be named after values.
        partitions: columns that the folders' names give (`year=2024/`), as text.
        size: in bytes; 0: not known.
        mark: what changes when the file does.
    """

    system: Any
    path: str
    label: str
    partitions: tuple[tuple[str, str | None], ...] = ()
    size: int = 0
    mark: str = ""


def is_database(location: str) -> bool:
    """Return whether a location is a database's URL: a scheme that no filesystem has."""
    import fsspec

    scheme, found, _ = location.partition("://")
    filesystems = {*fsspec.available_protocols(), *fsspec.registry}
    return bool(found) and scheme.split("::")[-1].partition("+")[0] not in filesystems


def format_of(source: Source) -> str:
    """Return what a source's bytes are, as stated or as its suffix says; text in columns where neither does."""
    if source.format is not None:
        return source.format
    if is_database(source.location):
        return "sql"
    path = PurePosixPath(re.sub(r"\.gz$", "", source.location.partition("?")[0]))
    if _IDX.search(path.name):
        return "idx"
    return _FORMATS.get(path.suffix.lower(), "csv" if path.suffix else _format_within(source))


def _format_within(source: Source) -> str:
    """Return the format of the first file of a folder that has a known suffix; of images, where one is an image."""
    paths = [PurePosixPath(file.path.removesuffix(".gz")) for file in find_files(source)]
    found = ["idx" if _IDX.search(path.name) else _FORMATS.get(path.suffix.lower()) for path in paths]
    known = [form for form in found if form is not None]
    return "images" if "images" in known else next(iter(known), "csv")


def find_files(source: Source) -> list[File]:
    """Return the files of a source, sorted by path.

    A folder gives every file below it; names that begin with `.` or `_` are notes, not data.

    Raises:
        DataError: `source.missing`, `source.url`.
    """
    location = source.location.removeprefix("file://")
    with reading("the source"):
        if "://" in location:
            system, root, found = _remote(location)
        else:
            system, root, found = None, location, {path: _stat(path) for path in _local(location)}
    if not found:
        raise refused(
            "source.missing", "the source is there", f"no file is found at {source.shown}", "Check the location"
        )
    labels = [f"file {n} of {len(found)}" if len(found) > 1 else "the file" for n in range(1, len(found) + 1)]
    return [
        File(system, path, label, _partitions(path.removeprefix(root)), *info)
        for (path, info), label in zip(sorted(found.items()), labels, strict=True)
    ]


def _stat(path: str) -> tuple[int, str]:
    """Return the size of a local file, and its mark: size, time and number."""
    found = os.stat(path)  # noqa: PTH116 - fsspec speaks in texts
    return found.st_size, f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def size_and_mark(info: Mapping[str, Any]) -> tuple[int, str]:
    """Return the size of a remote file, and its mark: an ETag, or all that its filesystem says of it."""
    told = sorted((name, str(value)) for name, value in info.items() if name not in _PASSING)
    mark = info.get("ETag") or info.get("etag") or hashlib.sha256(str(told).encode()).hexdigest()
    return int(info.get("size") or 0), str(mark)


def _local(location: str) -> list[str]:
    if os.path.isdir(location):  # noqa: PTH112 - fsspec and glob speak in texts too
        found = glob.glob(f"{glob.escape(location)}/**/*", recursive=True)  # noqa: PTH207 - the same
        return _data_only(sorted(filter(os.path.isfile, found)), location)
    if os.path.exists(location):  # noqa: PTH110 - the same
        return [location]
    return sorted(filter(os.path.isfile, glob.glob(location, recursive=True)))  # noqa: PTH207 - the same


def _remote(location: str) -> tuple[Any, str, dict[str, tuple[int, str]]]:
    """Return the filesystem of a URI, the path in it, and the files there: as they are now, not as they were listed."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(location, use_listings_cache=False)
    except (ImportError, ValueError):
        raise refused(
            "source.url",
            "the location's scheme can be opened",
            f"{location.partition('://')[0]}:// cannot",
            "Check the location, and install the package that fsspec needs for it",
        ) from None
    if system.isdir(path):
        found = system.find(path, detail=True)
        names = _data_only(sorted(found), path)
    else:
        found = {path: system.info(path)} if system.exists(path) else system.glob(path, detail=True)
        names = [name for name, info in found.items() if info["type"] != "directory"]
    return system, path, {name: size_and_mark(found[name]) for name in names}


def _data_only(paths: list[str], root: str) -> list[str]:
    return [path for path in paths if not re.search(r"(^|/)[._]", path.removeprefix(root))]


def _partitions(below: str) -> tuple[tuple[str, str | None], ...]:
    pairs = (_PARTITION.fullmatch(part) for part in below.split("/")[:-1])
    return tuple((unquote(p[1]), None if p[2] == _NULL_PARTITION else unquote(p[2])) for p in pairs if p)


def open_bytes(file: File) -> pa.NativeFile:
    """Open a file for reading; what is compressed by gzip, told by its first bytes, is read as what it holds.

    Raises:
        DataError: `source.format` where the name says gzip and the bytes do not.
    """
    raw = pa.OSFile(file.path) if file.system is None else pa.PythonFile(file.system.open(file.path, "rb"), mode="r")
    compressed = raw.read(2) == _GZIP
    raw.seek(0)
    if file.path.endswith(".gz") and not compressed and raw.size():
        raise refused(
            "source.format",
            "what is named .gz is compressed by gzip",
            f"{file.label} is not",
            "Compress it, or name it for what it is",
        )
    return pa.CompressedInputStream(raw, "gzip") if compressed else raw


@contextmanager
def reading(label: str) -> Iterator[None]:
    """Turn what libraries raise while they read into the project's own errors, without their words.

    Raises:
        UnreachableError: a connection failed.
        DataError: `source.missing`, `source.format`.
    """
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        raise UnreachableError(type(error).__name__) from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise refused(
            "source.missing", "the source can be opened", f"{label} cannot: {reason}", "Check the location"
        ) from None
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise refused(
            "source.format",
            "the source is whole, and what its format says",
            f"reading {label} stopped with {type(error).__name__}",
            "Check that the file is complete, and the contract's format, separator and encoding",
        ) from None
