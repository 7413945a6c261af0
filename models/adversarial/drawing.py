"""Rows from fitted generators: drawn, mapped to the values' marginals, and selected by what the critics say."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.adversarial.conditions import given_by
from models.adversarial.layout import Layout, pick
from models.adversarial.networks import Critic, Generator
from models.encoding import Encoded
from models.processors import together

__all__ = ["Drawer", "Source", "inclusion", "outputs", "source_of"]

_SURE = 1e4  # a logit that no other one reaches, noise or not
_MARKS = 1_001  # of a column's draws: every thousandth, by rank
_MARKED_ROWS = 16_384  # drawn to see them
_END_ROWS = 6  # of a table of N rows, so many at an end are the extreme itself: none is with chance exp(-6)
_MOST_END = 0.01  # of few rows: not more than so many
_CANDIDATES = 16  # drawn for each row that is taken
_RAKED_PART = 8_192  # candidates at a time
_SWEEPS = 8  # over all columns
_LEAST_SHARE = 1e-3  # of a cell: rarer ones say little about how far it is off
_HALVINGS = 40  # of an interval of logarithms: to float32's last place


def outputs(
    network: Generator, layout: Layout, given: Tensor, *, half: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return (N, T) logits and (N, V) scores of a generator for (N,) given tokens, which are sure."""
    noise = torch.randn(len(given), network.latent, generator=generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        out = network(noise, given)
    tokens = sum(layout.sizes)
    sure = torch.zeros(len(given), tokens).scatter_(1, given[:, None], _SURE)
    return out[:, :tokens] + sure, out[:, tokens:]


@dataclass(frozen=True, slots=True)
class Source:
    """One generator and the marginals of its values.

    Args:
        network: that draws.
        marks: (V, 1001) raw scores at equal steps of rank, ascending.
        cut: (V,) share of the rows at either end that are the extreme itself.
    """

    network: Generator
    marks: Tensor
    cut: Tensor

    @torch.no_grad()
    def draw(
        self, rows: int, layout: Layout, *, share: Tensor, half: bool, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return (rows, C) tokens and (rows, V) scores that are normal by rank."""
        given = given_by(share, rows, generator=generator)
        logits, raw = outputs(self.network, layout, given, half=half, generator=generator)
        ranks = [self._ranked(place, raw[:, place]) for place in range(len(layout.valued))]
        scores = [self._ended(place, rank, layout) for place, rank in enumerate(ranks)]
        return pick(logits, layout.sizes, generator=generator), torch.stack(scores, 1) if scores else raw

    def _ranked(self, place: int, raw: Tensor) -> Tensor:
        """Return where (n,) raw scores stand, from 0 to 1: between two marks in a straight line."""
        marks = self.marks[place]
        above = torch.searchsorted(marks, raw.contiguous()).clamp(1, _MARKS - 1)
        low, high = marks[above - 1], marks[above]
        within = ((raw - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
        return (above - 1 + within) / (_MARKS - 1)

    def _ended(self, place: int, rank: Tensor, layout: Layout) -> Tensor:
        """Return (n,) scores of ranks, the outermost of them the extremes themselves."""
        least, greatest = layout.axes[layout.valued[place]].ends
        cut = float(self.cut[place])
        score = torch.special.ndtri(rank.clamp(1e-6, 1 - 1e-6)).clamp(least, greatest)
        score = torch.where(rank > 1 - cut, greatest, score)
        return torch.where(rank < cut, least, score)


def source_of(network: Generator, layout: Layout, *, count: Tensor, half: bool, generator: torch.Generator) -> Source:
    """Return a generator with its marks, by draws; count: (T,) training rows that have each token."""
    given = given_by(count, _MARKED_ROWS, generator=generator)
    with torch.no_grad():
        logits, raw = outputs(network, layout, given, half=half, generator=generator)
        token = pick(logits, layout.sizes, generator=generator)
    marks = torch.zeros(len(layout.valued), _MARKS)
    for place, present in enumerate(layout.present.tolist()):
        there = raw[(token == present).any(1), place].sort()[0]
        there = there if len(there) else torch.zeros(1)
        marks[place] = there[(torch.linspace(0, 1, _MARKS) * (len(there) - 1)).round().long()]
    return Source(network, marks, (_END_ROWS / count[layout.present].clamp(min=1)).clamp(max=_MOST_END).float())


@dataclass(frozen=True, slots=True)
class Drawer:
    """What rows are drawn by.

    Args:
        layout: of the rows.
        sources: M generators; each gives as many candidates.
        critics: that judged the sources together; none: each candidate is as good.
        share: (T,) of each token to be given.
        half: multiply bfloat16.
        rake: (T + V * Q,) what is added to a candidate's score for each of its cells.
    """

    layout: Layout
    sources: Sequence[Source]
    critics: Sequence[Critic]
    share: Tensor
    half: bool
    rake: Tensor

    def draw(self, rows: int, *, generator: torch.Generator) -> Encoded:
        """Return (rows,) rows in random order: of 16 candidates each, those that the critics' scores choose."""
        token, scores = self.pool(rows * _CANDIDATES, generator=generator)
        chance = inclusion(self.judge(token, scores) + self._raking(token, scores), rows)
        taken = _systematic(chance, rows, generator=generator)[torch.randperm(rows, generator=generator)]
        return self.layout.rows(token[taken], scores[taken], generator=generator)

    def pool(self, rows: int, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the (rows, C) tokens and (rows, V) scores of candidates, about as many of each source."""
        ends = [rows * place // len(self.sources) for place in range(len(self.sources) + 1)]
        parts = [
            one.draw(high - low, self.layout, share=self.share, half=self.half, generator=generator)
            for one, low, high in zip(self.sources, ends, ends[1:], strict=False)
        ]
        return torch.cat([token for token, _ in parts]), torch.cat([scores for _, scores in parts])

    def features(self, rows: int, *, generator: torch.Generator) -> Tensor:
        """Return the (rows, P) features of candidates."""
        token, scores = self.pool(rows, generator=generator)
        return self.layout.features(self.layout.hot(token), scores)

    @torch.no_grad()
    def judge(self, token: Tensor, scores: Tensor) -> Tensor:
        """Return the (N,) mean scores that the critics give."""
        if not self.critics:
            return torch.zeros(len(token))
        features = self.layout.features(self.layout.hot(token), scores)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return torch.stack([critic(features) for critic in self.critics]).mean(0)

    def raked(self, cells: Tensor, candidates: int, *, generator: torch.Generator) -> Tensor:
        """Return the rake with which those selected of so many candidates have the cells of (N, C) training rows.

        Iterative proportional fitting, Deming, Stephan: On a least squares adjustment of a sampled frequency table when
        the expected marginal totals are known, 1940.
        """
        seeds = torch.randint(2**62, (candidates // _RAKED_PART,), generator=generator).tolist()
        parts = together(self._judged, seeds)
        own, plain = torch.cat([one for one, _ in parts]), torch.cat([score for _, score in parts])
        wanted, rake = _shares(cells, torch.ones(len(cells)), len(self.rake)), torch.zeros(len(self.rake))
        places = [torch.unique(own[:, column]) for column in range(own.shape[1])]
        for _ in range(_SWEEPS):
            chance = inclusion(plain + rake[own].sum(1), candidates // _CANDIDATES)
            for column, there in enumerate(places):  # one after the other: at once, they would overshoot
                found = _shares(own[:, [column]], chance, len(rake))
                step = torch.zeros(len(rake))
                step[there] = ((wanted[there] + _LEAST_SHARE) / (found[there] + _LEAST_SHARE)).log()
                rake, chance = rake + step, chance * step[own[:, column]].exp()
        return rake

    def _judged(self, seed: int) -> tuple[Tensor, Tensor]:
        """Return the (n, C) cells of candidates, and the (n,) scores that the critics give."""
        token, scores = self.pool(_RAKED_PART, generator=torch.Generator().manual_seed(seed))
        return self.layout.cells(token, scores), self.judge(token, scores)

    def _raking(self, token: Tensor, scores: Tensor) -> Tensor:
        return self.rake[self.layout.cells(token, scores)].sum(1)


def inclusion(score: Tensor, rows: int) -> Tensor:
    """Return (N,) chances to be taken, in proportion to exp(score), at most 1, so many rows in all.

    Rejection by a critic, its constant set by how many are wanted.  Azadi et al.: Discriminator rejection
    sampling, 2019.
    """
    score = score.double() - score.max()
    low, high = -60.0, 60.0 + float(-score.min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if float((score + middle).clamp(max=0).exp().sum()) > rows else (middle, high)
    return (score + low).clamp(max=0).exp()


def _systematic(chance: Tensor, rows: int, *, generator: torch.Generator) -> Tensor:
    """Return (rows,) places that are taken with (N,) chances: a comb of teeth 1 apart laid on their running sum."""
    ends = chance.cumsum(0)
    teeth = torch.arange(rows) + torch.rand(1, generator=generator, dtype=torch.float64)
    return torch.searchsorted(ends, teeth * ends[-1] / max(rows, 1)).clamp(max=len(chance) - 1)


def _shares(cells: Tensor, weight: Tensor, size: int) -> Tensor:
    """Return the (size,) shares that (N, C) cells have of the rows' (N,) weight."""
    total = torch.zeros(size + 1, dtype=torch.float64)
    each = weight.double()[:, None].expand(cells.shape).flatten()
    total.index_add_(0, torch.where(cells < 0, size, cells).flatten(), each)
    return (total[:-1] / weight.sum()).float()
