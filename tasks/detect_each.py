"""Detect in each file that arrives in a folder, once: of every file one of anomalies, under its name.

Reads: a release, and the files of a folder.  Writes: for each a Parquet file of rows judged, or why it cannot be read.
Fails when: the release cannot judge; the folder is not there, or what is written would lie in it; or nothing can be
written.  A file that cannot be read does not keep the others from being judged.
Safe to repeat because: what was made of a file says of which bytes it was made, and appears when it is complete: what
was not made is made then, in the same bytes, and what was is left alone.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, DataError, Failure, LikenessError, Source
from tasks.detecting.arrivals import Arrival, ChangedError, Outcomes, Record, arrivals, require_apart
from tasks.detecting.opening import Asked, Opened, open_judge
from tasks.detecting.writing import Detected, write_judged
from tasks.places import fetch, forget, there
from tasks.readers.locate import reading
from tasks.readers.origin import origin_of
from tasks.secrets import reveal
from tasks.storage import digest_file

__all__ = ["DetectedEach", "detect_each", "require_read"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class DetectedEach:
    """What came of the files of a folder.

    Args:
        uri: of the folder of what was found.
        contract: its id.
        release: its version.
        judged: files, this time.
        rows: in them.
        anomalies: of them.
        broken: of these, how many are at odds with the contract.
        drifted: files with more odd rows than chance allows.
        unread: files that could not be read as rows, this time.
        unread_before: likewise, and have not changed since.
        judged_before: files that have not changed since.
        waiting: files that may still be written.
        columns: how many anomalies each column is first among the reasons of, the most first.
    """

    uri: str
    contract: str
    release: str
    judged: int = 0
    rows: int = 0
    anomalies: int = 0
    broken: int = 0
    drifted: int = 0
    unread: int = 0
    unread_before: int = 0
    judged_before: int = 0
    waiting: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        """Count a file among those of a field."""
        setattr(self, what, getattr(self, what) + 1)

    def add(self, found: Detected) -> None:
        """Count what was found in a file."""
        for name in ("rows", "anomalies", "broken", "drifted"):
            setattr(self, name, getattr(self, name) + int(getattr(found, name)))
        self.columns = dict((Counter(self.columns) + Counter(found.columns)).most_common())


@task(cache_policy=NO_CACHE)  # files come and go
def detect_each(
    release: str,
    data: str,
    *,
    to: str,
    settled_seconds: float = 60.0,
    contamination: float = 0.01,
    fdr: float | None = None,
    contract: str | None = None,
    key: str | None = None,
) -> DetectedEach:
    """Judge the rows of each file of a folder that was not judged yet.

    Args:
        release: a release, or its contract's folder; a path or an fsspec URI.
        data: the folder; a path or an fsspec URI.
        to: the folder that is written to, which lies elsewhere; a path or an fsspec URI.
        settled_seconds: how long a file is not to have changed; one that did may still be written, and waits.
        contamination: the p-value up to which a row is an anomaly: so many of the usual rows are called one.
        fdr: instead, which share of a file's anomalies may be false alarms.
        contract: says how the files are written, by name or path; None: as a source is without a further word.
        key: path of the public key that must have signed the release; None: it need not be signed.

    Raises:
        ReleaseError: the release is not as its manifest says, is not signed by the key, has no calibration, or a
            file cannot be written.
        ModelError: the release's model cannot be read.
        ContractError: the contract that is named is not one of the release's columns.
        DataError: there is no such folder, or what is written would lie in it.
    """
    folder = reveal(data)
    require_apart(folder, to)
    opened = open_judge(release, Asked(contamination, fdr, contract, key))
    settled, waiting = arrivals(folder, settled_seconds=settled_seconds)
    found = DetectedEach(there(to), opened.judging.contract.id, opened.version, waiting=waiting)
    outcomes, first_fault = Outcomes(to), None
    for each in settled:
        try:
            found.count(_take(each, opened, outcomes, found))
        except (LikenessError, OSError):  # of what is read and written by all
            raise
        except Exception as fault:  # noqa: BLE001 - ours, of one file: raised when the others are judged
            first_fault = first_fault or fault
    if first_fault is not None:
        raise first_fault
    return found


def require_read(found: DetectedEach) -> DetectedEach:
    """Refuse that files could not be read, once; those that could are judged.

    Raises:
        DataError: there were some this time.
    """
    if found.unread:
        raise DataError(
            "each file that arrives can be read as rows of the contract's columns",
            f"{found.unread:,} of {found.judged + found.unread:,} new ones cannot; the others are judged",
            "Read the .error.json beside what was found, and mend the file: it is tried again when it changes",
            [Failure("file.unread", (), found.unread, found.judged + found.unread)],
        )
    if found.unread_before:
        logger.warning("%s files could not be read before, and have not changed since", f"{found.unread_before:,}")
    return found


def _take(each: Arrival, opened: Opened, outcomes: Outcomes, found: DetectedEach) -> str:
    """Judge a file's rows, unless that was done as it is now, and return what it counts among."""
    try:
        taken = outcomes.before(each) or _judge(each, opened, outcomes, found)
    except ChangedError:
        return "waiting"
    if taken.startswith("judged"):
        outcomes.mended(each.name)
    return taken


def _judge(each: Arrival, opened: Opened, outcomes: Outcomes, found: DetectedEach) -> str:
    path, record = fetch(each.location), Record(None, each.stamp, found.contract, found.release)
    written = outcomes.path(each.name)
    try:
        with reading("the file"):
            record = replace(record, sha256=digest_file(path))
        if before := outcomes.before(each, sha256=record.sha256):
            return before
        source, metadata = _source(opened.written, path), record.metadata
        found.add(write_judged(opened, source, written, metadata=metadata, whole=each.require_unchanged))
    except DataError as error:
        each.require_unchanged()
        outcomes.fail(each.name, record, error)
        return "unread"
    finally:
        for copy in (path, written):
            forget(copy)
    return "judged"


def _source(written: Contract, path: Path) -> Source:
    """Return a file as a source; its name tells its form, and names no secrets."""
    return replace(origin_of(written, path.name.replace("$", "")), location=str(path))
