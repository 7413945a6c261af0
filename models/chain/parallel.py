"""Independent pieces of work on all processors, each on one thread: the same sums whatever the machine's size."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from models.threads import one_thread

__all__ = ["together"]

Given = TypeVar("Given")
Made = TypeVar("Made")


def together(work: Callable[[Given], Made], pieces: Iterable[Given]) -> list[Made]:
    """Return what the work makes of each piece, in order."""
    with one_thread(), ThreadPoolExecutor(_processors()) as pool:
        return list(pool.map(work, pieces))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
