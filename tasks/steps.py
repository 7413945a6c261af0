"""Steps: each works on files of this machine, wherever the run lies, and is done once.

What a step leaves is kept under a key of all that it depends on, and taken from there:

    <runs>/<contract id>/kept/<step>-<key>/    what the step left, and step.json

The key is of the step's name, its arguments (what is referred to by its digest, a contract by its content), Likeness's
own code and the versions of the libraries: change one, and what depends on it is done again, and nothing else.  Of two
runs that are about to do the same step on one machine, one does it, and the other waits for it.  A run that was killed
leaves no `step.json`, and what the step itself saved on its way (a checkpoint) lies where the next one looks for it.

Where the runs lie on a disk, a run's folder holds what its steps left as hard links to what is kept.  Where they lie
behind a URI, what is kept is referred to where it is: a step that is not done again moves no byte.

Outside a flow a step is simply done.
"""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from prefect.context import TaskRunContext
from pydantic import TypeAdapter

from data_contracts import Contract, ReleaseError
from tasks.keeping import Keep, key, moved
from tasks.places import child, fetch, here, is_remote, parent, send, there
from tasks.storage import digest_file, digest_folder, locked, storage_errors

__all__ = ["carried", "once", "workplace"]

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")

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
        carry = _Carried(step, left)

        @wraps(step)
        def done(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            within = TaskRunContext.get() is not None
            beside = basis(*args, **kwargs) if within and basis is not None else None
            if not within or (basis is not None and beside is None):
                return carry(*args, **kwargs)
            asked = carry.bound(*args, **kwargs)
            run: str = asked["run"]
            home = child(parent(run), "kept", f"{step.__name__}-{key(step.__name__, asked, beside)}")
            keep = Keep(run, home)
            with _alone(here(home)):
                if (kept := keep.taken()) is not None:
                    logger.info("%s: nothing that it depends on has changed, what was done is taken", step.__name__)
                    return carry.record.validate_python(kept)
                with _placed(fetch(home)):
                    result = carry.do(asked)
                if chance(result, asked):
                    return carry.sent(result, asked)
                kept = keep.keep(carry.files(asked), carry.record.dump_python(result, mode="json"))
                return carry.record.validate_python(kept) if is_remote(run) else result

        return done

    return decorate


def carried(*left: str, unread: tuple[str, ...] = ()) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a step that works on files of this machine work for runs that lie elsewhere; under Prefect's own decorator.

    Args:
        left: what the step leaves in its run's folder: glob patterns, in which `{name}` is an argument.
        unread: the arguments whose files it does not read.
    """

    def decorate(step: Callable[_P, _R]) -> Callable[_P, _R]:
        carry = _Carried(step, left, unread)

        @wraps(step)
        def done(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            return carry(*args, **kwargs)

        return done

    return decorate


def workplace(run: Path) -> Path:
    """Return where the step under way may save what the next try goes on from: the run's folder, outside a flow.

    What is saved there is to be sent (`tasks.places.send`), so that the next try finds it from another machine.
    """
    return _place.get() or run


class _Carried(Generic[_R]):
    """A step with what it refers to brought here before, and what it left sent after.

    Args:
        step: works on paths; one of its arguments is `run`, the run's folder.
        left: what it leaves there.
        unread: the arguments whose files it does not read.
    """

    def __init__(self, step: Callable[..., _R], left: tuple[str, ...], unread: tuple[str, ...] = ()) -> None:
        self.step, self.left, self.unread = step, left, unread
        self.signature = inspect.signature(step)
        self.record: TypeAdapter[_R] = TypeAdapter(step.__annotations__["return"])

    def __call__(self, *args: Any, **kwargs: Any) -> _R:  # noqa: ANN401 - the step's own
        asked = self.bound(*args, **kwargs)
        return self.sent(self.do(asked), asked)

    def bound(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - the step's own
        """Return the step's arguments by name."""
        asked = self.signature.bind(*args, **kwargs)
        asked.apply_defaults()
        return asked.arguments

    def do(self, asked: Mapping[str, Any]) -> _R:
        """Do the step here; the evidence of one that failed is sent."""
        run = asked["run"]
        within = child(parent(run), "") if is_remote(run) else None
        brought = {name: value if name in self.unread else _brought(value, within) for name, value in asked.items()}
        try:
            return self.step(**{**brought, "run": str(here(run))})
        except BaseException:
            self._send(asked)
            raise

    def files(self, asked: Mapping[str, Any]) -> list[Path]:
        """Return the files that the step left in its run's folder on this machine."""
        run = here(asked["run"])
        found = (path for pattern in self.left for path in sorted(run.glob(pattern.format(**asked))))
        return [path for path in found if path.is_file()]

    def sent(self, result: _R, asked: Mapping[str, Any]) -> _R:
        """Send what the step left to where the run lies, and return its result as of there."""
        if not is_remote(asked["run"]):
            return result
        self._send(asked)
        return self.record.validate_python(moved(self.record.dump_python(result, mode="json"), there))

    def _send(self, asked: Mapping[str, Any]) -> None:
        for path in self.files(asked):
            send(path)


@contextmanager
def _placed(folder: Path) -> Iterator[None]:
    """Let a step's folder be its workplace."""
    token = _place.set(folder)
    try:
        yield
    finally:
        _place.reset(token)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a step's folder; only what goes wrong with the lock is said of the folder."""
    with ExitStack() as stack:
        with storage_errors(folder):
            stack.enter_context(locked(folder))
        yield


def _brought(value: Any, within: str | None) -> Any:  # noqa: ANN401 - any argument of a step
    """Return an argument with the files that its records refer to on this machine, and as they were when referred to.

    Args:
        value: of the argument.
        within: what all that runs of its contract refer to begins with; None: it is on this machine.

    Raises:
        ReleaseError: a file is not what it was, or the storage cannot be reached.
    """
    if within is None:
        return value
    if isinstance(value, tuple):
        return tuple(_brought(each, within) for each in value)
    if isinstance(value, str):
        return str(fetch(value)) if value.startswith(within) else value
    if isinstance(value, Contract | type) or not is_dataclass(value):
        return value
    record: Any = value
    found = replace(record, **{each.name: _brought(getattr(record, each.name), within) for each in fields(record)})
    if hasattr(record, "digest") and found.uri != record.uri:
        _require_same(Path(found.uri), record)
    return found


def _require_same(path: Path, reference: Any) -> None:  # noqa: ANN401 - whatever has uri and digest
    """Refuse a copy that is not what was referred to."""
    if (digest_folder(path) if path.is_dir() else digest_file(path)) != reference.digest:
        raise ReleaseError(
            "what a step left stays as it is",
            f"{reference.uri} was changed since",
            "Run again: whatever is missing is done once more",
        )
