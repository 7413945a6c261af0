"""What judges new rows by a run's own: it knows the rows that were learned from, and so stays where they lie."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Contract
from tasks.detecting.calibration import FILE, Calibration
from tasks.learning.modelfiles import load_model
from tasks.parquet import read_sample
from tasks.progress import counted, progress, steps_shown
from tasks.storage import atomic, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from models.distance import Distance, NoiseLevel, Points
    from models.encoding import Encoder

__all__ = ["MOST_HELD", "MOST_KNOWN", "by_rows", "is_run", "judge_of"]

MOST_KNOWN = 50_000
"""Rows that new ones are held against; of more, a sample."""

MOST_HELD = 20_000
"""Rows of the holdout that are scored: a level of 1 % is then kept to .07 %."""

_BATCH_ROWS = 10_000
_TRAIN, _HOLDOUT = "train.parquet", "holdout.parquet"
_NOISE = "noise-by-place.safetensors"  # named after the scale: what was learned by another is learned anew


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run's, with the rows that were learned from and those held out."""
    return all((folder / name).is_file() for name in (_TRAIN, _HOLDOUT))


def by_rows(contract: Contract, run: Path) -> tuple["Distance", Calibration]:
    """Return what scores rows by those of a run, and what its holdout scores.

    Args:
        contract: of the run.
        run: its folder.

    Raises:
        ModelError: it has no model, by whose encoding rows are read.
        DataError: the rows cannot be read.
        ReleaseError: the folder cannot be written.
    """
    from models.encoding import Encoder

    described = load_model(run / "model")[1]
    return judge_of(Encoder.from_state(contract.columns, described["columns"]), run, rows=described["rows"])


def judge_of(encoder: "Encoder", run: Path, *, rows: int) -> tuple["Distance", Calibration]:
    """Return the same by an encoder.

    What is learned for it, in some ten seconds, is kept in the run's `detector/`, and found there the next time.

    Args:
        encoder: of the columns.
        run: the folder with the rows.
        rows: that the encoder learned from.
    """
    from models.distance import Distance, Points

    folder = run / "detector"
    known = _rows(run / _TRAIN)
    points = Points.fit(encoder, known)
    places = points.of(known)
    kept = (folder / _NOISE).exists()
    distance = Distance(points, places, _read(folder / _NOISE) if kept else _learned(points, places), rows=rows)
    if not kept:
        held = np.concatenate([np.zeros(0), *_scores(distance, run / _HOLDOUT)])
        _keep(folder, distance.noise, Calibration.of(held, on="holdout", by="rows", published=False))
    return distance, Calibration.read(folder / FILE)


def _rows(path: Path) -> pa.RecordBatch:
    """Return the rows that new ones are held against, in one batch."""
    return read_sample(path, rows=MOST_KNOWN, seed=0).combine_chunks().to_batches()[0]


def _learned(points: "Points", places: "Tensor") -> "NoiseLevel":
    """Return what tells the noise on the points of known rows."""
    import torch

    from models.distance import NoiseLevel

    with steps_shown("learning how far off rows are") as follow:
        generator = torch.Generator().manual_seed(0)
        return NoiseLevel.fit(places, numbers=points.numbers, spans=points.spans, generator=generator, follow=follow)


def _read(path: Path) -> "NoiseLevel":
    from safetensors.torch import load_file

    from models.distance import NoiseLevel

    return NoiseLevel.from_state(load_file(path))


def _scores(distance: "Distance", holdout: Path) -> Iterator[NDArray[np.float64]]:
    """Yield the scores of the rows held out; of many, of a sample."""
    table = read_sample(holdout, rows=MOST_HELD, seed=0)
    with progress("calibrating", total=table.num_rows) as advance:
        for batch in counted(table.to_batches(_BATCH_ROWS), advance):
            yield distance.of(batch).scores


def _keep(folder: Path, noise: "NoiseLevel", calibration: Calibration) -> None:
    """Write what was learned, whole or not at all; what another process wrote meanwhile is the same."""
    from safetensors.torch import save

    with atomic(folder) as partial:
        partial.mkdir()
        (partial / _NOISE).write_bytes(save(noise.state()))
        write_json(partial / FILE, calibration.json())
        shutil.rmtree(folder, ignore_errors=True)
