"""Boosted trees as tables: for each value of a column, one word a tree, whose bits are the leaves that stay open.

A row's leaf in a tree is the one bit that the words of all its columns have in common; the words of columns with few
values are joined beforehand.  Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini: QuickScorer, a fast algorithm
to rank documents with additive ensembles of regression trees, 2015.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import xgboost
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Leaves"]

Words = NDArray[np.int64]

_MOST_BINS = 1_024  # of columns that are joined: some 300 trees then take a megabyte, which a core keeps near
_BLOCK = 512  # rows at a time: their words stay near, too
_MOST_LEAVES = 64  # bits of a word; trees of depth 6 have no more
_HALF_WORD = 32  # leaves for which half a word is enough


class _Node(NamedTuple):
    """A split: what remains of the tree's leaves on either side.

    Args:
        tree: whose it is.
        feature: that is looked at.
        bound: numbers below it go left; NaN where categories decide.
        right: categories that go right.
        missing: whether a missing value goes left.
        sides: words of the leaves that stay open to the left and to the right.
    """

    tree: int
    feature: int
    bound: float
    right: tuple[int, ...]
    missing: bool
    sides: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Leaves:
    """Trees of a booster.

    Args:
        bounds: of each feature that is looked at, by its position: ascending, between one bin and the next.
        groups: positions of the features that are looked at together.
        words: of each group, (bins, trees).
        values: (trees · bits,) of the leaves.
        first: (trees,) where the leaves of each begin, less the exponent that the number 1 has.
        classes: margins of a row.
    """

    bounds: dict[int, Tensor]
    groups: tuple[tuple[int, ...], ...]
    words: tuple[Tensor, ...]
    values: Tensor
    first: Tensor
    classes: int

    @classmethod
    def of(cls, booster: xgboost.Booster) -> "Leaves":
        """Return the trees of a booster, whose trees have 64 leaves at most."""
        model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
        nodes, leaves = list[_Node](), list[list[float]]()
        for place, tree in enumerate(model["trees"]):
            nodes += _nodes(place, tree, leaves)
        bits = _HALF_WORD if max(map(len, leaves)) <= _HALF_WORD else _MOST_LEAVES
        looking = {feature: [n for n in nodes if n.feature == feature] for feature in {n.feature for n in nodes}}
        bounds = {feature: _bounds(own) for feature, own in looking.items()}
        groups = _grouped({feature: len(found) + 2 for feature, found in bounds.items()})
        words = [
            _joined([_words(looking[one], bounds[one], list(map(len, leaves))) for one in group]) for group in groups
        ]
        values = np.zeros((len(leaves), bits), np.float32)
        for row, own in zip(values, leaves, strict=True):
            row[: len(own)] = own
        kind, one = (torch.int32, 127) if bits == _HALF_WORD else (torch.int64, 1023)
        return cls(
            {feature: torch.from_numpy(found) for feature, found in bounds.items()},
            groups,
            tuple(torch.from_numpy(word).to(kind) for word in words),
            torch.from_numpy(values.ravel()),
            torch.arange(len(leaves), dtype=kind) * bits - one,
            1 + max(model["tree_info"]),
        )

    def __call__(self, data: Tensor) -> Tensor:
        """Return (n, classes) sums of the leaves for (n, features) float32 data, NaN where missing."""
        if not self.groups:  # no tree splits: each is a leaf
            return self.values.view(len(self.first), -1)[:, 0].view(-1, self.classes).sum(0).expand(len(data), -1)
        bins = {feature: _bins(bounds, data[:, feature]) for feature, bounds in self.bounds.items()}
        places = [
            _place([bins[feature] for feature in group], [len(self.bounds[feature]) + 2 for feature in group])
            for group in self.groups
        ]
        blocks = [self._sums([each[low : low + _BLOCK] for each in places]) for low in range(0, len(data), _BLOCK)]
        return torch.cat(blocks or [torch.zeros(0, self.classes)])

    def _sums(self, places: Sequence[Tensor]) -> Tensor:
        """Return (n, classes) sums of the leaves, by the (n,) rows of each group's words."""
        word = self.words[0].index_select(0, places[0])
        for words, place in zip(self.words[1:], places[1:], strict=True):
            word &= words.index_select(0, place)
        leaf = _exponent(word).add_(self.first)
        return self.values.index_select(0, leaf.view(-1)).view(len(word), -1, self.classes).sum(1)


