"""What a step depends on, as a key; what it left, kept under that key and taken from there."""

import hashlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from data_contracts import Contract, odcs
from tasks.packages import required
from tasks.places import child, find, here, is_remote, read, send, there
from tasks.storage import digest_file, partial_of, write_json

__all__ = ["Keep", "key", "lay", "moved"]

logger = logging.getLogger(__name__)

_RECORD = "step.json"
_USED = "used"
_HERE = "{run}"  # stands for the folder that holds what was left, in what is kept
_CODE = ("data_contracts", "models", "tasks")
_KEY_LETTERS = 16  # of 64: names stay short, and two of a million keys are the same once in 30 million times


@dataclass(frozen=True, slots=True)
class Keep:
    """Where what one step left is kept.

    Args:
        run: the run's folder.
        home: of what is kept, a folder beside it.
    """

    run: str
    home: str

    def taken(self) -> Any:  # noqa: ANN401 - as JSON holds it
        """Return the step's record, of files that lie in the run's folder, or far away where they are kept.

        None: nothing whole is kept.
        """
        try:
            kept = json.loads(read(child(self.home, _RECORD)) or b"")
            sound = self._sound(kept["files"])
        except (OSError, ValueError, KeyError):
            return None
        if not sound:
            logger.warning("what was kept in %s was changed since: it is done again", Path(self.home).name)
            return None
        place = self._laid(kept["files"])
        return moved(kept["record"], lambda text: _begun(text, _HERE, place))

    def keep(self, files: list[Path], record: Any) -> Any:  # noqa: ANN401 - as JSON holds it
        """Keep the files that a step left, and its record last: only then is the step done; return as `taken` does."""
        folder, run = here(self.home), here(self.run)
        for path in files:
            lay(path, folder / path.relative_to(run))
            send(folder / path.relative_to(run))
        digests = {str(path.relative_to(run)): digest_file(path) for path in files}
        record = moved(record, lambda text: there(_begun(text, str(run), _HERE)))
        write_json(folder / _RECORD, {"files": digests, "record": record})
        send(folder / _RECORD)
        return moved(record, lambda text: _begun(text, _HERE, self.home if is_remote(self.run) else self.run))

    def _sound(self, digests: Mapping[str, str]) -> bool:
        """Return whether all is there as it was left; what is far away is held to its digest when it is fetched."""
        if is_remote(self.home):
            return digests.keys() <= find(self.home).keys()
        return all(digest_file(here(self.home) / name) == digest for name, digest in digests.items())

    def _laid(self, names: Mapping[str, str]) -> str:
        """Return where the files are, laid into the run's folder where that is on a disk."""
        if is_remote(self.home):
            return self.home
        (here(self.home) / _USED).touch()  # retention counts from now
        for name in names:
            lay(here(self.home) / name, here(self.run) / name)
        return self.run


def key(name: str, arguments: Mapping[str, Any], beside: object) -> str:
    """Return what a step is known by.

    Args:
        name: of the step.
        arguments: by name; the run is none of them.
        beside: what else its result hangs on.
    """
    told = {name: _told(value) for name, value in arguments.items() if name != "run"}
    whole = {"step": name, "arguments": told, "beside": _told(beside), "code": _code(), "versions": _versions()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:_KEY_LETTERS]


def moved(record: Any, move: Callable[[str], str]) -> Any:  # noqa: ANN401 - as JSON holds it
    """Return a record with its texts moved; JSON has no NaN, but a text that stands for it."""
    if isinstance(record, float) and not math.isfinite(record):
        return str(record)
    if isinstance(record, dict):
        return {name: moved(value, move) for name, value in record.items()}
    if isinstance(record, list):
        return [moved(value, move) for value in record]
    return move(record) if isinstance(record, str) else record


def _begun(text: str, begins: str, other: str) -> str:
    """Return a text that begins so as one that begins otherwise; any other as it is."""
    return other + text.removeprefix(begins) if text.startswith(begins) else text


def _told(value: object) -> object:
    """Return what a step's result can depend on of an argument: never where something lies."""
    if isinstance(value, Contract):
        return odcs.dump(value)
    if (digest := getattr(value, "digest", None)) is not None:
        return [type(value).__name__, digest]
    if is_dataclass(value):
        return [type(value).__name__, *(_told(getattr(value, each.name)) for each in fields(value))]
    if isinstance(value, Mapping):
        return {str(key): _told(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_told(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


@cache
def _code() -> str:
    """Return the digest of all code that a step may call."""
    digest = hashlib.sha256()
    for folder in _CODE:
        root = Path(__file__).parents[1] / folder
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{path.relative_to(root.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _versions() -> dict[str, str]:
    """Return the versions of Python and of what Likeness requires."""
    return {"python": python_version(), **{name: version(name) for name in sorted(each.name for each in required())}}


def lay(here: Path, there: Path) -> None:
    """Give a file a second name, in the place of what stands there; a copy where the disk knows no such thing."""
    there.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(there)
    try:
        os.link(here, partial)
    except OSError:
        shutil.copyfile(here, partial)
    partial.replace(there)
    partial.unlink(missing_ok=True)  # of two names of one file, a rename leaves both
