"""Scores of synthetic images: fidelity in the features of a network of our own, utility, copies and attacks.

The columns beside the images are scored as a table of their own, where there are any.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, Contract
from tasks.progress import progress
from tasks.references import Score
from tasks.scoring.details import Details, Measured
from tasks.scoring.fidelity import compare, diagnostic, quality, two_sample
from tasks.scoring.frames import frames, stream
from tasks.scoring.images.classes import class_shares
from tasks.scoring.images.copying import copies
from tasks.scoring.images.details import class_details
from tasks.scoring.images.fidelity import FIDELITY, fidelity, unseen
from tasks.scoring.images.network import Classifier
from tasks.scoring.images.privacy import curves, privacy, searches
from tasks.scoring.images.seeing import Sets, see
from tasks.scoring.images.sets import labels_of, survey
from tasks.scoring.images.utility import taught, utility
from tasks.scoring.risks import risks

__all__ = ["measure_images"]

_TRENDS = "column_pair_trends"


def measure_images(
    contract: Contract,
    column: Column,
    *,
    train: pa.Table,
    holdout: pa.Table,
    synthetic: pa.Table,
    seed: int,
    learned: pa.Table | None = None,
) -> Measured:
    """Return every score of synthetic images, a column of a contract, in a fixed order; see `tasks.scoring.measure`."""
    with progress("scoring", total=5, unit="families") as advance:
        table, details = _table(contract, train=train, holdout=holdout, synthetic=synthetic, seed=seed)
        advance(1, "images")
        tables = (train, holdout, synthetic, train if learned is None else learned)
        names, labels = labels_of(contract, *tables) or ((), None)
        sets = _sets(column, tables, labels, seed)
        advance(1, "features")
        sight = see(sets, len(names), seed=seed)
        seen = unseen(FIDELITY, sets.rows(), seed) if sight is None else fidelity(sight, seed)
        advance(1, "utility")
        judge, useful = _useful(sets, len(names), seed)
        advance(1, "copies and attacks")
        searched = searches(sets, sight, seed)
        shares = () if labels is None else class_shares(*labels[:3], count=len(names), seed=seed)
        attacks = privacy(searched, sight, sets.rows(), seed)
        scores = (
            *table,
            *seen,
            *shares,
            *useful,
            *attacks,
            *copies(sets.learned, sets.holdout, sets.synthetic, seed),
            _held_out(sets, seed),
        )
        told = {
            "network": None if sight is None else sight.network.digest,
            "classes": [asdict(each) for each in class_details(sets, sight, judge, names=names)],
            "curves": [asdict(each) for each in curves(searched)],
        }
        advance(1, "")
    return Measured(scores, replace(details, images=told))


def _sets(
    column: Column, tables: Sequence[pa.Table], labels: Sequence[NDArray[np.int64] | None] | None, seed: int
) -> Sets:
    """Return the images of train, holdout, synthetic and all that was learned from; train's once, where it is all."""
    known = [None] * len(tables) if labels is None else labels
    found = [survey(table, column, known[place], seed=seed) for place, table in enumerate(tables[:3])]
    learned = found[0] if tables[3] is tables[0] else survey(tables[3], column, known[3], seed=seed)
    return Sets(found[0], found[1], found[2], learned)


def _useful(sets: Sets, classes: int, seed: int) -> tuple[Classifier | None, tuple[Score, ...]]:
    """Return the network that learned the classes from train, and what either network is good for."""
    if not classes:
        return None, ()
    count = min(int((images.labels >= 0).sum()) for images in (sets.train, sets.synthetic))
    real, made = (
        taught(images, count, classes=classes, seed=stream(seed, "utility")) for images in (sets.train, sets.synthetic)
    )
    scores = utility((real, made), sets.train, sets.holdout, synthetic=sets.synthetic, count=count, seed=seed)
    return real, scores


def _held_out(sets: Sets, seed: int) -> Score:
    rows = {"train": sets.train.rows, "holdout": sets.holdout.rows, "synthetic": sets.synthetic.rows}
    value = float(min(rows["train"], rows["holdout"]))
    return Score("held_out_rows", value, "tasks.scoring.privacy.held_out", f"numpy {np.__version__}", seed, rows)


def _table(contract: Contract, **given: Any) -> tuple[tuple[Score, ...], Details]:  # noqa: ANN401
    """Return the scores of the columns beside the images, as a table's; of one column, what one column can have."""
    seed = given.pop("seed")
    plain = replace(contract, columns=tuple(column for column in contract.columns if column.kind != "image"))
    tables = frames(plain, **given)
    count = len(tables.train.features.names)
    if not count:
        return (), Details()
    compared = compare(tables, seed)
    scores = [score for score in quality(compared, seed) if count > 1 or score.name != _TRENDS]
    scores += diagnostic(plain, **given, seed=seed)
    if count > 1:
        scores += [*two_sample(tables, seed), *risks(tables, seed)]
    kinds = tuple(replace(each, kind=contract[each.name].kind) for each in compared.details.columns)
    return tuple(scores), replace(compared.details, columns=kinds)
