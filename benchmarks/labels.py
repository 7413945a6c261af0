"""What an honest estimate of the target costs by itself: TSTR on real rows, of which only the target is drawn again.

    python -m benchmarks.labels --data DIR [--only adult] [--seeds 3]

Every row of train keeps all its real cells but one: the target is drawn from an estimate of p(target | the others) that
did not see the row (ten folds, four boosted models averaged in each, learned slowly and stopped early).  What is lost
against real rows is what a perfect model of all other columns would lose, if it knew the target as well as such trees
do.  A number is drawn as the estimate's mean and the error of a row whose estimate is near.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from benchmarks.datasets import TABLES, arrow, contract, find
from benchmarks.measures import categorical, features, taught
from tasks.scoring.frames import Frame, frames

_FOLDS, _MODELS = 10, 4
_SLOWLY: dict[str, Any] = {
    "learning_rate": 0.04,
    "max_iter": 400,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.4,
    "early_stopping": True,
}
_NEAR = 100  # rows with an estimate near a row's own, above and below: its error is one of theirs


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print("| table | real rows | target drawn again | lost |\n|---|---|---|---|")
    for name in asked.only:
        found = list(_lost(name, find(asked.data), seeds=asked.seeds))
        real, drawn, lost = ([one[figure] for one in found] for figure in ("tstr_real", "tstr", "tstr_lost"))
        spread = f"{np.mean(lost):.4f} ± {np.std(lost, ddof=min(1, len(lost) - 1)):.4f}"
        print(f"| {name} | {np.mean(real):.4f} | {np.mean(drawn):.4f} | {spread} |", flush=True)


def _lost(name: str, folder: Path, *, seeds: int) -> Iterator[dict[str, float]]:
    """Yield the measures of a table, once for each drawing of the target."""
    dataset = TABLES[name](folder)
    terms = contract(name, dataset)
    train, test = arrow(dataset.train, terms), arrow(dataset.test, terms)
    tables = frames(terms, train=train, holdout=test, synthetic=train)
    for seed in range(seeds):
        drawn = _drawn_again(tables.train, dataset.target, seed=seed)
        yield taught(tables._replace(synthetic=drawn), dataset.target, seed=0)


def _drawn_again(frame: Frame, target: str, *, seed: int) -> Frame:
    """Return the (N,) rows with a target that is drawn from the estimate of models that did not see the row."""
    random = np.random.default_rng(seed)
    if target in frame.features.numbers:
        place, numbers = frame.features.numbers.index(target), frame.numbers.copy()
        truth = np.log1p(numbers[:, place].clip(0))
        numbers[:, place] = np.expm1(_with_errors(_estimate(frame, target, truth, seed=seed), truth, random))
        return replace(frame, numbers=numbers)
    place, codes = frame.features.categories.index(target), frame.codes.copy()
    low, high = np.unique(codes[:, place])
    share = _estimate(frame, target, codes[:, place] == high, seed=seed)
    codes[:, place] = np.where(random.random(len(frame)) < share, high, low)
    return replace(frame, codes=codes)


def _estimate(frame: Frame, target: str, truth: NDArray[Any], *, seed: int) -> NDArray[np.float64]:
    """Return the (N,) probabilities of the second class, or means, each by models that did not see the row."""
    x, estimate = features(frame, target), np.zeros(len(frame))
    kind = HistGradientBoostingClassifier if truth.dtype == bool else HistGradientBoostingRegressor
    for fold, (learn, left) in enumerate(KFold(_FOLDS, shuffle=True, random_state=seed).split(x)):
        for model in range(_MODELS):
            number = (seed * _FOLDS + fold) * _MODELS + model
            trees = kind(**_SLOWLY, categorical_features=categorical(frame, target), random_state=number)
            trees.fit(x[learn], truth[learn])
            told = trees.predict_proba(x[left])[:, 1] if truth.dtype == bool else trees.predict(x[left])
            estimate[left] += told / _MODELS
    return estimate


def _with_errors(
    mean: NDArray[np.float64], truth: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Return each row's mean and the error of a row whose mean is near: (N,)."""
    order = np.argsort(mean)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    other = order[(rank + random.integers(-_NEAR, _NEAR + 1, len(order))).clip(0, len(order) - 1)]
    return mean + (truth - mean)[other]


if __name__ == "__main__":
    main()
