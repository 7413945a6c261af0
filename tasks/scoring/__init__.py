"""Scores of a synthetic table: fidelity, utility, privacy, one module each.  `measure` asks for all of them."""

from functools import partial

import pyarrow as pa

from data_contracts import Contract
from tasks.progress import progress
from tasks.references import Score
from tasks.scoring.fidelity import diagnostic, quality, two_sample
from tasks.scoring.frames import frames
from tasks.scoring.privacy import copies, distances
from tasks.scoring.utility import utility

__all__ = ["measure"]


def measure(
    contract: Contract,
    *,
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    seed: int,
    learned: pa.Table | None = None,
) -> tuple[Score, ...]:
    """Return every score of a synthetic table, in a fixed order; the same inputs give the same scores.

    Args:
        contract: of all three tables.
        train: the rows that the model learned from; of these, those that are asked for.
        holdout: real rows that it never saw: what each figure is held against.
        synthetic: the rows that are judged.
        seed: of all subsamples and models; each measure draws from a generator of its own.
        learned: all rows that the model learned from, among which copies are looked for; None: train.

    Raises:
        DataError: a table lacks a column, holds it as another type than the contract says, or has no row.
    """
    tables = frames(contract, train=train, holdout=holdout, synthetic=synthetic)
    every = tables if learned is None else frames(contract, train=learned, holdout=holdout, synthetic=synthetic)
    steps = {
        "columns and pairs": partial(quality, tables, seed),
        "validity": partial(diagnostic, contract, train=train, holdout=holdout, synthetic=synthetic, seed=seed),
        "two-sample test": partial(two_sample, tables, seed),
        "utility": partial(utility, tables, contract.target, seed=seed),
        "distances": partial(distances, tables, seed),
        "copies": partial(copies, every, seed),
    }
    scores: list[Score] = []
    with progress("scoring", total=len(steps), unit="families") as advance:
        for name, step in steps.items():
            advance(0, name)
            scores.extend(step())
            advance(1, name)
    return tuple(scores)
