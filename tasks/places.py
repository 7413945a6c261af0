"""Where runs and releases lie: on this machine, or behind an fsspec URI, and then steps work on copies of it.

The copies lie in a private folder of this process, each under the path of its URI, so that either tells the other;
the folder is gone when the process ends.  What is on this machine already is its own copy.
"""

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from data_contracts import LikenessError, ReleaseError
from tasks.storage import partial_of

__all__ = [
    "child",
    "create",
    "erase",
    "fetch",
    "find",
    "forget",
    "here",
    "is_remote",
    "link",
    "listed",
    "open_file",
    "parent",
    "probe",
    "read",
    "seen",
    "send",
    "swap",
    "there",
]

_FILE = "file://"


def is_remote(location: str) -> bool:
    """Return whether a location is behind a URI, and not a path of this machine."""
    return "://" in location and not location.startswith(_FILE)


def child(location: str, *names: str) -> str:
    """Return the location of what lies in a folder."""
    return "/".join([location.rstrip("/"), *names])


def parent(location: str) -> str:
    """Return the location of the folder that something lies in."""
    return location.rstrip("/").rpartition("/")[0]


def here(location: str) -> Path:
    """Return the path that a location has on this machine: its own, or that of its copy, which may not be there yet.

    Raises:
        ReleaseError: the location climbs out of its own folder.
    """
    if not is_remote(location):
        return Path(location.removeprefix(_FILE))
    protocol, _, path = location.partition("://")
    parts = PurePosixPath(path).parts
    if ".." in parts or "::" in location:
        raise ReleaseError("a location leads straight to its place", "it has .. or :: in it", "Write it out")
    return _copies().joinpath(protocol, *parts)


def there(path: str | Path) -> str:
    """Return the location that a path is a copy of; what is none, as it is."""
    if not str(path).startswith(f"{_copies()}/"):
        return str(path)
    protocol, *parts = Path(path).relative_to(_copies()).parts
    return f"{protocol}://{'/'.join(parts)}"


def link(location: str | Path) -> str:
    """Return a location as a URI that can be followed."""
    place = there(location)
    return place if is_remote(place) else here(place).absolute().as_uri()


def fetch(location: str) -> Path:
    """Bring a file, or all files of a folder, to this machine, those that are here already aside; return its path.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    path = here(location)
    for name, size in find(location).items() if is_remote(location) else ():
        target = path / name if name else path
        if not (target.is_file() and target.stat().st_size == size):
            _bring(child(location, name) if name else location, target)
    return path


def find(location: str) -> dict[str, int]:
    """Return the size in bytes of each file below a remote location, by its name from there; that of itself is empty.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    system, root = _system(location)
    with _reached(location):
        found = system.find(root, detail=True)
    return {name[len(root) :].lstrip("/"): int(info["size"]) for name, info in sorted(found.items())}


def read(location: str) -> bytes | None:
    """Return the bytes of a file; None: there is none.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    if not is_remote(location):
        path = here(location)
        return path.read_bytes() if path.is_file() else None
    system, remote = _system(location)
    with _reached(location):
        try:
            return bytes(system.cat_file(remote))
        except FileNotFoundError:
            return None


def send(path: Path) -> None:
    """Put a file, or all files of a folder, where it is a copy of; nothing, where it is none.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    if not is_remote(location := there(path)):
        return
    system, _ = _system(location)
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        with _reached(location):
            system.put_file(str(file), _system(there(file))[1])


def erase(path: Path) -> None:
    """Remove a file or a folder, and what it is a copy of.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    if is_remote(location := there(path)):
        system, root = _system(location)
        with _reached(location), suppress(FileNotFoundError):
            system.rm(root, recursive=True)


def forget(path: Path) -> None:
    """Remove a file that is a copy, from this machine alone; nothing, where it is none."""
    if is_remote(there(path)):
        path.unlink(missing_ok=True)


def create(location: str, content: bytes) -> bool:
    """Write a remote file, unless there is one; return whether it was written.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    return swap(location, content, before=None)


