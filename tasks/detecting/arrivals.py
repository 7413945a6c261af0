"""Files that arrive in a folder, and what was made of each: its rows judged, or the error that it could not be read by.

What was made of a file lies under its name, `NAME.parquet` or `NAME.error.json`, and says itself of which bytes, and by
which release.  That is all that is remembered: there is no second place that could say otherwise.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_contracts import DataError
from tasks.parquet import read_metadata
from tasks.places import child, erase, here, is_remote, link, listed, open_file, read, send
from tasks.storage import write_json

__all__ = ["Arrival", "ChangedError", "Outcomes", "Record", "arrivals", "require_apart"]

_NO_DATA = re.compile(r"(^|/)[._]|(~|\.(tmp|part|partial|filepart|crdownload))$", re.IGNORECASE)
_KEY = "likeness"


class ChangedError(Exception):
    """A file changed while it was read: it is for the next time."""


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A file.

    Args:
        at: when it was last written.
        name: from the folder.
        location: of it.
        size: in bytes.
    """

    at: datetime
    name: str
    location: str
    size: int

    @property
    def stamp(self) -> str:
        """Return what changes when the file does, as far as its folder tells."""
        return f"{self.size} {self.at.isoformat()}"

    def require_unchanged(self) -> None:
        """Refuse that the file changed since it was found.

        Raises:
            ChangedError: it did, or is gone.
            ReleaseError: the storage cannot be reached.
        """
        if listed(self.location).get("") != (self.size, self.at):
            raise ChangedError


@dataclass(frozen=True, slots=True)
class Record:
    """Of which bytes something was made, and by which release.

    Args:
        sha256: of the file's bytes; None: they could not be read.
        stamp: of the file.
        contract: of the release, its id.
        release: its version.
    """

    sha256: str | None
    stamp: str
    contract: str
    release: str

    @property
    def metadata(self) -> dict[str, str]:
        """Return it as a Parquet file holds it."""
        return {_KEY: json.dumps(asdict(self))}


def arrivals(folder: str, *, settled_seconds: float) -> tuple[list[Arrival], int]:
    """Return a folder's files, the oldest first, and how many more there are that may still be written.

    Names that begin with `.` or `_`, also of folders, and those that programs give to what they have not finished are
    passed over.  A file is whole when it was last written so many seconds ago, or is dated as many ahead.

    Args:
        folder: a path or an fsspec URI; folders below it are looked at, too.
        settled_seconds: how long a file is not to have changed.

    Raises:
        DataError: there is no such folder.
        ReleaseError: the storage cannot be reached.
    """
    if not is_remote(folder) and not here(folder).is_dir():
        raise DataError("files arrive in a folder", "there is none at that location", "Make it, or name another")
    now = datetime.now(UTC)
    found = [
        Arrival(at, name, child(folder, name), size)
        for name, (size, at) in listed(folder).items()
        if name and not _NO_DATA.search(name)
    ]
    whole = [each for each in found if abs((now - each.at).total_seconds()) >= settled_seconds]
    return sorted(whole), len(found) - len(whole)


def require_apart(folder: str, to: str) -> None:
    """Refuse to write where files arrive: what was written would arrive, too.

    Raises:
        DataError: the one lies in the other.
    """
    inner, outer = (f"{link(place).rstrip('/')}/" for place in (to, folder))
    if not is_remote(folder) and not is_remote(to):
        inner, outer = (f"{here(place).resolve()}/" for place in (to, folder))
    if inner.startswith(outer):
        raise DataError(
            "what is written lies apart from the files that arrive",
            "the folder that is written to lies in theirs",
            "Name another folder with --to",
        )


class Outcomes:
    """What was made of files, in a folder.

    Args:
        location: of the folder: a path or an fsspec URI.

    Raises:
        ReleaseError: the storage cannot be reached.
    """

    def __init__(self, location: str) -> None:
        self.location, self._there = location, set(listed(location))

    def before(self, arrival: Arrival, *, sha256: str | None = None) -> str | None:
        """Return what a file as it is now counts among, if something was made of it before; None: nothing was.

        Args:
            arrival: the file.
            sha256: of its bytes, for those that were only written anew; None: it is told by size and time alone.
        """
        for what, look in (("judged_before", self._judged), ("unread_before", self._unread)):
            record = look(arrival.name)
            if record and record.sha256 and (record.stamp == arrival.stamp or record.sha256 == sha256):
                return what
        return None

    def path(self, name: str) -> Path:
        """Return where a file's rows are written when they are judged, here or as a copy."""
        return here(child(self.location, _result(name)))

    def fail(self, name: str, record: Record, error: DataError) -> None:
        """Write down why a file could not be read."""
        failures = [asdict(each) for each in error.failures]
        told = {"rule": error.rule, "fact": error.fact, "remedy": error.remedy, "failures": failures}
        path = here(child(self.location, _error(name)))
        write_json(path, {**asdict(record), "error": told})
        send(path)

    def mended(self, name: str) -> None:
        """Remove the error of a file that could be read since."""
        if _error(name) in self._there:
            erase(here(child(self.location, _error(name))))

    def _judged(self, name: str) -> Record | None:
        if _result(name) not in self._there:
            return None
        with open_file(child(self.location, _result(name))) as file:
            return _record((read_metadata(file) or {}).get(_KEY))

    def _unread(self, name: str) -> Record | None:
        return _record(read(child(self.location, _error(name)))) if _error(name) in self._there else None


def _result(name: str) -> str:
    return f"{name}.parquet"


def _error(name: str) -> str:
    return f"{name}.error.json"


def _record(text: str | bytes | None) -> Record | None:
    """Return the record that a text holds; None: it holds none, and is something else's."""
    try:
        found = json.loads(text or "")
        return Record(*(found[name] for name in Record.__dataclass_fields__))
    except (ValueError, KeyError, TypeError):
        return None
