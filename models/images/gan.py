"""The adversarial networks of images: x = G(z, row), and a critic that tells G's images from real ones beside the row.

    critic: softplus(D(drawn) - D(real)) + gamma/2 · (|∇D(real)|² + |∇D(drawn)|²),    generator: the reverse

Goodfellow et al.: Generative adversarial nets, 2014; Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the
GAN! (R3GAN), 2024: scores in pairs, and zero-centred penalties on the critic's slope at both kinds of image.  Slopes
are measured by small noise, E |D(x + e) - D(x)|² / s² = |∇D(x)|², which costs a look and no second derivative (Lin et
al.: Diffusion adversarial post-training for one-step video generation, 2025).

When to choose it: where images are to be sharp and drawn by one look at a network, or new ones told from them by the
critic, which sees blur and wrong labels that densities pass over (docs/detecting.md).
How it fails, and what is done about it:

- mode collapse: each drawn image is scored beside a real one of the same row, which leaves no reward for leaving out;
- a critic that outruns the generator: the penalties;
- weights that circle: the generator's are averaged over steps;
- no likelihood to end by: the plan alone does.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.encoding import Encoded
from models.images.joint import Joint
from models.images.networks import Critic, Decoder
from models.images.training import Average, Learner, Plan, Rows, gradients, rate_at, require_finite
from models.life import State, learned
from models.processors import accelerator
from models.states import load_optimiser, load_weights, of_optimiser, part, prefixed

__all__ = ["AdversarialImages", "Rivalry"]


_TRAINING = Plan(shown=400_000, passes=40, blocks=2, rate=3e-3, decay=0.0, average=500)


@dataclass(frozen=True, slots=True)
class Rivalry:
    """What is learned.

    Args:
        training: the networks and their descent; patience and images held in play no part.
        codes: Z, of the noise.
        penalty: gamma, of the slopes.
        noise: s, by which slopes are measured, of numbers from -1 to 1.
        judging: steps, from the first on, over which the critic that is kept is averaged: later ones see less of what
            is odd, and tell who was learned from.
    """

    training: Plan = _TRAINING
    codes: int = 64
    penalty: float = 3.0
    noise: float = 0.05
    judging: int = 500


RIVALRY = Rivalry()
_BETAS = (0.0, 0.99)  # momentum lets the two circle each other


class _Rivals:
    """A generator and a critic on their way."""

    def __init__(self, model: "AdversarialImages", rows: Rows, *, seed: int) -> None:
        self.model, self.rows, self.plan = model, rows, model.plan
        self.random = torch.Generator().manual_seed(seed)
        self.generator, self.critic = model.made(self.random)
        size = self.plan.training
        model.network = self.generator
        self.drawing, self.judging = list(self.generator.parameters()), list(self.critic.parameters())
        self.average, self.steady = (Average(those, size.average) for those in (self.drawing, self.judging))
        self.rounds = self.steps = 0
        self.apart = math.nan
        self._optimisers = {
            name: torch.optim.Adam(those, lr=size.rate, betas=_BETAS, fused=True)
            for name, those in (("generator", self.drawing), ("critic", self.judging))
        }

    @property
    def planned(self) -> int:
        """Return how many rounds there are."""
        return self.plan.training.rounds(len(self.rows))

    @property
    def done(self) -> bool:
        """Return whether the plan is at its end."""
        return self.rounds >= self.planned

    @property
    def loss(self) -> float:
        """Return the critic's loss in the last round: log 2 where it cannot tell, near 0 where it can."""
        return self.apart

    @property
    def note(self) -> str:
        """Return how far it is, for people."""
        return f"the critic's loss {self.apart:.3f}"

    def round(self) -> None:
        """Take a round of steps against each other.

        Raises:
            ModelError: a loss is not finite.
        """
        size, total = self.plan.training, 0.0
        for _ in range(size.round_steps):
            batch = self._batch()
            loss, slopes = gradients(self._criticised, self.judging, batch, half=self.model.half)
            self._descend("critic", self.judging, slopes)
            total += loss
            _, slopes = gradients(self._generated, self.drawing, self._batch(), half=self.model.half)
            self.steps += 1
            self._descend("generator", self.drawing, slopes)
            self.average.take(self.steps)
            if self.steps <= self.plan.judging:
                self.steady.take(self.steps)
        self.rounds, self.apart = self.rounds + 1, require_finite(total / size.round_steps)

    def settle(self) -> None:
        """Give the model the averaged generator, and the averaged early critic."""
        load_weights(self.drawing, self.average.weights)
        load_weights(self.judging, self.steady.weights)
        self.model.critic = self.critic

    def shown(self) -> AbstractContextManager[None]:
        """Let the generator have its averaged weights, for as long as a block runs."""
        return self.average.shown()

    def state(self) -> State:
        """Return all that the next round depends on, beside the rows."""
        groups = self._groups()
        tensors: dict[str, Tensor] = {"random": self.random.get_state()}
        for name, those in groups.items():
            tensors |= prefixed(name, {str(place): one for place, one in enumerate(those)})
        for name, optimiser in self._optimisers.items():
            tensors |= prefixed(f"{name}_optimiser", of_optimiser(optimiser))
        return tensors, {"rounds": self.rounds, "steps": self.steps, "apart": self.apart}

    def load(self, state: State) -> None:
        """Take up what `state` returned."""
        tensors, figures = state
        for name, those in self._groups().items():
            kept = part(name, tensors)
            load_weights(those, [kept[str(place)] for place in range(len(those))])
        for name, optimiser in self._optimisers.items():
            load_optimiser(optimiser, part(f"{name}_optimiser", tensors))
        self.rounds, self.steps, self.apart = figures["rounds"], figures["steps"], figures["apart"]
        self.random.set_state(tensors["random"])

    def _groups(self) -> dict[str, Sequence[Tensor]]:
        averages = {"average": self.average.weights, "steady": self.steady.weights}
        return {"drawing": self.drawing, "judging": self.judging, **averages}

    def _batch(self) -> tuple[Tensor, ...]:
        """Return images, features, the generator's noise, and that by which slopes are measured."""
        rows = torch.randint(len(self.rows), (self.plan.training.batch,), generator=self.random)
        images, features = self.rows.at(rows)
        codes = torch.randn(len(rows), self.plan.codes, generator=self.random).to(images.device)
        noise = self.plan.noise * torch.randn(images.shape, generator=self.random).to(images.device)
        return images, features, codes, noise

    def _criticised(self, *batch: Tensor) -> Tensor:
        """Return the critic's loss: its pairs, and its slopes at either kind of image."""
        real, features, codes, noise = batch
        with torch.no_grad():
            drawn = self.generator(codes, features)
        images = torch.cat([real, drawn, real + noise, drawn + noise])
        better, worse, beside, below = self._scores(images, features.repeat(4, 1)).chunk(4)
        slopes = ((better - beside).square() + (worse - below).square()) / self.plan.noise**2
        return softplus(worse - better).mean() + 0.5 * self.plan.penalty * slopes.mean()

    def _generated(self, *batch: Tensor) -> Tensor:
        """Return the generator's loss: the pairs reversed."""
        real, features, codes, _ = batch
        images = torch.cat([self.generator(codes, features), real])
        drawn, better = self._scores(images, features.repeat(2, 1)).chunk(2)
        return softplus(better - drawn).mean()

    def _scores(self, images: Tensor, features: Tensor) -> Tensor:
        scores: Tensor = self.critic(images, features)
        return scores

    def _descend(self, name: str, parameters: Sequence[Tensor], slopes: Sequence[Tensor]) -> None:
        for one, slope in zip(parameters, slopes, strict=True):
            one.grad = slope
        size = self.plan.training
        for group in self._optimisers[name].param_groups:
            group["lr"] = size.rate * rate_at(self.steps + 1, self.planned * size.round_steps)
        self._optimisers[name].step()


