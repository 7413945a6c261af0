"""Steps along momentum made orthogonal, for the weights of convolutions between layers.

A gradient's few strong directions drown its many weak ones; with all singular values brought to about 1, each step
teaches all of them.  Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein: Muon, an optimizer for hidden layers in
neural networks, 2024.  On Fashion-MNIST it is worth twice as many images and more (benchmarks/LOG.md).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Muon", "hidden_weights"]

_MOMENTUM = 0.9
_SWEEPS = 5  # of Newton and Schulz's iteration: singular values then lie between about .7 and 1.2
_FIRST, _THIRD, _FIFTH = 3.4445, -4.7750, 2.0315  # its polynomial's coefficients, steep at 0
_LEAST = 1e-7


def hidden_weights(network: nn.Module) -> list[Tensor]:
    """Return the weights of a network's convolutions, but those that enter and leave it."""
    ends = ("enter", "leave")
    return [
        one
        for name, one in network.named_parameters()
        if one.dim() == 4 and name.split(".")[-2] not in ends  # noqa: PLR2004
    ]


class Muon:
    """The optimiser.

    Args:
        parameters: of two and more dimensions, the first of them outputs.
        rate: the size of a step's singular values.
        decay: of weights, by the rate.
        half: multiply bfloat16.
    """

    def __init__(self, parameters: Sequence[Tensor], *, rate: float, decay: float, half: bool) -> None:
        self.rate, self.decay, self.half = rate, decay, half
        self.parameters = list(parameters)
        self.momenta = [torch.zeros_like(one) for one in self.parameters]

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Take a step along the parameters' gradients, at a share of the rate."""
        shapes: dict[torch.Size, list[int]] = {}
        for place, (one, momentum) in enumerate(zip(self.parameters, self.momenta, strict=True)):
            if one.grad is not None:
                momentum.lerp_(one.grad, 1 - _MOMENTUM)
                shapes.setdefault(one.shape, []).append(place)
        for places in shapes.values():
            ahead = [torch.lerp(self._slope(place), self.momenta[place], _MOMENTUM) for place in places]
            for place, turned in zip(places, self._turned(torch.stack(ahead)), strict=True):
                one = self.parameters[place]
                longer = max(1.0, turned.shape[0] / turned.shape[1]) ** 0.5
                one.mul_(1 - self.rate * share * self.decay)
                one.add_(turned.view_as(one).to(one.dtype), alpha=-self.rate * share * longer)

    def state(self) -> dict[str, Tensor]:
        """Return the momenta."""
        return {str(place): one for place, one in enumerate(self.momenta)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` returned."""
        for place, one in enumerate(self.momenta):
            one.copy_(tensors[str(place)])

    def _turned(self, steps: Tensor) -> Tensor:
        """Return (n, a, b, ...) steps made orthogonal: (n, a, b · ...)."""
        return orthogonal(steps.flatten(2).to(torch.bfloat16 if self.half else torch.float32))

    def _slope(self, place: int) -> Tensor:
        slope = self.parameters[place].grad
        return self.momenta[place] if slope is None else slope


def orthogonal(matrices: Tensor) -> Tensor:
    """Return (n, a, b) matrices with all singular values brought to about 1; eight bits of precision are enough."""
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT
    x = x / (x.float().norm(dim=(1, 2), keepdim=True) + _LEAST).to(x.dtype)
    for _ in range(_SWEEPS):
        inner = x @ x.mT
        x = _FIRST * x + (_THIRD * inner + _FIFTH * (inner @ inner)) @ x
    turned: Tensor = x if wide else x.mT
    return turned
