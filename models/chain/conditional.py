"""The conditional distribution of one column given the features of those before it.

A residual perceptron: h = W f;  h += V · relu(U · relu(h));  logits and Gaussians linear in h, the Gaussians' means and
scales linear in f as well.  Logits of tokens in order are a smooth curve plus a free part each.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, relu

from models.columns import Axis, Head

if TYPE_CHECKING:
    from models.chain.boosting import Boosted
    from models.encoding import Encoded

__all__ = ["Conditional"]

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
        self.head = Head(axis)

        def drawn(rows: int, columns: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) * scale)

        gaussians, outputs = axis.gaussians, self.head.outputs
        self.enter = drawn(hidden, inputs, 1 / math.sqrt(max(1, min(inputs, 60))))
        self.enter_bias = nn.Parameter(torch.zeros(hidden))
        self.up = drawn(hidden, hidden, math.sqrt(2 / hidden))
        self.up_bias = nn.Parameter(torch.zeros(hidden))
        self.down = drawn(hidden, hidden, 0.3 / math.sqrt(hidden))
        self.leave = drawn(outputs, hidden, _OUT_BEGIN / math.sqrt(hidden))
        self.leave_bias = nn.Parameter(self.head.begin(log_share))
        self.skip = nn.Parameter(torch.zeros(3 * gaussians, inputs))
        hats = _hats(axis.places, curve)
        self.hats: Tensor
        self.register_buffer("hats", hats, persistent=False)
        self.log_share: Tensor
        self.register_buffer("log_share", log_share, persistent=False)
        self.offset: Tensor
        self.register_buffer("offset", torch.zeros(outputs))
        self.boosted: Boosted | None = None
        self.curve = drawn(hats.shape[1], hidden, _SMOOTH_BEGIN / math.sqrt(hidden))

    def forward(self, features: Tensor, *masks: Tensor) -> Tensor:
        """Return (N, tokens + 3 K) logits, means and log-scales for (N, P) features; masks (N, H) drop units."""
        first, second = masks or (None, None)
        hidden = linear(features, self.enter, self.enter_bias)
        inner = relu(linear(relu(hidden), self.up, self.up_bias))
        hidden = hidden + linear(inner if first is None else inner * first, self.down)
        hidden = hidden if second is None else hidden * second
        out = self._out(hidden).float()
        if not self.axis.gaussians:
            return out
        moved = linear(features, self.skip).float()
        return torch.cat([out[:, : self.axis.tokens], out[:, self.axis.tokens :] + moved], 1)

    def read(self, features: Tensor, x: "Encoded") -> Tensor:
        """Return the (N, outputs) that rows are drawn by: the network's, boosted and calibrated.

        Args:
            features: (N, P) of the columns before.
            x: (N,) rows, of which the columns before are read.
        """
        return self.finished(self(features), x)

    def finished(self, out: Tensor, x: "Encoded") -> Tensor:
        """Return (N, outputs) of the network boosted and calibrated, by the columns before of (N,) rows."""
        return (out if self.boosted is None else self.boosted(out, x)) + self.offset

    def correct(self, out: Tensor, x: "Encoded") -> None:  # noqa: ARG002 - where there are folds, rows are told apart
        """Let each token be chosen as often as it was seen, by the (n, outputs) of (n,) rows."""
        self.offset += self.head.correction(out, self.log_share)

    def leaving(self) -> Tensor:
        """Return the (outputs, H) that hidden units are multiplied by at last: the free weights, and the curve's."""
        ordered, tokens = len(self.hats), self.axis.tokens
        curve = (self.hats @ self.curve) if ordered else torch.zeros(0, len(self.up))
        return self.leave + pad(curve, (0, 0, tokens - ordered, len(self.leave) - tokens))

    @property
    def parts(self) -> "tuple[Conditional, ...]":
        """Return the networks that are learned: this one; see `Crossed`."""
        return (self,)

    @property
    def axis(self) -> Axis:
        """Return the column's axis."""
        return self.head.axis

    def _out(self, hidden: Tensor) -> Tensor:
        """Return (N, outputs) of (N, H): the free weights', and the curve's at the tokens that lie in order."""
        out = linear(hidden, self.leave, self.leave_bias)
        ordered, tokens = len(self.hats), self.axis.tokens
        if not ordered:
            return out
        curve = linear(linear(hidden, self.curve), self.hats)
        return out + pad(curve, (tokens - ordered, out.shape[1] - tokens))


def _hats(places: Tensor, knots: int) -> Tensor:
    """Return (tokens in order, knots): linear interpolation between equally spaced knots on 0 to 1."""
    knots = min(knots, len(places))
    return (1 - (places[:, None] * (knots - 1) - torch.arange(knots)).abs()).clamp(min=0)
