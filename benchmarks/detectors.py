"""Likeness as a detector: a run that trained a model on the usual rows judges others.

A tenth of train is held out, as the flow does, and the p-values are by it.  `rows` judges as the run's owner does, by
the rows themselves; a model's name as whoever has the release does, by its density.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peers.judge import judge
from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from models.encoding import Encoder
from tasks.calibrate import calibrate
from tasks.detecting.calibration import Calibration
from tasks.detecting.distance import judge_of
from tasks.detecting.scoring import Scorer
from tasks.references import Reference
from tasks.storage import digest_file
from tasks.train import train as learn

_HELD = 0.1
_BATCH = 10_000


def detect(train: pa.Table, test: pa.Table, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores and p-values of a run that the settings describe."""
    contract = Contract(id="benchmark", version="1.0.0", name="benchmark", columns=tuple(_columns(train)))
    held = np.random.default_rng(seed).random(len(train)) < _HELD
    with TemporaryDirectory() as folder:
        run = Path(folder)
        parts = {name: train.filter(pa.array(mask)) for name, mask in (("train", ~held), ("holdout", held))}
        for name, part in parts.items():
            pq.write_table(part.cast(arrow_schema(contract)), run / f"{name}.parquet")
        by = _by_rows if settings["by"] == "rows" else _by_model
        scorer, calibration = by(contract, run, seed=seed, model=settings["by"])
        batches = test.cast(arrow_schema(contract)).combine_chunks().to_batches(_BATCH)
        scores = np.concatenate([scorer.of(batch).scores for batch in batches])
    return {"scores": scores, "p_values": calibration.p_values(scores)}


def _columns(table: pa.Table) -> Iterator[Column]:
    for field in table.schema:
        kind, storage = ("category", "string") if pa.types.is_string(field.type) else ("number", "double")
        yield Column(name=field.name, kind=kind, storage=storage)


def _by_rows(contract: Contract, run: Path, *, seed: int, model: str) -> tuple[Any, Calibration]:  # noqa: ARG001 - see `_by_model`
    known = pq.read_table(run / "train.parquet")
    return judge_of(Encoder.fit(contract.columns, known.to_batches()), run, rows=len(known))


def _by_model(contract: Contract, run: Path, *, seed: int, model: str) -> tuple[Any, Calibration]:
    """Return the density of a model that the flow's own steps trained, and its calibration."""
    learned, held = (
        Reference(str(path), digest_file(path), pq.read_metadata(path).num_rows)
        for path in (run / "train.parquet", run / "holdout.parquet")
    )
    trained = learn.fn(contract, learned, run=str(run), model=model, seed=seed)
    (kept,) = calibrate.fn(contract, trained, held, run=str(run), seed=seed)
    return Scorer.load(contract, Path(trained.uri)), Calibration.read(Path(kept.uri))


if __name__ == "__main__":
    judge(detect, packages=("torch", "numpy", "scikit-learn"))
