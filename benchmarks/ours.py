"""A model of Likeness as a contender: trained and drawn from by the flow's own tasks."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch  # noqa: F401  # its import is no part of the fit

from benchmarks.peers.harness import Task, contend
from data_contracts import Column, Contract
from tasks.generate import generate
from tasks.references import Reference, Trained
from tasks.storage import digest_file
from tasks.train import train


@dataclass(frozen=True)
class Run:
    """A trained model, and what it was trained by."""

    contract: Contract
    trained: Trained
    task: Task

    @property
    def facts(self) -> dict[str, Any]:
        """Return what is told beside the costs."""
        return {name: value for name, value in asdict(self.trained).items() if name in ("steps", "cut")}


def fit(task: Task) -> Run:
    """Return the model that the settings name, trained within their budget."""
    columns = tuple(Column(name=name, kind=kind) for name, kind in task.kinds.items())
    contract = Contract(id="benchmark", version="1.0.0", name="benchmark", columns=columns, target=task.target)
    rows = Reference(str(task.train), digest_file(task.train), pq.read_metadata(task.train).num_rows)
    return Run(contract, train.fn(contract, rows, run=str(task.folder), seed=task.seed, **task.settings), task)


def draw(run: Run, rows: int, path: Path) -> None:
    """Write synthetic rows."""
    drawn = generate.fn(run.contract, run.trained, run=str(run.task.folder), rows=rows, seed=run.task.seed)
    Path(drawn.uri).replace(path)


if __name__ == "__main__":
    contend(fit, draw, packages=("torch", "pandas", "numpy"))
