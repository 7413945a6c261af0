"""Upscaling: what a small image leaves open flows from noise, beside the image enlarged.

    v = argmin E | v(x_t, t, up) - (x_1 - x_0) |²,    x_t = t·x_1 + (1 - t)·x_0,    x_1 = (image - up) / s

Flow matching (`models.images.flow_matching`) of the residual, where `up` is the small image enlarged bicubically and s
the spread of what that leaves.  Small images are means over squares of pixels.  One row in four starts from no noise at
t = 0, where the best field is the mean of all images that the small one may be of: one look at the network gives it.
From noise, some steps give one such image.

When to choose it: for images of the sort that was learned from, and no others.
How it fails, and what is done about it:

- detail that was never there: the mean shows what is sure, and blurs what is not; a draw is sharp, and may be wrong;
- brightness that drifts: each square of the large image is moved to the mean that the small one says;
- small images made in another way than as means over squares: none of it is learned.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self, final

import torch
from torch import Tensor
from torch.nn import functional

from models.encoding import Encoded, Span
from models.images.attributes import Attributes
from models.images.frame import Frame, as_bytes, as_numbers
from models.images.networks import Unet
from models.images.training import Plan, Rows, Trainer
from models.life import FREELY, Course, Fitted, State, Terms, learned, require_rows
from models.processors import accelerator, half_is_fast, one_thread, together

__all__ = ["RESTORING", "Restoring", "Upscaling", "enlarged", "reduced"]

_TRAINING = Plan(shown=600_000)
_CHUNK = 128  # images that one thread upscales at a time
_LOOKED = 2_048  # images that the residual's spread is seen from
_LEAST_SPREAD = 1e-3  # of images that enlarging restores


@dataclass(frozen=True, slots=True)
class Restoring:
    """What is learned and how images are drawn.

    Args:
        training: the network and its descent.
        still: share of the rows that start from no noise.
        steps: of a draw.
    """

    training: Plan = _TRAINING
    still: float = 0.25
    steps: int = 8


RESTORING = Restoring()


def reduced(images: Tensor, factor: int) -> Tensor:
    """Return (n, c, h, w) uint8 pixels as (n, c, h / factor, w / factor): each the mean of a square, rounded."""
    return as_bytes(functional.avg_pool2d(as_numbers(images), factor))


def enlarged(small: Tensor, factor: int) -> Tensor:
    """Return (n, c, h, w) uint8 pixels as (n, c, factor * h, factor * w), bicubically, as image libraries do."""
    return as_bytes(_enlarged(as_numbers(small), factor))


class _Restoration:
    """The objective: the mean squared distance of the field from the straight way.

    Args:
        network: the field.
        factor: by which images are enlarged.
        spread: of what enlarging leaves.
        still: share of the rows that start from no noise.
    """

    def __init__(self, network: Unet, factor: int, *, spread: float, still: float) -> None:
        self.network, self.factor, self.spread, self.still = network, factor, spread, still

    def draws(self, images: Tensor, features: Tensor, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return images, noise of the same shape, (n,) times, and features."""
        n = len(images)
        moves = (torch.rand(n, generator=generator) >= self.still).to(images.device)
        noise = torch.randn(images.shape, generator=generator).to(images.device) * moves[:, None, None, None]
        when = torch.rand(n, generator=generator).to(images.device) * moves
        return images, noise, when, features

    def loss(self, *batch: Tensor) -> Tensor:
        """Return the mean loss."""
        images, noise, when, features = batch
        up = _again(images, self.factor)
        left = (images - up) / self.spread
        field: Tensor = self.network(torch.cat([noise.lerp(left, when[:, None, None, None]), up], 1), when, features)
        return (field - (left - noise)).square().mean()


