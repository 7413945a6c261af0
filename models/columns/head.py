"""The distribution of one column at the end of a network: a choice among tokens and Gaussians."""

import math
from dataclasses import dataclass

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
        axis, rows = self.axis, len(out)
        choices, means, scales = self.parts(out)
        token = self.choose(choices, generator=generator)
        coded = token < axis.coded
        code = axis.codes(torch.where(coded, token, 0), generator=generator)
        if axis.span.regular is None:
            return code, torch.full((rows,), torch.nan)
        score = self.score_at((token - axis.coded + torch.rand(rows, generator=generator)) / axis.bins)
        which = (token - axis.tokens).clamp(min=0)[:, None]
        normal = torch.randn(rows, generator=generator)
        bell = means.gather(1, which)[:, 0] + scales.gather(1, which)[:, 0].exp() * normal
        score = self.ended(torch.where(token >= axis.tokens, bell, score), generator=generator)
        return torch.where(coded, code, axis.span.regular), torch.where(coded, torch.nan, score)

    def choose(self, choices: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) draws among the choices that have (n, ·) logits."""
        ends = choices.softmax(1).cumsum(1)
        drawn = torch.rand(len(choices), 1, generator=generator) * ends[:, -1:]
        return torch.searchsorted(ends, drawn, right=True)[:, 0].clamp(max=ends.shape[1] - 1)

    def score_at(self, rank: Tensor) -> Tensor:
        """Return the (n,) scores at ranks from 0 to 1."""
        score: Tensor = torch.special.ndtri(rank.clamp(_TAIL, 1 - _TAIL))
        return score

    def ended(self, score: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) scores within the ends; of the outer ones a share is the extreme itself."""
        least, greatest = self.axis.ends
        chosen = torch.rand(len(score), generator=generator) < _EXTREME_SHARE
        low, high = self.axis.outer
        score = torch.where(chosen & (score > high), greatest, score)
        score = torch.where(chosen & (score < low), least, score)
        return score.clamp(least, greatest)

    def parts(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, tokens + K) logits, (N, K) means and (N, K) log-scales."""
        tokens, gaussians = self.axis.tokens, self.axis.gaussians
        choices, means, scales = torch.split(out, [tokens + gaussians, gaussians, gaussians], 1)
        return choices, means, scales.clamp(math.log(_LEAST_SCALE), math.log(_GREATEST_SCALE))


def _gaussian_log_density(score: Tensor, *, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log-density of scores under N(mean, exp(log_scale)²), of the shapes' broadcast."""
    return -0.5 * ((score - mean) * (-log_scale).exp()) ** 2 - log_scale - 0.5 * math.log(2 * math.pi)
