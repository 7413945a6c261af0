"""Split: cut the holdout off before anything is learned; of a large table, a sample is learned from.

Reads: a Parquet file in the contract's schema.  Writes: ``<run>/train.parquet`` and ``<run>/holdout.parquet``.
Fails when: there are too few rows to learn from and to judge by.
Safe to repeat because: a row's side follows from the seed and its number alone, and both files are replaced whole.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, DataError, Failure
from tasks.parquet import read_masked, read_schema, write_parquet
from tasks.progress import counted, progress
from tasks.references import Reference, Split
from tasks.steps import once

__all__ = ["split"]

logger = logging.getLogger(__name__)

MOST_ROWS = 1_000_000
"""Learned from and held out, together: of more, a training of a minute would see each less often; scoring so many takes
48 s and 1.7 GB."""


@task(name="split", cache_policy=NO_CACHE)  # artefacts lie in the run's folder: the engine has nothing to keep
@once("train.parquet", "holdout.parquet")
def split(contract: Contract, data: Reference, *, run: str, seed: int) -> Split:
    """Cut `contract.holdout` of the rows off, drawn by the seed; of more than `MOST_ROWS`, so many are drawn first.

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
    learned, held = _sides(data.rows, share=contract.holdout, seed=seed)
    logger.info(
        "learning from %s, holding out %s of %s rows", f"{learned.sum():,}", f"{held.sum():,}", f"{data.rows:,}"
    )
    return Split(_write(data, learned, run=run, name="train"), _write(data, held, run=run, name="holdout"))


def _sides(rows: int, *, share: float, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the (rows,) masks of what is learned from and what is held out: of many rows, a sample's.

    The share is that of the holdout, to the nearest row, one at least on either side.
    """
    order, used = np.random.default_rng(seed).permutation(rows), min(rows, MOST_ROWS)
    count = min(max(round(used * share), 1), used - 1)
    learned, held = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    held[order[:count]] = True
    learned[order[count:used]] = True
    return learned, held


def _write(data: Reference, mask: NDArray[np.bool_], *, run: str, name: str) -> Reference:
    """Write the rows of a (rows,) mask."""
    path = Path(data.uri)
    with progress(f"cutting {name}", total=int(mask.sum())) as advance:
        batches = counted(read_masked(path, mask), advance)
        return write_parquet(Path(run) / f"{name}.parquet", batches, schema=read_schema(path)[0])
