"""Parquet: batches as they lie in the file, with the file's own types."""

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.readers.images import is_image
from tasks.readers.locate import File, open_bytes, reading
from tasks.readers.problems import check_columns, refused
from tasks.readers.values import batch_rows

__all__ = ["read_parquet"]

_BATCH_BYTES = 2**25  # of images held at once


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
        classes = _classes(parquet.schema_arrow)
        for batch in parquet.iter_batches(_batch_rows(parquet)):
            _check_text(batch, file)
            yield _named(batch, classes)


def _batch_rows(parquet: pq.ParquetFile) -> int:
    """Return how many rows are read at a time: fewer where they hold images."""
    schema, metadata = parquet.schema_arrow, parquet.metadata
    rows = batch_rows(len(schema.names))
    if not any(is_image(kind) for kind in schema.types):
        return rows
    size: int = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    count: int = metadata.num_rows
    return max(1, min(rows, _BATCH_BYTES * count // max(size, 1)))


def _classes(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes that Hugging Face's `datasets` says a file of images has, by column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        words = {name: each["_type"] for name, each in features.items()}
        labels = {name: [str(one) for one in features[name]["names"]] for name in words if words[name] == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return labels if "Image" in words.values() else {}


def _named(batch: pa.RecordBatch, classes: dict[str, list[str]]) -> pa.RecordBatch:
    """Return the rows with classes by their names; a number beyond is no class, and -1 stands for not known."""
    for name in classes.keys() & set(batch.schema.names):
        place = batch.schema.names.index(name)
        if pa.types.is_integer(batch.column(place).type):
            names = {-1: None, **dict(enumerate(classes[name]))}
            cells = [None if (n := cell.as_py()) is None else names.get(n, str(n)) for cell in batch.column(place)]
            batch = batch.set_column(place, name, pa.array(cells, pa.string()))
    return batch


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
