"""A membership attack while a chain learns: do drawn rows tell the rows that it learns from from those held in?

A row is taken for a member if a drawn row is near it (Chen, Yu, Zhang, Fritz: GAN-Leaks, 2020).  Held-in likelihood
does not see this: it can rise long after rows that were learned are nearer to what is drawn than others are.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from models.columns import Axis
from models.encoding import Encoded
from models.processors import together
from models.telling import area

__all__ = ["BOUND", "LEAST_ROWS", "leak"]

BOUND = 0.515
"""The area under the ROC curve that no attack is to reach, beside its standard error."""

LEAST_ROWS = 200
"""Held in: fewer tell nothing."""

_TILE = 512  # rows whose distances are taken at a time: 40 MB against 20,000 drawn ones


def leak(axes: Sequence[Axis], drawn: Encoded, members: Encoded, others: Encoded) -> tuple[float, float]:
    """Return the attack's area under the ROC curve, .5 if nothing is told, and its standard error by chance alone.

    Args:
        axes: of all columns.
        drawn: (n,) rows.
        members: (N,) rows that were learned from.
        others: (M,) rows that were not.
    """
    references = _points(axes, drawn)
    lengths = (references**2).sum(1)

    def nearest(part: Encoded) -> Tensor:
        points = _points(axes, part)
        return (lengths - 2 * (points @ references.T)).min(1).values + (points**2).sum(1)

    both = Encoded.join([members, others])
    tiles = together(nearest, [both[low : low + _TILE] for low in range(0, len(both), _TILE)])
    distances = torch.cat(tiles)
    return area(-distances[: len(members)], -distances[len(members) :])


def _points(axes: Sequence[Axis], x: Encoded) -> Tensor:
    """Return (n, ·) points: numbers by their normal scores, other codes so that two that differ are 1 apart."""
    parts = []
    for axis in axes:
        code = x.codes[:, axis.span.code].cpu()
        token = axis.groups.tokens(code.clamp(min=0))
        if axis.span.value is not None:
            parts.append(x.values[:, axis.span.value].cpu().nan_to_num(0.0)[:, None])
        if axis.ranked:
            parts.append(torch.special.ndtri(axis.rank[token].clamp(_TAIL, 1 - _TAIL))[:, None])
        elif axis.span.size > 1:
            parts.append(one_hot(token, axis.coded) / math.sqrt(2))
    return torch.cat([torch.zeros(len(x), 1), *parts], 1)


_TAIL = 1e-4
