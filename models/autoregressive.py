"""One column after the other: p(x) = Π_c p(x_c | x_1 .. x_{c-1}), each factor a network of its own.

A factor chooses among tokens — codes, and bins of equal mass for a value — and Gaussians that give the value to any
precision; the bins hold what is irregular in a column, the Gaussians what is sharp.  The chain rule in networks is
that of Larochelle, Murray (The Neural Autoregressive Distribution Estimator, 2011), a mixture density at its end that
of Bishop (Mixture density networks, 1994), features of rank that of Gorishniy, Rubachev, Babenko (On embeddings for
numerical features in tabular deep learning, 2022).

When to choose it: always, where a minute of training is to be had.  Its density is exact.
How it fails, and what is done about it:

- memorising: each column is judged by held-in rows of its own, its weights are averaged over steps, and later weights
  are kept only where they are better by more than the judgement's own error; else the column stays with its
  frequencies;
- lost extremes, which no likelihood misses: of the draws among the outermost 30 rows, a fifth is the extreme itself;
- conditions on columns late in the order: candidates are drawn and one is taken by its weight, so that rare
  conditions need many.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Self, final

import torch
from torch import Tensor

from data_contracts import ModelError
from models.chain.conditional import Conditional
from models.chain.drawing import Chain
from models.chain.fitting import PLAN, Learner, Plan, Rows
from models.chain.private import DISCREET, Discreet, PrivatePlan, noisy_rows
from models.columns import Axis, Head, axis_by, axis_of, edged, features_of, frequencies, shares_by, widths
from models.encoding import Encoded, Span
from models.life import FREELY, Course, Fitted, State, Terms
from models.privacy import Privacy
from models.processors import half_is_fast, together
from models.states import part, prefixed

__all__ = ["Autoregressive"]

_EDGE_ROWS = 100_000  # drawn to see where a column's outermost draws lie
_CHUNK = 8_192  # rows that one thread draws at a time


@final
class Autoregressive:
    """A chain of conditional distributions, in the order of the columns.

    Args:
        plan: what is trained and how long.
        private: the same under differential privacy.
    """

    def __init__(self, plan: Plan = PLAN, private: PrivatePlan = DISCREET) -> None:
        self.plan, self.private = plan, private
        self.chain: Chain | None = None
        self.fitted = Fitted()

    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows; a step is a pass over them by every column that is still learning.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows, or the likelihood is not finite.
        """
        if terms.privacy is not None:
            return self._fit_privately(x, spans, privacy=terms.privacy, generator=generator, terms=terms)
        learners = self._learners(x, spans, generator=generator)
        course, left = Course.begin(terms, planned=self.plan.passes_over(len(x), len(spans)))
        if left is not None:
            _take_up(learners, left)
        while learning := [one for one in learners if not one.done]:
            together(Learner.pass_over, learning)
            if not course.passed(_loss(learners), _note(learners)):
                break
            course.keep(lambda: _under_way(learners))
        together(Learner.settle, learners)
        self._find_edges(len(x), generator=generator)
        self.fitted = course.ended(cut=not all(one.done for one in learners))
        return self

    def _fit_privately(
        self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator, terms: Terms
    ) -> Self:
        """Learn (N,) rows of which none is told more than the promise allows; a step is a pass over them."""
        _require_rows(x)
        chain = self._discreet(x, spans, privacy=privacy, generator=generator)
        course, left = Course.begin(terms, planned=self.private.passes)
        if left is not None:
            chain.take_up(left)
        while not chain.done:
            chain.pass_over()
            if not course.passed(math.nan, f"noise {chain.noise:.2f} of a row's share"):  # a loss would tell of rows
                break
            course.keep(chain.state)
        chain.settle()
        self.fitted = course.ended(cut=not chain.done, epsilon=chain.spent)
        return self

    def sample(self, n: int, *, generator: torch.Generator, given: Encoded | None = None) -> Encoded:
        """Draw n rows: (n,) encoded, in random order.

        Args:
            n: rows.
            generator: all randomness.
            given: (n,) rows, or one, of which what is known is kept, and the rest, of code `UNKNOWN`, is drawn.
        """
        chain = self._learned
        seeds = torch.randint(2**62, (math.ceil(n / _CHUNK),), generator=generator).tolist()
        known = given if given is None or len(given) == n else given[torch.zeros(n, dtype=torch.int64)]

        def drawn(chunk: int) -> Encoded:
            low, high = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
            own = torch.Generator().manual_seed(seeds[chunk])
            if known is None:
                return chain.draw(high - low, generator=own)
            return chain.complete(known[slice(low, high)], generator=own)

        return Encoded.join(together(drawn, range(len(seeds))) or [chain.draw(0, generator=generator)])

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows on the encoded scale; unknown codes are passed over.

        An unknown code is also unknown to the columns after it, which makes the density of such a row approximate.
        """
        chain = self._learned
        parts = together(chain.log_prob, [x[low : low + _CHUNK] for low in range(0, len(x), _CHUNK)])
        return torch.cat(parts or [torch.zeros(0)])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        tensors: dict[str, Tensor] = {}
        axes = [network.axis for network in self._learned.networks]
        for place, network in enumerate(self._learned.networks):
            named = {**network.state_dict(), **{name: getattr(network.axis, name) for name in _KEPT}}
            tensors |= {f"{place}.{name}": tensor.cpu().contiguous() for name, tensor in named.items()}
        edges = [{"ends": list(axis.ends), "outer": list(axis.outer)} for axis in axes]
        spans = [asdict(axis.span) for axis in axes]
        return tensors, {"plan": asdict(self.plan), "half": self._learned.half, "spans": spans, "edges": edges}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        plan = Plan(**{**config["plan"], "passes": tuple(config["plan"]["passes"])})
        axes = []
        for place, (span, edge) in enumerate(zip(config["spans"], config["edges"], strict=True)):
            token, log_share, rank = (tensors[f"{place}.{name}"] for name in _KEPT)
            ends, outer = tuple(edge["ends"]), tuple(edge["outer"])
            axes.append(Axis(Span(**span), *_counts(plan, Span(**span)), token, log_share, rank, ends, outer))
        model = cls(plan)
        networks = _networks(axes, [torch.zeros(axis.tokens) for axis in axes], plan=plan, generator=torch.Generator())
        for place, network in enumerate(networks):
            network.load_state_dict({name: tensors[f"{place}.{name}"] for name in network.state_dict()})
        model.chain = Chain(networks, half=config["half"])
        return model

    @property
    def _learned(self) -> Chain:
        if self.chain is None:
            raise ModelError("a model is fitted before it is used", "this one is not", "Call fit first")
        return self.chain

    def _find_edges(self, rows: int, *, generator: torch.Generator) -> None:
        """Draw as many rows as were learned, and see where the outermost of each column lie."""
        drawn = self.sample(min(rows, _EDGE_ROWS), generator=generator)
        for network in self._learned.networks:
            network.head = Head(edged(network.axis, drawn))

    def _learners(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> list[Learner]:
        """Make the chain, and return a learner for each of its columns that is not constant.

        Raises:
            ModelError: there are no rows.
        """
        _require_rows(x)
        half = half_is_fast() or x.codes.is_cuda
        axes = [axis_of(span, x, *_counts(self.plan, span)) for span in spans]
        most = max(1, self.plan.feature_cells // widths(axes)[-1])
        x = x[torch.randperm(len(x), generator=generator)[:most].to(x.codes.device)]
        features = features_of(axes, x, half=half)
        table = [Rows(features[:, :width], *axis.target(x)) for axis, width in zip(axes, widths(axes), strict=False)]
        log_shares = [frequencies(axis, rows.token) for axis, rows in zip(axes, table, strict=True)]
        networks = _networks(axes, log_shares, plan=self.plan, generator=generator)
        self.chain = Chain(networks, half)
        seeds = torch.randint(2**62, (len(axes),), generator=generator).tolist()
        passes = self.plan.passes_over(len(x), len(axes))
        return [
            Learner(network.to(x.codes.device), rows, plan=self.plan, passes=passes, seed=seed, half=half)
            for network, rows, seed in zip(networks, table, seeds, strict=True)
            if not network.axis.constant
        ]

    def _discreet(self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator) -> Discreet:
        """Make the chain from noisy counts, and return what learns its columns that are not constant."""
        self.plan = replace(self.plan, hidden=self.private.hidden)
        counts = noisy_rows(x, spans, privacy=privacy, generator=generator)
        axes = [axis_by(span, rows, *_counts(self.plan, span)) for span, rows in zip(spans, counts, strict=True)]
        x = x[: max(1, self.plan.feature_cells // widths(axes)[-1])]
        features = features_of(axes, x, half=False)
        tables = [Rows(features[:, :width], *axis.target(x)) for axis, width in zip(axes, widths(axes), strict=False)]
        log_shares = [shares_by(axis, rows) for axis, rows in zip(axes, counts, strict=True)]
        networks = _networks(axes, log_shares, plan=self.plan, generator=generator)
        self.chain = Chain(networks, half_is_fast() or x.codes.is_cuda)
        learning = [place for place, axis in enumerate(axes) if not axis.constant]
        return Discreet(
            [networks[place].to(x.codes.device) for place in learning],
            [tables[place] for place in learning],
            privacy=privacy,
            plan=self.private,
            generator=generator,
        )


_KEPT = ("token", "log_share", "rank")  # of an axis, as tensors


def _require_rows(x: Encoded) -> None:
    """Refuse to learn nothing.

    Raises:
        ModelError: there are no rows.
    """
    if not len(x):
        raise ModelError("a model learns from rows", "there are none", "Look at the source and at the split")


def _counts(plan: Plan, span: Span) -> tuple[int, int, int]:
    """Return how finely a column is told apart."""
    valued = span.value is not None
    return plan.bins if valued else 0, plan.gaussians if valued else 0, plan.knots


def _networks(
    axes: Sequence[Axis], log_shares: Sequence[Tensor], *, plan: Plan, generator: torch.Generator
) -> tuple[Conditional, ...]:
    """Return a network for each column."""
    return tuple(
        Conditional(axis, inputs, hidden=plan.hidden, curve=plan.curve, log_share=log_share, generator=generator)
        for axis, inputs, log_share in zip(axes, widths(axes), log_shares, strict=False)
    )


def _under_way(learners: Sequence[Learner]) -> State:
    """Return how far the learners are: the generator that made them has not been drawn from since."""
    tensors: dict[str, Tensor] = {}
    configs = []
    for place, learner in enumerate(learners):
        own, config = learner.state()
        tensors |= prefixed(str(place), own)
        configs.append(config)
    return tensors, {"learners": configs}


def _take_up(learners: Sequence[Learner], left: State) -> None:
    """Bring the learners to where those were that left a state."""
    tensors, config = left
    for place, (learner, own) in enumerate(zip(learners, config["learners"], strict=True)):
        learner.take_up(part(str(place), tensors), own)


def _loss(learners: Sequence[Learner]) -> float:
    """Return the loss of a row that is held in, in nats."""
    return sum(float(one.kept_losses.mean()) for one in learners)


def _note(learners: Sequence[Learner]) -> str:
    """Return how far the learners are, for people."""
    learning = sum(not one.done for one in learners)
    return f"held-in log-likelihood {-_loss(learners):.3f}, {learning} columns learning"
