"""What the synthetic rows are good for: train on synthetic, test on real, beside train on real, test on real.

Boosted trees learn the contract's target from all other columns and are judged on the holdout.  Categories and
booleans: area under the ROC curve, each class against the rest, averaged over the classes (macro).  Numbers,
dates and timestamps: the share of variance explained, R2, which needs no unit and grows with quality as the AUC
does.  Esteban, Hyland, Rätsch: Real-valued (Medical) Time Series Generation, 2017, https://arxiv.org/abs/1706.02633
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring import trees
from tasks.scoring.frames import Frame, Tables, generator, join, sample

__all__ = ["utility"]

_MOST_CLASSES = 20  # each class costs a tree a round; the rarest beyond are joined to one

_GENTLY = {"eta": 0.1}  # XGBoost's own .3 learns the noise of labels: on real rows it reaches .756 of default's .772

Judge = Callable[[Frame, Frame], float]
"""Learns from the first frame and returns the figure that it reaches on the second."""


def utility(tables: Tables, target: str | None, *, seed: int) -> tuple[Score, ...]:
    """Return the utility of real rows, of as many synthetic rows, of both together, and the gap (higher is worse).

    Together: whether synthetic rows add to the real ones for who has both.

    Args:
        tables: train and synthetic are learned from in turn, the holdout judges; rows without target do not count.
        target: the column to predict; None: there is no utility to speak of, and no score.
        seed: of subsampling and of the trees.
    """
    if target is None:
        return ()
    known = Tables(*(frame.take(_known(frame, target)) for frame in tables))
    rng, most = generator(seed, "utility"), trees.rows_within(known.train, _count(known.train, target))
    size = min(len(known.train), len(known.synthetic), most)
    train, synthetic = sample(known.train, size, rng=rng), sample(known.synthetic, size, rng=rng)
    holdout = sample(known.holdout, most, rng=rng)
    measure, judge = _judge(known.train, target, seed)
    possible = min(size, len(holdout)) > 0 and len(train.features.names) > 1
    learned = (train, synthetic, join(train, synthetic))
    real, fake, both = (judge(learn, holdout) if possible else np.nan for learn in learned)
    rows = {"train": size, "synthetic": size, "holdout": len(holdout)}

    def score(name: str, value: float) -> Score:
        note = "the holdout's target does not vary, or there is nothing to learn it from" if np.isnan(value) else ""
        return Score(name, value, measure, version=trees.version(), seed=seed, rows=rows, note=note)

    return (
        score("utility_real", real),
        score("utility_synthetic", fake),
        score("utility_augmented", both),
        score("utility_gap", real - fake),
    )


def _judge(train: Frame, target: str, seed: int) -> tuple[str, Judge]:
    """Return the figure's name and how it is had."""
    if target in train.features.categories:
        position = train.features.categories.index(target)
        classes = _classes(train.codes[:, position], train.features.sizes[position])
        return "tasks.scoring.utility.auc", lambda learn, test: _auc(
            learn, test, target=target, classes=classes, seed=seed
        )
    return "tasks.scoring.utility.r2", lambda learn, test: _r2(learn, test, target=target, seed=seed)


def _count(train: Frame, target: str) -> int:
    """Return how many classes the target has, 1 for a number."""
    sizes = dict(zip(train.features.categories, train.features.sizes, strict=True))
    return max(1, min(sizes.get(target, 1), _MOST_CLASSES + 1))


def _known(frame: Frame, target: str) -> NDArray[np.bool_]:
    """Return the mask (N,) of rows whose target is known; none where the target is not measured (an id)."""
    if target in frame.features.categories:
        return frame.codes[:, frame.features.categories.index(target)] >= 0
    if target in frame.features.numbers:
        known: NDArray[np.bool_] = ~np.isnan(frame.numbers[:, frame.features.numbers.index(target)])
        return known
    return np.zeros(len(frame), np.bool_)


def _classes(codes: NDArray[np.int32], size: int) -> NDArray[np.int64]:
    """Return the class of each code: train's most common ones in order, then one for all others."""
    common = np.argsort(-np.bincount(codes, minlength=size), kind="stable")[:_MOST_CLASSES]
    classes = np.full(size, len(common))
    classes[common] = np.arange(len(common))
    return classes


def _auc(learn: Frame, test: Frame, *, target: str, classes: NDArray[np.int64], seed: int) -> float:
    """Return the area under the ROC curve of each class in test against the rest, averaged; NaN for one class."""
    from sklearn.metrics import roc_auc_score

    position = learn.features.categories.index(target)
    taught, truth = classes[learn.codes[:, position]], classes[test.codes[:, position]]
    present = np.unique(truth)
    if len(present) == 1:
        return np.nan
    if len(np.unique(taught)) == 1:
        return 0.5  # who has seen one class cannot tell classes apart
    count = int(classes.max()) + 1
    two, many = {"objective": "binary:logistic"}, {"objective": "multi:softprob", "num_class": count}
    objective = {**(two if count == len(("no", "yes")) else many), **_GENTLY}
    guess = trees.predict(learn, taught, test, objective=objective, seed=seed, leave_out=target)
    if guess.ndim == 1:
        return float(roc_auc_score(truth, guess))
    return float(np.mean([roc_auc_score(truth == one, guess[:, one]) for one in present]))


def _r2(learn: Frame, test: Frame, *, target: str, seed: int) -> float:
    """Return the share of the target's variance in test that is explained; NaN where it does not vary."""
    from sklearn.metrics import r2_score

    position = learn.features.numbers.index(target)
    taught, truth = learn.standardised[:, position], test.standardised[:, position]
    if np.ptp(truth) == 0:
        return np.nan
    objective = {"objective": "reg:squarederror", **_GENTLY}
    return float(r2_score(truth, trees.predict(learn, taught, test, objective=objective, seed=seed, leave_out=target)))
