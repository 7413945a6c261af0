"""Score: how like the real rows the synthetic ones are, how useful, and how private.

Reads: `train`, `holdout` and `synthetic` Parquet.  Writes: `<run>/scores.json`, and `<run>/details.json` of columns and
pairs.
Of many rows, a sample that the seed draws is scored, and each score says of how many.
Fails when: a table lacks a column or has no row.  A measure that cannot be had is NaN, and the gate refuses it.
Safe to repeat because: the same tables and seed give the same bytes, each file written whole or not at all.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from prefect import task

from data_contracts import Contract
from tasks.parquet import read_sample
from tasks.references import Reference, Score, Scores, Trained
from tasks.reports.words import askable
from tasks.scoring import Measured, measure
from tasks.scoring.details import Details
from tasks.scoring.privacy import spent
from tasks.steps import once
from tasks.storage import digest_file, write_json

__all__ = ["score"]

logger = logging.getLogger(__name__)

MOST_ROWS = 1_000_000
"""Of a table that is scored: 900,000 real rows beside 1,000,000 synthetic ones take 48 s and 1.7 GB; more would move no
figure by more than chance does."""

_FEWEST_SELECTED = 30
"""Real rows that meet the conditions, learned from and held out: with fewer, an AUC's standard error is above .07."""


@task
@once("scores.json", "details.json")
def score(
    contract: Contract,
    *,
    train: Reference,
    holdout: Reference,
    synthetic: Reference,
    run: str,
    seed: int,
    learned: Reference | None = None,
    trained: Trained | None = None,
) -> Scores:
    """Score the synthetic rows against the rows learned from and the rows held out.

    Args:
        contract: of the three tables.
        train: Parquet file of the rows that the model learned from; of these, those that are asked for.
        holdout: Parquet file of real rows that it never saw.
        synthetic: Parquet file of the rows that are judged.
        run: the run's folder.
        seed: of all subsamples and models.
        learned: Parquet file of all rows that the model learned from; None: train.
        trained: the model, whose epsilon is a score where it was promised one.

    Raises:
        DataError: a table lacks a column, holds it as another type than the contract says, or has no row.
        ReleaseError: the disk is full, or the run's folder cannot be written.
    """
    tables = {"train": train, "holdout": holdout, "synthetic": synthetic}
    if learned is not None and learned != train:
        tables["learned"] = learned
    if "learned" in tables and min(train.rows, holdout.rows) < _FEWEST_SELECTED:
        measured = Measured(_unjudged(askable(contract), tables, seed), Details())
    else:
        read = {name: read_sample(Path(table.uri), rows=MOST_ROWS, seed=seed) for name, table in tables.items()}
        measured = measure(contract, **read, seed=seed)
    scores = (*measured.scores, *(spent(trained, seed) if trained else ()))
    path, details = Path(run) / "scores.json", Path(run) / "details.json"
    write_json(details, measured.details.json())
    write_json(path, [_record(one) for one in scores])
    logger.info("scored %s: %s", contract.id, ", ".join(f"{one.name} {one.value:.4g}" for one in scores))
    return Scores(str(path), digest_file(path), scores, str(details))


def _unjudged(names: Sequence[str], tables: Mapping[str, Reference], seed: int) -> tuple[Score, ...]:
    """Return every score as one that could not be had: the gate then refuses, instead of passing by luck."""
    rows = {name: table.rows for name, table in tables.items()}
    found = min(rows["train"], rows["holdout"])
    note = f"{found:,} real rows are of the sort asked for; at least {_FEWEST_SELECTED} are needed on either side"
    package = f"likeness {version('likeness')}"
    return tuple(
        Score(name, math.nan, "tasks.score", package, seed, rows, note=note) for name in names if name != "epsilon"
    )


def _record(one: Score) -> dict[str, object]:
    """Return a score for JSON, which has no NaN: null."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value for name, value in asdict(one).items()
    }
