"""Score: bring together what was measured of the synthetic rows, in one process or in several.

Reads: nothing.  Writes: `<run>/scores.json`, and `<run>/details.json` of columns and pairs.
Fails when: the run's folder cannot be written.
Safe to repeat because: the same measures give the same bytes, each file written whole or not at all.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from prefect import task

from data_contracts import Contract
from tasks.references import Score, Scores, Trained
from tasks.scoring.details import Measured, joined
from tasks.scoring.privacy import spent
from tasks.steps import once
from tasks.storage import digest_file, write_json

__all__ = ["score"]

logger = logging.getLogger(__name__)


@task
@once("scores.json", "details.json")
def score(
    contract: Contract, measured: Sequence[Measured], *, run: str, seed: int, trained: Trained | None = None
) -> Scores:
    """Write all scores of the synthetic rows.

    Args:
        contract: of the rows.
        measured: the scores, those of one group of families after those of the other.
        run: the run's folder.
        seed: of all scores.
        trained: the model, whose epsilon is a score where it was promised one.

    Raises:
        ReleaseError: the disk is full, or the run's folder cannot be written.
    """
    whole = joined(measured)
    scores = (*whole.scores, *(spent(trained, seed) if trained else ()))
    path, details = Path(run) / "scores.json", Path(run) / "details.json"
    write_json(details, whole.details.json())
    write_json(path, [_record(one) for one in scores])
    logger.info("scored %s: %s", contract.id, ", ".join(f"{one.name} {one.value:.4g}" for one in scores))
    return Scores(str(path), digest_file(path), scores, str(details))


def _record(one: Score) -> dict[str, object]:
    """Return a score for JSON, which has no NaN: null."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value for name, value in asdict(one).items()
    }
