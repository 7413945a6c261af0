"""Learning by descent on images: batches in two halves, a thread each; weights averaged, and judged by rows held in."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from data_contracts import ModelError
from models.encoding import Encoded
from models.images.attributes import Attributes
from models.images.frame import Frame, as_numbers
from models.images.muon import Muon, hidden_weights
from models.life import State
from models.processors import one_thread, together
from models.states import load_optimiser, load_weights, of_optimiser, part, prefixed

__all__ = ["Average", "Learner", "Plan", "Rows", "Trainer", "gradients", "rate_at", "require_finite"]

_WARM_STEPS = 100  # the rate rises over so many steps: the optimiser's own averages are of nothing yet
_LAST_RATE = 0.02  # of the first: at the end of the line
_YOUNG = 0.3  # the average spans about 3 times the steps so far, while these are few
_CLIP = 1.0  # the greatest norm of a step's gradient
_JUDGED_BATCH = 256
_BETAS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained by descent and how long.

    Args:
        channels: of the first level's blocks; the second level's have twice as many.
        blocks: of the second level.
        shown: images times passes over them, at most.
        passes: over the images, at most.
        batch: images of a step.
        round_steps: steps of a round, after which the weights are judged.
        rate: of learning, until it falls in a straight line.
        turning: the rate of the weights between layers, which learn by orthogonal steps.
        decay: of weights.
        average: of the weights over so many steps, exponentially.
        patience: share of the planned rounds; as many that keep nothing end the fit.
        holdin: share of the training images that judge.
        judged_rows: at most so many.
    """

    channels: int = 32
    blocks: int = 4
    shown: int = 900_000
    passes: int = 60
    batch: int = 64
    round_steps: int = 50
    rate: float = 2e-3
    turning: float = 0.02
    decay: float = 0.01
    average: int = 500
    patience: float = 0.2
    holdin: float = 0.05
    judged_rows: int = 256

    def rounds(self, rows: int) -> int:
        """Return how many rounds are planned for so many images."""
        shown = min(self.shown, self.passes * rows)
        return max(1, math.ceil(shown / (self.batch * self.round_steps)))

    def held(self, rows: int) -> int:
        """Return how many of so many images judge; none of a single one, which then judges itself."""
        return min(self.judged_rows, math.ceil(rows * self.holdin)) if rows > 1 else 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Images and their rows' other columns, as they are learned from.

    Args:
        frame: of the images.
        x: (N,) encoded rows, in random order.
        attributes: of the other columns.
        device: on which is learned.
    """

    frame: Frame
    x: Encoded
    attributes: Attributes
    device: str

    def __len__(self) -> int:
        """Return N."""
        return len(self.x)

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (n, c, h, w) numbers and the (n, P) features at (n,) positions."""
        x = self.x[rows]
        pixels = x.pixels if x.pixels is not None else torch.zeros(0, *self.frame.shape)
        return as_numbers(pixels.to(self.device)), self.attributes.features(x).to(self.device)


class Learner(Protocol):
    """What a model of images learns by, round by round."""

    @property
    def planned(self) -> int:
        """Return how many rounds at most."""

    @property
    def done(self) -> bool:
        """Return whether the plan is at its end."""

    @property
    def loss(self) -> float:
        """Return what stands for the loss."""

    @property
    def note(self) -> str:
        """Return how far it is, for people."""

    def round(self) -> None:
        """Go on.

        Raises:
            ModelError: the loss is not finite.
        """

    def settle(self) -> None:
        """Give the model what was learned."""

    def shown(self) -> AbstractContextManager[None]:
        """Let the model be what has been learned so far, for as long as a block runs."""

    def state(self) -> State:
        """Return all that the next round depends on, beside the rows."""

    def load(self, state: State) -> None:
        """Take up what `state` returned."""


