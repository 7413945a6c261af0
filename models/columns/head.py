"""The distribution of one column at the end of a network: a choice among tokens and Gaussians."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.columns.axis import Axis

__all__ = ["Head"]

_LEAST_SCALE = 0.02  # of a Gaussian, in scores: at the middle of the ranks, a ridge of 1 % of the rows
_GREATEST_SCALE = 4.0
_GAUSSIAN_SHARE = 0.3  # of the probability at the start, all Gaussians together; the bins have the rest
_SPREAD = 1.2  # the outermost Gaussians' means at the start
_EXTREME_SHARE = 0.2  # of the outer 30 rows at an end, so that a sample of as many rows holds it but for exp(-6)
_TAIL = 1e-6  # of the probability: float32 has no scores beyond it


@dataclass(frozen=True, slots=True)
class Head:
    """What (N, tokens + 3 K) outputs of a network say of a column: logits, then the Gaussians' means and log-scales.

    Args:
        axis: of the column.
    """

    axis: Axis

    @property
    def outputs(self) -> int:
        """Return how many outputs a network has for the column."""
        return self.axis.tokens + 3 * self.axis.gaussians

    def begin(self, log_share: Tensor) -> Tensor:
        """Return the (outputs,) biases at the start: the tokens' shares, and Gaussians spread over the scores."""
        count = self.axis.gaussians
        logits = torch.full((count,), math.log(_GAUSSIAN_SHARE / max(count, 1)))
        return torch.cat([log_share, logits, torch.linspace(-_SPREAD, _SPREAD, count), torch.full((count,), -0.5)])

    def log_prob(self, out: Tensor, token: Tensor, score: Tensor) -> Tensor:
        """Return (N,) log-densities of (N,) targets; 0 where the token is unknown."""
        axis, chosen = self.axis, token.clamp(min=0)[:, None]
        if not axis.gaussians:
            log_density = out.gather(1, chosen)[:, 0] - out.logsumexp(1)
            return torch.where(token < 0, 0.0, log_density)
        choices, means, scales = self.parts(out)
        valued, score = token >= axis.coded, score.nan_to_num(0.0)
        within = math.log(axis.bins) - 0.5 * score**2 - 0.5 * math.log(2 * math.pi)
        binned = choices.gather(1, chosen)[:, 0] + torch.where(valued, within, 0.0)
        bells = _gaussian_log_density(score[:, None], mean=means, log_scale=scales) + choices[:, axis.tokens :]
        log_density = torch.where(valued, torch.logaddexp(binned, bells.logsumexp(1)), binned)
        return torch.where(token < 0, 0.0, log_density - choices.logsumexp(1))

    def draw(self, out: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (n,) codes and (n,) values, NaN where the code says all."""
        axis, choices = self.axis, out[:, : self.axis.tokens + self.axis.gaussians]
        token = self.choose(choices, generator=generator)
        coded = token < axis.coded
        code = axis.codes(torch.where(coded, token, 0), generator=generator)
        score = torch.full((len(out),), torch.nan)
        if axis.span.regular is None:
            return code, score
        valued = (~coded).nonzero()[:, 0]
        score[valued] = self._valued(token[valued], out[valued], generator=generator)
        return torch.where(coded, code, axis.span.regular), score

    def _valued(self, token: Tensor, out: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) scores of (n,) tokens that are bins or Gaussians, by (n, outputs)."""
        axis, (_, means, scales) = self.axis, self.parts(out)
        score = self.score_at((token - axis.coded + torch.rand(len(out), generator=generator)) / axis.bins)
        which = (token - axis.tokens).clamp(min=0)[:, None]
        normal = torch.randn(len(out), generator=generator)
        bell = means.gather(1, which)[:, 0] + scales.gather(1, which)[:, 0].exp() * normal
        return self.ended(torch.where(token >= axis.tokens, bell, score), generator=generator)

    def choose(self, choices: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) draws among the choices that have (n, ·) logits."""
        ends = _shares(choices).cumsum_(1)
        drawn = _spread(ends.mean(1), generator=generator)[:, None] * ends[:, -1:]
        return torch.searchsorted(ends, drawn, right=True)[:, 0].clamp(max=ends.shape[1] - 1)

    def score_at(self, rank: Tensor) -> Tensor:
        """Return the (n,) scores at ranks from 0 to 1."""
        score: Tensor = torch.special.ndtri(rank.clamp(_TAIL, 1 - _TAIL))
        return score

    def correction(self, out: Tensor, log_share: Tensor) -> Tensor:
        """Return (outputs,) to be added to (n, outputs), so that tokens are chosen as often as (tokens,) shares say.

        Iterative proportional fitting of the mean over rows (Deming, Stephan: On a least squares adjustment of a
        sampled frequency table, 1940). What Gaussians give to a bin counts as the bin's.
        """
        axis = self.axis
        choices, means, scales = self.parts(out)
        cover, moved = _cover(means, scales.exp(), axis.bins), torch.zeros(choices.shape[1])
        coded, bins = slice(axis.coded), slice(axis.coded, axis.tokens)
        share = log_share.exp()
        for _ in range(_ROUNDS if len(out) else 0):
            chance = (choices + moved).softmax(1)
            mean = chance.mean(0)
            moved[coded] += ((share[coded] + _RARE) / (mean[coded] + _RARE)).log()
            if axis.bins:
                bells = torch.einsum("nk,nkb->b", chance[:, axis.tokens :], cover) / len(out)
                wanted = torch.maximum(share[bins] - bells, _LEAST_OWN * share[bins])
                moved[bins] += ((wanted + _RARE) / (mean[bins] + _RARE)).log().clamp(-_MOST_MOVED, _MOST_MOVED)
                moved[axis.tokens :] += ((share[bins].sum() + _RARE) / (mean[axis.coded :].sum() + _RARE)).log()
        return torch.cat([moved, torch.zeros(2 * axis.gaussians)])

    def ended(self, score: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) scores within the ends; those beyond are spread over the outer ones, a share of which is the end.

        A Gaussian's tail would else pile up at the extreme.
        """
        (least, greatest), (low, high) = self.axis.ends, self.axis.outer
        bottom, top = max(least, low), min(greatest, high)
        place, chosen = torch.rand(2, len(score), generator=generator)
        score = torch.where(score > greatest, top + place * (greatest - top), score)
        score = torch.where(score < least, bottom + place * (least - bottom), score)
        chosen = chosen < _EXTREME_SHARE
        score = torch.where(chosen & (score > high), greatest, score)
        score = torch.where(chosen & (score < low), least, score)
        return score.clamp(least, greatest)

    def parts(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, tokens + K) logits, (N, K) means and (N, K) log-scales."""
        tokens, gaussians = self.axis.tokens, self.axis.gaussians
        choices, means, scales = torch.split(out, [tokens + gaussians, gaussians, gaussians], 1)
        return choices, means, scales.clamp(math.log(_LEAST_SCALE), math.log(_GREATEST_SCALE))


def _shares(choices: Tensor) -> Tensor:
    """Return (n, ·) probabilities by logits: softmax, which takes eight times as long for a few as for 16."""
    if choices.shape[1] >= _LANES:
        return choices.softmax(1)
    shares = (choices - choices.amax(1, keepdim=True)).exp_()
    return shares.div_(shares.sum(1, keepdim=True))


_LANES = 16  # float32 in a register


def _spread(key: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return (n,) uniform numbers, spread evenly among rows of like (n,) keys, float32 from 0 on.

    Each alone is uniform; together they are a golden-ratio sequence along the rows in the order of their keys, so
    that any group of rows alike gets each token nearly as often as it is probable: less noise than independent
    draws have (L'Ecuyer, Lécot, Tuffin: A randomized quasi-Monte Carlo simulation method for Markov chains, 2008).
    """
    place = torch.arange(len(key))
    bits = (key.view(torch.int32).long() << _PLACE_BITS) | place  # those of floats from 0 on are in the floats' order
    order = torch.from_numpy(np.sort(bits.numpy())) & (2**_PLACE_BITS - 1)  # in a twentieth of a stable argsort's time
    uniform = torch.empty(len(key), dtype=torch.float64)
    start = torch.rand(1, generator=generator, dtype=torch.float64)
    uniform[order] = (start + place.double() * _GOLDEN).frac_()
    return uniform.float().clamp(max=_BELOW_ONE)


def _cover(means: Tensor, scales: Tensor, bins: int) -> Tensor:
    """Return (n, K, B): the share of each of (n, K) Gaussians that lies in each bin."""
    edges = torch.special.ndtri(torch.arange(1, max(bins, 1)) / max(bins, 1))
    below = torch.special.ndtr((edges - means[:, :, None]) / scales[:, :, None])
    nothing = torch.zeros_like(means)[:, :, None]
    return torch.cat([nothing, below, nothing + 1], 2).diff(dim=2)


_ROUNDS = 8
_RARE = 1e-6  # of the probability: what is rarer is left as it is
_LEAST_OWN = 0.1  # of a bin's share, where Gaussians give more than all of it: a bin is not emptied
_MOST_MOVED = 0.5  # a round: Gaussians and bins move together, and overshoot alone
_PLACE_BITS = 32
_GOLDEN = (math.sqrt(5) - 1) / 2
_BELOW_ONE = 1 - 2**-24  # float32


def _gaussian_log_density(score: Tensor, *, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log-density of scores under N(mean, exp(log_scale)²), of the shapes' broadcast."""
    return -0.5 * ((score - mean) * (-log_scale).exp()) ** 2 - log_scale - 0.5 * math.log(2 * math.pi)
