"""The gradient of a batch with no row's part above a bound, and Gaussian noise: one step of DP-SGD.

Abadi et al.: Deep learning with differential privacy, 2016.  The gradient of a row by a linear layer's weight is the
outer product of its input and its output's gradient, so that its norm is had without writing it out (Goodfellow:
Efficient per-example gradient computations, 2015), and the clipped sum in one product (Bu, Wang, Zha, Karypis:
Differentially private optimization on large model at small cost, 2023).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

__all__ = ["PerRow", "noisy_gradient"]


@dataclass(frozen=True, slots=True)
class _Product:
    """Each row's gradient of its loss by one parameter, as the two factors of an outer product.

    Args:
        inputs: (n, inputs) of a weight's layer; None: the parameter is a bias.
        gradient: (n, outputs) by the layer's output.
        mask: (outputs, inputs) constants that a weight was multiplied by; None: it was not.
    """

    inputs: Tensor | None
    gradient: Tensor
    mask: Tensor | None

    @property
    def squares(self) -> Tensor:
        """Return the (n,) squared norms."""
        if self.inputs is None:
            return _squares(self.gradient)
        if self.mask is None:
            return _squares(self.gradient) * _squares(self.inputs)
        return ((self.gradient.square() @ self.mask.square()) * self.inputs.float().square()).sum(1)

    def summed(self, weights: Tensor) -> Tensor:
        """Return the sum over rows, each times one of (n,) weights."""
        gradient = self.gradient * weights[:, None]
        if self.inputs is None:
            return gradient.sum(0)
        total = gradient.T @ self.inputs
        return total if self.mask is None else total * self.mask


class PerRow:
    """Each row's gradient of its own loss, held layer by layer.

    Args:
        parameters: by which it is taken.
        products: of each parameter.
    """

    def __init__(self, parameters: Sequence[Tensor], products: Sequence[_Product]) -> None:
        self.parameters, self.products = parameters, products

    @classmethod
    def of(cls, losses: Callable[[], Tensor], parameters: Sequence[Tensor]) -> Self:
        """Return the gradients of (n,) losses, one a row, by parameters that enter through `linear` alone.

        Row i of every layer's input belongs to row i of the batch, and no layer mixes rows. A weight may be multiplied
        by a constant of its own shape before it enters.
        """
        with _Tape(parameters) as tape:
            total = losses().sum()
        used = [tape.uses[id(one)] for one in parameters]  # a KeyError: a parameter enters in another way
        outputs = list({id(use.output): use.output for use in used}.values())
        gradients = dict(zip(map(id, outputs), torch.autograd.grad(total, outputs), strict=True))
        return cls(parameters, [_Product(use.inputs, gradients[id(use.output)].float(), use.mask) for use in used])

    @property
    def squares(self) -> Tensor:
        """Return the (n,) squared norms of the rows' gradients by all parameters together."""
        return torch.stack([product.squares for product in self.products]).sum(0)

    def summed(self, weights: Tensor) -> list[Tensor]:
        """Return the sum over rows of their gradients times (n,) weights: a tensor for each parameter."""
        return [product.summed(weights) for product in self.products]


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


@dataclass(frozen=True, slots=True)
class _Use:
    """Where a parameter entered a linear layer: its (n, inputs) if a weight, its (n, outputs), and its mask."""

    inputs: Tensor | None
    output: Tensor
    mask: Tensor | None


class _Tape(TorchFunctionMode):
    """Writes down where each parameter enters a linear layer, as it is or masked.

    Args:
        parameters: that are looked for.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        self.looked_for = {id(one) for one in parameters}
        self.masked: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # the product itself, so that its id stays its own
        self.uses: dict[int, _Use] = {}

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call the function, and note it if it is `linear`, or a product of a parameter and a mask."""
        output = func(*args, **(kwargs or {}))
        if func is Tensor.mul and id(args[0]) in self.looked_for:
            self.masked[id(output)] = output, args[0], args[1]
        if func is linear:
            inputs, weight, bias = (*args, (kwargs or {}).get("bias"))[:3]
            _, parameter, mask = self.masked.get(id(weight), (None, weight, None))
            self._note(parameter, _Use(inputs.detach(), output, mask))
            self._note(bias, _Use(None, output, None))
        return output

    def _note(self, parameter: Tensor | None, use: _Use) -> None:
        if parameter is not None and id(parameter) in self.looked_for:
            assert use.output.dim() == 2 and id(parameter) not in self.uses, "a parameter is used once, by (n, ·) rows"  # noqa: PLR2004, PT018, S101
            assert use.mask is None or use.mask.shape == parameter.shape, "a mask has the shape of its weight"  # noqa: S101
            self.uses[id(parameter)] = use
