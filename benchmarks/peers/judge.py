"""What every detector's process does: learn usual rows, score others, and tell what it took.

The folder that its command line names holds `train.parquet` and `test.parquet` with the same columns, texts or numbers,
and `task.json` with `seed` and `settings`; afterwards also `scores.npy`, (N,) of test, higher is odder, what else the
detector tells as `<name>.npy`, and `figures.json` with CPU seconds and versions, the last to be written.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["judge", "points"]

Told = Mapping[str, Any]
Detector = Callable[[pa.Table, pa.Table, int, Mapping[str, Any]], Told]
"""Takes train, test, a seed and settings; returns arrays by name, `scores` among them."""


def judge(detector: Detector, *, packages: Sequence[str]) -> None:
    """Do the task of the folder that the command line names."""
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    train, test = (pq.read_table(folder / f"{part}.parquet") for part in ("train", "test"))
    started = time.process_time()  # of all threads: other work of the machine does not count
    told = detector(train, test, task["seed"], task["settings"])
    seconds = time.process_time() - started
    for name, array in told.items():
        np.save(folder / f"{name}.npy", np.asarray(array))
    versions = {"python": sys.version.split()[0], **{name: version(name) for name in packages}}
    (folder / "figures.json").write_text(json.dumps({"cpu_seconds": seconds, "versions": versions}))


def points(train: pa.Table, test: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return both tables as numbers: each in train's standard deviations, a text one-hot by train's texts."""
    columns: list[tuple[np.ndarray, np.ndarray]] = []
    for name in train.column_names:
        first, second = (table.column(name).to_numpy(zero_copy_only=False) for table in (train, test))
        if first.dtype == object:
            columns += [(first == word, second == word) for word in sorted(set(first))]
        else:
            columns.append((first, second))
    x, y = (np.column_stack(parts).astype(np.float64) for parts in zip(*columns, strict=True))
    spread = x.std(0)
    scale = np.where(spread > 0, spread, 1.0)
    return (x - x.mean(0)) / scale, (y - x.mean(0)) / scale
