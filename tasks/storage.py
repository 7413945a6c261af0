"""Writing files so that they are whole or absent, and the digests by which they are known."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_contracts import ReleaseError

__all__ = [
    "atomic",
    "digest_file",
    "digest_folder",
    "locked",
    "partial_of",
    "storage_errors",
    "write_bytes",
    "write_json",
    "write_text",
]


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path` to write; rename it to `path` when the block ends well.

    Whatever ends the block early (an error, Ctrl-C) removes the temporary file or folder.

    Raises:
        ReleaseError: the disk is full, or the folder cannot be written.
    """
    partial = partial_of(path)
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync_folder(path.parent)
        except BaseException:
            _remove(partial)
            raise


def partial_of(path: Path) -> Path:
    """Return a sibling's path to write `path` under first, as no other process, thread or machine does."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to store into the project's own error.

    Raises:
        ReleaseError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ReleaseError(
                "the disk has room for what is written",
                f"it is full at {path.parent}, and {path.name} was not written",
                "Free space or choose another folder, then run again",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ReleaseError(
                "the folder that is written to can be written",
                f"{path.parent} refuses ({os.strerror(error.errno)})",
                "Give this user the right to write there, or choose another folder",
            ) from error
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder, which is made if need be; leave no empty one behind.

    Who waited for a folder that is gone by then locks the one that stands in its place.
    """
    while (descriptor := _lock(folder)) is None:
        pass
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds the lock; None: the folder went while it was waited for."""
    with suppress(FileExistsError):
        folder.mkdir(parents=True)
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.samestat(os.stat(folder), os.fstat(descriptor)):  # noqa: PTH116 - beside its twin
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with atomic(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write a JSON file for people and machines, whole or not at all; NaN is written as null by the caller."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """Return the SHA-256 over the sorted names and digests of all files below a folder, hexadecimal."""
    lines = (
        f"{digest_file(file)}  {file.relative_to(folder).as_posix()}\n"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
