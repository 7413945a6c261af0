"""Compare a release that passed the gate, or did not, with the champion.

Reads: the synthetic rows, the real ones that they are judged by, the release that `latest.json` names.
Writes: `<run>/comparison.json`.
Fails when: the run's folder cannot be written.
Safe to repeat because: it only reads, and the file is replaced whole.
"""

import logging
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.references import Challenger, Standing
from tasks.releases.shelf import view
from tasks.steps import carried
from tasks.storage import write_json

__all__ = ["compare"]

logger = logging.getLogger(__name__)


@task(cache_policy=NO_CACHE)  # the champion may be another by the next call
@carried("comparison.json")
def compare(contract: Contract, challenger: Challenger, *, run: str, root: str) -> Standing:
    """Say how far each synthetic column is from the real one, and how the release stands against the champion.

    Raises:
        ReleaseError: the run's folder cannot be written.
    """
    from tasks.releases.champion import champion, compared
    from tasks.releases.drift import distances

    logger.info("comparing %s rows with the real ones and the latest release", f"{challenger.synthetic.rows:,}")
    columns = distances(contract, Path(challenger.train.uri), Path(challenger.synthetic.uri))
    before = champion(view(root, contract.id, rows=True))
    comparison = None if before is None else compared(challenger, contract, before)
    standing = Standing(challenger, columns, comparison)
    write_json(Path(run) / "comparison.json", {"columns": columns, "comparison": standing.said})
    if comparison is not None:
        logger.info("%s", comparison)
    return standing
