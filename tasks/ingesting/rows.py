"""The rows of a source, or of some of its files, as the contract's kinds, and into one Parquet file."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import Contract, DataError, LikenessError, Source
from data_contracts.arrow import nullable_schema
from tasks.ingesting.tally import Tally
from tasks.parquet import BATCH_ROWS, regrouped, write_parquet
from tasks.progress import counted, progress
from tasks.readers import read, spelling_of
from tasks.readers.fingerprint import source_files, stamp
from tasks.readers.images import named
from tasks.readers.locate import format_of
from tasks.readers.problems import refused
from tasks.references import Reference
from tasks.storage import write_json

__all__ = ["read_rows", "require_sound", "require_unchanged", "write_rows"]

logger = logging.getLogger(__name__)


def read_rows(
    contract: Contract, source: Source, tally: Tally, only: frozenset[str] = frozenset()
) -> Iterator[pa.RecordBatch]:
    """Yield a source's rows as the contract's kinds, and count what does not fit; images that do not are left out.

    Args:
        contract: says what the columns are.
        source: to read.
        tally: where it is counted.
        only: paths of the files that are meant; none: all.

    Raises:
        DataError: the source as a whole cannot be read, or it was changed meanwhile.
    """
    form: Any = format_of(source)
    source = replace(source, format=form)  # or every look at the files would begin with another
    schema, spelling, image = nullable_schema(contract), spelling_of(source), contract.image
    before = stamp(source_files(source, only))
    name = "" if image is None else image.name
    for batch in read(source, names=contract.names, failures=tally.structural, image=name, only=only):
        arrays = [
            tally.cast(named(batch.column(column.name), column, form), column, spelling).cast(kind)
            for column, kind in zip(contract.columns, schema.types, strict=True)
        ]
        tally.rows += batch.num_rows
        rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
        yield rows if image is None else rows.filter(rows.column(name).is_valid())
    require_unchanged(source, before, only)


def require_unchanged(source: Source, before: tuple[str, ...], only: frozenset[str] = frozenset()) -> None:
    """Refuse a source whose files are not what they were.

    Raises:
        DataError: `source.changed`.
    """
    if stamp(source_files(source, only)) != before:
        raise refused(
            "source.changed",
            "the source stays as it is while it is read",
            "a file of it was changed, added or taken away meanwhile",
            "Run again when whoever writes it is done",
        )


def write_rows(contract: Contract, rows: Iterator[pa.RecordBatch], path: Path) -> Reference:
    """Write what `read_rows` yields, in row groups of one size where many files would make many small ones."""
    try:
        with progress("reading source") as advance:
            batches = counted(rows, advance)
            if contract.image is None:  # of each batch every later step has a cost
                batches = regrouped(batches, BATCH_ROWS)
            return write_parquet(path, batches, schema=nullable_schema(contract))
    except LikenessError as error:
        error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
        raise


def require_sound(contract: Contract, source: Source, tally: Tally, *, notes: Path) -> None:
    """Refuse a source of which all is counted; images that are left out are logged, and listed in `notes`.

    Raises:
        DataError: it breaks the contract; `failures` has every rule and its count.
    """
    if (images := tally.images).left_out:
        write_json(notes, images.record())
        logger.warning("%s of %s images do not fit the contract", f"{images.left_out:,}", f"{images.rows:,}")
    if failures := tally.failures(contract, leave_out=source.leave_out):
        raise DataError(
            "the source fits the contract",
            f"{len(failures)} rules are broken" if len(failures) > 1 else "a rule is broken",
            "Correct the source, or the contract where it is the one that errs",
            failures,
        )
