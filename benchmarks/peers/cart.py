"""Sequential trees with donors: the method of synthpop, on scikit-learn's trees.

Nowok, Raab, Dibben: synthpop, Bespoke Creation of Synthetic Data in R, 2016, https://doi.org/10.18637/jss.v074.i11.
synthpop itself is an R package and takes rpart's trees; this is the same method written anew: the first column is
drawn from its real values; for each further one a tree is grown on those before it, a row falls to a leaf, and takes
the value of a real row drawn from that leaf.  Columns of few values come first: synthpop's default is the table's
order, which is worse where a column of many values stands early.  scikit-learn's trees know no categories: they are
put in order for each target, by its mean, or by the first principal component of its classes' shares.
Wright, König: Splitting on
Categorical Predictors in Random Forests, 2019, https://doi.org/10.7717/peerj.6339
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks.peers.harness import Task, contend

__all__ = ["Trees", "draw", "fit", "learn"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Leaves:
    """A tree for one column, and the real rows that fell into each of its leaves.

    Args:
        tree: grown on the columns before.
        orders: by the place of a category among these, each code's rank.
        donors: (N,) numbers of real rows, sorted by their leaf.
        starts: (nodes,) where in `donors` each leaf begins.
        counts: (nodes,) how many donors it has.
    """

    tree: DecisionTreeClassifier | DecisionTreeRegressor
    orders: Mapping[int, Values]
    donors: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def choose(self, columns: Values, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a donor (N,) for each row of the columns before (N, P)."""
        leaves = self.tree.apply(_ranked(columns, self.orders))
        return self.donors[self.starts[leaves] + (rng.random(len(leaves)) * self.counts[leaves]).astype(np.int64)]


@dataclass(frozen=True)
class Trees:
    """All columns, those of few values first.

    Args:
        frame: the real rows.
        order: the places of its columns in the order in which they are drawn.
        columns: (N, C) the rows as numbers and codes, in that order.
        steps: the leaves of each column but the first.
        rng: of the drawing.
    """

    frame: pd.DataFrame
    order: list[int]
    columns: Values
    steps: list[Leaves]
    rng: np.random.Generator

    def sample(self, rows: int) -> pd.DataFrame:
        """Return synthetic rows."""
        donors = [self.rng.integers(len(self.frame), size=rows)]
        drawn = np.empty((rows, self.columns.shape[1]))
        drawn[:, 0] = self.columns[donors[0], 0]
        for place, leaves in enumerate(self.steps, start=1):
            donors.append(leaves.choose(drawn[:, :place], self.rng))
            drawn[:, place] = self.columns[donors[place], place]
        drawn_from = dict(zip(self.order, donors, strict=True))
        columns = enumerate(self.frame.items())
        return pd.DataFrame({name: column.take(drawn_from[one]).to_numpy() for one, (name, column) in columns})


def learn(frame: pd.DataFrame, categories: list[str], *, least_rows: int, seed: int) -> Trees:
    """Return the trees of all columns, with at least so many real rows in a leaf."""
    names = sorted(frame, key=lambda name: frame[name].nunique())
    coded = [name in categories for name in names]
    columns = np.column_stack([_numbers(frame[name], coded=code) for name, code in zip(names, coded, strict=True)])
    steps = [_grow(columns, place, coded=coded, least_rows=least_rows, seed=seed) for place in range(1, len(coded))]
    order = [frame.columns.get_loc(name) for name in names]
    return Trees(frame, order, columns, steps, np.random.default_rng(seed))


def fit(task: Task) -> Trees:
    """Return the trees of the task's table."""
    frame = pd.read_parquet(task.train).astype(dict.fromkeys(task.categories, object))
    return learn(frame, task.categories, seed=task.seed, **task.settings)


def draw(trees: Trees, rows: int, path: Path) -> None:
    """Write synthetic rows."""
    trees.sample(rows).to_parquet(path)


def _numbers(column: pd.Series, *, coded: bool) -> Values:
    """Return a column's numbers, null below all others; or its codes, null among them."""
    if coded:
        return pd.factorize(column, use_na_sentinel=False)[0].astype(np.float64)
    return column.fillna(column.min() - 1).to_numpy(np.float64)


def _grow(columns: Values, place: int, *, coded: list[bool], least_rows: int, seed: int) -> Leaves:
    """Return a tree for the column at a place of all columns (N, C), with its donors."""
    before, target = columns[:, :place], columns[:, place]
    shares = np.eye(int(target.max()) + 1)[target.astype(np.int64)] if coded[place] else target[:, None]
    orders = {one: _order(columns[:, one].astype(np.int64), shares) for one in range(place) if coded[one]}
    kind = DecisionTreeClassifier if coded[place] else DecisionTreeRegressor
    features = _ranked(before, orders)
    tree = kind(min_samples_leaf=least_rows, random_state=seed).fit(features, target)
    leaves = tree.apply(features)
    counts = np.bincount(leaves, minlength=tree.tree_.node_count)
    return Leaves(tree, orders, np.argsort(leaves, kind="stable"), np.cumsum(counts) - counts, counts)


def _order(codes: NDArray[np.int64], shares: Values) -> Values:
    """Return the rank (K,) of each of a category's codes (N,) by the mean of the target (N, S) where it stands."""
    counts = np.bincount(codes)
    means = np.column_stack([np.bincount(codes, weights=share) for share in shares.T]) / counts[:, None]
    centred = (means - shares.mean(axis=0)) * np.sqrt(counts)[:, None]
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    return np.argsort(np.argsort(means @ direction, kind="stable"), kind="stable").astype(np.float64)


def _ranked(columns: Values, orders: Mapping[int, Values]) -> NDArray[np.float32]:
    """Return columns (N, P) as a tree takes them, each category's codes as ranks."""
    ranked = columns.astype(np.float32)
    for place, ranks in orders.items():
        ranked[:, place] = ranks[columns[:, place].astype(np.int64)]
    return ranked


if __name__ == "__main__":
    contend(fit, draw, packages=("scikit-learn", "pandas", "numpy"))
