"""The distribution of one column at the end of a network, restricted to what conditions allow."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from models import truncation
from models.columns.head import Head
from models.encoding import Allowed

__all__ = ["Restricted"]


@dataclass(frozen=True, slots=True)
class Restricted:
    """A head that draws only what may meet the conditions, and says how likely that was.

    Args:
        head: of the column.
        codes: (size,) those that are allowed.
        scores: that are allowed.
        drawn: scores that can become allowed ones: a draw beyond an end, or near it, may become any near the end.
    """

    head: Head
    codes: Tensor
    scores: tuple[float, float]
    drawn: tuple[float, float]

    @classmethod
    def of(cls, head: Head, allowed: Allowed) -> Self:
        """Return a head restricted to what is allowed."""
        (least, greatest), (low, high) = head.axis.ends, allowed.scores
        bottom, top = max(least, head.axis.outer[0]), min(greatest, head.axis.outer[1])
        drawn_low, drawn_high = low, high
        if high >= top and low <= greatest:
            drawn_low, drawn_high = min(low, top), math.inf
        if low <= bottom and high >= least:
            drawn_low, drawn_high = -math.inf, max(drawn_high, bottom)
        return cls(head, torch.from_numpy(allowed.codes), allowed.scores, (drawn_low, drawn_high))

    def log_mass(self, out: Tensor) -> Tensor:
        """Return the (n,) log-probabilities of what is drawn from, under a network's (n, ·) outputs."""
        choices, means, scales = self.head.parts(out)
        return (choices + self._within(means, scales)).logsumexp(1) - choices.logsumexp(1)

    def draw(self, out: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (n,) codes and (n,) values, NaN where the code says all."""
        axis, (choices, means, scales) = self.head.axis, self.head.parts(out)
        token = self.head.choose(choices + self._within(means, scales), generator=generator)
        coded = token < axis.coded
        code = axis.groups.within(self.codes).codes(torch.where(coded, token, 0), generator=generator)
        if axis.span.regular is None:
            return code, torch.full((len(out),), torch.nan)
        score = self._binned(token - axis.coded, generator=generator)
        which = (token - axis.tokens).clamp(min=0)[:, None]
        mean, scale = means.gather(1, which)[:, 0], scales.gather(1, which)[:, 0].exp()
        bell = mean + scale * truncation.draw(*self._standard(mean, scale), generator=generator)
        score = torch.where(token >= axis.tokens, bell, score).float().clamp(*self.drawn)
        score = self.head.ended(score, generator=generator)
        return torch.where(coded, code, axis.span.regular), torch.where(coded, torch.nan, score)

    def holds(self, code: Tensor, score: Tensor) -> Tensor:
        """Return the (n,) mask of what is allowed: an end that was put in a draw's place may not be."""
        low, high = self.scores
        return self.codes[code] & (score.isnan() | ((score >= low) & (score <= high)))

    def _within(self, means: Tensor, scales: Tensor) -> Tensor:
        """Return (n, tokens + K) log-shares of each choice that are drawn from; -inf: none."""
        axis = self.head.axis
        share = axis.groups.share(self.codes)
        if axis.span.regular is None:
            return share.log().float()[None]
        valued = self.codes[axis.span.regular]
        low, high = self._bins()
        bins = (high - low).clamp(min=0) * axis.bins * valued
        bells = truncation.mass(*self._standard(means, scales.exp())) * valued
        return torch.cat([torch.cat([share, bins]).expand(len(means), -1), bells], 1).log().float()

    def _bins(self) -> tuple[Tensor, Tensor]:
        """Return the (B,) least and greatest ranks of each bin that are drawn from."""
        edges = torch.arange(self.head.axis.bins + 1, dtype=torch.float64) / self.head.axis.bins
        low, high = torch.special.ndtr(torch.tensor(self.drawn, dtype=torch.float64)).tolist()
        return edges[:-1].clamp(min=low), edges[1:].clamp(max=high)

    def _binned(self, place: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) scores drawn from the allowed part of (n,) bins."""
        low, high = self._bins()
        place = place.clamp(0, self.head.axis.bins - 1)
        uniform = torch.rand(len(place), generator=generator, dtype=torch.float64)
        return self.head.score_at(low[place] + uniform * (high - low)[place])

    def _standard(self, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bounds of what is drawn, in deviations from means."""
        low, high = ((torch.full_like(mean, bound) - mean) / scale for bound in self.drawn)
        return low, high
