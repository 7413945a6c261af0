"""Sequential trees: p(x) = Π_c p(x_c | x_1 .. x_{c-1}), each factor a few honest decision trees.

Columns one after the other, each drawn from the leaf of a tree, is the method of synthpop (Nowok, Raab, Dibben:
synthpop: bespoke creation of synthetic data in R, 2016), which copies a donor's value.  Here a leaf is a distribution
over tokens, never a donor; it is filled by rows that did not choose the splits (Wager, Athey 2018), and shrunk to the
node above it.

When to choose it: where seconds count, and columns depend on each other by thresholds and cases.
How it fails, and what is done about it:

- memorising: honest leaves, and of all sizes of leaves and strengths of shrinkage the most cautious one that is not
  surely worse on rows held in;
- sharp relations between numbers: a leaf is a staircase, as fine as its rows allow, and bins are never finer than
  1 in 64 of the ranks; choose `autoregressive` for these.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import accumulate
from typing import Any, Self, final

import torch
from torch import Tensor

from models.columns import Axis, axis_of, edged
from models.encoding import Encoded, Span
from models.forest.factor import Factor, Forest
from models.forest.features import Reader
from models.forest.growing import PLAN, Plan, Rows, grown, stump
from models.life import FREELY, Course, Fitted, Terms, learned, require_rows
from models.processors import in_chunks, together
from models.states import part

__all__ = ["Trees"]

_EDGE_ROWS = 100_000  # drawn to see where a column's outermost draws lie
_ENDING = 1.0  # columns' worth of time, that drawing them takes
_CHUNK = 8_192  # rows that one thread draws at a time


@final
class Trees:
    """A chain of honest trees, in the order of the columns.

    Args:
        plan: what is grown, and how much of it is believed.
    """

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.factors: list[Factor] = []
        self.fitted = Fitted()

    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows; a step is a column, and columns that the terms cut off keep their frequencies alone.

        It takes seconds, and keeps no checkpoint: begun again it comes to the same bytes.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows.
        """
        require_rows(x)
        course, place = Course(terms), 0
        x = x.to("cpu")[torch.randperm(len(x), generator=generator)]
        axes = [axis_of(span, x, self.plan.bins if span.value is not None else 0, 0, 0) for span in spans]
        self.factors = [stump(axis, axis.target(x)[0]) for axis in axes]
        features, ends, loss = self._features(x), self._ends(), 0.0
        course.ready(planned=len(axes), ending=_ENDING)
        for place, axis in enumerate(axes):
            rows = Rows(features[:, : ends[place]], *axis.target(x))
            if not axis.constant:
                self.factors[place], judged = grown(axis, rows, plan=self.plan, generator=generator)
                loss -= float(judged.mean())
            leaves = len(self.factors[place].table)
            if not course.passed(loss, f"{place + 1} of {len(axes)} columns, the last in {leaves:,} leaves"):
                break
        self._find_edges(len(x), generator=generator)
        self.fitted = course.ended(cut=place + 1 < len(axes))
        return self

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        self._check()
        return Encoded.join(in_chunks(n, self._draw, size=_CHUNK, generator=generator))

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows on the encoded scale; unknown codes are passed over."""
        self._check()
        parts = together(self._log_prob, [x[low : low + _CHUNK] for low in range(0, len(x), _CHUNK)])
        return torch.cat(parts or [torch.zeros(0)])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        self._check()
        tensors: dict[str, Tensor] = {}
        for place, one in enumerate(self.factors):
            named = {name: getattr(one.axis, name) for name in _OF_AXIS}
            named |= {name: getattr(one.forest, name) for name in _OF_FOREST}
            named |= {"place": one.place, "table": one.table}
            tensors |= {f"{place}.{name}": tensor.contiguous().clone() for name, tensor in named.items()}
        columns = [
            {"span": asdict(one.axis.span), "ends": one.axis.ends, "outer": one.axis.outer, "depth": one.forest.depth}
            for one in self.factors
        ]
        return tensors, {"plan": asdict(self.plan), "columns": columns}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        tuples: dict[str, Any] = {name: tuple(config["plan"][name]) for name in ("leaf_rows", "strengths")}
        plan = Plan(**{**config["plan"], **tuples})
        model = cls(plan)
        for place, column in enumerate(config["columns"]):
            own, span = part(str(place), tensors), Span(**column["span"])
            bins, ends, outer = (
                plan.bins if span.value is not None else 0,
                tuple(column["ends"]),
                tuple(column["outer"]),
            )
            axis = Axis(span, bins, 0, 0, own["token"], own["log_share"], own["rank"], ends, outer)
            forest = Forest(own["roots"], own["children"], own["feature"], own["threshold"], column["depth"])
            model.factors.append(Factor(axis, forest, own["place"], own["table"]))
        return model

    def _check(self) -> None:
        """Raise ModelError if nothing was learned."""
        learned(self.factors)

    def _readers(self) -> list[Reader]:
        return [Reader.of(one.axis) for one in self.factors]

    def _ends(self) -> list[int]:
        """Return how many features stand before each column, and in all."""
        return [0, *accumulate(reader.width for reader in self._readers())]

    def _features(self, x: Encoded) -> Tensor:
        """Return (N, P) features of all columns."""
        return torch.cat([reader.features(x) for reader in self._readers()], 1)

    def _log_prob(self, x: Encoded) -> Tensor:
        features, total = self._features(x), torch.zeros(len(x))
        for one, end in zip(self.factors, self._ends(), strict=False):
            if not one.axis.constant:
                total += one.log_prob(features[:, :end], *one.axis.target(x)) + one.axis.log_share_of(x)
        return total

    def _draw(self, rows: int, generator: torch.Generator) -> Encoded:
        ends, values = self._ends(), sum(one.axis.span.value is not None for one in self.factors)
        codes = torch.zeros(rows, len(self.factors), dtype=torch.int64)
        x, features = Encoded(codes, torch.full((rows, values), torch.nan)), torch.zeros(rows, ends[-1])
        for one, reader, low, high in zip(self.factors, self._readers(), ends, ends[1:], strict=False):
            span = one.axis.span
            if not one.axis.constant:
                x.codes[:, span.code], score = one.draw(features, generator=generator)
                if span.value is not None:
                    x.values[:, span.value] = score
            features[:, low:high] = reader.features(x)
        return x

    def _find_edges(self, rows: int, *, generator: torch.Generator) -> None:
        """Draw as many rows as were learned, and see where the outermost of each column lie."""
        drawn = self.sample(min(rows, _EDGE_ROWS), generator=generator)
        self.factors = [replace(one, axis=edged(one.axis, drawn, rows=rows)) for one in self.factors]


_OF_AXIS = ("token", "log_share", "rank")
_OF_FOREST = ("roots", "children", "feature", "threshold")
