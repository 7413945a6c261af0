"""A contract's source, wherever it is, as one reference: in one step, or in pieces by whoever is there to read them."""

from prefect import unmapped

from data_contracts import Contract
from tasks.ingest import ingest
from tasks.ingest_piece import ingest_piece
from tasks.join_pieces import join_pieces
from tasks.lay_out import lay_out
from tasks.references import Reference

__all__ = ["ingested"]


def ingested(contract: Contract, *, run: str, source: str | None) -> Reference:
    """Return a contract's source as it was read, a file, or a folder of the parts that its pieces made.

    Args:
        contract: says where the source is, how it is written, and what its columns are.
        run: folder of the run.
        source: another location than the contract's.
    """
    layout = lay_out(contract, source=source)
    if len(layout.pieces) == 1:
        return ingest(contract, run=run, source=source)
    parts = ingest_piece.map(unmapped(contract), run=run, piece=layout.pieces, source=source)
    return join_pieces(contract, tuple(parts.result()), run=run, stamp=layout.stamp, source=source)
