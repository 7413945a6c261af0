"""Makes one source of its pieces, and judges it as a whole.

Reads: the parts of `ingest_piece`, wherever each was read.  Writes: `<run>/source/`, the parts side by side;
`<run>/left-out.json`, where images do not fit.
Fails when: `ingest` would have: what breaks a rule is summed over all pieces and told in one error; or a file was
changed, added or taken away since the source was cut.
Safe to repeat because: the files are those that were read, under their own names.
"""

import logging
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.ingesting.pieces import Part
from tasks.ingesting.rows import require_sound, require_unchanged
from tasks.ingesting.tally import Tally
from tasks.readers.origin import origin_of
from tasks.readers.problems import PATIENT
from tasks.references import Reference
from tasks.shards import gathered
from tasks.steps import once

__all__ = ["join_pieces"]

logger = logging.getLogger(__name__)


@task(
    **PATIENT,
    cache_policy=NO_CACHE,  # its files must be there afterwards
)
@once("source/*.parquet", "left-out.json")
def join_pieces(
    contract: Contract, parts: tuple[Part, ...], *, run: str, stamp: tuple[str, ...], source: str | None = None
) -> Reference:
    """Return the reference to the folder of all parts.

    Args:
        contract: says where the source is, and how much of it may not fit.
        parts: of all pieces, in order.
        run: folder of the run.
        stamp: what the source's files were known by when it was cut.
        source: another location than the contract's.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
        DataError: what was read breaks the contract, or the source was changed meanwhile.
        ReleaseError: the run's folder cannot be written.
    """
    origin, tally = origin_of(contract, source), Tally()
    require_unchanged(origin, stamp)
    for part in parts:
        tally.add(part.tally)
    require_sound(contract, origin, tally, notes=Path(run) / "left-out.json")
    reference = gathered([part.rows for part in parts], Path(run) / "source")
    logger.info("read %s rows of %s columns", f"{reference.rows:,}", len(contract.columns))
    return reference
