"""The other columns of an image's row: p(label, attributes), and the features by which networks read them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from data_contracts import ModelError
from models.autoregressive import Autoregressive
from models.columns import Axis, axis_of, features_of, widths
from models.encoding import Allowed, Encoded, Span
from models.life import Course, State, Terms
from models.states import part, prefixed

__all__ = ["Attributes"]

_KNOTS = 8  # features that say where a number stands: enough for what an image shows of it
_KEPT = ("token", "log_share", "rank")  # of an axis, as tensors


@dataclass(frozen=True, slots=True)
class Counts:
    """The frequencies of at most one column of codes: what a table model would learn of it, in no time.

    Args:
        column: its position; None: no column says anything.
        columns: C.
        share: (size,) of each code; float64.
    """

    column: int | None
    columns: int
    share: Tensor

    @classmethod
    def of(cls, x: Encoded, spans: Sequence[Span]) -> Self:
        """Return the frequencies among (N,) rows."""
        span = next((span for span in spans if span.size > 1), None)
        if span is None:
            return cls(None, len(spans), torch.ones(1, dtype=torch.float64))
        codes = x.codes[:, span.code]
        count = torch.bincount(codes[codes >= 0].cpu(), minlength=span.size).double()
        return cls(span.code, len(spans), count / count.sum() if bool(count.any()) else count + 1 / span.size)

    def draw(self, n: int, *, allowed: Allowed | None, generator: torch.Generator) -> Encoded:
        """Draw n rows of what is allowed.

        Raises:
            ModelError: no training row has a code that is.
        """
        codes = torch.zeros(n, self.columns, dtype=torch.int64)
        if self.column is not None and n:
            within = torch.from_numpy(np.asarray(allowed.codes)) if allowed else torch.ones(len(self.share))
            share = self.share * within
            if not bool(share.any()):
                raise ModelError(
                    "rows are drawn of what was learned",
                    "no training row meets the conditions",
                    "Ask for values that the training rows have",
                )
            codes[:, self.column] = torch.multinomial(share, n, replacement=True, generator=generator)
        return Encoded(codes, torch.zeros(n, 0))

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-shares of (N,) rows' codes; 0 where unknown, that of the rarest where never seen."""
        if self.column is None:
            return torch.zeros(len(x))
        codes = x.codes[:, self.column].cpu()
        share = self.share.clamp(min=float(self.share[self.share > 0].min()))
        return torch.where(codes < 0, 0.0, share.log()[codes.clamp(min=0)]).float()


class Attributes:
    """All columns but the image.

    Args:
        axes: of the columns, by which features are read.
        table: that draws them.
    """

    def __init__(self, axes: Sequence[Axis], table: Counts | Autoregressive) -> None:
        self.axes, self.table = tuple(axes), table

    @classmethod
    def learn(cls, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator, course: Course) -> Self:
        """Learn (N,) rows of which the pixels are passed over; the steps of a table model are the course's first.

        Where a budget cuts these, a single step is left to the images, so that as many steps give the same bytes again.
        """
        x = Encoded(x.codes, x.values)
        axes = [axis_of(span, x, 0, 0, _KNOTS) for span in spans]
        if sum(not axis.constant for axis in axes) <= 1 and not any(axis.span.value is not None for axis in axes):
            return cls(axes, Counts.of(x, spans))
        steps = None if course.terms.steps is None else max(1, course.terms.steps - 1)
        terms = Terms(course.terms.budget_seconds, steps, course.terms.on_progress)
        table = Autoregressive().fit(x, spans, generator=generator, terms=terms)
        course.history.extend(f"other columns: {line}" for line in table.fitted.history)
        return cls(axes, table)

    @property
    def width(self) -> int:
        """Return P."""
        return widths(self.axes)[-1]

    @property
    def size(self) -> int:
        """Return how many columns there are, the image's among them."""
        return len(self.axes)

    def features(self, x: Encoded) -> Tensor:
        """Return the (N, P) features of (N,) rows, the first of them constant."""
        return features_of(self.axes, x, half=False)

    def draw(self, n: int, *, generator: torch.Generator, allowed: Sequence[Allowed | None] | None = None) -> Encoded:
        """Draw n rows without pixels, of what is allowed of each column.

        Raises:
            ModelError: too few can be drawn.
        """
        if isinstance(self.table, Counts):
            column = self.table.column
            only = None if allowed is None or column is None else allowed[column]
            return self.table.draw(n, allowed=only, generator=generator)
        if allowed is None:
            return self.table.sample(n, generator=generator)
        return self.table.sample_where(n, allowed=allowed, generator=generator)

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows' other columns."""
        return self.table.log_prob(Encoded(x.codes, x.values).to("cpu"))

    def state(self) -> State:
        """Return all of it."""
        axes = {f"{place}.{name}": getattr(axis, name) for place, axis in enumerate(self.axes) for name in _KEPT}
        config: dict[str, Any] = {"columns": [{"span": asdict(one.span), "ends": list(one.ends)} for one in self.axes]}
        if isinstance(self.table, Counts):
            table = {"share": self.table.share}
            config["counted"] = self.table.column
        else:
            table, config["table"] = self.table.state()
        return {**prefixed("axes", axes), **prefixed("table", table)}, config

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return what `state` described."""
        axes = []
        for place, column in enumerate(config["columns"]):
            token, log_share, rank = (part(f"axes.{place}", tensors)[name] for name in _KEPT)
            ends = tuple(column["ends"])
            axes.append(Axis(span_of(column["span"]), 0, 0, _KNOTS, token, log_share, rank, ends))
        own = part("table", tensors)
        if "table" in config:
            return cls(axes, Autoregressive.from_state(own, config["table"]))
        return cls(axes, Counts(config["counted"], len(axes), own["share"]))


def span_of(kept: dict[str, Any]) -> Span:
    """Return a span that JSON has held."""
    span = Span(**kept)
    return span if span.pixels is None else replace(span, pixels=(*span.pixels,))
