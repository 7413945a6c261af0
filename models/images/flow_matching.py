"""Flow matching: images flow from noise along a learned field of velocities, dx/dt = v(x, t | other columns).

    v = argmin E | v(x_t, t) - (x_1 - x_0) |²,    x_t = t·x_1 + (1 - t)·x_0,    x_0 ~ N(0, 1), t uniform

Lipman, Chen, Ben-Hamu, Nickel, Le: Flow matching for generative modeling, 2023; Liu, Gong, Liu: Flow straight and fast
(rectified flow), 2023.  Other columns are left out of one batch in ten, so that the field with them can be set against
the field without (Ho, Salimans: Classifier-free diffusion guidance, 2022).

When to choose it: for images, where some minutes of training are to be had.
How it fails, and what is done about it:

- slow draws: few steps of the second order, each by one look at the field (Adams, Bashforth);
- weights that still shake when training ends: they are averaged over steps, and the rate falls to nothing;
- memorising where there are few images: passes are bounded, and images that are held in judge each round;
- labels that an image shows too little of: guidance somewhat beyond 1; far beyond, each class becomes narrow;
- the density follows the field by as few steps, with a sampled trace: it is an estimate.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from models.encoding import Encoded
from models.images.joint import Joint
from models.images.networks import Unet
from models.images.training import Learner, Plan, Rows, Trainer
from models.life import State, learned
from models.processors import accelerator

__all__ = ["Flow", "FlowMatching"]


_TRAINING = Plan()


@dataclass(frozen=True, slots=True)
class Flow:
    """What is learned and how images are drawn.

    Args:
        training: the network and its descent.
        steps: of a draw.
        guidance: how far the field with the other columns is driven from that without; 1: no further than it is.
        dropped: share of the rows that are learned without their other columns.
        density_steps: of the way back to noise, for the density.
    """

    training: Plan = _TRAINING
    steps: int = 8
    guidance: float = 1.25
    dropped: float = 0.1
    density_steps: int = 20


FLOW = Flow()


class _Matching:
    """The objective: the mean squared distance of the field from the straight way.

    Args:
        network: the field.
        dropped: share of the rows that are learned without their other columns.
    """

    def __init__(self, network: Unet, dropped: float) -> None:
        self.network, self.dropped = network, dropped

    def draws(self, images: Tensor, features: Tensor, *, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return images, noise of the same shape, (n,) times, and features, of which some are left out."""
        n = len(images)
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        when = torch.rand(n, generator=generator).to(images.device)
        told = (torch.rand(n, 1, generator=generator) >= self.dropped).to(images.device)
        return images, noise, when, torch.where(told, features, without(features))

    def loss(self, *batch: Tensor) -> Tensor:
        """Return the mean loss."""
        images, noise, when, features = batch
        between = noise.lerp(images, when[:, None, None, None])
        field: Tensor = self.network(between, when, features)
        return (field - (images - noise)).square().mean()


def without(features: Tensor) -> Tensor:
    """Return (n, P) features that say nothing of the row."""
    blank = torch.zeros_like(features)
    blank[:, 0] = 1
    return blank


@final
class FlowMatching(Joint):
    """A field of velocities, followed from noise to an image.

    Args:
        plan: what is trained, how long, and how images are drawn.
    """

    def __init__(self, plan: Flow = FLOW) -> None:
        super().__init__()
        self.plan = plan
        self.network: Unet | None = None

    def log_prob(self, x: Encoded) -> Tensor:
        """Return (N,) estimates of the log-densities of (N,) rows, of pixels as numbers from -1 to 1.

        The field, not guided and in float32, is followed back to noise; its divergence is sampled along one direction,
        the same for all images (Hutchinson's trace; Grathwohl et al.: FFJORD, 2019).
        """
        learned(self.network)
        return self._weighed(x, self._backwards)

    def _learner(self, rows: Rows, *, seed: int) -> Learner:
        own = torch.Generator().manual_seed(seed)
        self.network = self._made(own)
        objective = _Matching(self.network, self.plan.dropped)
        return Trainer(self.network, rows, objective, plan=self.plan.training, seed=seed, half=self.half)

    def _draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        x = torch.randn(len(features), *self.frame.shape, generator=generator).to(features.device)
        length, before = 1 / self.plan.steps, None
        for step in range(self.plan.steps):
            now = self._velocity(x, step * length, features, guidance=self.plan.guidance, half=self.half)
            x = x + length * (now if before is None else 1.5 * now - 0.5 * before)
            before = now
        return x

    def _velocity(self, x: Tensor, when: float, features: Tensor, *, guidance: float, half: bool) -> Tensor:
        """Return the (n, c, h, w) field at (n, c, h, w) numbers, so far guided; 1: as it was learned."""
        network = learned(self.network)
        time = torch.full((len(x),), when, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            with_them: Tensor = network(x, time, features)
            if guidance == 1:
                return with_them
            return torch.lerp(network(x, time, without(features)), with_them, guidance)

    def _backwards(self, images: Tensor, features: Tensor) -> Tensor:
        """Return (n,) log-densities of (n, c, h, w) numbers, by steps of the second order."""
        own, steps = torch.Generator().manual_seed(0), self.plan.density_steps
        probe = (torch.randint(2, images.shape[1:], generator=own) * 2.0 - 1).to(images.device)
        x, spread, length = images, torch.zeros(len(images), device=images.device), 1 / steps
        before: tuple[Tensor, Tensor] | None = None
        for step in range(steps):
            now = self._divergence(x, 1 - step * length, features, probe)
            old = before or now
            x = x - length * (1.5 * now[0] - 0.5 * old[0])
            spread = spread - length * (1.5 * now[1] - 0.5 * old[1])
            before = now
        normal = -0.5 * (x.flatten(1).square() + math.log(2 * math.pi)).sum(1)
        return normal + spread

    def _divergence(self, x: Tensor, when: float, features: Tensor, probe: Tensor) -> tuple[Tensor, Tensor]:
        """Return the field and its (n,) divergence, sampled along a (c, h, w) probe."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            field = self._velocity(x, when, features, guidance=1, half=False)
            (slope,) = torch.autograd.grad((field * probe).sum(), x)
        return field.detach(), (slope * probe).flatten(1).sum(1)

    def _made(self, generator: torch.Generator) -> Unet:
        plan, width = self.plan.training, self._learned.width
        made = Unet(self.frame, plan.channels, plan.blocks, width, generator=generator)
        return made.to(accelerator())

    def _own(self) -> State:
        return learned(self.network).state_dict(), asdict(self.plan)

    def _take(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        self.plan = Flow(**{**config, "training": Plan(**config["training"])})
        self.network = self._made(torch.Generator())
        self.network.load_state_dict(tensors)
