"""Check a release against its manifest and its signature, offline.

Reads: the release, and the pointer beside it. Writes: nothing.
Fails when: a file is missing, extra, changed, cut off or no plain file, the manifest is another release's, an older one
or cannot be read, or the signature is not that of the key that is asked for.
Safe to repeat because: it only reads.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts import ReleaseError
from tasks.releases.layout import MANIFEST, POINTER, SIGNATURE, is_release, pointed
from tasks.releases.manifest import REMEDY, message, read_manifest
from tasks.releases.shelf import located
from tasks.releases.signing import PublicKey, public_key
from tasks.storage import digest_file

__all__ = ["Verified", "locate", "read_manifest", "verify"]

_DATA = "data"


@dataclass(frozen=True, slots=True)
class Verified:
    """A release that is as its manifest says.

    Args:
        manifest: of the release.
        signed: fingerprint of the key that signed it; None: it is not signed.
        trusted: that key is the one that was asked for.
    """

    manifest: dict[str, Any]
    signed: str | None
    trusted: bool


def locate(location: str | Path) -> Path:
    """Return the release's folder: the location itself, or what the pointer in it names; a copy, if it is far away.

    Args:
        location: of a release, or of its contract's folder; a path or an fsspec URI.

    Raises:
        ReleaseError: there is neither a manifest nor a pointer, or the pointer leads to nothing.
    """
    path = located(str(location))
    if (path / MANIFEST).is_file():
        return path
    if (pointer := pointed(path)) is not None:
        return path / pointer.release
    raise ReleaseError(
        "a release is a folder with a manifest, or with a pointer to one",
        f"{location} has neither {MANIFEST} nor {POINTER}" if path.is_dir() else f"{location} is not a folder",
        "Name a release, such as releases/adult/1.0.0-1, or its contract's folder, such as releases/adult",
    )


def verify(release: Path, *, key: Path | None = None) -> Verified:
    """Check a release: its manifest, its signature, its place, then every file.

    Args:
        release: its folder.
        key: public key that must have signed it; None: a signature need not be there, and its key is its own word.

    Raises:
        ReleaseError: names the first thing that is wrong.
    """
    asked = None if key is None else public_key(key)
    named, release = release.absolute(), release.resolve()
    for name in (MANIFEST, SIGNATURE):
        if (release / name).is_symlink():
            raise _wrong(f"{name} is a link")
    manifest = read_manifest(release)
    _require_signature(release, manifest, asked)
    for place in dict.fromkeys((named, release)):
        _require_place(place, manifest)
    _require_files(release, manifest)
    _require_rows(release, manifest["rows"])
    signed = manifest["signature"]
    return Verified(manifest, None if signed is None else str(signed["key"]), trusted=asked is not None)


def _require_signature(release: Path, manifest: dict[str, Any], asked: PublicKey | None) -> None:
    """Hold the manifest's bytes against its signature, and its key against the one that is asked for."""
    stated = manifest["signature"]
    if stated is None:
        if asked is not None:
            raise _wrong(f"it is not signed, and the key {asked.fingerprint} was asked for", "a release is signed")
        return
    own = PublicKey(base64.b64decode(stated["public_key"]))
    if own.fingerprint != stated["key"]:
        raise _wrong(f"{MANIFEST} names a key and gives another", "a release is signed by the key that it names")
    if asked is not None and own != asked:
        fact = f"it is signed by {own.fingerprint}, and {asked.fingerprint} was asked for"
        raise _wrong(fact, "a release is signed by the key that is asked for")
    if not (release / SIGNATURE).is_file():
        raise _wrong(f"{SIGNATURE} is missing", "a release is signed by the key that it names")
    content = (release / MANIFEST).read_bytes()
    if not own.signed(message(manifest, content), (release / SIGNATURE).read_bytes()):
        fact = f"{SIGNATURE} is not that of {MANIFEST} by {own.fingerprint}"
        raise _wrong(fact, "a release is signed by the key that it names")


def _require_place(release: Path, manifest: dict[str, Any]) -> None:
    """Refuse the manifest of another release: an older one in the place of a newer, or another contract's."""
    rule, folder = "a release lies under its own name", release.parent
    if is_release(release.name) and release.name != manifest["release"]:
        raise _wrong(f"{release.name} holds the manifest of {manifest['release']}", rule)
    if not (folder / POINTER).is_file():
        return
    if folder.name != manifest["contract"]["id"]:
        raise _wrong(f"under {folder.name} lies a release of {manifest['contract']['id']}", rule)
    pointer = pointed(folder)
    if pointer and pointer.release == release.name and pointer.manifest != digest_file(release / MANIFEST):
        raise _wrong(f"{MANIFEST} is not the one that {POINTER} names", rule)


def _require_files(release: Path, manifest: dict[str, Any]) -> None:
    signature = {SIGNATURE} if manifest["signature"] is not None else set()
    found, listed = set(_found(release)) - {MANIFEST} - signature, manifest["files"]
    for name in sorted(found | set(listed)):
        if problem := _problem(release / name, listed.get(name)):
            raise _wrong(f"{name} {problem}")


def _found(folder: Path) -> Iterator[str]:
    """Yield the names of all that lies in a release: what is not a folder, links to folders too; none is followed."""
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in [*files, *links]:
            yield (Path(parent) / name).relative_to(folder).as_posix()


def _problem(path: Path, entry: dict[str, Any] | None) -> str | None:
    if path.is_symlink():
        return "is a link"
    if entry is None:
        return "is not in the manifest"
    if not path.is_file():
        return "is not a file" if path.exists() else "is missing"
    if path.stat().st_size != entry["bytes"]:
        return f"has {path.stat().st_size:,} bytes instead of {entry['bytes']:,}"
    return None if digest_file(path) == entry["sha256"] else "has changed: its SHA-256 differs"


def _require_rows(release: Path, rows: int) -> None:
    """Look at the data's own footer: a file that was cut off before it was listed would be as listed."""
    from tasks.parquet import count_rows

    found = 0
    for part in sorted((release / _DATA).glob("*.parquet")):
        counted = count_rows(part)
        if counted is None:
            raise _wrong(f"{_DATA}/{part.name} is no whole Parquet file", "the data of a release can be read")
        found += counted
    if found != rows:
        raise _wrong(f"{_DATA}/*.parquet has {found:,} rows instead of {rows:,}", "the data of a release has its rows")


def _wrong(fact: str, rule: str = "every file of a release is as its manifest says") -> ReleaseError:
    return ReleaseError(rule, fact, REMEDY)
