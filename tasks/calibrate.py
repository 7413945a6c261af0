"""Calibrate: how odd rows are to a model that it never saw, so that new rows can be told from them.

Reads: ``<run>/model/``, ``holdout.parquet``.  Writes: ``<run>/calibration.json``.
Fails when: the run's folder cannot be written.
Safe to repeat because: the same model and rows give the same bytes, and the file is replaced whole.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.detecting.calibration import FILE, Calibration
from tasks.detecting.scoring import Scorer
from tasks.parquet import read_sample
from tasks.progress import progress
from tasks.references import Reference, Trained
from tasks.steps import once
from tasks.storage import digest_file, write_json

__all__ = ["calibrate"]

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
"""Scored: a level of 1 % is then kept to .07 %, and it takes seconds."""

MOST_IMAGES = 2_000
"""Of images: by `flow_matching` a minute on two cores; by the four fifths of them, a level of 1 % is kept to .25 %."""

_BATCH_ROWS = 10_000


@task(cache_policy=NO_CACHE)  # its file must be there afterwards
@once(FILE)
def calibrate(
    contract: Contract, trained: Trained, holdout: Reference, *, run: str, seed: int
) -> tuple[Reference, ...]:
    """Score rows that the model never saw, and keep how odd they are.

    Under differential privacy nothing may be told of the holdout: rows that the model draws are scored in its place.

    Raises:
        ModelError: the model cannot be read.
        ReleaseError: the run's folder cannot be written.
    """
    scorer = Scorer.load(contract, Path(trained.uri))
    if trained.epsilon is not None:
        calibration = Calibration.of(np.concatenate(list(_of_drawn(scorer, seed=seed))), on="model", by=scorer.by)
    else:
        calibration = _on_held(scorer, holdout, seed=seed)
    path = Path(run) / FILE
    write_json(path, calibration.json())
    logger.info("calibrated %s on %s rows of the %s", scorer.by, f"{calibration.rows:,}", calibration.on)
    return (Reference(str(path), digest_file(path), calibration.rows),)


def _on_held(scorer: Scorer, holdout: Reference, *, seed: int) -> Calibration:
    """Calibrate on the rows held out; of many, on those that the seed draws.

    Of images, a fifth say what complexity weighs in a density, and are not calibrated on: the others are, to the score,
    as new ones.
    """
    images = scorer.contract.image is not None
    table = read_sample(Path(holdout.uri), rows=MOST_IMAGES if images else MOST_ROWS, seed=seed)
    scorer, table = scorer.weighed(table)
    with progress("calibrating", total=table.num_rows) as advance:
        scores = scorer.scores(table, advance=advance)
    return Calibration.of(scores, on="holdout", by=scorer.by, weight=scorer.weight)


def _of_drawn(scorer: Scorer, *, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield the scores of rows that the model draws; models of images do so under no promise."""
    import torch

    from models.surprise import Surprise

    assert isinstance(scorer.surprise, Surprise)  # noqa: S101 - it was loaded as a model
    generator = torch.Generator().manual_seed(seed)
    for _ in range(0, MOST_ROWS, _BATCH_ROWS):
        yield scorer.surprise.drawn(_BATCH_ROWS, generator=generator)
