"""What all models have in common: on what terms they are trained, how a fit is followed, and how it went."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Tensor

from data_contracts import ModelError
from models.encoding import Allowed, Encoded, Span
from models.privacy import Privacy

__all__ = [
    "FREELY",
    "Checkpoint",
    "Course",
    "Density",
    "Fitted",
    "Guided",
    "Model",
    "Progress",
    "State",
    "Step",
    "Terms",
    "learned",
    "require_rows",
]

Part = TypeVar("Part")

State = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors by name, and all the rest as JSON holds it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where a fit stands.

    Args:
        done: steps so far.
        planned: steps at most.
        loss: nats per row held in, or what the model has in its place; NaN: not known.
        seconds_left: at most, if the next steps take as long as those so far.
        note: for people.
    """

    done: int
    planned: int
    loss: float
    seconds_left: float
    note: str


Progress = Callable[[Step], None]
"""Called after each step."""


class Checkpoint(Protocol):
    """Where a fit that may be interrupted keeps its state."""

    def load(self) -> State | None:
        """Return what was saved last; None: nothing that belongs to this fit."""

    def save(self, state: State) -> None:
        """Keep a state in the place of the last one, whole or not at all."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a model is trained, beside its own plan.

    Args:
        budget_seconds: an upper bound of the whole fit; no step begins that, with what is to be done after it, would go
            beyond it if it takes as long as the last.
        steps: end after so many: the count at which a budget cut gives the same bytes again.
        on_progress: called after each step.
        checkpoint: where the state is kept every `checkpoint_seconds`, and taken up again.
        checkpoint_seconds: between two.
        privacy: what is promised to every row; the encoding has spent its part of it.  None: nothing.
        on_samples: called now and then with a few rows as they would be drawn then, by a model of images.
    """

    budget_seconds: float | None = None
    steps: int | None = None
    on_progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    checkpoint_seconds: float = 10.0
    privacy: Privacy | None = None
    on_samples: Callable[[Encoded], None] | None = None


FREELY = Terms()
"""By the plan alone."""

_SECONDS_BETWEEN_SAMPLES = 15.0  # drawing a few takes a tenth of a second


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a fit went.

    Args:
        steps: of everything that was tried; as many give the same bytes again.
        cut: a budget or a number of steps ended it before its plan did.
        seconds: wall-clock.
        history: a line for each step: what was learned, and how well it fits rows held in.
        epsilon: that was spent, the encoding's part included; None: nothing was promised.
    """

    steps: int = 0
    cut: bool = False
    seconds: float = 0.0
    history: tuple[str, ...] = ()
    epsilon: float | None = None


class Course:
    """One fit under way: counts its steps, tells of them, and says when the terms end it.

    Its clock runs from the first line of the fit on: a budget is for all of it.

    Args:
        terms: that end it before its plan does.
        history: of the steps before, where it was taken up again.
        seconds: that these took.
    """

    def __init__(self, terms: Terms, *, history: Sequence[str] = (), seconds: float = 0.0) -> None:
        self.terms, self.planned, self.history = terms, 0, list(history)
        self._started = self._begun = self._saved = time.monotonic()
        self._shown = -math.inf
        self._before, self._last, self._ending, self._going = seconds, 0.0, 0.0, True

    @classmethod
    def begin(cls, terms: Terms) -> tuple[Self, State | None]:
        """Return a course, and the state that an interrupted one left; None: it is a new one."""
        state = None if terms.checkpoint is None else terms.checkpoint.load()
        if state is None:
            return cls(terms), None
        return cls(terms, history=state[1]["history"], seconds=state[1]["seconds"]), state

    def ready(self, *, planned: int, ending: float = 0.0) -> None:
        """Begin with the steps, now that all is prepared for them.

        Args:
            planned: steps at most.
            ending: how long what follows the last step takes, in steps.
        """
        self.planned, self._ending, self._begun = planned, ending, time.monotonic()

    @property
    def seconds(self) -> float:
        """Return how long it has taken so far, with what came before it was taken up again."""
        return self._before + time.monotonic() - self._started

    def passed(self, loss: float, note: str) -> bool:
        """Count a step, tell of it, and return whether the terms allow another."""
        self.history.append(note)
        done, now = len(self.history), time.monotonic()
        self._last, self._begun = now - self._begun, now
        budget = math.inf if self.terms.budget_seconds is None else self.terms.budget_seconds
        if self.terms.on_progress is not None:
            left = min((self.planned - done + self._ending) * self.seconds / done, budget - self.seconds)
            self.terms.on_progress(Step(done, self.planned, loss, max(0.0, left), note))
        self._going = (self.terms.steps is None or done < self.terms.steps) and self.affords(1)
        return self._going

    def affords(self, steps: float) -> bool:
        """Return whether the budget leaves time for what takes as long as so many steps like the last, and the end."""
        budget = self.terms.budget_seconds
        return budget is None or self.seconds + (steps + self._ending) * self._last <= budget

    def keep(self, state: Callable[[], State]) -> None:
        """Save a checkpoint if it is time for one; not after the last step, or who takes it up would take another."""
        checkpoint, now = self.terms.checkpoint, time.monotonic()
        if checkpoint is not None and self._going and now - self._saved >= self.terms.checkpoint_seconds:
            tensors, config = state()
            checkpoint.save((tensors, {**config, "history": self.history, "seconds": self.seconds}))
            self._saved = time.monotonic()

    def show(self, samples: Callable[[], Encoded]) -> None:
        """Hand over samples if somebody looks and it is time for some: after the first step, and then now and then."""
        if self.terms.on_samples is not None and time.monotonic() - self._shown >= _SECONDS_BETWEEN_SAMPLES:
            self.terms.on_samples(samples())
            self._shown = time.monotonic()

    def ended(self, *, cut: bool, epsilon: float | None = None) -> Fitted:
        """Return how it went."""
        return Fitted(len(self.history), cut, self.seconds, tuple(self.history), epsilon)


def require_rows(x: Encoded) -> None:
    """Refuse to learn nothing.

    Raises:
        ModelError: there are no rows.
    """
    if not len(x):
        raise ModelError("a model learns from rows", "there are none", "Look at the source and at the split")


def learned(part: Part | None) -> Part:
    """Return what a fit has left.

    Raises:
        ModelError: there was none.
    """
    if not part:
        raise ModelError("a model is fitted before it is used", "this one is not", "Call fit first")
    return part


class Model(Protocol):
    """One life for all models; each is a class with these methods and no other way to learn or draw."""

    fitted: Fitted

    def fit(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator, terms: Terms = ...) -> Self:
        """Learn (N,) rows.

        Args:
            x: (N,) encoded rows, on any device.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the model's own plan.

        Raises:
            ModelError: there are no rows, or the loss is not finite.
        """

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""


@runtime_checkable
class Density(Protocol):
    """A model that says how likely a row is."""

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities, or bounds of them, of (N,) rows on the encoded scale."""


@runtime_checkable
class Guided(Protocol):
    """A model that can be led to rows which meet conditions; of the others, what does not meet them is left out."""

    def sample_where(self, n: int, *, allowed: Sequence[Allowed | None], generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order, distributed as the model's rows are that meet the conditions.

        Args:
            n: rows.
            allowed: of each column, what may meet the conditions; None: everything.  A row that is drawn may lie
                outside, where that is left out later.
            generator: all randomness.

        Raises:
            ModelError: too few such rows can be drawn.
        """