def seen(location: str) -> str | None:
    """Return what a remote file's present content is known by; None: there is none.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    system, path = _system(location)
    with _reached(location):
        try:
            info = system.info(path)
            return str(info["ETag"] if "ETag" in info else system.ukey(path))
        except FileNotFoundError:
            return None


def listed(location: str) -> dict[str, tuple[int, datetime]]:
    """Return size in bytes of each file below a location and when it was written, by its name from there.

    The name of the location itself, where it is a file, is empty.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    if not is_remote(location):
        return dict(_listed_here(here(location)))
    system, path = _system(location)
    with _reached(location):
        found = system.find(path, detail=True)
    return {name[len(path) :].lstrip("/"): (int(info["size"]), _moment(info)) for name, info in sorted(found.items())}


def _listed_here(root: Path) -> Iterator[tuple[str, tuple[int, datetime]]]:
    for path in [root] if root.is_file() else sorted(root.rglob("*")):
        with suppress(FileNotFoundError):  # it went since
            if path.is_file():
                found, name = path.stat(), "" if path == root else path.relative_to(root).as_posix()
                yield name, (found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


@contextmanager
def open_file(location: str) -> Iterator[IO[bytes]]:
    """Open a file, to read parts of it.

    Raises:
        ReleaseError: the storage cannot be reached, or has no such file.
    """
    if not is_remote(location):
        with here(location).open("rb") as file:
            yield file
        return
    system, path = _system(location)
    with _reached(location), system.open(path, "rb") as file:
        yield file


def _moment(info: Mapping[str, Any]) -> datetime:
    """Return when a remote file was written, by whichever name its storage has for that."""
    at = next(info[name] for name in ("LastModified", "last_modified", "mtime", "created") if name in info)
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)


def swap(location: str, content: bytes, *, before: str | None) -> bool:
    """Write a remote file if what stands there is still what was seen; return whether it was written.

    On S3, and what speaks its protocol, this is one conditional write.  Elsewhere it is a look and a write: of two
    writers in between, the later one stands.

    Args:
        location: of the file.
        content: to write.
        before: what was `seen` there; None: there was nothing.

    Raises:
        ReleaseError: the storage cannot be reached.
    """
    system, path = _system(location)
    conditional = "s3" in system.protocol
    if not conditional and seen(location) != before:
        return False
    condition = {"mode": "create"} if before is None else {"IfMatch": before} if conditional else {}
    with _reached(location):
        try:
            system.pipe_file(path, content, **condition)
        except OSError as error:
            if isinstance(error, FileExistsError) or _was_met_by_another(error):
                return False
            raise
    return True


def probe(location: str) -> None:
    """Write a file into a remote folder and take it away.

    Raises:
        ReleaseError: it cannot be written there.
    """
    file = child(location, f".likeness-{secrets.token_hex(8)}")
    create(file, b"")
    erase(here(file))


def _was_met_by_another(error: BaseException) -> bool:
    """Return whether a conditional write failed by its condition, as S3 says it."""
    refusals = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
    found = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
    return str(found) in refusals


def _bring(location: str, target: Path) -> None:
    """Copy one remote file to this machine, whole or not at all."""
    system, path = _system(location)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(target)
    try:
        with _reached(location):
            system.get_file(path, str(partial))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _system(location: str) -> tuple[Any, str]:
    """Return the filesystem of a URI and the path in it; what it knew of its folders a moment ago is not asked."""
    import fsspec

    with _reached(location):
        system, path = fsspec.core.url_to_fs(location, use_listings_cache=False)
    return system, str(path)


@contextmanager
def _reached(location: str) -> Iterator[None]:
    """Turn what a storage or its library refuses into the project's own error, without its words: they name keys."""
    try:
        yield
    except LikenessError:
        raise
    except Exception as error:
        protocol, _, path = location.partition("://")
        raise ReleaseError(
            "the storage of runs and releases can be reached",
            f"{protocol}://{path.split('/')[0]} cannot ({type(error).__name__})",
            "Check the name, the network, the credentials in the environment, and that the package which fsspec needs "
            "for it is installed (for s3: likeness[s3])",
        ) from error


@cache
def _copies() -> Path:
    """Return this process's private folder of copies, which is removed when it ends."""
    folder = tempfile.mkdtemp(prefix="likeness-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder).resolve()
