"""Learning under differential privacy: steps along gradients of which no row has more than its share.

The number of steps, the rows of a batch and the sizes follow from the numbers of rows and columns, which are taken to
be known; nothing is judged by rows, and the averaged weights of the last step are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from models.privacy.accounting import Privacy
from models.privacy.gradients import PerRow, noisy_gradient
from models.states import load_optimiser, load_weights, of_optimiser, part, prefixed

if TYPE_CHECKING:
    from models.life import State

__all__ = ["Descent", "PrivatePlan"]


@dataclass(frozen=True, slots=True)
class PrivatePlan:
    """How networks learn under differential privacy.

    Args:
        hidden: H, units of a layer: noise grows with the number of weights.
        passes: over the rows, in expectation.
        batches: that a pass is cut into: few, since noise is the same for a large batch as for a small one.
        bound: of a row's gradient; what is learned hangs on its ratio to the noise alone.
        rate: of learning, until it falls to nothing in a straight line.
        average: of the weights over so many steps, exponentially.
    """

    hidden: int = 64
    passes: int = 15
    batches: int = 32
    bound: float = 1.0
    rate: float = 4e-3
    average: int = 100

    @property
    def steps(self) -> int:
        """Return how many steps are taken."""
        return self.passes * self.batches


class Descent:
    """Parameters on their way: a gradient a row, clipped as one over all of them, and noise once a step.

    Args:
        parameters: that are learned.
        gradients: of the rows at (n,) places: parts whose parameters are these, in order.
        rows: N; each takes part in a step by chance.
        privacy: what is promised to every row.
        plan: how they learn.
        generator: of batches and noise.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        gradients: Callable[[Tensor], Sequence[PerRow]],
        *,
        rows: int,
        privacy: Privacy,
        plan: PrivatePlan,
        generator: torch.Generator,
    ) -> None:
        self.parameters, self.gradients = list(parameters), gradients
        self.rows, self.privacy, self.plan, self.generator = rows, privacy, plan, generator
        self.share, self.steps = 1 / plan.batches, 0
        self.noise = privacy.steps_noise(self.share, plan.steps)
        self.average = [one.detach().clone() for one in self.parameters]
        self._optimiser = torch.optim.AdamW(self.parameters, lr=plan.rate, weight_decay=0.0, fused=True)

    @property
    def done(self) -> bool:
        """Return whether all steps were taken."""
        return self.steps >= self.plan.steps

    @property
    def spent(self) -> float:
        """Return the epsilon of the steps so far, and of all counts."""
        return self.privacy.spent(self.share, self.steps, self.noise)

    @property
    def note(self) -> str:
        """Return how it goes, for people: a loss would tell of rows."""
        return f"noise {self.noise:.2f} of a row's share"

    def pass_over(self) -> None:
        """Take as many steps as see every row once, in expectation."""
        for _ in range(self.plan.batches):
            self._step()

    def settle(self) -> None:
        """Give the parameters the averaged weights."""
        load_weights(self.parameters, self.average)

    def state(self) -> "State":
        """Return how far it is: all that `take_up` needs to go on as if it had never stopped."""
        tensors: dict[str, Tensor] = {f"now.{place}": one for place, one in enumerate(self.parameters)}
        tensors |= {f"average.{place}": one for place, one in enumerate(self.average)}
        tensors |= prefixed("optimiser", of_optimiser(self._optimiser))
        return prefixed("descent", {**tensors, "generator": self.generator.get_state()}), {"steps": self.steps}

    def take_up(self, left: "State") -> None:
        """Go on where the same parameters were that left a state."""
        tensors: dict[str, Tensor] = part("descent", left[0])
        config: dict[str, Any] = left[1]
        places = range(len(self.parameters))
        load_weights(self.parameters, [tensors[f"now.{place}"] for place in places])
        load_weights(self.average, [tensors[f"average.{place}"] for place in places])
        load_optimiser(self._optimiser, part("optimiser", tensors))
        self.generator.set_state(tensors["generator"])
        self.steps = config["steps"]

    def _step(self) -> None:
        """Descend along the noisy gradient of rows of which each takes part by chance."""
        plan = self.plan
        taken = torch.nonzero(torch.rand(self.rows, generator=self.generator) < self.share)[:, 0]
        gradients = noisy_gradient(
            self.gradients(taken.to(self.parameters[0].device)),
            bound=plan.bound,
            noise=self.noise,
            rows=self.rows * self.share,
            generator=self.generator,
        )
        for one, gradient in zip(self.parameters, gradients, strict=True):
            one.grad = gradient
        for group in self._optimiser.param_groups:
            group["lr"] = plan.rate * (1 - self.steps / plan.steps)
        self._optimiser.step()
        self.steps += 1
        share = max(1 / plan.average, 1 / (1 + self.steps))
        torch._foreach_lerp_(self.average, [one.detach() for one in self.parameters], share)
