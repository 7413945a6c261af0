"""A contract's folder of releases, held while it is worked on: on a disk, or behind a URI and then in a copy.

On a disk, a lock lets one process at a time publish or prune.  Behind a URI nobody can be locked out:

- a release's name is claimed by creating its `contract.yaml`, which only one can;
- its manifest is sent after all its other files, and what has none is no release to any reader;
- the pointer is written last, and only while it names what it named before: else the release is taken back, and who
  published it looks again at what it has to compare with.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.places import child, create, erase, fetch, find, here, is_remote, listed, parent, read, seen, send, swap
from tasks.releases.layout import (
    CONTRACT,
    MANIFEST,
    POINTER,
    SIGNATURE,
    Pointer,
    is_release,
    next_release,
    point,
    pointed,
)
from tasks.releases.layout import releases as named
from tasks.storage import locked, write_bytes

__all__ = ["OvertakenError", "Shelf", "located", "shelf", "shelves", "view"]


_LEFT_BEHIND = re.compile(r"\..+\.(removed|[0-9a-f]+\.partial)")
_DYING = timedelta(days=1)  # what has no manifest for so long has no publisher any more


class OvertakenError(Exception):
    """The pointer names another release by now than when the shelf was opened."""


class Shelf:
    """What is done with a contract's folder of releases.

    Args:
        location: of the folder.
    """

    def __init__(self, location: str) -> None:
        self.location, self.folder = location, here(location)

    def look(self, *, rows: bool) -> None:
        """Let the folder show what is there: it does."""

    def claim(self, version: str, contract: str) -> str:  # noqa: ARG002 - as below
        """Return the next release's name under a version of the contract: nobody else gets the same.

        Args:
            version: of the contract.
            contract: its text.
        """
        return next_release(self.folder, version)

    def publish(self, name: str, pointer: Pointer | None) -> None:  # noqa: ARG002 - as below
        """Let readers find a release that is written in the folder, and the pointer name it, if it is to.

        Raises:
            OvertakenError: the pointer names another one meanwhile, and the release is taken back.
            ReleaseError: the storage cannot be reached.
        """
        if pointer is not None:
            self.point(pointer)

    def point(self, pointer: Pointer) -> None:
        """Let the folder point to a release.

        Raises:
            OvertakenError: it points to another one meanwhile.
        """
        point(self.folder, pointer)

    def remove(self, name: str) -> None:
        """Remove a release: it is whole or gone at any time."""
        going = self.folder / f".{name}.removed"
        (self.folder / name).rename(going)
        shutil.rmtree(going)

    def sweep(self) -> None:
        """Remove what a run or a removal that died left behind."""
        for path in self.folder.iterdir():
            if _LEFT_BEHIND.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


class _Far(Shelf):
    """The same behind a URI; `folder` is a copy, of which only what is asked for is whole."""

    def look(self, *, rows: bool) -> None:
        """Copy what is pointed to and what is newest: with `rows` all of it, else what it says of itself."""
        self._seen = seen(child(self.location, POINTER))  # first: what is read is as new, or newer and then overtaken
        found = find(self.location)
        whole = {name.split("/")[0] for name in found if name.endswith(f"/{MANIFEST}") and name.count("/") == 1}
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and path.name not in whole else None
        for name in filter(is_release, whole):
            (self.folder / name).mkdir(exist_ok=True)
        self._copy(POINTER)
        pointer = pointed(self.folder)
        for name in {*named(self.folder)[-1:], *([pointer.release] if pointer else [])} & whole:
            for small in (MANIFEST, SIGNATURE, CONTRACT):
                self._copy(f"{name}/{small}")
            if rows:
                fetch(child(self.location, name))

    def claim(self, version: str, contract: str) -> str:
        """Return the first name from the next on that could be claimed."""
        number = int(next_release(self.folder, version).rpartition("-")[2])
        while not create(child(self.location, f"{version}-{number}", CONTRACT), contract.encode()):
            number += 1
        return f"{version}-{number}"

    def publish(self, name: str, pointer: Pointer | None) -> None:
        """Send the release, its manifest last, then move the pointer."""
        release = self.folder / name
        for path in sorted(release.rglob("*")):
            if path.is_file() and path != release / MANIFEST:
                send(path)
        send(release / MANIFEST)
        try:
            super().publish(name, pointer)
        except OvertakenError:
            self.remove(name)
            raise

    def point(self, pointer: Pointer) -> None:
        """Write the pointer, if it still names what it named."""
        super().point(pointer)
        if not swap(child(self.location, POINTER), (self.folder / POINTER).read_bytes(), before=self._seen):
            raise OvertakenError

    def remove(self, name: str) -> None:
        """Remove the manifest first."""
        erase(self.folder / name / MANIFEST)
        erase(self.folder / name)

    def sweep(self) -> None:
        """Remove what was begun a day ago and never finished."""
        whole, now = set(named(self.folder)), datetime.now(UTC)
        for path, (_, at) in listed(self.location).items():
            name, _, file = path.partition("/")
            if file == CONTRACT and is_release(name) and name not in whole and now - at > _DYING:
                erase(self.folder / name)

    def _copy(self, name: str) -> None:
        content = read(child(self.location, name))
        if content is None:
            (self.folder / name).unlink(missing_ok=True)
        else:
            write_bytes(self.folder / name, content)


@contextmanager
def shelf(root: str, contract: str, *, rows: bool = False) -> Iterator[Shelf]:
    """Hold a contract's folder of releases.

    Args:
        root: of all releases.
        contract: its id.
        rows: the rows of the newest release and of the champion are going to be read.

    Raises:
        ReleaseError: the storage cannot be reached, or the pointer not be read.
    """
    location = child(root, contract)
    found = _Far(location) if is_remote(root) else Shelf(location)
    with locked(found.folder):
        found.look(rows=rows)
        yield found


def view(root: str, contract: str, *, rows: bool = False) -> Path:
    """Return a contract's folder of releases as it is now, to be read; see `shelf`."""
    if not is_remote(root):
        return here(child(root, contract))
    with shelf(root, contract, rows=rows) as found:
        return found.folder


def shelves(root: str) -> list[str]:
    """Return the ids of the contracts that have releases under a root."""
    if is_remote(root):
        places = (name.split("/") for name in find(root))
        return sorted({place[0] for place in places if len(place) > 2 and is_release(place[1])})  # noqa: PLR2004
    folders = (path for path in here(root).iterdir() if path.is_dir() and not path.is_symlink())
    return sorted(folder.name for folder in folders if named(folder))


def located(location: str) -> Path:
    """Return the path of a release, or of a folder with a pointer to one: itself, or a copy of all that is needed.

    Raises:
        ReleaseError: the storage cannot be reached, or the pointer not be read.
    """
    if is_remote(location):
        if read(child(location, MANIFEST)) is not None:
            fetch(location)
            _pointed(parent(location))
        elif (release := _pointed(location)) is not None:
            fetch(release)
    return here(location)


def _pointed(location: str) -> str | None:
    """Copy the pointer of a remote folder and return the release that it names; None: there is none."""
    content = read(child(location, POINTER))
    if content is None:
        return None
    write_bytes(here(location) / POINTER, content)
    pointer = pointed(here(location))
    return None if pointer is None else child(location, pointer.release)
