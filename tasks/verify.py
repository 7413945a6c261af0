"""Check a release against its manifest, offline.

Reads: the release. Writes: nothing.
Fails when: a file is missing, extra or changed, or the manifest cannot be read.
Safe to repeat because: it only reads.
"""

import json
from pathlib import Path
from typing import Any

from data_contracts import ReleaseError
from tasks.publish import MANIFEST, POINTER
from tasks.storage import digest_file

__all__ = ["locate", "read_manifest", "verify"]

_REMEDY = "Do not use this copy; fetch the release again from where it was published"


def locate(path: Path) -> Path:
    """Return the release's folder: the path itself, or what the pointer in it names.

    Raises:
        ReleaseError: there is neither a manifest nor a pointer.
    """
    if (path / MANIFEST).is_file():
        return path
    if (path / POINTER).is_file():
        return path / str(json.loads((path / POINTER).read_text())["release"])
    raise ReleaseError(
        "a release is a folder with a manifest, or with a pointer to one",
        f"{path} has neither {MANIFEST} nor {POINTER}" if path.is_dir() else f"{path} is not a folder",
        "Name a release, such as releases/adult/1.0.0-1, or its contract's folder, such as releases/adult",
    )


def read_manifest(release: Path) -> dict[str, Any]:
    """Return the manifest of a release.

    Raises:
        ReleaseError: it is missing, or not what a manifest looks like.
    """
    try:
        manifest = json.loads((release / MANIFEST).read_text(encoding="utf-8"))
        {name: entry["sha256"] for name, entry in manifest["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReleaseError(
            "a release has a manifest that lists its files",
            f"{release / MANIFEST} cannot be read as one ({type(error).__name__})",
            _REMEDY,
        ) from None
    return dict(manifest)


def verify(release: Path) -> dict[str, Any]:
    """Check every file of a release against its manifest, and return the manifest.

    Raises:
        ReleaseError: names the first file that is missing, extra or changed.
    """
    manifest = read_manifest(release)
    listed = set(manifest["files"])
    found = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()} - {MANIFEST}
    for name in sorted(listed | found):
        if problem := _problem(release / name, manifest["files"].get(name)):
            raise ReleaseError("every file of a release is as its manifest says", f"{name} {problem}", _REMEDY)
    return manifest


def _problem(path: Path, entry: dict[str, Any] | None) -> str | None:
    if entry is None:
        return "is not in the manifest"
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != entry["bytes"]:
        return f"has {path.stat().st_size:,} bytes instead of {entry['bytes']:,}"
    return None if digest_file(path) == entry["sha256"] else "has changed: its SHA-256 differs"
