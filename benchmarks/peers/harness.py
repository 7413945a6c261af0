"""What every contender's process does: fit, draw, and tell what it cost.  Standard library only.

A contender's module calls `contend` with two functions.  The folder that its command line names holds

    train.parquet     the rows to learn from
    task.json         what is asked: see `Task`

and afterwards

    synthetic.parquet as many rows as train has
    figures.json      what it cost, the last file to be written: see `contend`
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["FIGURES", "SYNTHETIC", "TASK", "TRAIN", "Task", "contend", "cpu_seconds"]

TASK, TRAIN, SYNTHETIC, FIGURES = "task.json", "train.parquet", "synthetic.parquet", "figures.json"

_WARM_UP = 1_000  # rows: what a first draw loads and compiles is no part of the rate
_KIB = 1024


@dataclass(frozen=True)
class Task:
    """What a contender is asked for.

    Args:
        folder: where its files lie.
        kinds: integer, number or category, by column, in the table's order.
        target: the column that a user will want to predict; a contender need not care.
        rows: of train, and of the synthetic table.
        rate_rows: drawn to measure the rate.
        seed: of the fit and of the drawing.
        settings: of this contender, beside its own defaults.
    """

    folder: Path
    kinds: dict[str, str]
    target: str
    rows: int
    rate_rows: int
    seed: int
    settings: dict[str, Any]

    @property
    def train(self) -> Path:
        """Return the rows to learn from."""
        return self.folder / TRAIN

    @property
    def categories(self) -> list[str]:
        """Return the names of the categories."""
        return [name for name, kind in self.kinds.items() if kind == "category"]


Fit = Callable[[Task], Any]
Draw = Callable[[Any, int, Path], None]
"""Write so many rows of what was fitted to a Parquet file."""


def contend(fit: Fit, draw: Draw, *, packages: Sequence[str]) -> None:
    """Do the task of the folder that the command line names.

    `figures.json` then holds seconds of fitting by the clock and of all processors, rows drawn and written a second,
    the peak memory of the largest process in MiB after fitting and in the end (imports are part of it), and versions.
    What `fit` returns may have a `facts` dictionary, which is added.
    """
    folder = Path(sys.argv[1])
    task = Task(folder, **json.loads((folder / TASK).read_text()))
    fitted, wall, cpu = _timed(lambda: fit(task))
    after_fit = _peak_mib()
    draw(fitted, _WARM_UP, folder / SYNTHETIC)
    _, seconds, draw_cpu = _timed(lambda: draw(fitted, task.rate_rows, folder / SYNTHETIC))
    draw(fitted, task.rows, folder / SYNTHETIC)
    figures = {
        "fit_seconds": wall,
        "fit_cpu_seconds": cpu,
        "rows_per_second": task.rate_rows / seconds,
        "rows_per_cpu_second": task.rate_rows / draw_cpu,
        "rate_rows": task.rate_rows,
        "fit_peak_mib": after_fit,
        "peak_mib": _peak_mib(),
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in packages}},
        **getattr(fitted, "facts", {}),
    }
    (folder / FIGURES).write_text(json.dumps(figures))


def cpu_seconds() -> float:
    """Return the seconds of all processors that this process and its children took, those that run included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(each.ru_utime + each.ru_stime for each in used)
    return ended + sum(map(_ticks, _descendants())) / os.sysconf("SC_CLK_TCK")


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what the work returns, its seconds by the clock and of all processors."""
    started, used = time.monotonic(), cpu_seconds()
    result = work()
    return result, time.monotonic() - started, cpu_seconds() - used


def _descendants() -> list[int]:
    """Return the processes that this one has started and that run; none where the system has no /proc."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(place.name))
        if fields:
            parents[int(place.name)] = int(fields[1])
    found = [os.getpid()]
    for process in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def _ticks(process: int) -> int:
    """Return a process's processor time, with that of its ended children."""
    return sum(map(int, _stat(process)[11:15] or [0]))


def _stat(process: int) -> list[str]:
    """Return the fields of a process behind its name; none where it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _peak_mib() -> int:
    """Return the peak memory of the largest process so far."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // _KIB
