"""What the processors do: how many threads torch adds on, work on all of them, and what they multiply fast."""

import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["accelerator", "half_is_fast", "in_chunks", "one_thread", "together"]

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch add on one thread: the same sums on every machine, and no waiting on busy neighbours.

    Threads that begin take the number that was set last, wherever that was: so of several that are inside at once, the
    last to leave gives back what the first found.

    Measured on two cores with five busy neighbours: training Adult 83 s, and 222 s on two threads; drawing it 318,000
    rows/s, and 40,000.
    """
    with _inside.changing:
        _inside.threads = _inside.threads if _inside.count else torch.get_num_threads()
        _inside.count += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _inside.changing:
            _inside.count -= 1
            torch.set_num_threads(1 if _inside.count else _inside.threads)


class _Inside:
    """How many are inside `one_thread`, and how many threads torch had before the first of them."""

    def __init__(self) -> None:
        self.changing, self.count, self.threads = threading.Lock(), 0, 1


_inside = _Inside()


def together(work: Callable[[Given], Made], pieces: Iterable[Given]) -> list[Made]:
    """Return what the work makes of each piece, in order: one thread a piece, the same sums whatever the machine."""
    _keep_what_is_freed()
    with one_thread(), ThreadPoolExecutor(_processors()) as pool:
        return list(pool.map(work, pieces))


def in_chunks(
    rows: int, draw: Callable[[int, torch.Generator], Made], *, size: int, generator: torch.Generator
) -> list[Made]:
    """Return what is drawn of so many rows, a chunk a thread, each by a generator of its own; of no rows, one of none.

    Args:
        rows: in all.
        draw: draws a number of rows.
        size: of a chunk.
        generator: of the chunks' seeds.
    """
    seeds = torch.randint(2**62, (max(1, math.ceil(rows / size)),), generator=generator).tolist()

    def drawn(chunk: int) -> Made:
        return draw(min(size, rows - chunk * size), torch.Generator().manual_seed(seeds[chunk]))

    return together(drawn, range(len(seeds)))


def accelerator() -> str:
    """Return the device that images are learned and drawn on: CUDA where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_is_fast() -> bool:
    """Return whether this processor multiplies bfloat16 faster than float32: here five times, where it can."""
    capable = getattr(torch.backends.cpu, "get_cpu_capability", str)()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return bool(supported) and "AVX512" in capable


def _keep_what_is_freed() -> None:
    """Let the C library keep freed memory for what comes next, up to 62 MiB a thread, instead of giving it back.

    glibc keeps twice the largest block that was freed so far, up to 32 MiB: so one is taken, not touched, and freed.
    Buffers of chunks are else paged in anew each time: a quarter of the time of a first 200,000 rows of adult.
    """
    torch.empty(_ALMOST_ALL, dtype=torch.uint8)


_ALMOST_ALL = 31 * 2**20  # bytes: beyond 32 MiB glibc does not learn from a block


def _processors() -> int:
    """Return how many processors this process works on: those it may use, or fewer where its environment says so."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, int(asked)) if asked.isdecimal() and int(asked) else there
