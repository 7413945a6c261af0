"""Readers: one file per form of source, and the casts from what they read to a contract's kinds.

`read` gives record batches as the source holds them: text as text, typed columns with the source's own types.
`tasks.readers.cells` makes the contract's kinds of them, and counts what does not fit.
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from data_contracts import Failure, Source
from tasks.readers.fingerprint import source_files
from tasks.readers.imagefolder import read_folder
from tasks.readers.jsonl import read_jsonl
from tasks.readers.locate import File, format_of
from tasks.readers.parquet import read_parquet
from tasks.readers.pixels import read_idx, read_npz
from tasks.readers.spelling import Spelling
from tasks.readers.sql import read_sql
from tasks.readers.text import read_text

__all__ = ["TEXTS", "read", "spelling_of"]

TEXTS = ("csv", "tsv", "images")
"""Formats whose cells are texts, to be read as what they may be."""


def read(
    source: Source,
    *,
    names: Sequence[str] | None,
    failures: list[Failure],
    image: str = "image",
    only: frozenset[str] = frozenset(),
) -> Iterator[pa.RecordBatch]:
    """Yield a source's rows in batches, file after file.

    Args:
        source: where, and how it is written.
        names: of the contract's columns; None: whatever is there.
        failures: rows that had to be left out are counted here; the caller refuses the source at its end.
        image: the name of the images' column, for sources that have no word for it.
        only: paths of the files that are meant, of a source whose files say by themselves what they hold; none: all.

    Raises:
        DataError: the source as a whole cannot be read, or its columns are others.
    """
    form = format_of(source)
    if form == "sql":
        yield from read_sql(source, names=names)
        return
    if form in ("images", "idx"):
        yield from _images(source, form=form, names=names, failures=failures, image=image, only=only)
        return
    for file in source_files(source, only):
        within = None if names is None else [name for name in names if name not in dict(file.partitions)]
        batches = (
            read_npz(file, names=within, image=image)
            if form == "npz"
            else _batches(file, source, form=form, names=within, failures=failures)
        )
        for batch in batches:
            yield _with_partitions(batch, file)


def spelling_of(source: Source) -> Spelling:
    """Return how a source writes its cells; in a text file, or a list of images, the empty cell is not known either."""
    if format_of(source) in TEXTS:
        return Spelling(("", *source.unknown), source.decimal)
    return Spelling(source.unknown)


def _images(
    source: Source,
    *,
    form: str,
    names: Sequence[str] | None,
    failures: list[Failure],
    image: str,
    only: frozenset[str],
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a source whose files hold one image, or one column, each."""
    if form == "idx":
        return read_idx(source, names=names, image=image)
    return read_folder(source, names=names, image=image, failures=failures, only=only)


def _batches(
    file: File, source: Source, *, form: str, names: Sequence[str] | None, failures: list[Failure]
) -> Iterator[pa.RecordBatch]:
    if form == "parquet":
        return read_parquet(file, names=names)
    reader = read_jsonl if form == "jsonl" else read_text
    return reader(file, source, names=names, failures=failures)


def _with_partitions(batch: pa.RecordBatch, file: File) -> pa.RecordBatch:
    for name, value in file.partitions:
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.array([value] * batch.num_rows, pa.string()))
    return batch
