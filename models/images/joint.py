"""The joint of an image and its row: p(other columns) by a table model, times p(image | other columns).

So conditions and shares of other columns hold for images: they are drawn as of any table, and the image given them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from models.encoding import Allowed, Encoded, Span
from models.images.attributes import Attributes
from models.images.frame import Frame, as_bytes, as_numbers, frame_of
from models.images.training import Learner, Rows
from models.life import FREELY, Course, Fitted, State, Terms, learned, require_rows
from models.processors import accelerator, half_is_fast, one_thread, together
from models.states import part, prefixed

__all__ = ["Joint"]

_CHUNK = 128  # images that one thread draws or weighs at a time
_SHEET = 40  # images that show how far a fit is
_SHEET_SEED = 0  # their noise is always the same, so that sheets can be compared


class Joint(ABC):
    """A model of images; its kinds differ in what draws an image given the features of its row."""

    ending: ClassVar[float] = 0.0  # rounds' worth of time, that follows the last round

    def __init__(self) -> None:
        self.attributes: Attributes | None = None
        self.frame = Frame(1, 1, 1)
        self.half = False
        self.fitted = Fitted()

    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows with an image each; a step is a round of the model's plan.

        Args:
            x: (N,) encoded rows, on any device; it is learned on the accelerator where there is one.
            spans: of the encoding, one of them with pixels.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows, or no image column, or the loss is not finite.
        """
        require_rows(x)
        course, left = Course.begin(terms)
        self.frame = frame_of(x, spans)
        self.half = half_is_fast() or accelerator() != "cpu"
        x = x.to("cpu")[torch.randperm(len(x), generator=generator)]
        begun = self._begin(x, spans, left, generator=generator, course=course)
        with one_thread():
            rows = Rows(self.frame, x, self._learned, accelerator())
            learner = self._learner(rows, seed=begun["seed"])
            course.ready(planned=begun["before"] + learner.planned, ending=self.ending)
            if left is not None:
                learner.load((part("learner", left[0]), left[1]["learner"]))
            going = True
            while going and not learner.done:
                learner.round()
                going = course.passed(learner.loss, learner.note)
                course.show(lambda: self._sheet(learner))
                course.keep(lambda: self._under_way(learner, begun))
            learner.settle()
            self._end(rows, seed=begun["seed"])
        self.fitted = course.ended(cut=not learner.done)
        return self

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        return self.complete(self._learned.draw(n, generator=generator), generator=generator)

    def sample_where(self, n: int, *, allowed: Sequence[Allowed | None], generator: torch.Generator) -> Encoded:
        """Draw n rows of what is allowed of each column: (n,) encoded, in random order.

        Raises:
            ModelError: too few can be drawn.
        """
        return self.complete(self._learned.draw(n, allowed=allowed, generator=generator), generator=generator)

    def complete(self, x: Encoded, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows with an image drawn given the other columns of each."""
        seeds = torch.randint(2**62, (len(x) // _CHUNK + 1,), generator=generator).tolist()

        def drawn(features: Tensor, rows: Tensor) -> Tensor:
            return self._draw(features, generator=torch.Generator().manual_seed(seeds[int(rows[0]) // _CHUNK]))

        return self._drawn(x, drawn)

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        tensors, config = self._learned.state()
        own, plan = self._own()
        kept = {"attributes": config, "frame": list(self.frame.shape), "half": self.half, "own": plan}
        return {**prefixed("attributes", tensors), **prefixed("own", own)}, kept

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        model = cls()
        model.attributes = Attributes.from_state(part("attributes", tensors), config["attributes"])
        model.frame, model.half = Frame(*config["frame"]), config["half"]
        model._take(part("own", tensors), config["own"])
        return model

    @abstractmethod
    def _learner(self, rows: Rows, *, seed: int) -> Learner:
        """Make what draws, at its start, and return what teaches it (N,) rows."""

    def _end(self, rows: Rows, *, seed: int) -> None:  # noqa: B027 - most models are done when their network is
        """Make what follows the last round."""

    @abstractmethod
    def _draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n, c, h, w) numbers drawn given (n, P) features."""

    @abstractmethod
    def _own(self) -> State:
        """Return the state of what draws."""

    @abstractmethod
    def _take(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        """Take in what `_own` returned."""

    @property
    def _learned(self) -> Attributes:
        return learned(self.attributes)

    def _drawn(self, x: Encoded, draw: Callable[[Tensor, Tensor], Tensor]) -> Encoded:
        """Return (n,) rows with images.

        Args:
            x: the rows.
            draw: returns (m, c, h, w) numbers given (m, P) features at (m,) positions.
        """

        def drawn(rows: Tensor) -> Tensor:
            with torch.no_grad():
                return as_bytes(draw(self._learned.features(x[rows]).to(accelerator()), rows)).cpu()

        none = torch.zeros(0, *self.frame.shape, dtype=torch.uint8)
        return Encoded(x.codes, x.values, torch.cat([none, *together(drawn, _pieces(x))]))

    def _each(self, x: Encoded, look: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return what is seen of (N,) rows: `look` takes (n, c, h, w) numbers and (n, P) features."""
        pixels = x.pixels if x.pixels is not None else torch.zeros(len(x), *self.frame.shape, dtype=torch.uint8)

        def looked(rows: Tensor) -> Tensor:
            features = self._learned.features(x[rows]).to(accelerator())
            return look(as_numbers(pixels[rows].to(accelerator())), features).float().cpu()

        return torch.cat(together(looked, _pieces(x)))

    def _weighed(self, x: Encoded, weigh: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return (N,) log-densities of (N,) rows: of the other columns, and of the images given them.

        Args:
            x: the rows.
            weigh: returns (n,) log-densities of (n, c, h, w) numbers given (n, P) features.
        """
        return self._learned.log_prob(x) + (self._each(x, weigh) if len(x) else torch.zeros(0))

    def _begin(
        self, x: Encoded, spans: Sequence[Span], left: State | None, *, generator: torch.Generator, course: Course
    ) -> dict[str, int]:
        """Learn the other columns, or take them up; return the seed of the images, and the steps before theirs."""
        if left is not None:
            kept = left[1]["begun"]
            self.attributes = Attributes.from_state(part("attributes", left[0]), left[1]["attributes"])
            return dict(kept)
        self.attributes = Attributes.learn(x, spans, generator=generator, course=course)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        return {"seed": seed, "before": len(course.history)}

    def _under_way(self, learner: Learner, begun: dict[str, int]) -> State:
        """Return all that the next round depends on."""
        tensors, config = self._learned.state()
        own, figures = learner.state()
        kept = {"attributes": config, "learner": figures, "begun": begun}
        return {**prefixed("attributes", tensors), **prefixed("learner", own)}, kept

    def _sheet(self, learner: Learner) -> Encoded:
        """Return a few rows as the model would draw them now."""
        with learner.shown():
            return self.sample(_SHEET, generator=torch.Generator().manual_seed(_SHEET_SEED))


def _pieces(x: Encoded) -> list[Tensor]:
    """Return the positions of (N,) rows in pieces that a thread takes at a time."""
    return list(torch.split(torch.arange(len(x)), _CHUNK)) if len(x) else []
