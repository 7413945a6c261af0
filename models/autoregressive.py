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
- shares a little off, since weights are averaged and stopped early: when all is learned, each column's logits are
  moved until its tokens are drawn as often as they were seen;
- what a smooth function misses in a column of few values: boosted trees are set on top of its network;
- lost extremes, which no likelihood misses: of the draws among the outermost 30 rows, a fifth is the extreme itself;
- conditions on columns late in the order: proposals are drawn and accepted by their weight, so that rare conditions
  which the columns before all but decide need many.
"""

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor

from data_contracts import ModelError
from models.chain.accepting import Accepted
from models.chain.drawing import Chain
from models.chain.fitting import PLAN, Learner, Plan, Rows
from models.chain.folds import Folds
from models.chain.guard import LEAST_ROWS, leak
from models.chain.making import chain_of, counts, learned_from, networks_of, state_of
from models.chain.private import DISCREET, descent
from models.columns import (
    Head,
    Restricted,
    axis_by,
    axis_of,
    features_of,
    frequencies,
    shares_by,
    widths,
)
from models.encoding import UNKNOWN, Allowed, Encoded, Span
from models.life import FREELY, Course, Fitted, State, Terms, learned, require_rows
from models.privacy import Descent, Privacy, PrivatePlan, noisy_rows
from models.processors import half_is_fast, together
from models.states import part, prefixed

__all__ = ["Autoregressive"]

_ENDING = 1.5  # passes' worth of time, that drawing a table to calibrate takes: it works on one thread
_TREES = 3.0  # passes' worth of time, that boosted trees take: on Adult 1 to 2
_DRAWN_ROWS = 20_000  # against which rows are held in the attack
_ATTACKED_ROWS = 3_000  # held in, and twice as many learned from: the error is then .0065, and it takes two seconds
_CHUNK = 8_192  # rows that one thread draws at a time
_GIVEN = 256  # rows that one thread completes at a time, each by many candidates
_WAVE = 16  # chunks that are proposed at a time, whatever the number of threads


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
        course, left = Course.begin(terms)
        x = self._begin(x, spans, generator=generator)
        passes = self._passes(x)
        learners = self._learners(x, passes=passes, generator=generator)
        course.ready(planned=passes + 1, ending=_ENDING)
        if left is not None:
            _take_up(learners, left)
        going = True
        while going and any(not one.done for one in learners):
            together(Learner.pass_over, [one for one in learners if not one.done])
            told = self._told(learners, x, passed=len(course.history) + 1, passes=passes)
            going = course.passed(_loss(learners), _note(learners) + told)
            course.keep(lambda: _under_way(learners))
        together(Learner.settle, learners)
        going = going and course.affords(_TREES)
        if going:
            axes, rows = [network.axis for network in self._learned.networks], x.to("cpu")
            together(lambda one: one.boost(axes[: one.network.axis.span.code], rows), learners)
            course.passed(_loss(learners), f"{_note(learners)}, trees on top of those with few values")
        self._learned.calibrate(rows=len(x), generator=generator)
        self.fitted = course.ended(cut=not going)
        return self

    def _fit_privately(
        self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator, terms: Terms
    ) -> Self:
        """Learn (N,) rows of which none is told more than the promise allows; a step is a pass over them."""
        require_rows(x)
        course, left = Course.begin(terms)
        chain = self._discreet(x, spans, privacy=privacy, generator=generator)
        course.ready(planned=self.private.passes, ending=_ENDING)
        if left is not None:
            chain.take_up(left)
        while not chain.done:
            chain.pass_over()
            if not course.passed(math.nan, chain.note):
                break
            course.keep(chain.state)
        chain.settle()
        for network in self._learned.networks:
            network.cpu()
        self._learned.calibrate(rows=len(x), generator=generator, extremes=False)  # by noisy counts, and draws
        self.fitted = course.ended(cut=not chain.done, epsilon=chain.spent)
        return self

    def sample(self, n: int, *, generator: torch.Generator, given: Encoded | None = None) -> Encoded:
        """Draw n rows: (n,) encoded, in random order.

        Args:
            n: rows.
            generator: all randomness.
            given: (n,) rows, or one, of which what is known is kept, and the rest, of code `UNKNOWN`, is drawn.
        """
        chain = self._learned.ready()
        size = _CHUNK if given is None else _GIVEN
        seeds = torch.randint(2**62, (math.ceil(n / size),), generator=generator).tolist()
        known = given if given is None or len(given) == n else given[torch.zeros(n, dtype=torch.int64)]

        def drawn(chunk: int) -> Encoded:
            low, high = chunk * size, min(n, (chunk + 1) * size)
            own = torch.Generator().manual_seed(seeds[chunk])
            if known is None:
                return chain.draw(high - low, generator=own)
            return chain.complete(known[slice(low, high)], generator=own)

        return Encoded.join(together(drawn, range(len(seeds))) or [chain.blank(0)])

    def sample_where(self, n: int, *, allowed: Sequence[Allowed | None], generator: torch.Generator) -> Encoded:
        """Draw n rows of what is allowed of each column: (n,) encoded, in random order.

        Each column is drawn from what is allowed of it, and a row is accepted in proportion to how likely that was:
        exact, but for weights above all that the proposals had.

        Raises:
            ModelError: too few can be drawn.
        """
        chain, accepted, count = self._learned.ready(), Accepted(n), 1
        within = [
            None if part is None else Restricted.of(network.head, part)
            for network, part in zip(self._learned.networks, allowed, strict=True)
        ]

        def proposed(own: torch.Generator) -> tuple[Encoded, Tensor]:
            return chain.propose(_CHUNK, within=within, generator=own)

        while count:
            seeds = torch.randint(2**62, (count,), generator=generator).tolist()
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            for own, (x, weight) in zip(generators, together(proposed, generators), strict=True):
                accepted.add(x, weight, generator=own)
            count = min(_WAVE, math.ceil(accepted.more / _CHUNK))
        return accepted.rows

    def impute(self, x: Encoded, *, generator: torch.Generator) -> Encoded:
        """Return (N,) rows with every cell that is null or unknown drawn given the row's others; none stays null.

        Raises:
            ModelError: a column with such cells has nothing but nulls.
        """
        chain, filled = self._learned.ready(), x.clone()
        for network in self._learned.networks:
            span = network.axis.span
            missing = (x.codes[:, span.code] == UNKNOWN) | (
                x.codes[:, span.code] == (UNKNOWN if span.null is None else span.null)
            )
            filled.codes[missing, span.code] = UNKNOWN
            if span.size == 1 and span.null is not None and missing.any():
                fact, remedy = f"column {span.column!r} has none", "Leave it out"
                raise ModelError("a cell is imputed with a value that was learned", fact, remedy)
        rows = torch.nonzero((filled.codes == UNKNOWN).any(1))[:, 0]
        within = [_present(network.head) for network in self._learned.networks]
        seeds = torch.randint(2**62, (math.ceil(len(rows) / _GIVEN),), generator=generator).tolist()

        def drawn(chunk: int) -> Encoded:
            own = torch.Generator().manual_seed(seeds[chunk])
            part = rows[chunk * _GIVEN : (chunk + 1) * _GIVEN]
            return chain.complete(filled[part], generator=own, within=within)

        if parts := together(drawn, range(len(seeds))):
            done = Encoded.join(parts)
            filled.codes[rows], filled.values[rows] = done.codes, done.values
        return filled

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows on the encoded scale; unknown codes are passed over.

        An unknown code is also unknown to the columns after it, which makes the density of such a row approximate.
        """
        chain = self._learned
        parts = together(chain.log_prob, [x[low : low + _CHUNK] for low in range(0, len(x), _CHUNK)])
        return torch.cat(parts or [torch.zeros(0)])

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        return state_of(self._learned, self.plan)

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        chain, plan = chain_of(tensors, config)
        model = cls(plan)
        model.chain = chain
        return model

    @property
    def _learned(self) -> Chain:
        return learned(self.chain)

    def _passes(self, x: Encoded) -> int:
        """Return how many passes over (N,) rows are planned."""
        passes = self.plan.passes_over(len(x), len(self._learned.networks))
        return passes if self._learned.folds is None else round(self.plan.folded * passes)

    def _told(self, learners: Sequence[Learner], x: Encoded, *, passed: int, passes: int) -> str:
        """Try an attack on rows held in, if it is time for one; if it tells them apart let the learners wind down."""
        held = self.plan.held(len(x))
        if held < LEAST_ROWS or passed not in [round(share * passes) for share in self.plan.guards]:
            return ""
        with ExitStack() as stack:
            for one in learners:
                stack.enter_context(one.shown())
            drawn = self.sample(min(len(x), _DRAWN_ROWS), generator=torch.Generator().manual_seed(passed))
        axes, some = [network.axis for network in self._learned.networks], min(held, _ATTACKED_ROWS)
        area, error = leak(axes, drawn, x[held : held + 2 * some], x[:some])
        if area <= self.plan.leak + self.plan.leak_errors * error:
            return ""
        for one in learners:
            one.wind_down()
        return f", members begin to be told ({area:.3f}): ending"

    def _begin(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> Encoded:
        """Make the chain for (N,) rows, and return those that are learned from, in random order.

        Raises:
            ModelError: there are no rows.
        """
        require_rows(x)
        axes = [axis_of(span, x, *counts(self.plan, span)) for span in spans]
        most = max(1, self.plan.feature_cells // widths(axes)[-1])
        x = x[torch.randperm(len(x), generator=generator)[:most].to(x.codes.device)]
        log_shares = [frequencies(axis, axis.target(x)[0]) for axis in axes]
        folds = Folds.of(axes, x, count=self.plan.folds)
        networks = networks_of(axes, log_shares, plan=self.plan, folds=folds, generator=generator)
        self.chain = Chain(networks, half_is_fast() or x.codes.is_cuda)
        return x

    def _learners(self, x: Encoded, *, passes: int, generator: torch.Generator) -> list[Learner]:
        """Return a learner for each column that is not constant."""
        networks, half = self._learned.networks, self._learned.half
        axes = [network.axis for network in networks]
        features = features_of(axes, x, half=half)
        seeds = torch.randint(2**62, (len(axes),), generator=generator).tolist()
        table = [Rows(features[:, :width], *axis.target(x)) for axis, width in zip(axes, widths(axes), strict=False)]
        return [
            Learner(
                part.to(x.codes.device), rows, among=among, plan=self.plan, passes=passes, seed=seed + fold, half=half
            )
            for network, rows, seed in zip(networks, table, seeds, strict=True)
            if not network.axis.constant
            for fold, (part, among) in enumerate(zip(network.parts, learned_from(network, x), strict=True))
        ]

    def _discreet(self, x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator) -> Descent:
        """Make the chain from noisy counts, and return what learns its columns that are not constant."""
        self.plan = replace(self.plan, hidden=self.private.hidden)
        noisy = noisy_rows(x.codes, [span.size for span in spans], privacy=privacy, generator=generator)
        axes = [axis_by(span, rows, *counts(self.plan, span)) for span, rows in zip(spans, noisy, strict=True)]
        x = x[: max(1, self.plan.feature_cells // widths(axes)[-1])]
        features = features_of(axes, x, half=False)
        tables = [Rows(features[:, :width], *axis.target(x)) for axis, width in zip(axes, widths(axes), strict=False)]
        log_shares = [shares_by(axis, rows) for axis, rows in zip(axes, noisy, strict=True)]
        networks = networks_of(axes, log_shares, plan=self.plan, folds=None, generator=generator)
        self.chain = Chain(networks, half_is_fast() or x.codes.is_cuda)
        learning = [place for place, axis in enumerate(axes) if not axis.constant]
        return descent(
            [part.to(x.codes.device) for place in learning for part in networks[place].parts],
            [tables[place] for place in learning],
            privacy=privacy,
            plan=self.private,
            generator=generator,
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


def _present(head: Head) -> Restricted | None:
    """Return a head that draws no null; None: it draws none anyway."""
    span = head.axis.span
    return None if span.null is None else Restricted.of(head, Allowed(np.arange(span.size) != span.null))


def _loss(learners: Sequence[Learner]) -> float:
    """Return the loss of a row that is held in, in nats; that of a column is the mean over its folds."""
    folds = Counter(map(_column, learners))
    return sum(float(one.kept_losses.mean()) / folds[_column(one)] for one in learners)


def _note(learners: Sequence[Learner]) -> str:
    """Return how far the learners are, for people."""
    learning = len({_column(one) for one in learners if not one.done})
    return f"held-in log-likelihood {-_loss(learners):.3f}, {learning} columns learning"


def _column(learner: Learner) -> int:
    return learner.network.axis.span.code
