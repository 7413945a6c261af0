"""A folder of images: a class for each sub-folder, or a CSV file that says what there is to know of each image.

The CSV is `metadata.csv` in the folder, as Hugging Face's `imagefolder` has it, `labels.csv`, or the location itself.
Its column `file_name`, or the one named like the contract's images, holds paths below its folder; its others are the
contract's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import pyarrow as pa

from data_contracts import Failure, Source
from tasks.pictures import MAXIMUM_BYTES, packed
from tasks.readers.locate import File, find_files, reading
from tasks.readers.problems import column_failures, refused
from tasks.readers.text import read_text

__all__ = ["is_listed", "read_folder"]

_NOTES = (".csv", ".html", ".json", ".jsonl", ".md", ".pdf", ".txt", ".xml", ".yaml")  # may lie beside images
_TABLES = ("metadata.csv", "labels.csv")  # at the top of the folder
_FILE = "file_name"
_BATCH_FILES = 1_000
_BATCH_BYTES = 2**25  # of files held at once, give or take one


def read_folder(
    source: Source,
    *,
    names: Sequence[str] | None,
    image: str,
    failures: list[Failure],
    only: frozenset[str] = frozenset(),
) -> Iterator[pa.RecordBatch]:
    """Yield a folder's images, as files, with what is known of each as text.

    Args:
        source: the folder, a glob, or the CSV.
        names: of the contract's columns; None: whatever is there, the class under the name `label`.
        image: the name of the images' column.
        failures: rows of the CSV that are left out are counted here.
        only: paths of the images that are meant, where no CSV lists them; none: all.

    Raises:
        DataError: `source.missing`, `table.columns`, and what a text source raises.
    """
    files = find_files(source)
    if tables := _tables(files, source):
        yield from _listed(tables[-1], files, source, names=names, image=image, failures=failures)
    else:
        yield from _classed(files, source, names=names, image=image, only=only)


def is_listed(source: Source, files: Sequence[File]) -> bool:
    """Return whether a CSV says which images there are, and so in what order."""
    return bool(_tables(files, source))


def _tables(files: Sequence[File], source: Source) -> list[File]:
    if source.location.endswith(".csv"):
        return list(files)
    top = _top(source)
    return [file for file in files if _under(file, top) in _TABLES]


def _top(source: Source) -> str:
    """Return the path of the folder that a location is, or that its glob begins in, as it stands in a file's path."""
    path = PurePosixPath(source.location.partition("://")[2] or source.location)
    if path.suffix.lower() == ".csv":
        path = path.parent
    fixed = [part for part in path.parts if part != "/"]
    wild = next((place for place, part in enumerate(fixed) if re.search(r"[*?\[]", part)), len(fixed))
    return "/".join(fixed[:wild])


def _under(file: File, top: str) -> str:
    """Return a file's path below the top; all of it, where it is not below."""
    return file.path.strip("/").partition(f"{top}/")[2] or PurePosixPath(file.path).name


def _classed(
    files: Sequence[File], source: Source, *, names: Sequence[str] | None, image: str, only: frozenset[str]
) -> Iterator[pa.RecordBatch]:
    """Yield images whose folder is named by their class, or whose folders name columns (`label=Coat/`).

    All files say which columns there are, those that are meant the rows.

    Raises:
        DataError: `source.missing`, `table.columns`.
    """
    images = [file for file in files if PurePosixPath(file.path).suffix.lower() not in _NOTES]
    if not images:
        fact = f"none is found at {source.shown}"
        raise refused("source.missing", "a folder of images has images", fact, "Check the location")
    top = _top(source)
    label = _label(images, top, names=names, image=image)
    meant = [file for file in images if not only or file.path in only]
    for start, contents in _grouped(meant):
        part = meant[start : start + len(contents)]
        paths = [_under(file, top) for file in part]
        columns = {image: packed(contents, paths)}
        for name in dict(images[0].partitions):
            columns[name] = pa.array([dict(file.partitions).get(name) for file in part], pa.string())
        if label is not None:
            columns[label] = pa.array([PurePosixPath(path).parent.name or None for path in paths], pa.string())
        yield pa.record_batch(columns)


