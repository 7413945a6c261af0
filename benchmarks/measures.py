"""Every measure of the benchmark, in the literature's form; where the project's own score is that form, it is used.

Shape and Trend: SDMetrics' column shapes and pair trends, no pair left out, no rows drawn; errors in per cent.  Two
samples: XGBoost, 100 trees of depth 6, three folds; 1: cannot be told apart.  Utility: scikit-learn's histogram
boosting as it comes, trained on synthetic and on real rows, judged on the test set: AUC, and for a number the RMSE of
log(1 + target); it gives the targets' figures for real rows and for GaussianCopula, XGBoost does not for the latter.
Membership: an attack by the distance to the nearest synthetic row on all of train and all of the test set.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts import Contract
from data_contracts.arrow import arrow_schema
from tasks.detecting.scoring import Scorer
from tasks.scoring.fidelity import compare, quality, two_sample
from tasks.scoring.frames import Frame, Tables, frames, generator
from tasks.scoring.membership import attack
from tasks.scoring.neighbours import nearest
from tasks.scoring.privacy import copies
from tasks.scoring.telling import telling
from tasks.scoring.utility import utility

__all__ = ["by_model", "categorical", "features", "measure", "read", "taught"]

_ASKED_ROWS = 10_000  # of train and of the test set, about which a model is asked


def measure(
    contract: Contract, *, train: pa.Table, holdout: pa.Table, synthetic: pa.Table, seed: int = 0
) -> dict[str, float]:
    """Return all figures of a synthetic table by name."""
    tables = frames(contract, train=train, holdout=holdout, synthetic=synthetic)
    scores = {
        score.name: score.value
        for part in (
            quality(compare(tables, seed), seed),
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
        **taught(tables, contract.target or "", seed=seed),
        **_privacy(tables, seed=seed),
    }


def by_model(
    contract: Contract, folder: Path, *, train: pa.Table, holdout: pa.Table, seed: int = 0
) -> dict[str, float]:
    """Return what the score of a model of ours, which lies in a folder, tells of who was in train, by name."""
    rng = np.random.default_rng(seed)
    members, others = (table.take(rng.permutation(len(table))[:_ASKED_ROWS]) for table in (train, holdout))
    scores = telling(Scorer.each(contract, folder), members=members, others=others, seed=seed)
    return {score.name: score.value for score in scores}


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


def taught(tables: Tables, target: str, *, seed: int) -> dict[str, float]:
    """Return what trees reach on the test set when real and when synthetic rows teach them, and what is lost."""
    number = target in tables.train.features.numbers
    judge = _log_error if number else _auc
    real, synthetic = (judge(learn, tables.holdout, target, seed=seed) for learn in (tables.train, tables.synthetic))
    return {"tstr_real": real, "tstr": synthetic, "tstr_lost": synthetic - real if number else real - synthetic}


def _auc(learn: Frame, test: Frame, target: str, *, seed: int) -> float:
    """Return the area under the ROC curve of a target of two classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    place = learn.features.categories.index(target)
    truth = test.codes[:, place] == test.codes[:, place].max()
    known = np.isin(learn.codes[:, place], np.unique(test.codes[:, place]))
    labels = learn.codes[known, place] == test.codes[:, place].max()
    if len(np.unique(labels)) == 1:
        return 0.5  # who has seen one class cannot tell classes apart
    model = HistGradientBoostingClassifier(categorical_features=categorical(learn, target), random_state=seed)
    guess = model.fit(features(learn.take(known), target), labels).predict_proba(features(test, target))[:, 1]
    return float(roc_auc_score(truth, guess))


def _log_error(learn: Frame, test: Frame, target: str, *, seed: int) -> float:
    """Return the root mean squared error of log(1 + target); what is below 0 counts as 0."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    place = learn.features.numbers.index(target)
    labels, truth = (np.log1p(frame.numbers[:, place].clip(0)) for frame in (learn, test))
    model = HistGradientBoostingRegressor(categorical_features=categorical(learn, target), random_state=seed)
    guess = model.fit(features(learn, target), labels).predict(features(test, target))
    return float(np.sqrt(np.mean((guess - truth) ** 2)))


def features(frame: Frame, target: str) -> NDArray[np.float64]:
    """Return all columns (N, C - 1) but the target: numbers, then codes; NaN for null."""
    kept = [name != target for name in frame.features.names]
    return np.hstack([frame.numbers, np.where(frame.codes < 0, np.nan, frame.codes)])[:, kept]


def categorical(frame: Frame, target: str) -> list[bool]:
    """Return which of these are codes."""
    return [name in frame.features.categories for name in frame.features.names if name != target]


def _privacy(tables: Tables, *, seed: int) -> dict[str, float]:
    """Return the attack's figures over all rows, and the share of synthetic rows nearer to train than to the test set.

    The share is had on as many rows of train as the test set has; what is as near to both counts half.
    """
    train, holdout, synthetic = tables
    order = generator(seed, "privacy").permutation(len(train))
    drawn, others = (nearest(train.take(rows), synthetic) for rows in np.split(order, [len(holdout)]))
    outside = nearest(holdout, synthetic)
    found = attack(-np.concatenate([drawn.of_queries, others.of_queries]), -outside.of_queries)
    nearer, equal = (
        drawn.of_references < outside.of_references,
        drawn.of_references == outside.of_references,
    )
    return {
        "membership_auc": found["auc"].value,
        "membership_tpr": found["tpr"].value,
        "dcr_share": float((nearer + equal / 2).mean()),
    }