@final
class AdversarialImages(Joint):
    """A generator of images, and its critic.

    Args:
        plan: what is learned.
    """

    def __init__(self, plan: Rivalry = RIVALRY) -> None:
        super().__init__()
        self.plan = plan
        self.network: Decoder | None = None
        self.critic: Critic | None = None

    def critic_score(self, x: Encoded) -> Tensor:
        """Return the (N,) scores of (N,) rows: higher, more like the training images of such a row.

        Its scale is its own: an average of early critics, each a step ahead of a generator on its way, is no log-ratio
        of densities.
        """
        critic = learned(self.critic)

        def scored(images: Tensor, features: Tensor) -> Tensor:
            with torch.no_grad():
                found: Tensor = critic(images, features)
            return found

        return self._each(x, scored) if len(x) else torch.zeros(0)

    def made(self, generator: torch.Generator) -> tuple[Decoder, Critic]:
        """Return a generator and a critic at their start."""
        size, width = self.plan.training, self._learned.width
        drawing = Decoder(self.frame, self.plan.codes, size.channels, size.blocks, width, generator=generator)
        judging = Critic(self.frame, size.channels, size.blocks, width, generator=generator)
        return drawing.to(accelerator()), judging.to(accelerator())

    def _learner(self, rows: Rows, *, seed: int) -> Learner:
        return _Rivals(self, rows, seed=seed)

    def _draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        codes = torch.randn(len(features), self.plan.codes, generator=generator).to(features.device)
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.half):
            drawn: Tensor = learned(self.network)(codes, features)
        return drawn

    def _own(self) -> State:
        generator, critic = learned(self.network).state_dict(), learned(self.critic).state_dict()
        return prefixed("generator", generator) | prefixed("critic", critic), asdict(self.plan)

    def _take(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        self.plan = Rivalry(**{**config, "training": Plan(**config["training"])})
        self.network, self.critic = self.made(torch.Generator())
        self.network.load_state_dict(part("generator", tensors))
        self.critic.load_state_dict(part("critic", tensors))
