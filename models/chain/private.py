"""Learning all columns at once under differential privacy: one gradient a row, clipped as one, noise once a step.

The number of steps, the rows of a batch and the sizes follow from the numbers of rows and columns, which are taken to
be known; nothing is judged by rows, and the averaged weights of the last step are kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.chain.conditional import Conditional
from models.chain.fitting import Rows
from models.encoding import Encoded, Span
from models.life import State
from models.privacy import PerRow, Privacy, noisy_gradient, nonnegative
from models.processors import together
from models.states import load_optimiser, of_optimiser, part, prefixed

__all__ = ["DISCREET", "Discreet", "PrivatePlan", "noisy_rows"]


@dataclass(frozen=True, slots=True)
class PrivatePlan:
    """How a chain learns under differential privacy.

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


DISCREET = PrivatePlan()

_LEAST_ROWS = 0.01  # of a code that noise has left without rows: unlikely, not impossible


def noisy_rows(x: Encoded, spans: Sequence[Span], *, privacy: Privacy, generator: torch.Generator) -> list[Tensor]:
    """Return (size,) float64 noisy rows of each column's codes, above 0."""
    told = sum(span.size > 1 for span in spans)  # a row is one in so many counts
    scale = privacy.counts_noise * math.sqrt(max(told, 1))
    noisy = []
    for span in spans:
        code = x.codes[:, span.code].cpu()
        rows = torch.bincount(code[code >= 0], minlength=span.size).double()
        drawn = scale * torch.randn(span.size, generator=generator, dtype=torch.float64)
        kept = nonnegative((rows + drawn).numpy(), len(x)) if span.size > 1 else np.array([float(len(x))])
        noisy.append(torch.from_numpy(kept).clamp(min=_LEAST_ROWS))
    return noisy


class Discreet:
    """The networks of all columns on their way.

    Args:
        networks: of the columns that are not constant.
        tables: of N rows each, in the same order.
        privacy: what is promised to every row.
        plan: how they learn.
        generator: of batches and noise.
    """

    def __init__(
        self,
        networks: Sequence[Conditional],
        tables: Sequence[Rows],
        *,
        privacy: Privacy,
        plan: PrivatePlan,
        generator: torch.Generator,
    ) -> None:
        self.networks, self.tables, self.privacy, self.plan = networks, tables, privacy, plan
        self.generator, self.steps = generator, 0
        self.share = 1 / plan.batches
        self.noise = privacy.steps_noise(self.share, plan.passes * plan.batches)
        self.parameters = [[one for one in network.parameters() if one.numel()] for network in networks]
        self._all = [one for own in self.parameters for one in own]
        self.average = [one.detach().clone() for one in self._all]
        self._optimiser = torch.optim.AdamW(self._all, lr=plan.rate, weight_decay=0.0, fused=True)

    @property
    def done(self) -> bool:
        """Return whether all steps were taken."""
        return self.steps >= self.plan.passes * self.plan.batches

    @property
    def spent(self) -> float:
        """Return the epsilon of the steps so far, and of all counts."""
        return self.privacy.spent(self.share, self.steps, self.noise)

    def pass_over(self) -> None:
        """Take as many steps as see every row once, in expectation."""
        for _ in range(self.plan.batches):
            self._step()

    def settle(self) -> None:
        """Give the networks the averaged weights, where rows are drawn."""
        _load(self._all, self.average)
        for network in self.networks:
            network.cpu()

    def state(self) -> State:
        """Return how far they are: all that `take_up` needs to go on as if they had never stopped."""
        tensors: dict[str, Tensor] = {f"now.{place}": one for place, one in enumerate(self._all)}
        tensors |= {f"average.{place}": one for place, one in enumerate(self.average)}
        tensors |= prefixed("optimiser", of_optimiser(self._optimiser))
        return prefixed("chain", {**tensors, "generator": self.generator.get_state()}), {"steps": self.steps}

    def take_up(self, left: State) -> None:
        """Go on where the same networks were that left a state."""
        tensors: dict[str, Tensor] = part("chain", left[0])
        config: dict[str, Any] = left[1]
        places = range(len(self._all))
        _load(self._all, [tensors[f"now.{place}"] for place in places])
        _load(self.average, [tensors[f"average.{place}"] for place in places])
        load_optimiser(self._optimiser, part("optimiser", tensors))
        self.generator.set_state(tensors["generator"])
        self.steps = config["steps"]

    def _step(self) -> None:
        """Descend along the noisy gradient of rows of which each takes part by chance."""
        self.steps += 1
        plan, rows = self.plan, len(self.tables[0].token)
        device = self.tables[0].token.device
        taken = torch.nonzero(torch.rand(rows, generator=self.generator) < self.share)[:, 0].to(device)
        parts = together(lambda place: self._gradients(place, taken), range(len(self.networks)))
        gradients = noisy_gradient(
            parts, bound=plan.bound, noise=self.noise, rows=rows * self.share, generator=self.generator
        )
        for one, gradient in zip(self._all, gradients, strict=True):
            one.grad = gradient
        for group in self._optimiser.param_groups:
            group["lr"] = plan.rate * (1 - (self.steps - 1) / (plan.passes * plan.batches))
        self._optimiser.step()
        share = max(1 / plan.average, 1 / (1 + self.steps))
        torch._foreach_lerp_(self.average, [one.detach() for one in self._all], share)

    def _gradients(self, place: int, taken: Tensor) -> PerRow:
        """Return each row's gradient of one column's loss."""
        network, rows = self.networks[place], self.tables[place][taken]

        def losses() -> Tensor:
            return -network.head.log_prob(network(rows.features), rows.token, rows.score)

        return PerRow.of(losses, self.parameters[place])


@torch.no_grad()
def _load(into: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
    for one, weight in zip(into, weights, strict=True):
        one.copy_(weight)
