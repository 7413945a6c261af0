"""A mixture restricted to what conditions allow: a mixture again, of the same components cut to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from data_contracts import ModelError
from models import truncation
from models.encoding import Allowed, Span
from models.mixture.components import Components

__all__ = ["Cut", "restrict"]


@dataclass(frozen=True, slots=True)
class Cut:
    """The bounds of one column's values.

    Args:
        value: the column's place among the values.
        low: the least score that is drawn.
        high: the greatest.
    """

    value: int
    low: float
    high: float

    @classmethod
    def of(cls, span: Span, allowed: Allowed) -> Self | None:
        """Return the cut of a column; None: all its values may be drawn."""
        whole = allowed.scores == (-math.inf, math.inf)
        return None if whole or span.value is None else cls(span.value, *allowed.scores)

    def mass(self, components: Components) -> Tensor:
        """Return the (K,) probability of each component's values between the bounds; float64."""
        return truncation.mass(*self.standard(components.mean[self.value], components.deviation(self.value)))

    def standard(self, mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bounds in deviations from means, both of one shape."""
        low, high = ((torch.full_like(mean, bound) - mean) / deviation for bound in (self.low, self.high))
        return low, high


def restrict(components: Components, allowed: Sequence[Allowed | None]) -> tuple[Components, tuple[Cut, ...]]:
    """Return the components, each with its probability of what is allowed in its weight, and the values' cuts.

    Of correlated Gaussians one column is cut, the one that leaves least: a box has no probability in closed form.

    Raises:
        ModelError: no component gives any of it a probability.
    """
    spans = components.layout.spans
    asked = [(span, part) for span, part in zip(spans, allowed, strict=True) if part is not None]
    cuts = {span.code: cut for span, part in asked if (cut := Cut.of(span, part)) is not None}
    masses = {code: cut.mass(components) for code, cut in cuts.items()}
    if components.layout.full and cuts:
        weights = components.log_weight.double().exp()
        code = min(cuts, key=lambda code: float((weights * masses[code]).sum()))
        cuts, masses = {code: cuts[code]}, {code: masses[code]}
    log_weight, tables = components.log_weight.double(), components.tables.clone()
    slices = dict(zip((span.code for span in components.layout.coded), components.layout.slices, strict=True))
    for span, part in asked:
        mass = masses.get(span.code, torch.ones(len(log_weight), dtype=torch.float64))
        if span.code in slices:
            own = components.tables[slices[span.code]].double().exp() * torch.from_numpy(part.codes)[:, None]
            if span.regular is not None:
                own[span.regular] *= mass
            mass = own.sum(0)
            kept = tables[slices[span.code]]
            tables[slices[span.code]] = torch.where(mass > 0, (own / mass).log().float(), kept)  # or never chosen
        log_weight = log_weight + mass.log()
    if not log_weight.isfinite().any():
        fact = "no component gives such rows a probability"
        raise ModelError("conditions can be met by what was learned", fact, "Ask for what is less rare")
    log_weight -= log_weight.max()  # so that the least likely of conditions leaves weights that are numbers
    return replace(components, log_weight=log_weight, tables=tables), tuple(cuts.values())
