"""Learning the autoencoder under differential privacy: one gradient a row over encoder, decoder and prior."""

import torch
from torch import Tensor

from models.latent.networks import Autoencoder, Rows
from models.privacy import Descent, PerRow, Privacy, PrivatePlan

__all__ = ["DISCREET", "descent"]

DISCREET = PrivatePlan()


def descent(
    model: Autoencoder, rows: Rows, *, privacy: Privacy, plan: PrivatePlan, generator: torch.Generator
) -> Descent:
    """Return what learns the autoencoder.

    Args:
        model: to be trained.
        rows: N of them.
        privacy: what is promised to every row.
        plan: how it learns.
        generator: of batches, latent codes and noise.
    """
    parameters = [one for one in model.parameters() if one.numel()]

    def gradients(taken: Tensor) -> list[PerRow]:
        noise = torch.randn(len(taken), model.size.latent, generator=generator).to(taken.device)
        return [PerRow.of(lambda: model.losses(rows[taken], noise), parameters)]

    return Descent(parameters, gradients, rows=len(rows), privacy=privacy, plan=plan, generator=generator)
