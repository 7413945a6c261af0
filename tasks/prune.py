"""Remove old releases: all but the newest, what `latest.json` names, and what is pinned.

Reads: `<root>/*/latest.json`, `<root>/pins.txt`, the names of the releases. Writes: nothing, unless it is meant: then
it removes releases, and what a run or a removal that died left behind.
Fails when: a pin names no release, a pointer cannot be read or is missing, or the root cannot be written.
Safe to repeat because: a release is renamed before it is deleted, so that it is whole or gone; what stays, stays.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import ReleaseError
from tasks.places import child, here, is_remote, read
from tasks.releases.layout import PINS, POINTER, pointed, releases
from tasks.releases.shelf import Shelf, shelf, shelves, view
from tasks.storage import storage_errors

__all__ = ["Pruned", "prune"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of the releases of a root, each as `contract/version`.

    Args:
        kept: by release why: `latest`, `pinned`, `newest`.
        removed: those that are gone, or would be.
        meant: it was done, not only shown.
    """

    kept: dict[str, str]
    removed: tuple[str, ...]
    meant: bool


@task(cache_policy=NO_CACHE)  # there may be others by the next call
def prune(root: str, *, keep: int, pins: Sequence[str] = (), meant: bool = False) -> Pruned:
    """Keep the newest releases of each contract, what its pointer names, and what is pinned; remove the others.

    Args:
        root: folder of the releases, a path or an fsspec URI.
        keep: how many of each contract, counted from the newest.
        pins: versions that stay, `1.0.0-3` or `adult/1.0.0-3`, beside those in the root's `pins.txt`.
        meant: remove them; else only say which.

    Raises:
        ReleaseError: there is no such root, a pin names no release, or a pointer cannot be read, or the root written.
    """
    _require_root(root)
    contracts = shelves(root)
    pinned = _pinned([*pins, *_listed(root)], [view(root, contract) for contract in contracts])
    kept: dict[str, str] = {}
    removed: list[str] = []
    for contract in contracts:
        folder = here(child(root, contract))
        with storage_errors(folder / POINTER), shelf(root, contract) as place:
            reasons = _reasons(folder, keep, pinned)
            kept |= {f"{folder.name}/{version}": why for version, why in reasons.items() if why}
            gone = [version for version, why in reasons.items() if not why]
            removed += [f"{folder.name}/{version}" for version in gone]
            if meant:
                _remove(place, gone)
    logger.info("%s %s of %s releases", "removed" if meant else "would remove", len(removed), len(removed) + len(kept))
    return Pruned(kept, tuple(removed), meant)


def _require_root(root: str) -> None:
    if not is_remote(root) and not here(root).is_dir():
        raise ReleaseError("a root of releases is a folder", f"{root} is none", "Name it with --to")


def _listed(root: str) -> list[str]:
    """Return the pins of the root's file: one a line, `#` begins a remark."""
    lines = (line.split("#")[0].strip() for line in (read(child(root, PINS)) or b"").decode().splitlines())
    return [line for line in lines if line]


def _pinned(pins: Iterable[str], folders: Sequence[Path]) -> set[str]:
    """Return the pinned releases.

    Raises:
        ReleaseError: a pin names none: a slip of the pen would cost the release that was meant.
    """
    known = {f"{folder.name}/{version}" for folder in folders for version in releases(folder)}
    pinned = set()
    for pin in pins:
        meant = {name for name in known if pin in (name, name.split("/")[1])}
        if not meant:
            fact = f"there is none called {pin!a}"
            raise ReleaseError("a pin names a release", fact, f"Mend it: --pin, or the root's {PINS}")
        pinned |= meant
    return pinned


def _reasons(folder: Path, keep: int, pinned: set[str]) -> dict[str, str]:
    """Return by version why it stays, the oldest first; empty: it does not.

    Raises:
        ReleaseError: what the latest is cannot be told, so nothing may go.
    """
    versions, pointer = releases(folder), pointed(folder)
    if pointer is None or pointer.release not in versions:
        raise ReleaseError(
            "nothing is removed beside a pointer that leads nowhere",
            f"{folder / POINTER} {'is missing' if pointer is None else 'names a release that is not there'}",
            "Mend it first",
        )
    newest = set(versions[-keep:])

    def reason(version: str) -> str:
        if version == pointer.release:
            return "latest"
        return "pinned" if f"{folder.name}/{version}" in pinned else "newest" if version in newest else ""

    return {version: reason(version) for version in versions}


def _remove(place: Shelf, versions: Iterable[str]) -> None:
    """Remove releases, and what was left behind, under the lock: no run is writing here."""
    for version in versions:
        place.remove(version)
        logger.info("removed %s/%s", place.folder.name, version)
    place.sweep()
