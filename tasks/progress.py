"""Progress of long steps: a bar where there is a terminal; where there is not, a plain log line now and then.

With the line goes a bar on the run's page in Prefect, for those who watch it there.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from models.life import Progress as Follow
    from models.life import Step

__all__ = ["Advance", "counted", "progress", "steps_shown"]

logger = logging.getLogger(__name__)

Advance = Callable[[float, str], None]
"""Called with how much has been done since the last call, and a note for people (may be empty)."""

_SECONDS_BETWEEN_LINES = 5.0  # often enough to see that it lives, seldom enough to read


@contextmanager
def progress(what: str, *, total: float | None = None, unit: str = "rows") -> Iterator[Advance]:
    """Show the progress of one step for as long as the block runs.

    Args:
        what: the step, as a verb and its object: "reading source".
        total: how much there is to do; None: not known.
        unit: of `total`.
    """
    with _terminal() as ours:
        if ours:
            with _bar(what, total, unit) as advance:
                yield advance
        else:
            yield _lines(what, total, unit)


def counted(batches: "Iterator[pa.RecordBatch]", advance: Advance) -> "Iterator[pa.RecordBatch]":
    """Yield record batches, and advance by the rows of each when it is done with."""
    for batch in batches:
        yield batch
        advance(batch.num_rows, "")


@contextmanager
def steps_shown(what: str) -> Iterator["Follow"]:
    """Show a fit's steps of those planned, its loss and the time left, for as long as the block runs."""
    with _terminal() as ours:
        if ours:
            with _step_bar(what) as follow:
                yield follow
        else:
            yield _step_lines(what)


@contextmanager
def _terminal() -> Iterator[bool]:
    """Say whether the terminal is there and ours to draw on: one bar at a time, and none of a worker's process."""
    ours = sys.stderr.isatty() and parent_process() is None and _drawing.acquire(blocking=False)
    try:
        yield ours
    finally:
        if ours:
            _drawing.release()


_drawing = Lock()


@contextmanager
def _step_bar(what: str) -> Iterator["Follow"]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, told="")
        yield lambda step: bar.update(task, total=step.planned, completed=step.done, told=told(step))


def _step_lines(what: str) -> "Follow":
    last, page = time.monotonic(), _Page(what)

    def follow(step: "Step") -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            logger.info("%s: %s, %s", what, told(step), step.note)
            page.show(step.done / max(step.planned, 1))

    return follow


def told(step: "Step") -> str:
    """Return where a fit stands, in words."""
    loss = "" if math.isnan(step.loss) else f", loss {step.loss:.3f}"
    return f"{step.done:,} of {step.planned:,} steps{loss}, {_clock(step.seconds_left)} left at most"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


@contextmanager
def _bar(what: str, total: float | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} {task.fields[unit]} {task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, unit=unit, note="")
        yield lambda amount, note: bar.update(task, advance=amount, note=note)


def _lines(what: str, total: float | None, unit: str) -> Advance:
    done, last, page = 0.0, time.monotonic(), _Page(what)

    def advance(amount: float, note: str) -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of = "" if total is None else f" of {total:,.0f}"
            logger.info("%s: %s%s %s %s", what, f"{done:,.0f}", of, unit, note)
            if total:
                page.show(done / total)

    return advance


class _Page:
    """A bar on the page of the run under way; outside of one, and where the server does not answer, nothing."""

    def __init__(self, what: str) -> None:
        self._what, self._there = what, True
        self._artifact: Any = None

    def show(self, share: float) -> None:
        """Show how much is done, 0 to 1."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import TaskRunContext

        if not self._there or TaskRunContext.get() is None:
            return
        percent = round(100 * min(share, 1.0), 1)
        try:
            if self._artifact is None:
                self._artifact = create_progress_artifact(percent, description=self._what)
            else:
                update_progress_artifact(self._artifact, percent)
        except Exception as error:  # noqa: BLE001 - whatever the server has, the step goes on without its bar
            logger.warning("%s: no bar on the run's page (%s)", self._what, type(error).__name__)
            self._there = False
