"""A model of Likeness as a contender: trained and drawn from by the flow's own tasks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch  # noqa: F401  # its import is no part of the fit

from benchmarks.peers.harness import Task, contend
from data_contracts import Column, Contract
from tasks.generate import generate
from tasks.references import Reference, Trained
from tasks.shards import Shard
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


def contract_of(kinds: Mapping[str, str], *, target: str) -> Contract:
    """Return the contract of columns by their kinds; with what is stored, or the size of an image, behind it."""
    columns = tuple(_column(name, *kind.split()) for name, kind in kinds.items())
    return Contract(id="benchmark", version="1.0.0", name="benchmark", columns=columns, target=target)


def _column(name: str, kind: str, *more: str) -> Column:
    if kind != "image":
        return Column(name=name, kind=kind, storage=more[0] if more else "string")
    height, width, channels = map(int, more)
    return Column(name=name, kind="image", required=True, height=height, width=width, channels=channels)


def fit(task: Task) -> Run:
    """Return the model that the settings name, trained within their budget."""
    contract = contract_of(task.kinds, target=task.target)
    rows = Reference(str(task.train), digest_file(task.train), pq.read_metadata(task.train).num_rows)
    return Run(contract, train.fn(contract, rows, run=str(task.folder), seed=task.seed, **task.settings), task)


def draw(run: Run, rows: int, path: Path) -> None:
    """Write synthetic rows."""
    drawn = generate.fn(run.contract, run.trained, run=str(run.task.folder), shard=Shard(rows), seed=run.task.seed)
    Path(drawn.uri).replace(path)


if __name__ == "__main__":
    contend(fit, draw, packages=("torch", "pandas", "numpy"))
