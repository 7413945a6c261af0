"""The conditional distribution of one column given the features of those before it.

A residual perceptron: h = W f;  h += V · relu(U · relu(h));  logits and Gaussians linear in h, the Gaussians' means and
scales linear in f as well.  Logits of tokens in order are a smooth curve plus a free part each.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from models.chain.axes import Axis, gaussian_log_density

__all__ = ["Conditional"]

_LEAST_SCALE = 0.02  # of a Gaussian, in scores: at the middle of the ranks, a ridge of 1 % of the rows
_GREATEST_SCALE = 4.0
_GAUSSIAN_SHARE = 0.3  # of the probability at the start, all Gaussians together; the bins have the rest
_SPREAD = 1.2  # the outermost Gaussians' means at the start
_EXTREME_SHARE = 0.2  # of the outer 30 rows at an end, so that a sample of as many rows holds it but for exp(-6)
_SMOOTH_BEGIN, _OUT_BEGIN = 0.02, 0.02  # of 1 / sqrt(H): the start is all but the column's own frequencies


class Conditional(nn.Module):
    """Parameters for one column.

    Args:
        axis: of the column.
        inputs: P features of the columns before it.
        hidden: H.
        curve: knots of the smooth part of the logits.
        log_share: (tokens,) of each token among the training rows.
        generator: for the parameters at the start.
    """

    def __init__(
        self, axis: Axis, inputs: int, *, hidden: int, curve: int, log_share: Tensor, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.axis = axis

        def drawn(rows: int, columns: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) * scale)

        gaussians, outputs = axis.gaussians, axis.tokens + 3 * axis.gaussians
        self.enter = drawn(hidden, inputs, 1 / math.sqrt(max(1, min(inputs, 60))))
        self.enter_bias = nn.Parameter(torch.zeros(hidden))
        self.up = drawn(hidden, hidden, math.sqrt(2 / hidden))
        self.up_bias = nn.Parameter(torch.zeros(hidden))
        self.down = drawn(hidden, hidden, 0.3 / math.sqrt(hidden))
        self.leave = drawn(outputs, hidden, _OUT_BEGIN / math.sqrt(hidden))
        self.leave_bias = nn.Parameter(_begin(axis, log_share))
        self.skip = nn.Parameter(torch.zeros(3 * gaussians, inputs))
        hats = _hats(axis.places, curve)
        self.hats: Tensor
        self.register_buffer("hats", hats, persistent=False)
        self.curve = drawn(hats.shape[1], hidden, _SMOOTH_BEGIN / math.sqrt(hidden))

    def forward(self, features: Tensor, *masks: Tensor) -> Tensor:
        """Return (N, tokens + 3 K) logits, means and log-scales for (N, P) features; masks (N, H) drop units."""
        first, second = masks or (None, None)
        hidden = linear(features, self.enter, self.enter_bias)
        inner = relu(linear(relu(hidden), self.up, self.up_bias))
        hidden = hidden + linear(inner if first is None else inner * first, self.down)
        hidden = hidden if second is None else hidden * second
        out = linear(hidden, self._out(), self.leave_bias).float()
        if not self.axis.gaussians:
            return out
        moved = linear(features, self.skip).float()
        return torch.cat([out[:, : self.axis.tokens], out[:, self.axis.tokens :] + moved], 1)

    def log_prob(self, out: Tensor, token: Tensor, score: Tensor) -> Tensor:
        """Return (N,) log-densities of (N,) targets; 0 where the token is unknown."""
        axis, chosen = self.axis, token.clamp(min=0)[:, None]
        if not axis.gaussians:
            log_density = out.gather(1, chosen)[:, 0] - out.logsumexp(1)
            return torch.where(token < 0, 0.0, log_density)
        choices, means, scales = self._parts(out)
        valued, score = token >= axis.coded, score.nan_to_num(0.0)
        within = math.log(axis.bins) - 0.5 * score**2 - 0.5 * math.log(2 * math.pi)
        binned = choices.gather(1, chosen)[:, 0] + torch.where(valued, within, 0.0)
        bells = gaussian_log_density(score[:, None], mean=means, log_scale=scales) + choices[:, axis.tokens :]
        log_density = torch.where(valued, torch.logaddexp(binned, bells.logsumexp(1)), binned)
        return torch.where(token < 0, 0.0, log_density - choices.logsumexp(1))

    def draw(self, out: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (n,) codes and (n,) values, NaN where the code says all."""
        axis, rows = self.axis, len(out)
        choices, means, scales = self._parts(out)
        ends = choices.softmax(1).cumsum(1)
        drawn = torch.rand(rows, 1, generator=generator) * ends[:, -1:]
        token = torch.searchsorted(ends, drawn, right=True)[:, 0].clamp(max=ends.shape[1] - 1)
        coded = token < axis.coded
        code = axis.codes(torch.where(coded, token, 0), generator=generator)
        if axis.span.regular is None:
            return code, torch.full((rows,), torch.nan)
        place = (token - axis.coded + torch.rand(rows, generator=generator)) / axis.bins
        score = torch.special.ndtri(place.clamp(_TAIL, 1 - _TAIL))
        which = (token - axis.tokens).clamp(min=0)[:, None]
        normal = torch.randn(rows, generator=generator)
        bell = means.gather(1, which)[:, 0] + scales.gather(1, which)[:, 0].exp() * normal
        score = self._ended(torch.where(token >= axis.tokens, bell, score), generator=generator)
        return torch.where(coded, code, axis.span.regular), torch.where(coded, torch.nan, score)

    def _ended(self, score: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n,) scores within the ends; of the outer ones a share is the extreme itself."""
        least, greatest = self.axis.ends
        chosen = torch.rand(len(score), generator=generator) < _EXTREME_SHARE
        low, high = self.axis.outer
        score = torch.where(chosen & (score > high), greatest, score)
        score = torch.where(chosen & (score < low), least, score)
        return score.clamp(least, greatest)

    def _out(self) -> Tensor:
        """Return (tokens + 3 K, H): the free weights, and the curve's at the tokens that lie in order."""
        ordered = len(self.hats)
        if not ordered:
            return self.leave
        low = self.axis.tokens - ordered
        curve = self.hats @ self.curve
        parts = [self.leave[:low], self.leave[low : low + ordered] + curve, self.leave[low + ordered :]]
        return torch.cat(parts)

    def _parts(self, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, tokens + K) logits, (N, K) means and (N, K) log-scales."""
        tokens, gaussians = self.axis.tokens, self.axis.gaussians
        choices, means, scales = torch.split(out, [tokens + gaussians, gaussians, gaussians], 1)
        return choices, means, scales.clamp(math.log(_LEAST_SCALE), math.log(_GREATEST_SCALE))


_TAIL = 1e-6  # of the probability: float32 has no scores beyond it


def _begin(axis: Axis, log_share: Tensor) -> Tensor:
    """Return the biases at the start: the tokens' shares, and Gaussians spread over the scores."""
    count = axis.gaussians
    logits = torch.full((count,), math.log(_GAUSSIAN_SHARE / max(count, 1)))
    return torch.cat([log_share, logits, torch.linspace(-_SPREAD, _SPREAD, count), torch.full((count,), -0.5)])


def _hats(places: Tensor, knots: int) -> Tensor:
    """Return (tokens in order, knots): linear interpolation between equally spaced knots on 0 to 1."""
    knots = min(knots, len(places))
    return (1 - (places[:, None] * (knots - 1) - torch.arange(knots)).abs()).clamp(min=0)
