"""One column given those before it: trees side by side, and the tokens' distribution in each of their leaves."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from models.columns import Axis, Head

__all__ = ["Factor", "Forest"]

_TAIL = 1e-6  # of the probability: float32 has no scores beyond it
_BALANCINGS = 16  # rounds
_RARE = 1e-9  # of the probability: what is never drawn stays so


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees as flat arrays, one after the other.

    Args:
        roots: (T,) int64 nodes that the trees begin at.
        children: (nodes, 2) int64: where the feature is at most the threshold, and where it is beyond; a leaf's own.
        feature: (nodes,) int64; 0 at a leaf.
        threshold: (nodes,) float32.
        depth: of the deepest leaf.
    """

    roots: Tensor
    children: Tensor
    feature: Tensor
    threshold: Tensor
    depth: int

    def leaves(self, features: Tensor, node: Tensor) -> Tensor:
        """Return the (n,) leaves that rows of (n, P) features come to from (n,) nodes."""
        flat, width = features.flatten(), features.shape[1]
        if not width:
            return node
        first = torch.arange(len(node)) * width
        children = self.children.flatten()
        for _ in range(self.depth):
            beyond = flat[first + self.feature[node]] > self.threshold[node]
            node = children[2 * node + beyond]
        return node


@dataclass(frozen=True)
class Factor:
    """The conditional distribution of a column: the mean of its trees'.

    Args:
        axis: of the column; no Gaussians.
        forest: T trees.
        place: (nodes,) int64 row of the table for each leaf.
        table: (leaves, tokens) float32 probabilities.
    """

    axis: Axis
    forest: Forest
    place: Tensor
    table: Tensor

    def log_prob(self, features: Tensor, token: Tensor, score: Tensor) -> Tensor:
        """Return the (N,) log-densities of (N,) targets given (N, P) features; 0 where the token is unknown."""
        chance = torch.zeros(len(token), dtype=torch.float64)
        for root in self.forest.roots:
            leaf = self.forest.leaves(features, root.expand(len(token)))
            chance += self.table[self.place[leaf], token.clamp(min=0)]
        within = math.log(max(self.axis.bins, 1)) - 0.5 * score.nan_to_num(0.0) ** 2 - 0.5 * math.log(2 * math.pi)
        log_density = (chance / len(self.forest.roots)).log() + torch.where(token >= self.axis.coded, within, 0.0)
        return torch.where(token < 0, 0.0, log_density).float()

    def balanced(self, features: Tensor, share: Tensor) -> "Factor":
        """Return the same trees, the leaves' probabilities moved so that each token is drawn as often as it was seen.

        What a leaf believes of the node above it bends the shares: small leaves give more than they get.  Iterative
        proportional fitting (Deming, Stephan: On a least squares adjustment of a sampled frequency table, 1940).

        Args:
            features: (N, P) of the rows that were seen.
            share: (tokens,) of each token among them.
        """
        roots, rows = self.forest.roots, torch.zeros(len(self.table), dtype=torch.float64)
        for root in roots:
            leaf = self.place[self.forest.leaves(features, root.expand(len(features)))]
            rows += torch.bincount(leaf, minlength=len(rows)) / (len(features) * len(roots))
        table, share = self.table.double(), share.double()
        for _ in range(_BALANCINGS):
            table = table * ((share + _RARE) / (rows @ table + _RARE))
            table = table / table.sum(1, keepdim=True)
        return replace(self, table=table.float())

    def draw(self, features: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (n,) codes and (n,) values given (n, P) features, NaN where the code says all."""
        axis, rows = self.axis, len(features)
        tree = torch.randint(len(self.forest.roots), (rows,), generator=generator)
        leaf = self.place[self.forest.leaves(features, self.forest.roots[tree])]
        drawn = torch.rand(rows, generator=generator, dtype=torch.float64)
        token = torch.searchsorted(self._ends, leaf + drawn, right=True) - leaf * axis.tokens
        token = token.clamp(0, axis.tokens - 1)
        coded = token < axis.coded
        code = axis.codes(torch.where(coded, token, 0), generator=generator)
        if axis.span.regular is None:
            return code, torch.full((rows,), torch.nan)
        place = (token - axis.coded + torch.rand(rows, generator=generator)) / axis.bins
        score = Head(axis).ended(torch.special.ndtri(place.clamp(_TAIL, 1 - _TAIL)), generator=generator)
        return torch.where(coded, code, axis.span.regular), torch.where(coded, torch.nan, score)

    @cached_property
    def _ends(self) -> Tensor:
        """Return the leaves' cumulative probabilities in one ascending line: those of leaf l end at l + 1."""
        ends = self.table.double().cumsum(1)
        return (ends / ends[:, -1:] + torch.arange(len(ends))[:, None]).flatten()
