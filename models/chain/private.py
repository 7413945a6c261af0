"""Learning all columns at once under differential privacy: one gradient a row over the networks of all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.chain.conditional import Conditional
from models.chain.fitting import Rows
from models.privacy import Descent, PerRow, Privacy, PrivatePlan
from models.processors import together

__all__ = ["DISCREET", "descent"]

DISCREET = PrivatePlan()


def descent(
    networks: Sequence[Conditional],
    tables: Sequence[Rows],
    *,
    privacy: Privacy,
    plan: PrivatePlan,
    generator: torch.Generator,
) -> Descent:
    """Return what learns the networks of the columns that are not constant.

    Args:
        networks: of these columns.
        tables: of N rows each, in the same order.
        privacy: what is promised to every row.
        plan: how they learn.
        generator: of batches and noise.
    """
    parameters = [[one for one in network.parameters() if one.numel()] for network in networks]

    def gradient(place: int, taken: Tensor) -> PerRow:
        network, rows = networks[place], tables[place][taken]
        return PerRow.of(
            lambda: -network.head.log_prob(network(rows.features), rows.token, rows.score), parameters[place]
        )

    return Descent(
        [one for own in parameters for one in own],
        lambda taken: together(lambda place: gradient(place, taken), range(len(networks))),
        rows=len(tables[0].token),
        privacy=privacy,
        plan=plan,
        generator=generator,
    )