@final
class Upscaling:
    """A field of velocities beside an enlarged image.

    Args:
        factor: by which images are enlarged; sides are multiples of it.
        plan: what is learned.
    """

    def __init__(self, factor: int = 2, plan: Restoring = RESTORING) -> None:
        self.factor, self.plan = factor, plan
        self.frame, self.spread, self.half = Frame(1, 1, 1), 1.0, False
        self.network: Unet | None = None
        self.fitted = Fitted()

    def fit(self, pixels: Tensor, *, generator: torch.Generator, terms: Terms = FREELY) -> Self:
        """Learn from large images, of which the small ones are made; a step is a round of the model's plan.

        Args:
            pixels: (N, c, h, w) uint8.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no images, or the loss is not finite.
        """
        course, left = Course.begin(terms)
        rows = self._rows(pixels[torch.randperm(len(pixels), generator=generator)])
        seed = int(torch.randint(2**62, (1,), generator=generator))
        self.half = half_is_fast() or accelerator() != "cpu"
        with one_thread():
            learner = self._learner(rows, seed=seed)
            course.ready(planned=learner.planned)
            if left is not None:
                learner.load(left)
            going = True
            while going and not learner.done:
                learner.round()
                going = course.passed(learner.loss, learner.note)
                course.keep(learner.state)
            learner.settle()
        self.fitted = course.ended(cut=not learner.done)
        return self

    def expected(self, small: Tensor) -> Tensor:
        """Return the mean of all images that each of (n, c, h, w) small ones may be of: (n, c, factor * h, factor * w).

        Both are uint8.
        """
        return self._restored(small, lambda up, _: self._velocity(torch.zeros_like(up), 0.0, up))

    def drawn(self, small: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return an image that each of (n, c, h, w) small ones may be of: (n, c, factor * h, factor * w).

        Both are uint8.
        """
        seeds = torch.randint(2**62, (len(small) // _CHUNK + 1,), generator=generator).tolist()
        return self._restored(small, lambda up, chunk: self._flowed(up, torch.Generator().manual_seed(seeds[chunk])))

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        kept = {"factor": self.factor, "frame": list(self.frame.shape), "spread": self.spread, "half": self.half}
        return learned(self.network).state_dict(), {**kept, "plan": asdict(self.plan)}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        plan = config["plan"]
        model = cls(config["factor"], Restoring(**{**plan, "training": Plan(**plan["training"])}))
        model.frame, model.spread, model.half = Frame(*config["frame"]), config["spread"], config["half"]
        model.network = model._made(torch.Generator())
        model.network.load_state_dict(tensors)
        return model

    def _rows(self, pixels: Tensor) -> Rows:
        """Return (N, c, h, w) pixels as rows of nothing else."""
        x = Encoded(torch.zeros(len(pixels), 1, dtype=torch.int64), torch.zeros(len(pixels), 0), pixels)
        require_rows(x)
        self.frame = Frame(*pixels.shape[1:])
        span = Span("image", 0, 1, pixels=self.frame.shape)
        nothing = Attributes.learn(x[:1], [span], generator=torch.Generator(), course=Course(FREELY))
        return Rows(self.frame, x, nothing, accelerator())

    def _learner(self, rows: Rows, *, seed: int) -> Trainer:
        images, _ = rows.at(torch.arange(len(rows))[:_LOOKED])
        amiss = images - _again(images, self.factor)
        self.spread = max(_LEAST_SPREAD, float(amiss.square().mean().sqrt()))
        self.network = self._made(torch.Generator().manual_seed(seed))
        objective = _Restoration(self.network, self.factor, spread=self.spread, still=self.plan.still)
        return Trainer(self.network, rows, objective, plan=self.plan.training, seed=seed, half=self.half)

    def _restored(self, small: Tensor, left: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Return (n, c, H, W) uint8 for small images: enlarged, and what `left` says of a chunk of these is added."""

        def restored(chunk: int) -> Tensor:
            some = as_numbers(small[chunk * _CHUNK :][:_CHUNK].to(accelerator()))
            up = _enlarged(some, self.factor)
            with torch.no_grad():
                return as_bytes(self._settled(up + self.spread * left(up, chunk), some)).cpu()

        none = torch.zeros(0, *self.frame.shape, dtype=torch.uint8)
        return torch.cat([none, *together(restored, range(-(-len(small) // _CHUNK)))])

    def _settled(self, images: Tensor, small: Tensor) -> Tensor:
        """Return images with each square moved to the mean that the small image says."""
        amiss = small - functional.avg_pool2d(images, self.factor)
        return images + functional.interpolate(amiss, scale_factor=self.factor, mode="nearest")

    def _flowed(self, up: Tensor, generator: torch.Generator) -> Tensor:
        """Return what is left of (n, c, h, w) enlarged images, by steps of the second order (Adams, Bashforth)."""
        x = torch.randn(up.shape, generator=generator).to(up.device)
        length, before = 1 / self.plan.steps, None
        for step in range(self.plan.steps):
            now = self._velocity(x, step * length, up)
            x = x + length * (now if before is None else 1.5 * now - 0.5 * before)
            before = now
        return x

    def _velocity(self, x: Tensor, when: float, up: Tensor) -> Tensor:
        """Return the (n, c, h, w) field at x beside enlarged images of the same shape."""
        time, features = torch.full((len(x),), when, device=x.device), torch.ones(len(x), 1, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.half):
            field: Tensor = learned(self.network)(torch.cat([x, up], 1), time, features)
        return field

    def _made(self, generator: torch.Generator) -> Unet:
        size = self.plan.training
        made = Unet(self.frame, size.channels, size.blocks, 1, generator=generator, images=2)
        return made.to(accelerator())


def _again(images: Tensor, factor: int) -> Tensor:
    """Return (n, c, h, w) numbers made small, and large again by the kernel."""
    return _enlarged(as_numbers(reduced(as_bytes(images), factor)), factor)


def _enlarged(small: Tensor, factor: int) -> Tensor:
    """Return (n, c, h, w) numbers enlarged bicubically; `antialias` chooses the kernel that image libraries have."""
    return functional.interpolate(small, scale_factor=factor, mode="bicubic", antialias=True)
