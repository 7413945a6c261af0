"""Open the folder of a run.

Reads: nothing. Writes: `<runs>/<contract id>/<run id>/contract.yaml`.
Fails when: the folder, or that of the releases, cannot be written, the gate asks for a score that there is not, the
contract's version does not fit what changed since the latest release, or the signing key cannot be read: better now
than after the training.
Safe to repeat because: the folder is named by the flow run, and the contract is written whole or not at all.
"""

import logging
import os
import uuid
from pathlib import Path

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ContractError, ReleaseError, odcs
from tasks.releases.champion import require_next_version
from tasks.releases.signing import signer
from tasks.reports.words import askable
from tasks.storage import storage_errors, write_text

__all__ = ["open_run"]

logger = logging.getLogger(__name__)


@task(cache_policy=NO_CACHE)  # a folder per run
def open_run(contract: Contract, *, runs: str, releases: str) -> str:
    """Make the run's folder and return its path.

    Raises:
        ContractError: the gate asks for a score that there is not, or the version does not fit the changes.
        ReleaseError: the runs' or the releases' folder cannot be written, or a signing key that is named not read.
    """
    _require_known_scores(contract)
    _require_writable(Path(releases))
    require_next_version(contract, Path(releases) / contract.id)
    signer()
    run = Path(runs) / contract.id / str(runtime.flow_run.id or uuid.uuid4())
    write_text(run / "contract.yaml", odcs.dump(contract))
    logger.info("opened %s", run)
    return str(run)


def _require_known_scores(contract: Contract) -> None:
    """Refuse a gate that could only refuse: now, not after the training."""
    known = askable(contract)
    unknown = [threshold.score for threshold in contract.gate if threshold.score not in known]
    if unknown:
        raise ContractError(
            "a gate asks for scores that there are",
            f"{', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} none",
            f"Choose among {', '.join(known)}",
        )


def _require_writable(folder: Path) -> None:
    """Ask the nearest folder that exists: nothing is made before there is a release to put there."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with storage_errors(folder / "latest.json"):
        if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
            raise ReleaseError(
                "the release root can be written",
                f"{nearest} is {'not writable by this user' if nearest.is_dir() else 'not a folder'}",
                "Give this user the right to write there, or name another folder with --to",
            )
