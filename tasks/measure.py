"""Measure: how like the real rows the synthetic ones are, how useful, and how private; all of it, or a part.

Reads: `train`, `holdout` and `synthetic` Parquet.  Writes: nothing; what is found is its result.
Of many rows, a sample that the seed draws is measured, and each score says of how many.
Fails when: a table lacks a column or has no row.  A measure that cannot be had is NaN, and the gate refuses it.
Safe to repeat because: the same tables and seed give the same scores.
"""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks import scoring
from tasks.parquet import read_sample
from tasks.references import Reference, Score
from tasks.reports.words import askable
from tasks.scoring.details import Details, Measured
from tasks.steps import once

__all__ = ["measure"]

MOST_ROWS = 1_000_000
"""Of a table that is scored: 900,000 real rows beside 1,000,000 synthetic ones take 48 s and 1.7 GB; more would move no
figure by more than chance does."""

_FEWEST_SELECTED = 30
"""Real rows that meet the conditions, learned from and held out: with fewer, an AUC's standard error is above .07."""


@task(cache_policy=NO_CACHE)  # it is kept by its step
@once()
def measure(
    contract: Contract,
    *,
    train: Reference,
    holdout: Reference,
    synthetic: Reference,
    run: str,  # noqa: ARG001 - beside which it is kept
    seed: int,
    learned: Reference | None = None,
    families: tuple[str, ...] = (),
) -> Measured:
    """Measure the synthetic rows against the rows learned from and the rows held out.

    Args:
        contract: of the three tables.
        train: Parquet file of the rows that the model learned from; of these, those that are asked for.
        holdout: Parquet file of real rows that it never saw.
        synthetic: Parquet file of the rows that are judged.
        run: the run's folder.
        seed: of all subsamples and models.
        learned: Parquet file of all rows that the model learned from; None: train.
        families: of the scores that are asked for, one of `tasks.scoring.groups`; none: all.

    Raises:
        DataError: a table lacks a column, holds it as another type than the contract says, or has no row.
    """
    tables = {"train": train, "holdout": holdout, "synthetic": synthetic}
    if learned is not None and learned != train:
        tables["learned"] = learned
    if "learned" in tables and min(train.rows, holdout.rows) < _FEWEST_SELECTED:
        return Measured(_unjudged(askable(contract), tables, seed), Details())
    read = {name: read_sample(Path(table.uri), rows=MOST_ROWS, seed=seed) for name, table in tables.items()}
    return scoring.measure(contract, **read, seed=seed, families=families)


def _unjudged(names: Sequence[str], tables: Mapping[str, Reference], seed: int) -> tuple[Score, ...]:
    """Return every score as one that could not be had: the gate then refuses, instead of passing by luck."""
    rows = {name: table.rows for name, table in tables.items()}
    found = min(rows["train"], rows["holdout"])
    note = f"{found:,} real rows are of the sort asked for; at least {_FEWEST_SELECTED} are needed on either side"
    package = f"likeness {version('likeness')}"
    return tuple(
        Score(name, math.nan, "tasks.score", package, seed, rows, note=note) for name in names if name != "epsilon"
    )
