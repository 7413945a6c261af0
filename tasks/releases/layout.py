"""Where what of a release lies, and who may write under a contract's folder at a time."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from data_contracts import ReleaseError
from data_contracts.changes import ordered
from tasks.storage import write_json

__all__ = [
    "CONTRACT",
    "MANIFEST",
    "PINS",
    "POINTER",
    "SIGNATURE",
    "Pointer",
    "is_release",
    "next_release",
    "point",
    "pointed",
    "releases",
]

CONTRACT = "contract.yaml"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
POINTER = "latest.json"
PINS = "pins.txt"

_NAME = re.compile(r"((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]+)?)-([1-9]\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What `latest.json` says: the champion's version, and the SHA-256 of its manifest."""

    release: str
    manifest: str


def releases(folder: Path) -> list[str]:
    """Return the versions under a contract's folder, the oldest first: by contract version, then by number."""
    found = [path.name for path in folder.iterdir() if _NAME.fullmatch(path.name) and _is_folder(path)]
    return sorted(found, key=_order)


def next_release(folder: Path, version: str) -> str:
    """Return the name of the next release under a version of the contract."""
    numbers = [
        int(match[2]) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name)) and match[1] == version
    ]
    return f"{version}-{max(numbers, default=0) + 1}"


def is_release(name: str) -> bool:
    """Return whether a name is one that releases have: it then is no path either."""
    return _NAME.fullmatch(name) is not None


def pointed(folder: Path) -> Pointer | None:
    """Return what a contract's folder points to; None: to nothing yet.

    Raises:
        ReleaseError: the pointer cannot be read, or names no release.
    """
    try:
        read = json.loads((folder / POINTER).read_text(encoding="utf-8"))
        pointer = Pointer(read["release"], read["manifest"])
        if not (is_release(pointer.release) and isinstance(pointer.manifest, str)):
            raise ValueError  # noqa: TRY301 - told below
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ReleaseError(
            "a pointer names the latest release",
            f"{folder / POINTER} cannot be read as one ({type(error).__name__})",
            "Write it again: the release's version, and the SHA-256 of its manifest.json",
        ) from None
    return pointer


def point(folder: Path, pointer: Pointer) -> None:
    """Let a contract's folder point to a release, at once or not at all."""
    write_json(folder / POINTER, asdict(pointer))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _order(name: str) -> tuple[tuple[int, int, int, bool, str], int]:
    match = _NAME.fullmatch(name)
    assert match  # noqa: S101 - only names of releases come here
    return ordered(match[1]), int(match[2])
