"""Steps that are done once: what a step leaves is kept under a key of all that it depends on, and taken from there.

    <runs>/<contract id>/kept/<step>-<key>/    what the step left in its run's folder, as hard links, and step.json

The key is of the step's name, its arguments (what is referred to by its digest, a contract by its content), Likeness's
own code and the versions of the libraries: change one, and what depends on it is done again, and nothing else.  Of two
runs that are about to do the same step, one does it, and the other waits for it.  A run that was killed leaves no
`step.json`, and what the step itself saved on its way (a checkpoint) lies where the next one looks for it.

Outside a flow a step is simply done.
"""

import hashlib
import inspect
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any, ParamSpec, TypeVar

from prefect.context import TaskRunContext
from pydantic import TypeAdapter

from data_contracts import Contract, odcs
from tasks.packages import required
from tasks.storage import digest_file, locked, storage_errors, write_json

__all__ = ["once", "workplace"]

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")

_RECORD = "step.json"
_HERE = "{run}"  # stands for the run's folder in what is kept
_CODE = ("data_contracts", "models", "tasks")
_KEY_LETTERS = 16  # of 64: names stay short, and two of a million keys are the same once in 30 million times

_place: ContextVar[Path | None] = ContextVar("place", default=None)


def once(
    *left: str,
    basis: Callable[..., object] | None = None,
    chance: Callable[[Any, Mapping[str, Any]], bool] = lambda *_: False,
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Do a step only if nothing is kept of the very same one; to be put under Prefect's own decorator.

    Args:
        left: what the step leaves in its run's folder: glob patterns, in which `{name}` is an argument.
        basis: what the step depends on beside its arguments, which it is called with; None: it cannot be told, and
            the step is done each time.
        chance: whether a result hangs on more than all that, such as the clock, and is not to be taken again; it is
            called with the result and the step's arguments by name.
    """

    def decorate(step: Callable[_P, _R]) -> Callable[_P, _R]:
        signature, record = inspect.signature(step), TypeAdapter(step.__annotations__["return"])

        @wraps(step)
        def done(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            within = TaskRunContext.get() is not None
            beside = basis(*args, **kwargs) if within and basis is not None else None
            if not within or (basis is not None and beside is None):
                return step(*args, **kwargs)
            asked = signature.bind(*args, **kwargs)
            asked.apply_defaults()
            run = Path(asked.arguments["run"])
            folder = run.parent / "kept" / f"{step.__name__}-{_key(step.__name__, asked.arguments, beside)}"
            with _alone(folder):
                if (kept := _taken(folder, run)) is not None:
                    logger.info("%s: nothing that it depends on has changed, what was done is taken", step.__name__)
                    found: _R = record.validate_python(kept)
                    return found
                token = _place.set(folder)
                try:
                    result = step(*args, **kwargs)
                finally:
                    _place.reset(token)
                if chance(result, asked.arguments):
                    return result
                patterns = [pattern.format(**asked.arguments) for pattern in left]
                _keep(folder, run, patterns, record.dump_python(result, mode="json"))
            return result

        return done

    return decorate


def workplace(run: Path) -> Path:
    """Return where the step under way may save what the next try goes on from: the run's folder, outside a flow."""
    return _place.get() or run


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a step's folder; only what goes wrong with the lock is said of the folder."""
    with ExitStack() as stack:
        with storage_errors(folder):
            stack.enter_context(locked(folder))
        yield


def _key(name: str, arguments: Mapping[str, Any], beside: object) -> str:
    told = {key: _told(value) for key, value in arguments.items() if key != "run"}
    whole = {"step": name, "arguments": told, "beside": _told(beside), "code": _code(), "versions": _versions()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:_KEY_LETTERS]


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


def _taken(folder: Path, run: Path) -> Any:  # noqa: ANN401 - as JSON holds it
    """Lay what is kept of a step into the run's folder and return its record; None: nothing whole is kept."""
    try:
        kept = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        sound = all(digest_file(folder / name) == digest for name, digest in kept["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    if not sound:
        logger.warning("what was kept in %s was changed since: it is done again", folder.name)
        return None
    for name in kept["files"]:
        _link(folder / name, run / name)
    return _moved(kept["record"], _HERE, str(run))


def _keep(folder: Path, run: Path, patterns: list[str], record: Any) -> None:  # noqa: ANN401 - as JSON holds it
    """Keep the files that a step left, and its record last: only then is the step done."""
    files = [path for pattern in patterns for path in sorted(run.glob(pattern)) if path.is_file()]
    for path in files:
        _link(path, folder / path.relative_to(run))
    digests = {str(path.relative_to(run)): digest_file(path) for path in files}
    write_json(folder / _RECORD, {"files": digests, "record": _moved(record, str(run), _HERE)})


def _link(here: Path, there: Path) -> None:
    """Give a file a second name, in the place of what stands there; a copy where the disk knows no such thing."""
    there.parent.mkdir(parents=True, exist_ok=True)
    there.unlink(missing_ok=True)
    try:
        os.link(here, there)
    except OSError:
        shutil.copyfile(here, there)


def _moved(record: Any, here: str, there: str) -> Any:  # noqa: ANN401 - as JSON holds it
    """Return a record in which what lay here lies there; JSON has no NaN, but a text that stands for it."""
    if isinstance(record, float) and not math.isfinite(record):
        return str(record)
    if isinstance(record, dict):
        return {key: _moved(value, here, there) for key, value in record.items()}
    if isinstance(record, list):
        return [_moved(value, here, there) for value in record]
    return there + record.removeprefix(here) if isinstance(record, str) and record.startswith(here) else record
