"""Honest growth: some rows say where to split, others what is in a leaf, and rows held in how much to believe it."""

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

from models.columns import Axis, frequencies
from models.forest.factor import Factor, Forest
from models.processors import together

__all__ = ["PLAN", "Plan", "Rows", "grown", "stump"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is grown, and how much of it is believed.

    Args:
        bins: B for the values of a column.
        pairs: of trees: one learns its splits from the rows that fill the other's leaves.
        classes: that the values' bins, and as many that the codes, are told apart by when a tree splits.
        depth: of a tree, at most.
        split_rows: that learn a split, on either side of it, at least.
        leaf_rows: that fill a leaf, at least: the candidates.
        strengths: rows that a node's parent counts for: the candidates.
        certainty: standard errors of held-in likelihood given up for larger leaves and more strength.
        holdin: share of the rows that choose.
        judged_rows: at most so many.
        least_rows: fewer grow no trees.
    """

    bins: int = 64
    pairs: int = 2
    classes: int = 12
    depth: int = 12
    split_rows: int = 20
    leaf_rows: tuple[int, ...] = (1000, 300, 100, 40)
    strengths: tuple[float, ...] = (300.0, 100.0, 30.0, 10.0)
    certainty: float = 1.0
    holdin: float = 0.1
    judged_rows: int = 10_000
    least_rows: int = 200

    def held(self, rows: int) -> int:
        """Return how many of so many rows choose."""
        return min(self.judged_rows, math.ceil(rows * self.holdin))


PLAN = Plan()

_NO_VALUES = 1e-9  # of a bin's probability in a column that has no value at all: none is drawn, its log is finite


@dataclass(frozen=True, slots=True)
class Rows:
    """What one column is learned from, in random order; the first rows are held in.

    Args:
        features: (N, P) of the columns before it.
        token: (N,) target, -1 where unknown.
        score: (N,) target's value.
    """

    features: Tensor
    token: Tensor
    score: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "Rows":
        """Return the rows at a slice or (n,) positions."""
        return Rows(self.features[rows], self.token[rows], self.score[rows])


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree, and the rows of each token in each node.

    Args:
        forest: the tree alone.
        levels: the nodes of each depth.
        parent: (nodes,) of each node; the root's own.
        rows: (nodes, tokens) that fill it.
    """

    forest: Forest
    levels: list[Places]
    parent: Places
    rows: Floats

    def believed(self, strength: float, prior: Floats) -> Floats:
        """Return (nodes, tokens) probabilities: a node's rows, and `strength` rows as its parent has them.

        Source: the m-estimate (Cestnik: Estimating probabilities, 1990), down the tree as in hierarchical shrinkage
        (Agarwal, Tan, Ronen, Singh, Yu: Hierarchical shrinkage, 2022).
        """
        table = np.tile(prior, (len(self.parent), 1))
        for nodes in self.levels:
            rows, above = self.rows[nodes], table[self.parent[nodes]]
            table[nodes] = (rows + strength * above) / (rows.sum(1, keepdims=True) + strength)
        return table

    def trusted(self, least: int) -> Places:
        """Return for each node the deepest one above it, or itself, that at least so many rows fill."""
        total, place = self.rows.sum(1), np.zeros(len(self.parent), np.int64)
        for nodes in self.levels[1:]:
            place[nodes] = np.where(total[nodes] >= least, nodes, place[self.parent[nodes]])
        return place


def stump(axis: Axis, token: Tensor) -> Factor:
    """Return the factor that knows a column's frequencies alone."""
    nothing = torch.zeros(1, dtype=torch.int64)
    forest = Forest(nothing, torch.zeros(1, 2, dtype=torch.int64), nothing, torch.zeros(1), 0)
    chances = frequencies(axis, token).exp()
    if not (token >= axis.coded).any():
        chances[axis.coded :] *= _NO_VALUES
    return Factor(axis, forest, nothing, (chances / chances.sum())[None])


def grown(axis: Axis, rows: Rows, *, plan: Plan, generator: torch.Generator) -> tuple[Factor, Tensor]:
    """Return a column's factor, and the log-densities of the rows held in, on which it was chosen.

    Source: honest trees (Wager, Athey: Estimation and inference of heterogeneous treatment effects using random
    forests, 2018); the one-standard-error rule (Breiman, Friedman, Olshen, Stone: Classification and regression
    trees, 1984).
    """
    held = plan.held(len(rows.token))
    judged, learned = rows[:held], rows[held:]
    learned = learned[torch.where(learned.token >= 0)[0]]
    plain = stump(axis, rows.token)
    best, losses = plain, [plain.log_prob(judged.features, judged.token, judged.score)]
    if len(learned.token) < plan.least_rows or not rows.features.shape[1]:
        return plain, losses[0]
    trees = _trees(axis, learned, plan=plan, generator=generator)
    prior, factors = plain.table[0].double().numpy(), [plain]
    prior = prior / prior.sum()
    for strength in plan.strengths:
        tables = [tree.believed(strength, prior) for tree in trees]
        for least in plan.leaf_rows:
            factors.append(_factor(axis, trees, tables, least=least))
            losses.append(factors[-1].log_prob(judged.features, judged.token, judged.score))
    means = torch.stack([one.double().mean() for one in losses])
    top = int(means.argmax())
    for factor, one in zip(factors, losses, strict=True):  # from the most cautious on
        behind = (losses[top] - one).double()
        if float(behind.mean()) <= plan.certainty * float(behind.std()) / math.sqrt(max(len(behind), 1)):
            best = factor
            break
    best = best.balanced(rows.features, plain.table[0])
    return best, best.log_prob(judged.features, judged.token, judged.score)


def _trees(axis: Axis, rows: Rows, *, plan: Plan, generator: torch.Generator) -> list[_Tree]:
    """Return pairs of trees that learn from halves of the rows and are filled by the other halves."""
    count = len(rows.token)
    orders = [torch.randperm(count, generator=generator) for _ in range(plan.pairs)]
    halves = [(order[: count // 2], order[count // 2 :]) for order in orders]
    seeds = torch.randint(2**31 - 1, (2 * plan.pairs,), generator=generator).tolist()
    classes = _classes(axis, rows.token, plan.classes)
    jobs = [(*pair, seed) for pair, seed in zip([p for a, b in halves for p in ((a, b), (b, a))], seeds, strict=True)]

    def one(job: tuple[Tensor, Tensor, int]) -> _Tree:
        split, fill, seed = job
        found = DecisionTreeClassifier(
            criterion="entropy", max_depth=plan.depth, min_samples_leaf=plan.split_rows, random_state=seed
        ).fit(rows.features[split].numpy(), classes[split].numpy())
        return _filled(found.tree_, rows[fill], tokens=axis.tokens)

    return together(one, jobs)


def _classes(axis: Axis, token: Tensor, most: int) -> Tensor:
    """Return (N,) classes for (N,) tokens: neighbouring bins together, frequent codes alone, all others together."""
    rows = torch.bincount(token[token < axis.coded], minlength=axis.coded)
    order = torch.argsort(torch.argsort(rows, descending=True, stable=True)).clamp(max=most)
    bins = most + 1 + torch.arange(axis.bins) * most // max(axis.bins, 1)
    return torch.cat([order, bins])[token]


def _filled(found: object, rows: Rows, *, tokens: int) -> _Tree:
    """Return a grown tree with the rows that fill it."""
    left, right = (np.asarray(getattr(found, f"children_{side}"), np.int64) for side in ("left", "right"))
    nodes, inner = np.arange(len(left)), left >= 0
    parent = np.zeros(len(left), np.int64)
    parent[left[inner]] = parent[right[inner]] = nodes[inner]
    levels = [np.zeros(1, np.int64)]
    while len(below := levels[-1][inner[levels[-1]]]):
        levels.append(np.concatenate([left[below], right[below]]))
    children = np.stack([np.where(inner, left, nodes), np.where(inner, right, nodes)], 1)
    feature, threshold = np.where(inner, found.feature, 0), np.where(inner, found.threshold, 0)  # type: ignore[attr-defined]
    splits = torch.from_numpy(feature.astype(np.int64)), torch.from_numpy(threshold.astype(np.float32))
    forest = Forest(
        torch.zeros(1, dtype=torch.int64), torch.from_numpy(children), splits[0], splits[1], len(levels) - 1
    )
    leaf = forest.leaves(rows.features, torch.zeros(len(rows.token), dtype=torch.int64))
    cell = torch.bincount(leaf * tokens + rows.token, minlength=len(left) * tokens).double()
    total = cell.view(-1, tokens).numpy()
    for level in levels[:0:-1]:
        np.add.at(total, parent[level], total[level])
    return _Tree(forest, levels, parent, total)


def _factor(axis: Axis, trees: list[_Tree], tables: list[Floats], *, least: int) -> Factor:
    """Return the trees side by side, cut where fewer rows than `least` would fill a leaf."""
    trusted = [tree.trusted(least) for tree in trees]
    firsts = [0, *accumulate(len(tree.parent) for tree in trees)]
    children = []
    for tree, place, (first, _) in zip(trees, trusted, pairwise(firsts), strict=True):
        nodes, below = np.arange(len(place)), tree.forest.children.numpy()
        kept = (place[below] == below).any(1, keepdims=True)
        children.append(torch.from_numpy(np.where(kept, below, nodes[:, None]) + first))
    depth = max(tree.forest.depth for tree in trees)
    roots = torch.tensor(firsts[:-1])
    feature = torch.cat([tree.forest.feature for tree in trees])
    threshold = torch.cat([tree.forest.threshold for tree in trees])
    places = np.concatenate([place + first for place, first in zip(trusted, firsts, strict=False)])
    used, place = np.unique(places, return_inverse=True)
    table = torch.from_numpy(np.concatenate(tables)[used]).float()
    forest = Forest(roots, torch.cat(children), feature, threshold, depth)
    return Factor(axis, forest, torch.from_numpy(place), table)
