"""The one door to Parquet: files, or folders of parts, read in batches; files written whole or not at all."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts import Contract
from tasks.references import Reference
from tasks.storage import atomic, digest_file

__all__ = [
    "BATCH_ROWS",
    "batch_rows",
    "column_bytes",
    "count_rows",
    "parts_of",
    "read_batches",
    "read_masked",
    "read_metadata",
    "read_sample",
    "read_schema",
    "read_table",
    "regrouped",
    "write_parquet",
]

BATCH_ROWS = 100_000
"""Rows of a batch and of a row group: 12 MB of a 15-column table, and as fast to write as larger ones."""

_PIXEL_BYTES = 2**26  # of the images of a batch: 85,598 of 28 x 28, 1,365 of 128 x 128 in colour
_FILE_BYTES = 2**24  # of image files read at a time: what copies and compresses them holds them several times
_ZSTD_LEVEL = 3  # level 1 saves no time, level 9 costs twice the time for nothing smaller


def write_parquet(
    path: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
) -> Reference:
    """Write record batches as one zstd Parquet file and return a reference to it.

    The same batches give the same bytes.

    Args:
        path: of the file; it appears when it is complete.
        batches: each with the given schema; cut or joined to row groups of `BATCH_ROWS` by the caller.
        schema: of the file.
        metadata: texts to store in the file's key-value metadata.

    Raises:
        ReleaseError: the disk is full, or the folder cannot be written.
    """
    schema = schema.with_metadata({**(schema.metadata or {}), **(metadata or {})})
    rows = 0
    with atomic(path) as partial, _writer(partial, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema) if batch.schema != schema else batch)
            rows += batch.num_rows
    return Reference(str(path), digest_file(path), rows)


def read_batches(
    path: Path, columns: Sequence[str] | None = None, *, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a file or a folder of parts, of at most `rows` rows; fewer of large images."""
    for part in parts_of(path):
        with pq.ParquetFile(part, pre_buffer=False) as file:  # which would hold all bytes that were read to the end
            most = min(rows, _bounded(file, columns))
            yield from file.iter_batches(most, columns=None if columns is None else list(columns))


def regrouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of so many, the last of fewer: however they came, they are cut alike."""
    held, count = list[pa.RecordBatch](), 0
    for batch in batches:
        left = batch
        while left.num_rows:
            held.append(left.slice(0, rows - count))
            count, left = count + held[-1].num_rows, left.slice(rows - count)
            if count == rows:
                yield _joined(held)
                held, count = [], 0
    if held:
        yield _joined(held)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the rows of some batches as one; dictionaries hold what is there, in the order in which it comes."""
    whole = pa.Table.from_batches(batches)
    for place, field in enumerate(whole.schema):
        if pa.types.is_dictionary(field.type):
            plain = whole.column(place).cast(field.type.value_type)
            whole = whole.set_column(place, field, plain.dictionary_encode().cast(field.type))
    return whole.combine_chunks().to_batches()[0]


def batch_rows(contract: Contract) -> int:
    """Return how many rows of a contract a batch has at most, so that its images' pixels take little memory."""
    image = contract.image
    return BATCH_ROWS if image is None else max(1, min(BATCH_ROWS, _PIXEL_BYTES // math.prod(image.pixels)))


def _bounded(file: pq.ParquetFile, columns: Sequence[str] | None) -> int:
    """Return how many of a file's rows are read at a time, by what an image takes in it on average."""
    asked = [field for field in file.schema_arrow if columns is None or field.name in columns]
    if not any(pa.types.is_struct(field.type) or pa.types.is_binary(field.type) for field in asked):
        return BATCH_ROWS
    size: int = sum(file.metadata.row_group(place).total_byte_size for place in range(file.num_row_groups))
    rows: int = file.metadata.num_rows
    return max(1, _FILE_BYTES * rows // max(size, 1))


def read_schema(path: Path) -> tuple[pa.Schema, int]:
    """Return the Arrow schema of a file or a folder of parts and its number of rows, without reading its data."""
    rows = 0
    for part in parts_of(path):
        with pq.ParquetFile(part) as file:
            schema, rows = file.schema_arrow, rows + file.metadata.num_rows
    return schema, rows


def parts_of(path: Path) -> list[Path]:
    """Return the Parquet files of a dataset, in the order of its rows: the one, or those in a folder."""
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path]


def count_rows(path: Path) -> int | None:
    """Return how many rows a Parquet file holds by its footer; None: it is no whole Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except pa.ArrowInvalid:
        return None


def read_metadata(file: IO[bytes]) -> dict[str, str] | None:
    """Return the texts in a Parquet file's key-value metadata; None: it is no whole Parquet file."""
    try:
        with pq.ParquetFile(file) as opened:
            return {key.decode(): text.decode() for key, text in (opened.metadata.metadata or {}).items()}
    except pa.ArrowInvalid:
        return None


def column_bytes(path: Path, name: str) -> int:
    """Return how many bytes a column takes in a Parquet file, compressed."""
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
        columns = [group.column(place) for group in groups for place in range(group.num_columns)]
        return sum(each.total_compressed_size for each in columns if each.path_in_schema.split(".")[0] == name)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a whole file, or a folder of parts, as a table: only for what is known to fit in memory."""
    tables = []
    for part in parts_of(path):
        with pq.ParquetFile(part) as file:
            tables.append(file.read(columns=None if columns is None else list(columns)))
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


def read_sample(path: Path, columns: Sequence[str] | None = None, *, rows: int, seed: int) -> pa.Table:
    """Return at most so many rows of a file or a folder of parts as a table: drawn by the seed, in their order."""
    schema, there = read_schema(path)
    if there <= rows:
        return read_table(path, columns)
    chosen = np.zeros(there, dtype=bool)
    chosen[np.random.default_rng(seed).choice(there, rows, replace=False, shuffle=False)] = True
    asked = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    return pa.Table.from_batches(read_masked(path, chosen, columns), asked).unify_dictionaries()


def read_masked(path: Path, mask: NDArray[np.bool_], columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file or a folder of parts, of each the rows of the (rows,) mask."""
    start = 0
    for batch in read_batches(path, columns):
        yield batch.filter(pa.array(mask[start : start + batch.num_rows]))
        start += batch.num_rows


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a writer: dictionaries where values repeat, lists of codes too; split byte streams where they are floats."""
    repeating = [
        field.name for field in schema if pa.types.is_dictionary(field.type) or pa.types.is_boolean(field.type)
    ]
    repeating += [f"{field.name}.list.element" for field in schema if pa.types.is_fixed_size_list(field.type)]
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=repeating,
        use_byte_stream_split=floats,
    )
