"""Clear: remove what runs left, and what is kept of their steps, that is older than anybody may ask for.

Reads: when each file below `<runs>` was written.  Writes: nothing, unless it is meant: then it removes
`<runs>/<contract id>/<run>/` and `<runs>/<contract id>/kept/<step>-<key>/`.
Fails when: the folder cannot be written, or the storage not be reached.
Safe to repeat because: a step that is gone is done again, and one under way is waited for.
"""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.places import child, erase, here, listed
from tasks.storage import locked, storage_errors

__all__ = ["clear"]

logger = logging.getLogger(__name__)

_KEPT = "kept"


@task(cache_policy=NO_CACHE)  # there may be others by the next call
def clear(runs: str, *, days: int | None, meant: bool = False) -> tuple[str, ...]:
    """Return the runs and the steps of which nothing was written in so many days, and remove them, if it is meant.

    A step that is taken again counts as written; behind a URI it does not, and is done once more some day.

    Args:
        runs: folder of all runs, a path or an fsspec URI.
        days: none is younger; None: nothing is old.
        meant: remove them; else only say which.

    Raises:
        ReleaseError: the folder cannot be written, or the storage not be reached.
    """
    if days is None:
        return ()
    newest: dict[str, datetime] = {}
    for name, (_, at) in listed(runs).items():
        if (folder := _folder(name)) is not None:
            newest[folder] = max(at, newest.get(folder, at))
    old = tuple(sorted(folder for folder, at in newest.items() if datetime.now(UTC) - at > timedelta(days=days)))
    for folder in old if meant else ():
        path = here(child(runs, folder))
        with storage_errors(path), locked(path):
            erase(path)
    logger.info("%s %s of %s runs and steps", "removed" if meant else "would remove", len(old), len(newest))
    return old


def _folder(name: str) -> str | None:
    """Return the run or the step that a file belongs to; None: to all of a contract's."""
    parts = PurePosixPath(name).parts
    depth = 3 if parts[1:2] == (_KEPT,) else 2
    return "/".join(parts[:depth]) if len(parts) > depth else None
