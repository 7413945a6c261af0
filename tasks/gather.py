"""Gather: make one dataset of the shards, a folder of parts.

Reads: `part-<number>.parquet`, wherever each shard was drawn.  Writes: `<run>/synthetic/`, the same files side by side.
Fails when: the run's folder cannot be written.
Safe to repeat because: the files are those that were drawn, under their own names.
"""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.references import Reference
from tasks.shards import gathered
from tasks.steps import once

__all__ = ["gather"]


@task(cache_policy=NO_CACHE)  # its files must be there afterwards
@once("synthetic/*.parquet")
def gather(parts: tuple[Reference, ...], *, run: str) -> Reference:
    """Return the reference to the folder of all parts: on a disk they are there already.

    Raises:
        ReleaseError: the run's folder cannot be written.
    """
    return gathered(parts, Path(run) / "synthetic")
