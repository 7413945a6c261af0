"""Every measure of the benchmark, in the literature's form; where the project's own score is that form, it is used.

Shape and Trend: SDMetrics' column shapes and pair trends, no pair left out, no rows drawn; errors in per cent.  Two
samples: XGBoost, 100 trees of depth 6, three folds; 1: cannot be told apart.  Utility: the same trees at a rate of .1,
trained on synthetic and on real rows, judged on the test set: AUC, and for a number the RMSE of log(1 + target).
Membership: an attack by the distance to the nearest synthetic row on all of train and all of the test set.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts import Contract
from data_contracts.arrow import arrow_schema
from tasks.scoring import trees
from tasks.scoring.fidelity import quality, two_sample
from tasks.scoring.frames import Frame, Tables, frames, generator
from tasks.scoring.privacy import attack, copies, nearest
from tasks.scoring.utility import utility

__all__ = ["measure", "read"]

_RATE = 0.1  # at XGBoost's own .3, 100 trees overfit: real rows of adult reach .925 instead of .927


def measure(
    contract: Contract, *, train: pa.Table, holdout: pa.Table, synthetic: pa.Table, seed: int = 0
) -> dict[str, float]:
    """Return all figures of a synthetic table by name."""
    tables = frames(contract, train=train, holdout=holdout, synthetic=synthetic)
    scores = {
        score.name: score.value
        for part in (
            quality(tables, seed),
            two_sample(tables, seed),
            copies(tables, seed),
            utility(tables, contract.target, seed=seed),
        )
        for score in part
    }
    return {
        "shape_error": 100 * (1 - scores.pop("column_shapes")),
        "trend_error": 100 * (1 - scores.pop("column_pair_trends")),
        **scores,
        **_taught(tables, contract.target or "", seed=seed),
        **_privacy(tables, seed=seed),
    }


def read(path: Path, contract: Contract) -> pa.Table:
    """Return the table of a Parquet file as the contract's types: peers write whole numbers as floats, and the like."""
    table = pq.read_table(path)
    schema = arrow_schema(contract)
    return pa.table([_cast(table.column(field.name), field.type) for field in schema], schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(kind) and pa.types.is_floating(column.type):
        column = pc.round(column)
    return column.cast(kind.value_type).dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)


def _taught(tables: Tables, target: str, *, seed: int) -> dict[str, float]:
    """Return what trees reach on the test set when real and when synthetic rows teach them, and what is lost."""
    number = target in tables.train.features.numbers
    judge = _log_error if number else _auc
    real, synthetic = (judge(learn, tables.holdout, target, seed=seed) for learn in (tables.train, tables.synthetic))
    return {"tstr_real": real, "tstr": synthetic, "tstr_lost": synthetic - real if number else real - synthetic}


def _auc(learn: Frame, test: Frame, target: str, *, seed: int) -> float:
    """Return the area under the ROC curve of a target of two classes."""
    from sklearn.metrics import roc_auc_score

    place = learn.features.categories.index(target)
    truth = test.codes[:, place] == test.codes[:, place].max()
    known = np.isin(learn.codes[:, place], np.unique(test.codes[:, place]))
    labels = learn.codes[known, place] == test.codes[:, place].max()
    if len(np.unique(labels)) == 1:
        return 0.5  # who has seen one class cannot tell classes apart
    return float(
        roc_auc_score(truth, _predict(learn.take(known), labels, test, "binary:logistic", target=target, seed=seed))
    )


def _log_error(learn: Frame, test: Frame, target: str, *, seed: int) -> float:
    """Return the root mean squared error of log(1 + target); what is below 0 counts as 0."""
    place = learn.features.numbers.index(target)
    labels, truth = (np.log1p(frame.numbers[:, place].clip(0)) for frame in (learn, test))
    guess = _predict(learn, labels, test, "reg:squarederror", target=target, seed=seed)
    return float(np.sqrt(np.mean((guess - truth) ** 2)))


def _predict(
    learn: Frame,
    labels: NDArray[Any],
    test: Frame,
    objective: str,
    *,
    target: str,
    seed: int,
) -> NDArray[np.float32]:
    settings = {"objective": objective, "eta": _RATE}
    return trees.predict(learn, labels, test, objective=settings, seed=seed, leave_out=target)


def _privacy(tables: Tables, *, seed: int) -> dict[str, float]:
    """Return the attack's figures over all rows, and the share of synthetic rows nearer to train than to the test set.

    The share is had on as many rows of train as the test set has; what is as near to both counts half.
    """
    train, holdout, synthetic = tables
    order = generator(seed, "privacy").permutation(len(train))
    drawn, others = (nearest(train.take(rows), synthetic) for rows in np.split(order, [len(holdout)]))
    outside = nearest(holdout, synthetic)
    auc, at_rate = attack(np.concatenate([drawn.of_queries, others.of_queries]), outside.of_queries)
    nearer, equal = (
        drawn.of_references < outside.of_references,
        drawn.of_references == outside.of_references,
    )
    return {"membership_auc": auc, "membership_tpr": at_rate, "dcr_share": float((nearer + equal / 2).mean())}