class Objective(Protocol):
    """What a network descends along."""

    def draws(self, images: Tensor, features: Tensor, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return a batch for `loss`: (n, c, h, w) images and (n, P) features, and what is drawn at random for each."""

    def loss(self, *batch: Tensor) -> Tensor:
        """Return the mean loss of a batch."""


class Average:
    """Weights averaged over steps, exponentially.

    Args:
        parameters: that change.
        steps: that the average spans.
    """

    def __init__(self, parameters: Sequence[Tensor], steps: int) -> None:
        self.parameters, self.span = list(parameters), steps
        self.weights = [one.detach().clone() for one in self.parameters]

    def take(self, step: int) -> None:
        """Take in the parameters as they are after so many steps."""
        share = max(1 / self.span, 1 / (1 + step * _YOUNG))
        torch._foreach_lerp_(self.weights, [one.detach() for one in self.parameters], share)

    @contextmanager
    def shown(self, weights: Sequence[Tensor] | None = None) -> Iterator[None]:
        """Let the parameters be the average, or other weights, for as long as the block runs."""
        current = [one.detach().clone() for one in self.parameters]
        load_weights(self.parameters, self.weights if weights is None else weights)
        try:
            yield
        finally:
            load_weights(self.parameters, current)


class Trainer:
    """A network on its way down an objective.

    Args:
        network: to be trained.
        rows: N of them; the first judge it.
        objective: of the network.
        plan: how it learns.
        seed: of all its draws.
        half: multiply bfloat16.
    """

    def __init__(
        self, network: nn.Module, rows: Rows, objective: Objective, *, plan: Plan, seed: int, half: bool
    ) -> None:
        self.network, self.rows, self.objective, self.plan, self.half = network, rows, objective, plan, half
        self.held, self.random = plan.held(len(rows)), torch.Generator().manual_seed(seed)
        self._judging = int(torch.randint(2**62, (1,), generator=self.random))
        self.parameters = list(network.parameters())
        self.average = Average(self.parameters, plan.average)
        self.kept, self.kept_loss = [one.clone() for one in self.average.weights], math.inf
        self.rounds = self.steps = self.stale = 0
        self._muon = Muon(hidden_weights(network), rate=plan.turning, decay=plan.decay, half=half)
        turned = {id(one) for one in self._muon.parameters}
        others = [one for one in self.parameters if id(one) not in turned]
        self._adam = torch.optim.AdamW(others, lr=plan.rate, betas=_BETAS, weight_decay=plan.decay, fused=True)

    @property
    def planned(self) -> int:
        """Return how many rounds at most."""
        return self.plan.rounds(len(self.rows))

    @property
    def done(self) -> bool:
        """Return whether the plan is at its end, or has kept nothing for long."""
        return self.rounds >= self.planned or self.stale > max(5, self.plan.patience * self.planned)

    @property
    def loss(self) -> float:
        """Return the loss of the images that are held in, under the weights that are kept."""
        return self.kept_loss

    @property
    def note(self) -> str:
        """Return how far it is, for people."""
        return f"held-in loss {self.kept_loss:.4f}"

    def round(self) -> None:
        """Take a round of steps, and keep the averaged weights if they are the best.

        Raises:
            ModelError: the loss is not finite.
        """
        for _ in range(self.plan.round_steps):
            rows = torch.randint(self.held, len(self.rows), (self.plan.batch,), generator=self.random)
            batch = self.objective.draws(*self.rows.at(rows), generator=self.random)
            _, slopes = gradients(self.objective.loss, self.parameters, batch, half=self.half)
            self._descend(slopes)
        self.rounds += 1
        with self.average.shown():
            loss = require_finite(self._judged())
        better = loss < self.kept_loss
        self.stale = 0 if better else self.stale + 1
        if better:
            self.kept, self.kept_loss = [one.clone() for one in self.average.weights], loss

    def settle(self) -> None:
        """Give the network the weights that were kept."""
        load_weights(self.parameters, self.kept)

    def shown(self) -> AbstractContextManager[None]:
        """Let the network have the weights that are kept, for as long as a block runs."""
        return self.average.shown(self.kept)

    def state(self) -> State:
        """Return all that the next round depends on, beside the rows."""
        ones: dict[str, Sequence[Tensor]] = {"now": self.parameters, "average": self.average.weights, "kept": self.kept}
        tensors: dict[str, Tensor] = {"random": self.random.get_state()}
        for name, those in ones.items():
            tensors |= prefixed(name, {str(place): one for place, one in enumerate(those)})
        figures = {name: getattr(self, name) for name in ("rounds", "steps", "stale", "kept_loss")}
        tensors |= prefixed("adam", of_optimiser(self._adam)) | prefixed("muon", self._muon.state())
        return tensors, figures

    def load(self, state: State) -> None:
        """Take up what `state` returned."""
        tensors, figures = state
        now, average, kept = (part(name, tensors) for name in ("now", "average", "kept"))
        places = [str(place) for place in range(len(self.parameters))]
        load_weights(self.parameters, [now[place] for place in places])
        load_weights(self.average.weights, [average[place] for place in places])
        load_weights(self.kept, [kept[place] for place in places])
        for name, figure in figures.items():
            if name in ("rounds", "steps", "stale", "kept_loss"):
                setattr(self, name, figure)
        self.random.set_state(tensors["random"])
        load_optimiser(self._adam, part("adam", tensors))
        self._muon.load(part("muon", tensors))

    def _descend(self, slopes: Sequence[Tensor]) -> None:
        """Take a step along the gradients."""
        self.steps += 1
        for one, slope in zip(self.parameters, slopes, strict=True):
            one.grad = slope
        torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP)
        share = rate_at(self.steps, self.planned * self.plan.round_steps)
        for group in self._adam.param_groups:
            group["lr"] = self.plan.rate * share
        self._adam.step()
        self._muon.step(share)
        self.average.take(self.steps)

    @torch.no_grad()
    def _judged(self) -> float:
        """Return the mean loss of the images held in, at draws that are the same each time."""
        own, places = torch.Generator().manual_seed(self._judging), torch.arange(self.held or len(self.rows))
        pieces = torch.split(places, _JUDGED_BATCH)
        parts = [self.objective.draws(*self.rows.at(rows), generator=own) for rows in pieces]

        def judged(batch: tuple[Tensor, ...]) -> Tensor:
            with torch.no_grad(), torch.autocast(self.rows.device, torch.bfloat16, enabled=self.half):
                return self.objective.loss(*batch) * len(batch[0])

        return float(torch.stack(together(judged, parts)).sum() / len(places))


def rate_at(step: int, planned: int) -> float:
    """Return the share of the greatest rate at a step: it rises from 0, and falls in a straight line."""
    return min(1.0, step / _WARM_STEPS, max(_LAST_RATE, 1 - step / planned))


def require_finite(loss: float) -> float:
    """Return a loss that is finite.

    Raises:
        ModelError: it is not.
    """
    if math.isfinite(loss):
        return loss
    raise ModelError("training keeps a finite loss", f"it was {loss}", "Train again with another seed, and report it")


def gradients(
    loss: Callable[..., Tensor], parameters: Sequence[Tensor], batch: Sequence[Tensor], *, half: bool
) -> tuple[float, list[Tensor]]:
    """Return the mean loss of a batch and its gradients: on processors two halves at once, a thread each."""
    device = batch[0].device.type

    def descended(piece: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        with torch.autocast(device, torch.bfloat16, enabled=half):
            value = loss(*piece)
        return value.detach(), torch.autograd.grad(value, parameters)

    if device != "cpu" or len(batch[0]) < 2:  # noqa: PLR2004 - one image has no halves
        value, slopes = descended(batch)
        return float(value), list(slopes)
    with one_thread(), ThreadPoolExecutor(2) as pool:
        halves = zip(*(one.chunk(2) for one in batch), strict=True)
        (one, first), (two, second) = pool.map(descended, halves)
    return float(one + two) / 2, [torch.add(a, b).mul_(0.5) for a, b in zip(first, second, strict=True)]
