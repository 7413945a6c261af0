"""Scores of a synthetic table, or of synthetic images: fidelity, utility, privacy.  `measure` asks for all of them."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from data_contracts import Contract
from tasks.progress import progress
from tasks.scoring.details import Measured
from tasks.scoring.fidelity import compare, diagnostic, quality, two_sample
from tasks.scoring.frames import frames
from tasks.scoring.membership import membership
from tasks.scoring.privacy import copies, distances, held_out, search
from tasks.scoring.risks import risks
from tasks.scoring.support import support
from tasks.scoring.utility import utility

if TYPE_CHECKING:
    from tasks.references import Score

__all__ = ["Measured", "measure"]


def measure(
    contract: Contract,
    *,
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    seed: int,
    learned: pa.Table | None = None,
) -> Measured:
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
    if contract.image is not None:
        from tasks.scoring.images import measure_images

        given = {"train": train, "holdout": holdout, "synthetic": synthetic, "learned": learned}
        return measure_images(contract, contract.image, seed=seed, **given)
    tables = frames(contract, train=train, holdout=holdout, synthetic=synthetic)
    every = tables if learned is None else frames(contract, train=learned, holdout=holdout, synthetic=synthetic)
    compared = compare(tables, seed)
    searched = search(tables, seed)
    steps = {
        "columns and pairs": partial(quality, compared, seed),
        "validity": partial(diagnostic, contract, train=train, holdout=holdout, synthetic=synthetic, seed=seed),
        "two-sample test": partial(two_sample, tables, seed),
        "support": partial(support, tables, seed),
        "utility": partial(utility, tables, contract.target, seed=seed),
        "distances": partial(distances, searched, seed),
        "membership": partial(membership, searched, seed),
        "risks": partial(risks, tables, seed),
        "copies": partial(copies, every, seed),
        "evidence": partial(held_out, tables, seed),
    }
    scores: list[Score] = []
    with progress("scoring", total=len(steps), unit="families") as advance:
        for name, step in steps.items():
            advance(0, name)
            scores.extend(step())
            advance(1, name)
    columns = sorted(compared.details.columns, key=lambda each: contract.names.index(each.name))
    kinds = tuple(replace(each, kind=contract[each.name].kind) for each in columns)
    return Measured(tuple(scores), replace(compared.details, columns=kinds))
