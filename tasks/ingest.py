"""Reads the real table from wherever the contract says.

Writes: `<run>/source.parquet`, with the contract's Arrow schema; `<run>/left-out.json`, where images do not fit.
Fails when: the source cannot be read, or a cell is not of its column's kind or finer than the column holds;
all such rules are counted over the whole source and told in one error; or more images do not fit than the contract
leaves out.
Safe to repeat because: the file appears when it is complete and right, and the same source gives the same bytes.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, Source
from tasks.ingesting.rows import read_rows, require_sound, write_rows
from tasks.ingesting.tally import Tally
from tasks.readers.fingerprint import fingerprint
from tasks.readers.origin import origin_of
from tasks.readers.problems import PATIENT
from tasks.references import Reference
from tasks.steps import once

__all__ = ["ingest"]

logger = logging.getLogger(__name__)


def _of_source(contract: Contract, *, run: str, source: str | None = None) -> str | None:  # noqa: ARG001 - as ingest
    """Return what the source's bytes are known by; None: it is a database."""
    return fingerprint(origin_of(contract, source))


@task(
    **PATIENT,
    cache_policy=NO_CACHE,  # the source may have changed under the same name
)
@once("source.parquet", "left-out.json", basis=_of_source)
def ingest(contract: Contract, *, run: str, source: str | None = None) -> Reference:
    """Read a contract's source into `<run>/source.parquet`.

    Args:
        contract: says where the source is, how it is written, and what its columns are.
        run: folder of the run.
        source: another location than the contract's: path, folder, glob, fsspec URI or SQLAlchemy URL.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
        DataError: what was read breaks the contract; `failures` has every rule and its count.
        ReleaseError: the run's folder cannot be written.
    """
    origin = origin_of(contract, source)
    path = Path(run) / "source.parquet"
    reference = write_rows(contract, _sound(contract, origin, notes=path.with_name("left-out.json")), path)
    logger.info("read %s rows of %s columns", f"{reference.rows:,}", len(contract.columns))
    return reference


def _sound(contract: Contract, source: Source, *, notes: Path) -> Iterator[pa.RecordBatch]:
    """Yield a source's rows; refuse it at the end, if anything was counted, so that no file appears."""
    tally = Tally()
    yield from read_rows(contract, source, tally)
    require_sound(contract, source, tally, notes=notes)
