"""How many segments there are: numbers against each other, by BIC and by whether the segments come again.

BIC says which mixture explains the rows best for its size.  Of many rows it always wants more segments, since no
segment is quite a Gaussian; and it does not see that another draw of the rows would be cut up elsewhere.  So the
mixture is fitted again to halves of the rows, and the segments held against those of all rows: stable ones come again.
(Ben-Hur, Elisseeff, Guyon: A stability based method for discovering structure in clustered data, 2002; Hennig:
Cluster-wise assessment of cluster stability, 2007; von Luxburg: Clustering stability, an overview, 2010.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.encoding import Encoded, Span
from models.mixture.components import Components, Layout
from models.processors import one_thread
from models.segments.features import FEWEST
from models.segments.fitting import bic, fit, responsibilities

__all__ = ["STABLE", "WEIGHTY", "Candidate", "adjusted_rand", "choose", "contest"]

STABLE = 0.8
"""The adjusted Rand index from which on segments come again: "good" recovery (Steinley: Properties of the Hubert-Arabie
adjusted Rand index, Psychological Methods 2004)."""

WEIGHTY = 10.0
"""The difference in BIC from which on it is very strong evidence (Kass, Raftery: Bayes factors, 1995)."""

_STARTED_ROWS, _MOST_STARTS, _FEWEST_STARTS = 20_000, 32, 4  # a start is the cheaper, the fewer rows there are
_HALVES = 10
_COMPARED = 2_000  # rows whose segments are held against each other
_FULL_VALUES = 24  # columns: full covariance costs their square in every pass
_PATIENCE = 3  # numbers in a row that are worse than the best so far: larger ones would be worse still


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number of segments, and how it did.

    Args:
        segments: K.
        bic: less is better.
        stability: the mean adjusted Rand index of the segments that halves of the rows have; None: not measured.
        fewest: rows of the smallest segment.
        components: K, the greatest first.
    """

    segments: int
    bic: float
    stability: float | None
    fewest: int
    components: Components

    @property
    def joint(self) -> bool:
        """Return whether numbers are jointly Gaussian within a segment, and not independent."""
        return self.components.layout.full

    @property
    def stable(self) -> bool:
        """Return whether its segments are large enough, and come again."""
        return self.stability is not None and self.stability >= STABLE


def contest(
    x: Encoded, spans: Sequence[Span], *, numbers: Iterable[int], generator: torch.Generator
) -> Iterator[Candidate]:
    """Yield how each number of segments did among (N,) rows; it ends when larger ones are no better.

    Args:
        x: (N,) rows, in random order.
        spans: of the encoding.
        numbers: of segments, ascending.
        generator: all randomness; each number has a generator of its own from it.
    """
    best, worse = float("inf"), 0
    for number in numbers:
        own = torch.Generator().manual_seed(generator.initial_seed() * 1_000 + number)
        found = _candidate(x, spans, number, generator=own)
        yield found
        worse = 0 if found.bic < best else worse + 1
        best = min(best, found.bic)
        if worse == _PATIENCE:
            return


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate that is chosen: of the stable ones, the most stable of those that BIC cannot tell apart.

    One segment is always stable; where there is nothing stable, the first is taken: it is the number that was asked
    for.
    """
    stable = [each for each in candidates if each.stable] or list(candidates[:1])
    least = min(each.bic for each in stable)
    return max((each for each in stable if each.bic < least + WEIGHTY), key=lambda each: each.stability or 0.0)


def adjusted_rand(first: Tensor, second: Tensor) -> float:
    """Return how far two partitions of (N,) rows agree: 1 wholly, 0 as chance would have it.

    Hubert, Arabie: Comparing partitions, Journal of Classification 1985.
    """
    count = int(max(first.max(), second.max())) + 1
    table = torch.bincount(first * count + second, minlength=count * count).view(count, count).double()
    both, one, other, every = (_pairs(each) for each in (table, table.sum(0), table.sum(1), table.sum()))
    expected, most = one * other / max(every, 1.0), (one + other) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _pairs(counts: Tensor) -> float:
    return float((counts * (counts - 1) / 2).sum())


@one_thread()
def _candidate(x: Encoded, spans: Sequence[Span], number: int, *, generator: torch.Generator) -> Candidate:
    fits = [fit(x, form, count=number, starts=_starts(x), generator=generator) for form in _forms(x, spans)]
    components = _ordered(min(fits, key=lambda each: bic(each, x)))
    rows = torch.bincount(_hard(components, x), minlength=number)
    fewest = int(rows.min())
    stability = 1.0 if number == 1 else _stability(x, components, generator=generator) if fewest >= FEWEST else None
    return Candidate(number, bic(components, x), stability, fewest, components)


def _starts(x: Encoded) -> int:
    return max(_FEWEST_STARTS, min(_MOST_STARTS, _STARTED_ROWS // len(x)))


def _forms(x: Encoded, spans: Sequence[Span]) -> list[Layout]:
    """Return the forms of a component: columns independent within it; where all values are there, jointly Gaussian."""
    layout = Layout(tuple(spans))
    joint = 2 <= layout.values <= _FULL_VALUES and not bool(x.values.isnan().any())  # noqa: PLR2004 - covary
    return [layout, replace(layout, full=True)] if joint else [layout]


def _stability(x: Encoded, whole: Components, *, generator: torch.Generator) -> float:
    """Return the mean agreement of the segments of all rows and those of halves of them."""
    compared, number = x[:_COMPARED], len(whole.log_weight)
    own, found = _hard(whole, compared), 0.0
    for _ in range(_HALVES):
        half = x[torch.randperm(len(x), generator=generator)[: len(x) // 2]]
        again = fit(half, whole.layout, count=number, starts=_starts(x), generator=generator)
        found += adjusted_rand(own, _hard(again, compared)) / _HALVES
    return found


def _hard(components: Components, x: Encoded) -> Tensor:
    """Return the (N,) most probable components."""
    return responsibilities(components, x).argmax(1)


def _ordered(components: Components) -> Components:
    """Return the components, the greatest first."""
    order = components.log_weight.argsort(descending=True, stable=True)
    scale = components.scale[order] if components.layout.full else components.scale[:, order]
    return replace(
        components,
        log_weight=components.log_weight[order],
        tables=components.tables[:, order],
        mean=components.mean[:, order],
        scale=scale,
    )
