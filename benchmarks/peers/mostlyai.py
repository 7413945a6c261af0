"""MOSTLY AI's engine, its tabular model of medium size at its own settings.

Tiwald et al.: TabularARGN, A Flexible and Efficient Auto-Regressive Framework for Generating High-Fidelity Synthetic
Data, 2025, https://arxiv.org/abs/2501.12012.  It holds a share of train back to know when to stop, and replaces rare
categories.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from mostlyai import engine

from benchmarks.peers.harness import Task, contend

_TYPES = {"category": "TABULAR_CATEGORICAL", "integer": "TABULAR_NUMERIC_AUTO", "number": "TABULAR_NUMERIC_AUTO"}


@dataclass(frozen=True)
class Workspace:
    """Where the engine keeps what it has learned."""

    folder: Path


def fit(task: Task) -> Workspace:
    """Return the workspace of a fitted model; the settings go to its training."""
    engine.set_random_state(task.seed)
    frame = pd.read_parquet(task.train).astype(dict.fromkeys(task.categories, object))
    workspace = task.folder / "workspace"
    types = {name: _TYPES[kind] for name, kind in task.kinds.items()}
    engine.split(tgt_data=frame, workspace_dir=workspace, tgt_encoding_types=types)
    engine.analyze(workspace_dir=workspace)
    engine.encode(workspace_dir=workspace)
    engine.train(workspace_dir=workspace, **task.settings)
    return Workspace(workspace)


def draw(workspace: Workspace, rows: int, path: Path) -> None:
    """Write synthetic rows."""
    engine.generate(workspace_dir=workspace.folder, sample_size=rows)
    pd.read_parquet(workspace.folder / "SyntheticData").to_parquet(path)


if __name__ == "__main__":
    contend(fit, draw, packages=("mostlyai-engine", "torch", "pandas", "numpy"))
