"""Results on disk: one JSON file for each contender, table and seed, so that a benchmark that stopped goes on."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.contenders import ROOT
from models.processors import half_is_fast

__all__ = ["Record", "circumstances", "path_of", "read_all", "write"]

Record = dict[str, Any]
"""Contender, table, seed, settings and circumstances; and either costs and measures, or how it failed."""


def path_of(folder: Path, *, table: str, contender: str, seed: int) -> Path:
    """Return where a result lies."""
    return folder / table / f"{contender}-{seed}.json"


def write(path: Path, record: Record) -> None:
    """Write a result whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(record, indent=1) + "\n")
    beside.replace(path)


def read_all(folder: Path) -> Iterator[Record]:
    """Yield all results, in the order of their names."""
    for path in sorted(folder.glob("*/*.json")):
        yield json.loads(path.read_text())


def circumstances() -> Record:
    """Return when, on what and beside what a contender begins."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _git("describe", "--always", "--dirty", "--exclude=*"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": torch.backends.cpu.get_cpu_capability() + (", bfloat16" if half_is_fast() else ""),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "load": round(os.getloadavg()[0], 1),
    }


def _git(*arguments: str) -> str:
    """Return what git says; nothing where the files are no repository."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
