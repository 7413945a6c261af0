"""The best of several: candidates are trained one after the other, and the one that held-out evidence prefers is kept.

The evidence is the mean log-likelihood of rows that no candidate saw, where every candidate has a density (all are on
the same encoded scale); else how little boosted trees tell these rows from as many that were drawn.  A candidate that
tells who was learned from, by the rows that it draws or by its own density, loses to any that keeps it: likelihood does
not see that.

What draws best is not what tells anomalies best.  So beside the winner a detector is kept, which new rows are judged
by: the winner, unless another density tells rows that are planted among unseen ones better (`models.planting`).

When to choose it: where the table is new, and a minute is to be had.
How it fails, and what is done about it: the budget ends before all have been tried.  What learns in seconds comes
first and the likeliest winner next; what was cut takes part as it is and ends the contest, and what took no part is
recorded as such.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import Any, Self, final

import torch
from torch import Tensor

from data_contracts import ModelError
from models.autoregressive import Autoregressive
from models.chain.guard import BOUND, LEAST_ROWS, leak
from models.columns import axis_of
from models.encoding import Encoded, Span
from models.evidence import evidence
from models.gmm import GaussianMixture
from models.life import FREELY, Density, Fitted, Model, State, Step, Terms, learned, require_rows
from models.planting import planted, tells
from models.states import part, prefixed
from models.telling import BOUND as OWN_BOUND
from models.telling import area
from models.trees import Trees

__all__ = ["CANDIDATES", "Auto", "Entry", "joined"]

CANDIDATES: dict[str, type[Model]] = {"trees": Trees, "autoregressive": Autoregressive, "gmm": GaussianMixture}
"""In the order in which they are tried: a short budget leaves something ripe, a longer one the likeliest winner."""

_JUDGED_SHARE, _MOST_JUDGED = 0.05, 2_000  # rows: a mean log-likelihood to a few hundredths of a nat
_DRAWN_ROWS = 10_000  # among which an attack looks for the nearest: half a second for each candidate


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate in the contest.

    Args:
        name: of the model.
        evidence: nats per row, or one minus how well two samples are told apart; None: it took no part.
        steps: that it took.
        cut: the budget ended it before its plan did.
        kept: it won.
        told: the area under the ROC curve of a membership attack by distance, .5 if nobody is told; None: not tried.
        tells: that of an attack by its density; None: not tried, or it has none.
        leaks: either is more than its bound and chance allow.
        finds: how well its density tells planted rows from those that no candidate saw: the area under the ROC curve;
            None: it has none.
        judges: new rows are judged by it.
    """

    name: str
    evidence: float | None = None
    steps: int = 0
    cut: bool = False
    kept: bool = False
    told: float | None = None
    tells: float | None = None
    leaks: bool = False
    finds: float | None = None
    judges: bool = False

    def __str__(self) -> str:
        """Return the entry for people."""
        if self.evidence is None:
            return f"{self.name}: took no part, the budget was spent"
        cut, kept = " (cut)" if self.cut else "", ", kept" if self.kept else ""
        found = " and ".join(f"{each:.3f}" for each in (self.told, self.tells) if each is not None)
        told = f", tells members apart ({found})" if self.leaks else ""
        finds = "" if self.finds is None else f", finds planted rows ({self.finds:.3f})"
        judges = ", judges new rows" if self.judges else ""
        return f"{self.name}: {self.evidence:.3f} after {self.steps} steps{cut}{told}{finds}{kept}{judges}"


