"""Sequential trees with donors: the method of synthpop, on scikit-learn's trees.

Nowok, Raab, Dibben: synthpop, Bespoke Creation of Synthetic Data in R, 2016, https://doi.org/10.18637/jss.v074.i11.
synthpop itself is an R package and takes rpart's trees; this is the same method written anew: the first column is
drawn from its real values; for each further one a tree is grown on those before it, a row falls to a leaf, and takes
the value of a real row drawn from that leaf.  Here a tree sees a category as its rank by frequency, where rpart would
see it as it is.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.peers.harness import Task, contend

__all__ = ["Sequence", "draw", "fit", "learn"]


@dataclass(frozen=True)
class Leaves:
    """A tree and the real rows that fell into each of its leaves.

    Args:
        tree: grown on the columns before.
        donors: (N,) numbers of real rows, sorted by their leaf.
        starts: (nodes,) where in `donors` each leaf begins.
        counts: (nodes,) how many donors it has.
    """

    tree: DecisionTreeClassifier | DecisionTreeRegressor
    donors: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def choose(self, features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a donor (N,) for each row of features (N, P)."""
        leaves = self.tree.apply(features)
        return self.donors[self.starts[leaves] + (rng.random(len(leaves)) * self.counts[leaves]).astype(np.int64)]


@dataclass(frozen=True)
class Sequence:
    """All columns in their order.

    Args:
        frame: the real rows.
        features: (N, C) the same as numbers.
        steps: the leaves of each column but the first.
        rng: of the fit and of the drawing.
    """

    frame: pd.DataFrame
    features: NDArray[np.float32]
    steps: list[Leaves]
    rng: np.random.Generator

    def sample(self, rows: int) -> pd.DataFrame:
        """Return synthetic rows."""
        donors = [self.rng.integers(len(self.frame), size=rows)]
        drawn = np.empty((rows, self.features.shape[1]), np.float32)
        drawn[:, 0] = self.features[donors[0], 0]
        for place, leaves in enumerate(self.steps, start=1):
            donors.append(leaves.choose(drawn[:, :place], self.rng))
            drawn[:, place] = self.features[donors[place], place]
        columns = zip(self.frame.items(), donors, strict=True)
        return pd.DataFrame({name: column.take(rows).to_numpy() for (name, column), rows in columns})


def learn(frame: pd.DataFrame, categories: list[str], *, least_rows: int, seed: int) -> Sequence:
    """Return the trees of all columns, with at least so many real rows in a leaf."""
    features = np.column_stack([_numbers(frame[name], coded=name in categories) for name in frame]).astype(np.float32)
    names = list(frame)
    steps = [
        _grow(
            features[:, :place],
            features[:, place],
            category=names[place] in categories,
            least_rows=least_rows,
            seed=seed,
        )
        for place in range(1, len(names))
    ]
    return Sequence(frame, features, steps, np.random.default_rng(seed))


def fit(task: Task) -> Sequence:
    """Return the trees of the task's table."""
    frame = pd.read_parquet(task.train).astype(dict.fromkeys(task.categories, object))
    return learn(frame, task.categories, seed=task.seed, **task.settings)


def draw(sequence: Sequence, rows: int, path: Path) -> None:
    """Write synthetic rows."""
    sequence.sample(rows).to_parquet(path)


def _numbers(column: pd.Series, *, coded: bool) -> NDArray[np.float64]:
    """Return a column as a tree sees it: categories by rank of frequency, null as a value below all others."""
    if coded:
        column = column.map({value: rank for rank, value in enumerate(column.value_counts().index)})
    return column.fillna(column.min() - 1).to_numpy(np.float64)


def _grow(
    features: NDArray[np.float32], target: NDArray[np.float32], *, category: bool, least_rows: int, seed: int
) -> Leaves:
    """Return a tree for a target (N,) on features (N, P), with its donors."""
    kind = DecisionTreeClassifier if category else DecisionTreeRegressor
    tree = kind(min_samples_leaf=least_rows, random_state=seed).fit(features, target)
    leaves = tree.apply(features)
    counts = np.bincount(leaves, minlength=tree.tree_.node_count)
    return Leaves(tree, np.argsort(leaves, kind="stable"), np.cumsum(counts) - counts, counts)


if __name__ == "__main__":
    contend(fit, draw, packages=("scikit-learn", "pandas", "numpy"))
