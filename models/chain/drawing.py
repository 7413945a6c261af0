"""A chain of conditional distributions: rows drawn, completed and weighed column by column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.chain.conditional import Conditional
from models.columns import Axis, Head, Restricted, edged, features_of, widths
from models.encoding import UNKNOWN, Encoded

__all__ = ["Chain"]

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

    networks: tuple[Conditional, ...]
    half: bool

    @torch.no_grad()
    def draw(self, rows: int, *, generator: torch.Generator) -> Encoded:
        """Return (rows,) rows."""
        x = self._blank(rows)
        for network, features in self._columns(x):
            self._fill(x, network, features, generator=generator)
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
        x, weight = self._blank(rows), torch.zeros(rows)
        restricted = dict(zip(self.networks, within, strict=False))
        for network, features in self._columns(x):
            part = restricted.get(network)
            out = self._fill(x, network, features, generator=generator, head=part)
            if part is not None and not network.axis.constant:
                asked = torch.where(part.holds(*_cells(x, network.axis)), part.log_mass(out), -torch.inf)
                weight += asked if known is None else torch.where(_unknown(known, network.axis), asked, 0.0)
            if known is not None:
                weight += self._keep(x, known, network, out)
        return x, weight

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
        x = self._blank(min(rows, _CALIBRATED_ROWS))
        for network, features in self._columns(x):
            if not network.axis.constant:
                some = slice(_CORRECTED_ROWS)
                out = self._read(network, features[some], x[some])
                network.offset += network.head.correction(out, network.log_share)
                self._fill(x, network, features, generator=generator)
                network.head = Head(edged(network.axis, x, rows=rows)) if extremes else network.head

    def _columns(self, x: Encoded) -> Iterator[tuple[Conditional, Tensor]]:
        """Yield each network and the features of the columns before it, which are filled in one after the other."""
        axes = [network.axis for network in self.networks]
        ends = widths(axes)
        kind = torch.bfloat16 if self.half else torch.float32
        features = torch.zeros(len(x), ends[-1], dtype=kind)
        features[:, 0] = 1
        for network, low, high in zip(self.networks, ends, ends[1:], strict=False):
            yield network, features[:, :low]
            features[:, low:high] = network.axis.features(x).to(kind)

    def _fill(
        self,
        x: Encoded,
        network: Conditional,
        features: Tensor,
        *,
        generator: torch.Generator,
        head: Restricted | None = None,
    ) -> Tensor:
        """Draw one column of (n,) rows in place, by its own head or another, and return the network's (n, ·) output."""
        axis = network.axis
        if axis.constant:
            return torch.zeros(len(x), 0)
        out = self._read(network, features, x)
        x.codes[:, axis.span.code], score = (head or network.head).draw(out, generator=generator)
        if axis.span.value is not None:
            x.values[:, axis.span.value] = score
        return out

    def _read(self, network: Conditional, features: Tensor, x: Encoded) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            return network.read(features, x)

    def _keep(self, x: Encoded, wanted: Encoded, network: Conditional, out: Tensor) -> Tensor:
        """Put the known cells of one column in their places, and return the (n,) log-likelihoods of them."""
        axis = network.axis
        code = wanted.codes[:, axis.span.code]
        known = code != UNKNOWN
        x.codes[:, axis.span.code] = torch.where(known, code, x.codes[:, axis.span.code])
        if axis.span.value is not None:
            place = axis.span.value
            x.values[:, place] = torch.where(known, wanted.values[:, place], x.values[:, place])
        if axis.constant:
            return torch.zeros(len(x))
        log_likelihood: Tensor = network.head.log_prob(out, *axis.target(wanted))
        return log_likelihood + axis.log_share_of(wanted)

    def _blank(self, rows: int) -> Encoded:
        values = sum(network.axis.span.value is not None for network in self.networks)
        return Encoded(torch.zeros(rows, len(self.networks), dtype=torch.int64), torch.full((rows, values), torch.nan))


def _cells(x: Encoded, axis: Axis) -> tuple[Tensor, Tensor]:
    """Return the (n,) codes and the (n,) scores of one column, NaN where it has none."""
    codes, place = x.codes[:, axis.span.code], axis.span.value
    return codes, torch.full((len(x),), torch.nan) if place is None else x.values[:, place]


def _unknown(x: Encoded, axis: Axis) -> Tensor:
    """Return the (n,) mask of the cells of one column that are not known."""
    return x.codes[:, axis.span.code] == UNKNOWN