def _label(images: Sequence[File], top: str, *, names: Sequence[str] | None, image: str) -> str | None:
    """Return the name of the column that the sub-folders fill; None: there is none.

    Raises:
        DataError: `table.columns`.
    """
    folders = any("/" in _under(file, top) for file in images)
    if names is None:
        return "label" if folders and not images[0].partitions else None
    asked = [name for name in names if name != image and name not in dict(images[0].partitions)]
    if len(asked) > 1 or (asked and not folders):
        fact = f"{len(asked)} are asked for beside the image, and {'one sub-folder' if folders else 'none'} names them"
        remedy = f"Put a {_TABLES[0]} with the columns {', '.join((_FILE, *asked))} into the folder"
        raise refused("table.columns", "what a contract asks of an image is known", fact, remedy)
    return asked[0] if asked else None


def _listed(
    table: File,
    files: Sequence[File],
    source: Source,
    *,
    names: Sequence[str] | None,
    image: str,
    failures: list[Failure],
) -> Iterator[pa.RecordBatch]:
    """Yield the images that a CSV lists, with its other columns.

    Raises:
        DataError: `table.columns`, and what a text source raises.
    """
    folder = str(PurePosixPath(table.path).parent)
    there = {file.path: file for file in files} if len(files) > 1 else None
    for batch in read_text(table, replace(source, format="csv"), names=None, failures=failures):
        place = _place(batch.schema.names, table, names=names, image=image)
        paths = [path or "" for path in batch.column(place).to_pylist()]
        for start, contents in _grouped([_file(path, folder, table, there) for path in paths]):
            images = packed(contents, paths[start : start + len(contents)])
            yield batch.slice(start, len(contents)).set_column(place, image, images)


def _place(found: Sequence[str], table: File, *, names: Sequence[str] | None, image: str) -> int:
    """Return where the paths stand among a CSV's columns.

    Raises:
        DataError: `table.columns`.
    """
    place = next((found.index(name) for name in (_FILE, image) if name in found), None)
    columns = [image if index == place else name for index, name in enumerate(found)]
    broken = column_failures(columns, names, shown=False)
    if place is None or broken:
        fact = f"it has no column {_FILE}" if place is None else broken[0].detail
        rule = f"a list of images has the column {_FILE} and the contract's others"
        raise refused("table.columns", rule, f"{table.label}: {fact}", "Correct it, or the contract's columns")
    return place


def _file(path: str, folder: str, table: File, there: dict[str, File] | None) -> File | None:
    """Return the file at a path below a folder; None: it is not there, or not below."""
    if not path or path.startswith("/") or ".." in PurePosixPath(path).parts:
        return None
    whole = f"{folder}/{PurePosixPath(path)}"
    return File(table.system, whole, "an image") if there is None else there.get(whole)


def _grouped(files: Iterable[File | None]) -> Iterator[tuple[int, list[bytes | None]]]:
    """Yield what is in files, in groups that are small enough to hold together, each with its first file's place."""
    contents: list[bytes | None] = []
    start = held = 0
    for file in files:
        contents.append(_read(file))
        held += len(contents[-1] or b"")
        if len(contents) == _BATCH_FILES or held >= _BATCH_BYTES:
            yield start, contents
            start, contents, held = start + len(contents), [], 0
    if contents:
        yield start, contents


def _read(file: File | None) -> bytes | None:
    """Return what is in a file, one byte more than is allowed at most; None: it is not there."""
    if file is None:
        return None
    with reading(file.label):
        try:
            with open(file.path, "rb") if file.system is None else file.system.open(file.path, "rb") as stream:  # noqa: PTH123 - fsspec speaks in texts too
                content: bytes = stream.read(MAXIMUM_BYTES + 1)
        except (FileNotFoundError, PermissionError, IsADirectoryError):
            return None
    return content
