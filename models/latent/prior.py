"""The prior of the latent codes: p(z) = Π_i Σ_k w_k N(z_i; m_k, s_k²), where w, m and s follow from z_1 .. z_{i-1}.

One masked network gives all of them at once (Germain, Gregor, Murray, Larochelle: MADE, masked autoencoder for
distribution estimation, 2015); a prior that is learned closes the holes that draws from N(0, 1) fall into (Chen et al.:
Variational lossy autoencoder, 2017).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

__all__ = ["Prior"]

_SPREAD = 1.0  # the outermost Gaussians' means at the start: together they are about N(0, 1)
_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE = -5.0, 2.0


class Prior(nn.Module):
    """Parameters for Z latent codes.

    Args:
        latent: Z.
        hidden: H, units of a layer.
        gaussians: K of each code.
        generator: for the parameters at the start.
    """

    def __init__(self, latent: int, *, hidden: int, gaussians: int, generator: torch.Generator) -> None:
        super().__init__()
        self.latent, self.gaussians = latent, gaussians
        seen = torch.arange(hidden) * latent // hidden  # how many of the first codes a unit may depend on
        self.sees: Tensor
        self.joins: Tensor
        self.says: Tensor
        self.register_buffer("sees", (torch.arange(latent) < seen[:, None]).float(), persistent=False)
        self.register_buffer("joins", (seen <= seen[:, None]).float(), persistent=False)
        self.register_buffer("says", (seen <= torch.arange(latent)[:, None]).float(), persistent=False)

        def drawn(rows: int, columns: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, columns, generator=generator) * scale)

        self.enter = drawn(hidden, latent, 1 / math.sqrt(latent))
        self.enter_bias = nn.Parameter(torch.zeros(hidden))
        self.up = drawn(hidden, hidden, 2 / math.sqrt(hidden))
        self.up_bias = nn.Parameter(torch.zeros(hidden))
        self.down = drawn(hidden, hidden, 0.3 / math.sqrt(hidden))
        self.leave = drawn(latent * 3 * gaussians, hidden, 0.1 / math.sqrt(hidden))
        same = torch.zeros(gaussians)
        begin = torch.cat([same, torch.linspace(-_SPREAD, _SPREAD, gaussians), same])
        self.leave_bias = nn.Parameter(begin.repeat(latent))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return (N,) log-densities of (N, Z) latent codes."""
        says = self.says.repeat_interleave(3 * self.gaussians, 0)
        out = linear(self._hidden(z), self.leave * says, self.leave_bias)
        logits, means, scales = self._parts(out.view(len(z), self.latent, 3, self.gaussians))
        bells = -0.5 * ((z[..., None] - means) * (-scales).exp()) ** 2 - scales + logits
        total = bells.logsumexp(2) - logits.logsumexp(2) - 0.5 * math.log(2 * math.pi)
        return total.sum(1)

    def draw(self, rows: int, *, generator: torch.Generator) -> Tensor:
        """Return (rows, Z) latent codes, drawn one code after the other."""
        z = torch.zeros(rows, self.latent)
        wide = 3 * self.gaussians
        for place in range(self.latent):
            own = slice(place * wide, (place + 1) * wide)
            out = linear(self._hidden(z), self.leave[own] * self.says[place], self.leave_bias[own])
            logits, means, scales = self._parts(out.view(rows, 3, self.gaussians))
            ends = logits.softmax(1).cumsum(1)
            chance = torch.rand(rows, 1, generator=generator) * ends[:, -1:]
            which = torch.searchsorted(ends, chance, right=True).clamp(max=self.gaussians - 1)
            normal = torch.randn(rows, 1, generator=generator)
            z[:, place] = (means.gather(1, which) + scales.gather(1, which).exp() * normal)[:, 0]
        return z

    def _hidden(self, z: Tensor) -> Tensor:
        hidden = linear(z, self.enter * self.sees, self.enter_bias)
        inner = relu(linear(relu(hidden), self.up * self.joins, self.up_bias))
        return relu(hidden + linear(inner, self.down * self.joins))

    @staticmethod
    def _parts(out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and log-scales of (..., 3, K) outputs."""
        logits, means, scales = out.unbind(-2)
        return logits, means, scales.clamp(_LEAST_LOG_SCALE, _GREATEST_LOG_SCALE)
