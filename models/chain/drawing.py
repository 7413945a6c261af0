"""A chain of conditional distributions: rows drawn, completed and weighed column by column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.chain.conditional import Conditional
from models.chain.crossed import Crossed
from models.chain.folds import Folds
from models.chain.reading import AnyReader, reading
from models.columns import Axis, Head, Restricted, edged, features_of, widths
from models.encoding import UNKNOWN, Encoded

__all__ = ["Chain", "Drawing"]

_CALIBRATED_ROWS = 50_000  # drawn for it
_CORRECTED_ROWS = 10_000  # of these say how often a token is chosen: to a third of a percent of any column
_CANDIDATES = 128  # drawn for each row that is completed; one is taken by its weight; with 32, a sharp sum is lost


@dataclass(frozen=True, slots=True)
class Chain:
    """The networks of all columns, in order.

    Args:
        networks: C.
        half: multiply bfloat16 when drawing.
    """

    networks: tuple[Conditional | Crossed, ...]
    half: bool

    @property
    def folds(self) -> Folds | None:
        """Return the folds of the rows, in which some columns are learned; None: there are none."""
        return next((network.folds for network in self.networks if isinstance(network, Crossed)), None)

    def ready(self) -> "Drawing":
        """Return what draws from the networks as they are now."""
        axes = [network.axis for network in self.networks]
        return Drawing(
            tuple(reading(network, axes[:place], half=self.half) for place, network in enumerate(self.networks))
        )

    @torch.no_grad()
    def log_prob(self, x: Encoded) -> Tensor:
        """Return (N,) log-densities, in float32."""
        axes = [network.axis for network in self.networks]
        features, total = features_of(axes, x, half=False), torch.zeros(len(x))
        for network, width in zip(self.networks, widths(axes), strict=False):
            if not network.axis.constant:
                token, score = network.axis.target(x)
                total += network.head.log_prob(network.read(features[:, :width], x), token, score)
                total += network.axis.log_share_of(x)
        return total

    @torch.no_grad()
    def calibrate(self, *, rows: int, generator: torch.Generator, extremes: bool = True) -> None:
        """Draw rows column by column; let each token be chosen as often as it was seen, and find the outermost draws.

        Args:
            rows: N that were learned.
            generator: all randomness.
            extremes: the ends of the columns are numbers that were seen: draw them as such.
        """
        drawing = self.ready()
        x, some = drawing.blank(min(rows, _CALIBRATED_ROWS)), slice(_CORRECTED_ROWS)
        for reader, places, weights in drawing.columns(x):
            network = reader.network
            if not network.axis.constant:
                out = reader(places[some], weights[some], x[some])
                network.correct(out, x[some])
                _fill(x, network.head, reader(places, weights, x), generator=generator)
                network.head = Head(edged(network.axis, x, rows=rows)) if extremes else network.head


@dataclass(frozen=True, slots=True)
class Drawing:
    """The networks of all columns, in order, made ready for many rows.

    Args:
        readers: C.
    """

    readers: tuple[AnyReader, ...]

    @torch.no_grad()
    def draw(self, rows: int, *, generator: torch.Generator) -> Encoded:
        """Return (rows,) rows."""
        x = self.blank(rows)
        for reader, places, weights in self.columns(x):
            if not reader.network.axis.constant:
                _fill(x, reader.network.head, reader(places, weights, x), generator=generator)
        return x

    @torch.no_grad()
    def complete(
        self, known: Encoded, *, generator: torch.Generator, within: Sequence[Restricted | None] = ()
    ) -> Encoded:
        """Return (n,) rows that agree with the known cells, the others drawn given them.

        Each is one of 128 candidates, taken by the likelihood of what is known given what was drawn before it
        (importance resampling).
        """
        many = torch.arange(len(known)).repeat_interleave(_CANDIDATES)
        x, weight = self.propose(len(many), generator=generator, within=within, known=known[many])
        chance = weight.view(-1, _CANDIDATES).softmax(1)
        taken = torch.multinomial(chance, 1, generator=generator)[:, 0]
        return x[torch.arange(len(known)) * _CANDIDATES + taken]

    @torch.no_grad()
    def propose(
        self,
        rows: int,
        *,
        generator: torch.Generator,
        within: Sequence[Restricted | None] = (),
        known: Encoded | None = None,
    ) -> tuple[Encoded, Tensor]:
        """Return (rows,) rows that meet what is asked, and the logs of the weights that make them draws given it.

        A weight is the likelihood of what is asked of each column given what was drawn before it (sequential
        importance sampling: Liu, Chen, Sequential Monte Carlo methods for dynamic systems, 1998).

        Args:
            rows: how many.
            generator: all randomness.
            within: what each column is drawn from; None: everything; empty: no column is restricted.
            known: (rows,) cells that are kept; of code `UNKNOWN`: drawn.
        """
        x, weight = self.blank(rows), torch.zeros(rows)
        restricted = dict(zip(self.readers, within, strict=False))
        for reader, places, weights in self.columns(x):
            axis, head, part = reader.network.axis, reader.network.head, restricted.get(reader)
            if axis.constant:
                continue
            out = reader(places, weights, x)
            _fill(x, part or head, out, generator=generator)
            if part is not None:
                asked = torch.where(part.holds(*_cells(x, axis)), part.log_mass(out), -torch.inf)
                weight += asked if known is None else torch.where(_unknown(known, axis), asked, 0.0)
            if known is not None:
                weight += _keep(x, known, head, out)
        return x, weight

    def columns(self, x: Encoded) -> Iterator[tuple[AnyReader, Tensor, Tensor]]:
        """Yield each column's reader and the (n, L) table rows and weights of the columns before it in (n,) rows.

        These are to be filled in one after the other.
        """
        axes = [reader.network.axis for reader in self.readers]
        places = torch.zeros(len(x), 1 + sum(axis.lookups for axis in axes), dtype=torch.int64)
        weights, end, rows = torch.ones(places.shape), 1, 1  # the first is the constant
        for reader, axis in zip(self.readers, axes, strict=True):
            yield reader, places[:, :end], weights[:, :end]
            if axis.lookups:
                found, weights[:, end : end + axis.lookups] = axis.looked_up(x)
                places[:, end : end + axis.lookups] = found + rows
                end, rows = end + axis.lookups, rows + axis.table_rows

    def blank(self, rows: int) -> Encoded:
        """Return (rows,) rows to be filled in."""
        values = sum(reader.network.axis.span.value is not None for reader in self.readers)
        return Encoded(torch.zeros(rows, len(self.readers), dtype=torch.int64), torch.full((rows, values), torch.nan))


def _fill(x: Encoded, head: Head | Restricted, out: Tensor, *, generator: torch.Generator) -> None:
    """Draw one column of (n,) rows in place, by a network's (n, ·) output."""
    span = (head if isinstance(head, Head) else head.head).axis.span
    x.codes[:, span.code], score = head.draw(out, generator=generator)
    if span.value is not None:
        x.values[:, span.value] = score


def _keep(x: Encoded, wanted: Encoded, head: Head, out: Tensor) -> Tensor:
    """Put the known cells of one column in their places, and return the (n,) log-likelihoods of them."""
    axis = head.axis
    code = wanted.codes[:, axis.span.code]
    known = code != UNKNOWN
    x.codes[:, axis.span.code] = torch.where(known, code, x.codes[:, axis.span.code])
    if axis.span.value is not None:
        place = axis.span.value
        x.values[:, place] = torch.where(known, wanted.values[:, place], x.values[:, place])
    log_likelihood: Tensor = head.log_prob(out, *axis.target(wanted))
    return log_likelihood + axis.log_share_of(wanted)


def _cells(x: Encoded, axis: Axis) -> tuple[Tensor, Tensor]:
    """Return the (n,) codes and the (n,) scores of one column, NaN where it has none."""
    codes, place = x.codes[:, axis.span.code], axis.span.value
    return codes, torch.full((len(x),), torch.nan) if place is None else x.values[:, place]


def _unknown(x: Encoded, axis: Axis) -> Tensor:
    """Return the (n,) mask of the cells of one column that are not known."""
    return x.codes[:, axis.span.code] == UNKNOWN
