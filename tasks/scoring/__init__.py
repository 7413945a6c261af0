"""Scores of a synthetic table, or of synthetic images: fidelity, utility, privacy.  `measure` asks for all of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

import pyarrow as pa

from data_contracts import Contract
from tasks.progress import progress
from tasks.scoring.details import Details, Measured
from tasks.scoring.fidelity import compare, diagnostic, quality, two_sample
from tasks.scoring.frames import frames
from tasks.scoring.membership import membership
from tasks.scoring.privacy import copies, distances, held_out, search
from tasks.scoring.risks import risks
from tasks.scoring.support import support
from tasks.scoring.utility import utility

if TYPE_CHECKING:
    from tasks.references import Score

__all__ = ["Measured", "groups", "measure"]

_GROUPS = (
    ("columns and pairs", "validity"),
    ("two-sample test", "support", "utility"),
    ("distances", "membership"),
    ("risks", "copies", "evidence"),
)
"""The families of a table's scores, in their order; those that share what takes long are in one group."""


def groups(contract: Contract, *, apart: bool) -> tuple[tuple[str, ...], ...]:
    """Return the families to measure together; no names: all.

    Args:
        contract: of the tables; scores of images are one group, since nearly all of them look through one network.
        apart: the groups are measured in processes that share no memory; else one does it all, and reads all once.
    """
    return _GROUPS if apart and contract.image is None else ((),)


def measure(
    contract: Contract,
    *,
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    seed: int,
    learned: pa.Table | None = None,
    families: Sequence[str] = (),
) -> Measured:
    """Return every score of a synthetic table, in a fixed order; the same inputs give the same scores.

    Args:
        contract: of all three tables.
        train: the rows that the model learned from; of these, those that are asked for.
        holdout: real rows that it never saw: what each figure is held against.
        synthetic: the rows that are judged.
        seed: of all subsamples and models; each measure draws from a generator of its own.
        learned: all rows that the model learned from, among which copies are looked for; None: train.
        families: of a table's scores, those that are asked for; none: all.

    Raises:
        DataError: a table lacks a column, holds it as another type than the contract says, or has no row.
    """
    if contract.image is not None:
        from tasks.scoring.images import measure_images

        given = {"train": train, "holdout": holdout, "synthetic": synthetic, "learned": learned}
        return measure_images(contract, contract.image, seed=seed, **given)
    others = {"holdout": holdout, "synthetic": synthetic}
    tables = frames(contract, train=train, **others)
    compared = cache(partial(compare, tables, seed))
    searched = cache(partial(search, tables, seed))
    steps: dict[str, Callable[[], tuple[Score, ...]]] = {
        "columns and pairs": lambda: quality(compared(), seed),
        "validity": partial(diagnostic, contract, train=train, **others, seed=seed),
        "two-sample test": partial(two_sample, tables, seed),
        "support": partial(support, tables, seed),
        "utility": partial(utility, tables, contract.target, seed=seed),
        "distances": lambda: distances(searched(), seed),
        "membership": lambda: membership(searched(), seed),
        "risks": partial(risks, tables, seed),
        "copies": lambda: copies(tables if learned is None else frames(contract, train=learned, **others), seed),
        "evidence": partial(held_out, tables, seed),
    }
    asked = families or tuple(steps)
    scores: list[Score] = []
    with progress("scoring", total=len(asked), unit="families") as advance:
        for name in asked:
            advance(0, name)
            scores.extend(steps[name]())
            advance(1, name)
    told = _told(contract, compared().details) if "columns and pairs" in asked else Details()
    return Measured(tuple(scores), told)


def _told(contract: Contract, details: Details) -> Details:
    """Return the details of columns in the contract's order, each with its kind."""
    columns = sorted(details.columns, key=lambda each: contract.names.index(each.name))
    return replace(details, columns=tuple(replace(each, kind=contract[each.name].kind) for each in columns))