def _exponent(word: Tensor) -> Tensor:
    """Return how a float that is each word's only bit holds its power of two: the power, and what 1 has."""
    if word.dtype == torch.int32:
        return (word.float().view(torch.int32) >> 23) & 0xFF
    return (word.double().view(torch.int64) >> 52) & 0x7FF


def _bins(bounds: Tensor, numbers: Tensor) -> Tensor:
    """Return the (n,) bins of (n,) numbers, the last where one is missing."""
    bins = torch.bucketize(numbers.contiguous(), bounds, right=True)
    return torch.where(numbers.isnan(), len(bounds) + 1, bins)


def _place(bins: Sequence[Tensor], counts: Sequence[int]) -> Tensor:
    """Return the (n,) rows of a group's words by the bins of its features."""
    place = bins[0]
    for each, count in zip(bins[1:], counts[1:], strict=True):
        place = place * count + each
    return place


def _nodes(place: int, tree: dict[str, Any], leaves: list[list[float]]) -> list[_Node]:
    """Return a tree's splits, and add the list of its leaves' values."""
    left, right = tree["left_children"], tree["right_children"]
    begins, counts = tree["categories_segments"], tree["categories_sizes"]
    listed = {
        node: tuple(tree["categories"][begin : begin + count])
        for node, begin, count in zip(tree["categories_nodes"], begins, counts, strict=True)
    }
    order = [0]
    for node in order:  # grows while it is walked: parents before children
        order += [] if left[node] < 0 else [left[node], right[node]]
    ends = [node for node in order if left[node] < 0]
    leaves.append([tree["split_conditions"][node] for node in ends])
    open_at, nodes = {node: 1 << bit for bit, node in enumerate(ends)}, []
    for node in reversed(order):
        if left[node] >= 0:
            sides = open_at[left[node]], open_at[right[node]]
            open_at[node] = sides[0] | sides[1]
            bound = np.nan if tree["split_type"][node] else tree["split_conditions"][node]
            missing = bool(tree["default_left"][node])
            nodes.append(_Node(place, tree["split_indices"][node], bound, listed.get(node, ()), missing, sides))
    return nodes


def _bounds(nodes: Sequence[_Node]) -> NDArray[np.float32]:
    """Return the bounds between the bins of one feature: between its categories, where it has such."""
    most = max((category for node in nodes for category in node.right), default=-1)
    if most >= 0:
        return np.arange(most + 1, dtype=np.float32) + np.float32(0.5)
    return np.unique(np.array([node.bound for node in nodes], np.float32))


def _words(nodes: Sequence[_Node], bounds: NDArray[np.float32], leaves: Sequence[int]) -> Words:
    """Return the (bins, trees) leaves that stay open for each bin of one feature, the last bin: missing.

    Args:
        nodes: that look at it, tree by tree.
        bounds: between its bins.
        leaves: how many each tree has.
    """
    asked, lefts = np.array([node.bound for node in nodes], np.float32), np.empty((len(bounds) + 2, len(nodes)), bool)
    lefts[:-1] = np.arange(len(bounds) + 1)[:, None] <= np.searchsorted(bounds, asked)
    for place, node in enumerate(nodes):
        lefts[list(node.right), place] = False  # categories: no bound is below their NaN
    lefts[-1] = [node.missing for node in nodes]
    left, right = ~np.array([node.sides for node in nodes], np.uint64).T.view(np.int64)
    words = np.tile(np.array([(1 << count) - 1 for count in leaves], np.uint64).view(np.int64), (len(lefts), 1))
    trees, starts = np.unique([node.tree for node in nodes], return_index=True)
    words[:, trees] &= np.bitwise_and.reduceat(np.where(lefts, right, left), starts, axis=1)
    return words


def _grouped(bins: dict[int, int]) -> tuple[tuple[int, ...], ...]:
    """Return the features in groups whose bins, multiplied, are not too many."""
    groups, product = list[tuple[int, ...]](), _MOST_BINS + 1
    for feature in sorted(bins, key=lambda one: (bins[one], one)):
        product *= bins[feature]
        if product <= _MOST_BINS:
            groups[-1] += (feature,)
        else:
            groups.append((feature,))
            product = bins[feature]
    return tuple(groups)


def _joined(words: Sequence[Words]) -> Words:
    """Return the words of all combinations of bins."""
    joined = words[0]
    for more in words[1:]:
        joined = (joined[:, None] & more[None]).reshape(-1, joined.shape[1])
    return joined
