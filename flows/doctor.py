"""What an operator looks at when something does not run: versions, storage, key, server, work pool, and what to do.

Each check says a fact and, where it is not as it should be, a remedy.  Nothing is changed, but for an empty file that
is made and taken away again where runs and releases are kept.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from data_contracts import LikenessError
from tasks.packages import required
from tasks.places import here, is_remote, probe
from tasks.releases.signing import KEY, KEY_FILE, signer

__all__ = ["POOL", "Finding", "examine"]

POOL = "likeness"
"""The work pool that prefect.yaml names."""

_LEAST_FREE = 2 * 2**30  # bytes
_PYTHON = ((3, 11), (3, 14))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look came to.

    Args:
        what: was looked at.
        good: nothing has to be done.
        fact: what was found.
        remedy: what to do; empty where nothing is.
    """

    what: str
    good: bool
    fact: str
    remedy: str = ""


def examine(*, runs: str, releases: str) -> Iterator[Finding]:
    """Yield the findings, one check after the other.

    Args:
        runs: folder of the runs' artefacts.
        releases: folder of the releases.
    """
    yield _python()
    yield _packages()
    for what, location in (("runs", runs), ("releases", releases)):
        yield _storage(what, location) if is_remote(location) else _folder(what, here(location))
    yield _key()
    yield _runner()
    yield from _prefect()


def _python() -> Finding:
    least, below = _PYTHON
    good, found = least <= sys.version_info[:2] < below, ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", good, found, "" if good else "Make an environment with Python 3.11, 3.12 or 3.13")


def _packages() -> Finding:
    """Hold what is installed to what Likeness requires."""
    wanted = required()
    if not wanted:
        return Finding("packages", good=False, fact="likeness is not installed", remedy="make run, in its folder")
    wrong = [f"{each.name} {found} for {each.specifier}" for each in wanted if (found := _unfit(each))]
    remedy = "pip install --constraint constraints.txt --editable ."
    return Finding("packages", not wrong, "; ".join(wrong) or f"{len(wanted)} as required", remedy if wrong else "")


def _unfit(wanted: Requirement) -> str:
    """Return the version that is there and does not do, or that there is none; nothing where all is well."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return "missing"
    return "" if wanted.specifier.contains(found, prereleases=True) else found


def _folder(what: str, folder: Path) -> Finding:
    """Look whether a folder, or the nearest one above that is there, can be written, has room, and knows hard links."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    told = f"{folder.absolute()}, {free / 2**30:,.1f} GiB free"
    try:
        with tempfile.TemporaryDirectory(prefix=".likeness-doctor-", dir=nearest) as place:
            file = Path(place) / "file"
            file.touch()
            os.link(file, Path(place) / "link")
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        remedy = "Give this user the right to write there, or name another folder; hard links save space, and are used"
        return Finding(what, good=False, fact=f"{told}, however: {reason}", remedy=remedy)
    good = free >= _LEAST_FREE
    return Finding(what, good, told, "" if good else "Free space: `likeness prune`, old folders of runs")


def _storage(what: str, location: str) -> Finding:
    """Write a file behind a URI, and take it away."""
    try:
        probe(location)
    except LikenessError as error:
        return Finding(what, good=False, fact=error.fact, remedy=error.remedy)
    return Finding(what, good=True, fact=f"{location}, written to and read")


def _key() -> Finding:
    try:
        found = signer()
    except LikenessError as error:
        return Finding("signing key", good=False, fact=error.fact, remedy=error.remedy)
    if found is None:
        return Finding("signing key", good=True, fact=f"none ({KEY}, {KEY_FILE}): releases are not signed")
    return Finding("signing key", good=True, fact=found.public.fingerprint)


def _runner() -> Finding:
    from flows.runners import RUNNER, runner

    try:
        runner()
    except LikenessError as error:
        return Finding("task runner", good=False, fact=error.fact, remedy=error.remedy)
    return Finding("task runner", good=True, fact=os.environ.get(RUNNER) or f"threads ({RUNNER} says nothing else)")


def _prefect() -> Iterator[Finding]:
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        yield Finding("server", good=True, fact="none is named (PREFECT_API_URL): each command starts one for itself")
        return
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        trouble = client.api_healthcheck()
        if trouble is not None:
            fact = f"{_shown(PREFECT_API_URL.value())} does not answer ({type(trouble).__name__})"
            yield Finding("server", good=False, fact=fact, remedy="Start it, or mend PREFECT_API_URL")
            return
        yield _same_version(client.api_version(), client.client_version())
        yield _pool(client)


def _same_version(server: str, own: str) -> Finding:
    good = server.split(".")[:2] == own.split(".")[:2]
    remedy = "" if good else "Run the same version of Prefect on the server and here"
    return Finding("server", good, f"Prefect {server}, {own} here", remedy)


def _pool(client: Any) -> Finding:  # noqa: ANN401 - Prefect is imported late
    """Look for the work pool, and for workers that were heard of lately."""
    from prefect.exceptions import ObjectNotFound

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        return Finding("work pool", good=False, fact=f"there is no {POOL}", remedy="make deploy")
    workers = client.read_workers_for_work_pool(POOL)
    online = [worker for worker in workers if str(worker.status).upper().endswith("ONLINE")]
    remedy = "" if online else f"prefect worker start --pool {POOL}"
    return Finding("work pool", bool(online), f"{POOL}, {len(online)} of {len(workers)} workers online", remedy)


def _shown(url: str) -> str:
    """Return a URL without a password."""
    return re.sub(r"://[^/@]*@", "://", url)
