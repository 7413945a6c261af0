"""Split: cut the holdout off before anything is learned.

Reads: a Parquet file in the contract's schema.  Writes: ``<run>/train.parquet`` and ``<run>/holdout.parquet``.
Fails when: there are too few rows to learn from and to judge by.
Safe to repeat because: a row's side follows from the seed and its number alone, and both files are replaced whole.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, DataError, Failure
from tasks.parquet import read_batches, read_schema, write_parquet
from tasks.progress import Advance, progress
from tasks.references import Reference, Split
from tasks.steps import once

__all__ = ["split"]

logger = logging.getLogger(__name__)


@task(name="split", cache_policy=NO_CACHE)  # artefacts lie in the run's folder: the engine has nothing to keep
@once("train.parquet", "holdout.parquet")
def split(contract: Contract, data: Reference, *, run: str, seed: int) -> Split:
    """Cut `contract.holdout` of the rows off, drawn by the seed.

    Raises:
        DataError: there are fewer rows than the contract's `minimum_rows`.
        ReleaseError: the run's folder cannot be written.
    """
    least = max(contract.minimum_rows, 2)
    if data.rows < least:
        raise DataError(
            f"a table has at least {least:,} rows to be split, learned and judged",
            f"it has {data.rows:,}",
            "Bring more rows, or lower minimumRows in the contract",
            [Failure("table.rows", (), 1, data.rows, f"at least {least:,}")],
        )
    held = _holdout(data.rows, share=contract.holdout, seed=seed)
    logger.info("holding out %s of %s rows", f"{held.sum():,}", f"{data.rows:,}")
    return Split(_write(data, ~held, run=run, name="train"), _write(data, held, run=run, name="holdout"))


def _holdout(rows: int, *, share: float, seed: int) -> NDArray[np.bool_]:
    """Return the (rows,) mask of the holdout: the share of the rows to the nearest, one at least on either side."""
    held = np.zeros(rows, dtype=bool)
    count = min(max(round(rows * share), 1), rows - 1)
    held[np.random.default_rng(seed).permutation(rows)[:count]] = True
    return held


def _write(data: Reference, mask: NDArray[np.bool_], *, run: str, name: str) -> Reference:
    """Write the rows of a (rows,) mask."""
    path = Path(data.uri)
    with progress(f"cutting {name}", total=data.rows) as advance:
        batches = _chosen(path, mask, advance)
        return write_parquet(Path(run) / f"{name}.parquet", batches, schema=read_schema(path)[0])


def _chosen(path: Path, mask: NDArray[np.bool_], advance: Advance) -> Iterator[pa.RecordBatch]:
    """Yield a file's batches, of each the rows of the mask."""
    start = 0
    for batch in read_batches(path):
        yield batch.filter(pa.array(mask[start : start + batch.num_rows]))
        start += batch.num_rows
        advance(batch.num_rows, "")
