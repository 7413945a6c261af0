"""The gradient of a batch with no row's part above a bound, and Gaussian noise: one step of DP-SGD.

Abadi et al.: Deep learning with differential privacy, 2016.  The gradient of a row by a linear layer's weight is the
outer product of its input and its output's gradient, so that its norm is had without writing it out (Goodfellow:
Efficient per-example gradient computations, 2015), and the clipped sum in one product (Bu, Wang, Zha, Karypis:
Differentially private optimization on large model at small cost, 2023).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

__all__ = ["PerRow", "noisy_gradient"]


class PerRow:
    """Each row's gradient of its own loss, held layer by layer.

    Args:
        parameters: by which it is taken.
        products: of each parameter that is a weight, the (n, inputs) and (n, outputs) whose outer products they are;
            of each that is a bias, None and the (n, outputs).
    """

    def __init__(self, parameters: Sequence[Tensor], products: Sequence[tuple[Tensor | None, Tensor]]) -> None:
        self.parameters, self.products = parameters, products

    @classmethod
    def of(cls, losses: Callable[[], Tensor], parameters: Sequence[Tensor]) -> Self:
        """Return the gradients of (n,) losses, one a row, by parameters that enter through `linear` alone.

        Row i of every layer's input belongs to row i of the batch, and no layer mixes rows.
        """
        with _Tape(parameters) as tape:
            total = losses().sum()
        used = [tape.uses[id(one)] for one in parameters]  # a KeyError: a parameter enters in another way
        outputs = list({id(output): output for _, output in used}.values())
        gradients = dict(zip(map(id, outputs), torch.autograd.grad(total, outputs), strict=True))
        return cls(parameters, [(inputs, gradients[id(output)].float()) for inputs, output in used])

    @property
    def squares(self) -> Tensor:
        """Return the (n,) squared norms of the rows' gradients by all parameters together."""
        parts = [
            _squares(gradient) * (1.0 if inputs is None else _squares(inputs)) for inputs, gradient in self.products
        ]
        return torch.stack(parts).sum(0)

    def summed(self, weights: Tensor) -> list[Tensor]:
        """Return the sum over rows of their gradients times (n,) weights: a tensor for each parameter."""
        weighted = [(inputs, gradient * weights[:, None]) for inputs, gradient in self.products]
        return [gradient.sum(0) if inputs is None else gradient.T @ inputs for inputs, gradient in weighted]


def noisy_gradient(
    parts: Sequence[PerRow], *, bound: float, noise: float, rows: float, generator: torch.Generator
) -> list[Tensor]:
    """Return a batch's mean gradient, no row's part of it above bound / rows, with noise: a tensor a parameter.

    Args:
        parts: of one batch; a row's gradient is that of all parts together, and clipped as one.
        bound: of a row's gradient, by the Euclidean norm.
        noise: standard deviation of the noise on the sum, in bounds.
        rows: that a batch is expected to have; not those that it has, which would tell of a row.
        generator: of the noise; who knows its state can take the noise away again.
    """
    norm = torch.stack([part.squares for part in parts]).sum(0).sqrt()
    weights = (bound / norm.clamp(min=_SMALL)).clamp(max=1.0)
    sums = [one for part in parts for one in part.summed(weights)]
    return [(one + noise * bound * torch.randn(one.shape, generator=generator).to(one.device)) / rows for one in sums]


_SMALL = 1e-12  # a norm of nothing is not divided by


def _squares(rows: Tensor) -> Tensor:
    return rows.float().square().sum(1)


class _Tape(TorchFunctionMode):
    """Writes down where each parameter enters a linear layer: its input, and its output.

    Args:
        parameters: that are looked for.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        self.looked_for = {id(one) for one in parameters}
        self.uses: dict[int, tuple[Tensor | None, Tensor]] = {}

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call the function, and note it if it is `linear`."""
        output = func(*args, **(kwargs or {}))
        if func is linear:
            inputs, weight, bias = (*args, (kwargs or {}).get("bias"))[:3]
            self._note(weight, inputs.detach(), output)
            self._note(bias, None, output)
        return output

    def _note(self, parameter: Tensor | None, inputs: Tensor | None, output: Tensor) -> None:
        if id(parameter) in self.looked_for:
            assert output.dim() == 2 and id(parameter) not in self.uses, "a parameter is used once, by (n, ·) rows"  # noqa: PLR2004, PT018, S101
            self.uses[id(parameter)] = inputs, output
