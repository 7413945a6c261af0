"""Drawing rows from a mixture: one uniform number a cell, looked up in the component's cumulated table."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models import truncation
from models.encoding import Allowed, Encoded
from models.mixture.components import Components
from models.mixture.restricting import Cut, restrict

__all__ = ["Sampler"]


class Sampler:
    """Tables for drawing, made once from the components; rows are drawn on the CPU, wherever they were learned.

    Args:
        components: K of them, in M members.
        allowed: what of each column is drawn; None: everything; empty: no column is restricted.
    """

    def __init__(self, components: Components, allowed: Sequence[Allowed | None] = ()) -> None:
        self.learned, self._cuts = components, tuple[Cut, ...]()
        components = components.to("cpu")
        if allowed:
            components, self._cuts = restrict(components, allowed)
        self.components = components
        weights = components.log_weight.double().exp()
        self._starts = weights.cumsum(0) / weights.sum()
        self._cumulated = [_cumulate(components.tables[part]) for part in components.layout.slices]
        self._mean, self._scale = components.mean.T.contiguous(), components.scale
        if not components.layout.full:
            self._scale = self._scale.T.contiguous()

    def draw(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Return (n,) rows in random order."""
        layout = self.components.layout
        uniform = torch.rand(n, generator=generator, dtype=torch.float64)
        chosen = torch.searchsorted(self._starts, uniform, right=True).clamp(max=len(self._starts) - 1)
        chosen = chosen.sort().values  # rows of one component look up the same table: half the time
        codes = torch.zeros(n, len(layout.spans), dtype=torch.int64)
        for span, table in zip(layout.coded, self._cumulated, strict=True):
            codes[:, span.code] = _look_up(table, chosen, size=span.size, generator=generator)
        drawn = Encoded(codes, self._values(chosen, codes, generator=generator))
        return drawn[torch.randperm(n, generator=generator)]

    def _values(self, chosen: Tensor, codes: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n, V) Gaussian draws, NaN where the code says all."""
        normal = torch.randn(len(chosen), self.components.layout.values, generator=generator)
        if self.components.layout.full:
            values = self._mean[chosen] + (self._scale[chosen] @ normal[:, :, None])[:, :, 0]
        else:
            values = self._mean[chosen] + self._scale[chosen] * normal
        for cut in self._cuts:
            self._move(values, cut, chosen, generator=generator)
        for span in self.components.layout.spans:
            if span.value is not None and span.size > 1:
                values[codes[:, span.code].ne(span.regular or 0), span.value] = torch.nan
        return values

    def _move(self, values: Tensor, cut: Cut, chosen: Tensor, *, generator: torch.Generator) -> None:
        """Draw one column of (n, V) values anew between its bounds, in place, and let those that hang on it follow.

        The others move by their regression on it, which turns a Gaussian draw into one given the column (Matheron's
        rule; A. Doucet, A note on efficient conditional simulation of Gaussian distributions, 2010).
        """
        components = self.components
        mean, deviation = self._mean[chosen, cut.value], components.deviation(cut.value)[chosen]
        drawn = mean + deviation * truncation.draw(*cut.standard(mean, deviation), generator=generator)
        drawn = drawn.float().clamp(cut.low, cut.high)
        if components.layout.full:
            slope = (components.scale @ components.scale[:, cut.value, :, None])[:, :, 0]
            moved = (drawn - values[:, cut.value])[:, None]
            values += moved * (slope / slope[:, cut.value, None])[chosen]
        values[:, cut.value] = drawn


def _cumulate(table: Tensor) -> Tensor:
    """Return (K * size,) ascending: component k's cumulated probabilities, plus k."""
    cumulated = table.T.double().exp().cumsum(1)
    cumulated = cumulated / cumulated[:, -1:]
    return (cumulated + torch.arange(len(cumulated), dtype=torch.float64)[:, None]).flatten()


def _look_up(table: Tensor, chosen: Tensor, *, size: int, generator: torch.Generator) -> Tensor:
    """Return (n,) codes drawn for (n,) components."""
    uniform = torch.rand(len(chosen), generator=generator, dtype=torch.float64)
    place = torch.searchsorted(table, chosen + uniform, right=True)
    return (place - chosen * size).clamp_(0, size - 1)
