"""Learning the autoencoder under differential privacy: one gradient a row over encoder, decoder and prior."""

from dataclasses import replace

import torch
from torch import Tensor

from models.latent.fitting import Plan
from models.latent.networks import Autoencoder, Rows
from models.privacy import Descent, PerRow, Privacy, PrivatePlan

__all__ = ["DISCREET", "descent", "smaller"]

DISCREET = PrivatePlan(rate=8e-3)

_LATENT, _PRIOR = 8, 16  # units: noise grows with the number of weights, and so residual blocks are left out
_WARM = 0.5  # of the steps: at once at its full weight, the divergence empties the codes before noise lets them speak


def smaller(plan: Plan, *, hidden: int) -> Plan:
    """Return the plan with networks of fewer weights, and a divergence whose weight rises more slowly."""
    return replace(plan, latent=min(plan.latent, _LATENT), hidden=(hidden, hidden), blocks=0, prior=_PRIOR, warm=_WARM)


def descent(
    model: Autoencoder, rows: Rows, *, warm: float, privacy: Privacy, plan: PrivatePlan, generator: torch.Generator
) -> Descent:
    """Return what learns the autoencoder.

    Args:
        model: to be trained.
        rows: N of them.
        warm: share of the steps over which the divergence's weight rises to 1.
        privacy: what is promised to every row.
        plan: how it learns.
        generator: of batches, latent codes and noise.
    """
    parameters = [one for one in model.parameters() if one.numel()]

    def gradients(taken: Tensor) -> list[PerRow]:
        noise = torch.randn(len(taken), model.size.latent, generator=generator).to(taken.device)
        weight = min(1.0, (learner.steps + 1) / (warm * plan.steps + 1))
        return [PerRow.of(lambda: model.losses(rows[taken], noise, weight=weight), parameters)]

    learner = Descent(parameters, gradients, rows=len(rows), privacy=privacy, plan=plan, generator=generator)
    return learner
