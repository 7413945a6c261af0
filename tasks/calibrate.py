"""Calibrate: how odd rows are to a model that it never saw, so that new rows can be told from them.

Reads: ``<run>/model/``, ``holdout.parquet``.  Writes: ``<run>/calibration.json``, of a model with a density.
Fails when: the run's folder cannot be written.
Safe to repeat because: the same model and rows give the same bytes, and the file is replaced whole.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.detecting.calibration import FILE, Calibration
from tasks.learning.modelfiles import load_model
from tasks.parquet import read_sample
from tasks.progress import progress
from tasks.references import Reference, Trained
from tasks.steps import once
from tasks.storage import digest_file, write_json

if TYPE_CHECKING:
    from models.surprise import Surprise

__all__ = ["calibrate"]

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
"""Scored: a level of 1 % is then kept to .07 %, and it takes seconds."""

_BATCH_ROWS = 10_000


@task(cache_policy=NO_CACHE)  # its file must be there afterwards
@once(FILE)
def calibrate(
    contract: Contract, trained: Trained, holdout: Reference, *, run: str, seed: int
) -> tuple[Reference, ...]:
    """Score rows that the model never saw, and keep how odd they are; nothing, of images and without a density.

    Under differential privacy nothing may be told of the holdout: rows that the model draws are scored in its place.

    Raises:
        ModelError: the model cannot be read.
        ReleaseError: the run's folder cannot be written.
    """
    from models.encoding import Encoder
    from models.surprise import Judge, Surprise

    model, described = load_model(Path(trained.uri))
    if contract.image is not None or not isinstance(model, Judge):
        return ()
    surprise = Surprise(model, Encoder.from_state(contract.columns, described["columns"]), rows=described["rows"])
    private = trained.epsilon is not None
    scores = np.concatenate(list(_of_drawn(surprise, seed=seed) if private else _of_held(surprise, holdout, seed=seed)))
    calibration = Calibration.of(scores, on="model" if private else "holdout")
    path = Path(run) / FILE
    write_json(path, calibration.json())
    logger.info("calibrated on %s rows of the %s", f"{calibration.rows:,}", calibration.on)
    return (Reference(str(path), digest_file(path), calibration.rows),)


def _of_held(surprise: "Surprise", holdout: Reference, *, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield the scores of the rows held out; of many, of those that the seed draws."""
    table = read_sample(Path(holdout.uri), rows=MOST_ROWS, seed=seed)
    with progress("calibrating", total=table.num_rows) as advance:
        for batch in table.to_batches(_BATCH_ROWS):
            yield surprise.of(batch).scores
            advance(batch.num_rows, "")


def _of_drawn(surprise: "Surprise", *, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield the scores of rows that the model draws."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for _ in range(0, MOST_ROWS, _BATCH_ROWS):
        yield surprise.drawn(_BATCH_ROWS, generator=generator)
