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

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ContractError, ReleaseError, odcs
from tasks.places import child, here, is_remote, probe, send
from tasks.releases.champion import require_next_version
from tasks.releases.shelf import view
from tasks.releases.signing import signer
from tasks.reports.words import askable
from tasks.storage import storage_errors, write_text

__all__ = ["open_run"]

logger = logging.getLogger(__name__)


@task(cache_policy=NO_CACHE)  # a folder per run
def open_run(contract: Contract, *, runs: str, releases: str | None) -> str:
    """Make the run's folder and return where it is.

    Args:
        contract: of the run.
        runs: folder of all runs, a path or an fsspec URI.
        releases: folder of all releases, a path or an fsspec URI; None: the run publishes nothing.

    Raises:
        ContractError: the gate asks for a score that there is not, or the version does not fit the changes.
        ReleaseError: the runs' or the releases' folder cannot be written, or a signing key that is named not read.
    """
    if releases is not None:
        _require_publishable(contract, releases)
    run = child(runs if is_remote(runs) else str(here(runs)), contract.id, str(runtime.flow_run.id or uuid.uuid4()))
    write_text(here(run) / "contract.yaml", odcs.dump(contract))
    send(here(run))
    logger.info("opened %s", run)
    return run


def _require_publishable(contract: Contract, releases: str) -> None:
    """Refuse what could not end in a release."""
    _require_known_scores(contract)
    _require_writable(releases)
    require_next_version(contract, view(releases, contract.id))
    signer()


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


def _require_writable(location: str) -> None:
    """Ask the nearest folder that exists: nothing is made before there is a release to put there.

    What is behind a URI is asked by a file that is written and taken away.
    """
    if is_remote(location):
        probe(location)
        return
    folder = here(location)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    with storage_errors(folder / "latest.json"):
        if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
            raise ReleaseError(
                "the release root can be written",
                f"{nearest} is {'not writable by this user' if nearest.is_dir() else 'not a folder'}",
                "Give this user the right to write there, or name another folder with --to",
            )