@final
class Auto:
    """A contest, its winner, and its detector, which mostly is the winner.

    Args:
        candidates: names, in the order in which they are tried.
    """

    def __init__(self, candidates: Sequence[str] = tuple(CANDIDATES)) -> None:
        self.candidates = tuple(candidates)
        self.contest: tuple[Entry, ...] = ()
        self.winner: Model | None = None
        self.detector: Model | None = None
        self.fitted = Fitted()

    def fit(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator, terms: Terms = FREELY) -> Self:
        """Learn (N,) rows with each candidate, and keep the best; a step is one of a candidate's.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the contest as a whole.

        Raises:
            ModelError: there are no rows, or a loss is not finite.
        """
        require_rows(x)
        order = torch.randperm(len(x), generator=generator).to(x.codes.device)
        held = min(_MOST_JUDGED, math.ceil(len(x) * _JUDGED_SHARE)) if len(x) > 1 else 0
        judged, learned = x[order[:held] if held else order].to("cpu"), x[order[held:]]
        drawn = torch.randint(2**62, (len(CANDIDATES),), generator=generator).tolist()
        seeds = dict(zip(CANDIDATES, drawn, strict=True))  # of all there are, whoever takes part
        trained, heats = dict[str, Model](), _Heats(terms)
        for name in self.candidates:
            own = torch.Generator().manual_seed(seeds[name])
            if (model := heats.run(name, learned, spans, generator=own)) is not None:
                trained[name] = model
        members = learned[: 2 * len(judged)].to("cpu") if held >= LEAST_ROWS else None
        self._decide(trained, judged, spans, members=members, seed=seeds[self.candidates[0]])
        self.fitted = replace(heats.fitted, cut=heats.fitted.cut or len(trained) < len(self.candidates))
        return self

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        return self.kept.sample(n, generator=generator)

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows on the encoded scale, if the winner has a density.

        Raises:
            ModelError: it has none.
        """
        if not isinstance(self.kept, Density):
            raise ModelError("the likelihood of rows is a density's", "the winner has none", "Choose another model")
        return self.kept.log_prob(x)

    def state(self) -> State:
        """Return the weights as tensors, and the configuration and the contest as JSON holds it.

        They are the winner's, and the detector's where it is another.
        """
        tensors, config = self.kept.state()
        name = next(entry.name for entry in self.contest if entry.kept)
        kept = {"winner": name, "contest": [asdict(entry) for entry in self.contest], "config": config}
        if self.detector is self.winner:
            return tensors, kept
        judging, config = learned(self.detector).state()
        return tensors | prefixed(_DETECTOR, judging), {**kept, "detector": config}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        model = cls([entry["name"] for entry in config["contest"]])
        model.contest = tuple(Entry(**entry) for entry in config["contest"])
        own = {name: one for name, one in tensors.items() if not name.startswith(f"{_DETECTOR}.")}
        model.winner = model.detector = CANDIDATES[config["winner"]].from_state(own, config["config"])
        if "detector" in config:
            judging = part(_DETECTOR, tensors)
            model.detector = CANDIDATES[model.judged_by].from_state(judging, config["detector"])
        return model

    @property
    def judged_by(self) -> str:
        """Return the name of the detector."""
        return max(self.contest, key=lambda entry: (entry.judges, entry.kept)).name

    @property
    def published(self) -> dict[str, Model]:
        """Return the winner and, behind it, the detector, by their names; one, where they are the same."""
        winner = next(entry.name for entry in self.contest if entry.kept)
        return {winner: self.kept, self.judged_by: learned(self.detector)}

    @property
    def kept(self) -> Model:
        """Return the winner.

        Raises:
            ModelError: there is none yet.
        """
        return learned(self.winner)

    def _decide(
        self,
        trained: dict[str, Model],
        judged: Encoded,
        spans: Sequence[Span],
        *,
        members: Encoded | None,
        seed: int,
    ) -> None:
        """Keep the candidate that evidence prefers among those that keep who was learned from, if any does."""
        figures = evidence(list(trained.values()), judged, spans, seed=seed)
        entries = {
            name: Entry(name, figure, model.fitted.steps, model.fitted.cut)
            for (name, model), figure in zip(trained.items(), figures, strict=True)
        }
        if members is not None:
            for name, model in trained.items():
                entries[name] = _attacked(entries[name], model, members, judged, spans, seed=seed)
        best = max(entries.values(), key=lambda entry: (not entry.leaks, entry.evidence))
        entries[best.name] = replace(best, kept=True)
        for name, finds in _found(trained, judged, spans, seed=seed).items():
            entries[name] = replace(entries[name], finds=finds)
        judge = _judge(entries.values(), rows=len(judged))
        entries[judge] = replace(entries[judge], judges=True)
        self.winner, self.detector = trained[best.name], trained[judge]
        self.contest = tuple(entries.get(name, Entry(name)) for name in self.candidates)


def _attacked(
    entry: Entry, model: Model, members: Encoded, others: Encoded, spans: Sequence[Span], *, seed: int
) -> Entry:
    """Return an entry with what two attacks find: by what the model draws, and by its density, if it has one.

    Args:
        entry: of the model.
        model: that is attacked.
        members: (N,) rows that it learned from.
        others: (M,) rows that it did not.
        spans: of the encoding.
        seed: of what it draws.
    """
    axes = [axis_of(span, members, 0, 0, 0) for span in spans]
    drawn = model.sample(_DRAWN_ROWS, generator=torch.Generator().manual_seed(seed))
    told, error = leak(axes, drawn, members, others)
    tells = area(model.log_prob(members), model.log_prob(others))[0] if isinstance(model, Density) else None
    leaks = told > BOUND + error or (tells is not None and tells > OWN_BOUND + error)
    return replace(entry, told=told, tells=tells, leaks=leaks)


def _found(trained: dict[str, Model], judged: Encoded, spans: Sequence[Span], *, seed: int) -> dict[str, float]:
    """Return how well each density tells planted rows from (N,) rows that no candidate saw."""
    odd = list(planted(judged, spans, generator=torch.Generator().manual_seed(seed)).values())

    def found(model: Density) -> float:
        return tells(lambda x: -model.log_prob(x), judged, odd)

    return {name: found(model) for name, model in trained.items() if isinstance(model, Density)}


def _judge(entries: Collection[Entry], *, rows: int) -> str:
    """Return the name of the detector: the winner's, unless another density is ahead by more than chance.

    It would be published beside the winner, while the gate sees what the winner draws alone: so the attacks must have
    been tried on it, and have told nobody.  Chance is the greatest standard error that a mean over so many rows can
    have of what lies between 0 and 1.
    """
    winner = next(entry for entry in entries if entry.kept)
    able = [
        (entry.finds, entry.name)
        for entry in entries
        if entry.finds is not None and entry.told is not None and not entry.leaks
    ]
    most, name = max(able, default=(0.0, winner.name))
    ahead = winner.finds is None or most > winner.finds + 0.5 / math.sqrt(rows)
    return name if ahead else winner.name


def joined(contests: Sequence[State]) -> State:
    """Return the checkpoint of a contest whose candidates have ended, each in a contest of its own.

    Args:
        contests: what each of these left in its checkpoint.
    """
    ended = {name: fit for _, config in contests for name, fit in config["ended"].items()}
    return reduce(or_, [tensors for tensors, _ in contests], {}), {"ended": ended, "now": None, "config": {}}


class _Heats:
    """The candidates' fits, one after the other, under the terms of the whole contest.

    Args:
        terms: of the contest.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms, self.fitted = terms, Fitted()
        self._ended: dict[str, State] = {}
        saved = terms.checkpoint.load() if terms.checkpoint is not None else None
        self._saved: State = saved or ({}, {"ended": {}, "now": None})

    def run(self, name: str, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> Model | None:
        """Return a candidate that has learned (N,) rows, now or before; None: it takes no part.

        A cut ends the contest: were another to take part, no number of steps would tell who took them.
        """
        if self.fitted.cut:
            return None
        model = self._finished(name)
        if model is None and (left := self._left(name)) is not None:
            model = CANDIDATES[name]().fit(x, spans, generator=generator, terms=left)
        if model is not None:
            self._finish(name, model)
        return model

    def _left(self, name: str) -> Terms | None:
        """Return the terms that a candidate is trained on; None: what came before has spent them."""
        budget, steps = self.terms.budget_seconds, self.terms.steps
        budget = None if budget is None else budget - self.fitted.seconds
        steps = None if steps is None else steps - self.fitted.steps
        if (budget is not None and budget <= 0) or (steps is not None and steps <= 0):
            return None
        slot = None if self.terms.checkpoint is None else _Slot(self, name)
        told = None if self.terms.on_progress is None else partial(self._tell, name)
        return replace(self.terms, budget_seconds=budget, steps=steps, on_progress=told, checkpoint=slot)

    def _finished(self, name: str) -> Model | None:
        """Return a candidate that was trained before an interruption, or elsewhere."""
        tensors, config = self._saved
        if name not in config["ended"]:
            return None
        model = CANDIDATES[name].from_state(part(name, tensors), config["ended"][name]["config"])
        fitted = config["ended"][name]["fitted"]
        model.fitted = Fitted(**{**fitted, "history": tuple(fitted["history"])})
        return model

    def _finish(self, name: str, model: Model) -> None:
        """Count a candidate's steps, and keep it for the case of an interruption."""
        fitted, so_far = model.fitted, self.fitted
        self.fitted = Fitted(
            so_far.steps + fitted.steps,
            so_far.cut or fitted.cut,
            so_far.seconds + fitted.seconds,
            (*so_far.history, *(f"{name}: {line}" for line in fitted.history)),
        )
        if self.terms.checkpoint is not None:
            tensors, config = model.state()
            self._ended[name] = tensors, {"config": config, "fitted": asdict(fitted)}
            self.save(None, ({}, {}))

    def save(self, name: str | None, state: State) -> None:
        """Keep what has ended, and the state of the candidate that is under way."""
        ended = [prefixed(each, tensors) for each, (tensors, _) in self._ended.items()]
        tensors = reduce(or_, [*ended, prefixed(_NOW, state[0])])
        configs = {each: config for each, (_, config) in self._ended.items()}
        if self.terms.checkpoint is not None:
            self.terms.checkpoint.save((tensors, {"ended": configs, "now": name, "config": state[1]}))

    def under_way(self, name: str) -> State | None:
        """Return what an interruption left of a candidate."""
        tensors, config = self._saved
        return (part(_NOW, tensors), config["config"]) if config["now"] == name else None

    def _tell(self, name: str, step: Step) -> None:
        if self.terms.on_progress is not None:
            done, planned = step.done + self.fitted.steps, step.planned + self.fitted.steps
            self.terms.on_progress(replace(step, done=done, planned=planned, note=f"{name}: {step.note}"))


_NOW, _DETECTOR = "now", "detector"  # no model is called so, nor any of its tensors


@dataclass(frozen=True, slots=True)
class _Slot:
    """One candidate's checkpoint, inside that of the contest."""

    heats: _Heats
    name: str

    def load(self) -> State | None:
        return self.heats.under_way(self.name)

    def save(self, state: State) -> None:
        self.heats.save(self.name, state)
