"""Parquet: batches as they lie in the file, with the file's own types."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.readers.locate import File, open_bytes, reading
from tasks.readers.problems import check_columns, refused
from tasks.readers.values import batch_rows

__all__ = ["read_parquet"]


def read_parquet(file: File, *, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """Yield a Parquet file's rows; columns that the folders' names give are added as text by the caller.

    Args:
        file: to read.
        names: of the contract's columns; None: all that are there.

    Raises:
        DataError: `source.format`, `source.empty`, `table.columns`, `table.encoding`.
    """
    with reading(file.label), open_bytes(file) as stream:
        if not stream.size():
            raise refused("source.empty", "the source has something in it", f"{file.label} is empty", "Check it")
        parquet = pq.ParquetFile(stream)
        found = parquet.schema_arrow.names
        check_columns(found, names, shown=True, label=file.label)
        for batch in parquet.iter_batches(batch_rows(len(found))):
            _check_text(batch, file)
            yield batch


def _check_text(batch: pa.RecordBatch, file: File) -> None:
    """Refuse text that is not UTF-8: Arrow does not look when it reads."""
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                raise refused(
                    "table.encoding", "text in Parquet is UTF-8", f"{file.label} has text that is not", "Write it again"
                ) from None
