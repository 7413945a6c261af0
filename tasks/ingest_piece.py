"""Reads one piece of the real table: some files of a source that is cut.

Writes: `<run>/source/part-<number>.parquet`, with the contract's Arrow schema.
Fails when: a file cannot be read.  Cells that do not fit are null in the part, and counted for `join_pieces` to judge.
Safe to repeat because: the part appears when it is complete, and the same files give the same bytes.
"""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.ingesting.pieces import Part, Piece
from tasks.ingesting.rows import read_rows, write_rows
from tasks.ingesting.tally import Tally
from tasks.readers.fingerprint import fingerprint
from tasks.readers.origin import origin_of
from tasks.readers.problems import PATIENT
from tasks.steps import once

__all__ = ["ingest_piece"]


def _of_files(contract: Contract, *, run: str, piece: Piece, source: str | None = None) -> str | None:  # noqa: ARG001 - as ingest_piece
    """Return what the bytes of the piece's files are known by."""
    return fingerprint(origin_of(contract, source), frozenset(piece.paths))


@task(
    task_run_name="ingest-{piece.number}",
    **PATIENT,
    cache_policy=NO_CACHE,  # the source may have changed under the same name
)
@once("source/part-{piece.number:05}.parquet", basis=_of_files)
def ingest_piece(contract: Contract, *, run: str, piece: Piece, source: str | None = None) -> Part:
    """Read a piece of a contract's source, and count what does not fit.

    Args:
        contract: says where the source is, how it is written, and what its columns are.
        run: folder of the run.
        piece: of the source.
        source: another location than the contract's.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
        DataError: a file cannot be read, has other columns, or was changed meanwhile.
        ReleaseError: the run's folder cannot be written.
    """
    tally = Tally()
    rows = read_rows(contract, origin_of(contract, source), tally, frozenset(piece.paths))
    reference = write_rows(contract, rows, Path(run) / "source" / f"part-{piece.number:05}.parquet")
    return Part(reference, tally)
