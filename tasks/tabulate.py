"""Tabulate: write rows of figures as a table, for people and for machines.

Reads: nothing.  Writes: `<folder>/<name>.parquet` and `<folder>/<name>.csv`.
Fails when: the folder cannot be written, or the disk is full.
Safe to repeat because: both files are replaced whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.parquet import write_parquet
from tasks.places import here, send, there
from tasks.references import Reference
from tasks.storage import atomic

__all__ = ["tabulate"]


@task(cache_policy=NO_CACHE)  # its files must be there afterwards
def tabulate(rows: Sequence[Mapping[str, Any]], *, folder: str, name: str) -> Reference:
    """Write the rows, with all columns that any of them has, in the order in which they come.

    Raises:
        ReleaseError: the folder cannot be written or reached, or the disk is full.
    """
    columns = dict.fromkeys(column for row in rows for column in row)
    table = pa.table({column: pa.array([row.get(column) for row in rows]) for column in columns})
    path = here(folder) / f"{name}.parquet"
    with atomic(path.with_suffix(".csv")) as partial:
        pa_csv.write_csv(table, partial)
    written = write_parquet(path, table.to_batches(), schema=table.schema)
    for file in (path, path.with_suffix(".csv")):
        send(file)
    return replace(written, uri=there(path))
