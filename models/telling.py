"""Who was learned from?  An attack by a score that is higher, as a rule, for rows that a model has learned from.

The score may be the model's own, which whoever holds the model can ask (Yeom, Giacomelli, Fredrikson, Jha: Privacy risk
in machine learning, 2018; of generative models, Hayes, Melis, Danezis, De Cristofaro: LOGAN, 2019), or how near what
it draws comes to a row (`models.chain.guard`).
"""

import math

import torch
from torch import Tensor

__all__ = ["BOUND", "area"]

BOUND = 0.55
"""The area under the ROC curve of a model's own score, beyond its standard error, at which a model has grown enough."""


def area(members: Tensor, others: Tensor) -> tuple[float, float]:
    """Return how often a member's score is above another row's, .5 if nothing is told, and its error by chance alone.

    Args:
        members: (N,) scores of rows that were learned from.
        others: (M,) scores of rows that were not.
    """
    ordered = others.sort().values
    below = torch.searchsorted(ordered, members)
    equal = torch.searchsorted(ordered, members, right=True) - below
    found = float((below + equal / 2).double().mean() / len(others))
    return found, math.sqrt((1 / len(members) + 1 / len(others)) / 12)
