"""A contract's source, wherever it is, read and found sound: in one step, or in pieces by whoever is there."""

from prefect import unmapped

from data_contracts import Contract
from tasks.examine import examine
from tasks.ingest import ingest
from tasks.ingest_piece import ingest_piece
from tasks.join_pieces import join_pieces
from tasks.lay_out import lay_out
from tasks.references import Findings, Reference
from tasks.validate import validate

__all__ = ["read_source"]


def read_source(contract: Contract, *, run: str, source: str | None) -> Reference:
    """Return a contract's source as it was read and keeps the contract: a file, or a folder of what its pieces made.

    Args:
        contract: says where the source is, how it is written, and what its columns are.
        run: folder of the run.
        source: another location than the contract's.
    """
    layout, found = lay_out(contract, source=source), tuple[Findings, ...]()
    if len(layout.pieces) == 1:
        whole = ingest(contract, run=run, source=source)
    else:
        reading = ingest_piece.map(unmapped(contract), run=run, piece=layout.pieces, source=source)
        parts = tuple(reading.result())
        whole = join_pieces(contract, parts, run=run, stamp=layout.stamp, source=source)
        rows = [part.rows for part in parts]
        found = tuple(examine.map(unmapped(contract), rows, run=run, name="source", number=range(len(rows))).result())
    validate(contract, whole, found, run=run, name="source")
    return whole
