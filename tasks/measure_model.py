"""Measure the model: what its own score gives away about the rows that it learned from.

Reads: ``<run>/model/``, ``train.parquet``, ``holdout.parquet``.  Writes: nothing; what is found is its result.
Of many rows, a sample that the seed draws is asked about, and each score says of how many.
Fails when: the model cannot be read.
Safe to repeat because: the same model, rows and seed give the same scores.
"""

import logging
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.detecting.scoring import Scorer
from tasks.parquet import read_sample
from tasks.references import Split, Trained
from tasks.scoring.details import Details, Measured
from tasks.scoring.telling import telling
from tasks.steps import once

__all__ = ["measure_model"]

logger = logging.getLogger(__name__)

MOST_ROWS = 20_000
"""Of train and the holdout together: of 10,000 each, an area's standard error is .004."""

MOST_IMAGES = 1_000
"""Of images: `flow_matching` scores slowly; the area's standard error is then .018."""


@task(cache_policy=NO_CACHE)  # it is kept by its step
@once()
def measure_model(
    contract: Contract,
    trained: Trained,
    parts: Split,
    *,
    run: str,  # noqa: ARG001 - beside which it is kept
    seed: int,
) -> Measured:
    """Measure how well the score of the model, and of the detector beside it, tells who was learned from.

    Raises:
        ModelError: the model cannot be read.
    """
    most = MOST_ROWS if contract.image is None else MOST_IMAGES
    others = read_sample(Path(parts.holdout.uri), rows=most // 2, seed=seed)
    members = read_sample(Path(parts.train.uri), rows=most - others.num_rows, seed=seed)
    scores = telling(Scorer.each(contract, Path(trained.uri)), members=members, others=others, seed=seed)
    logger.info("asked %s whom it learned from: it tells members with an area of %.3f", trained.model, scores[0].value)
    return Measured(scores, Details())
