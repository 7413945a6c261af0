"""A network made ready for many rows: what is linear in the features is a sum of a few rows of a table.

All but a few of a row's features are 0: a code is one of its column's, and steps of rank lie between two that are
known.  So the first layer, most of the work of a wide table, is a weighted sum of table rows; what is linear behind it
is multiplied out beforehand.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, linear

from models.chain.conditional import Conditional
from models.chain.crossed import Crossed
from models.columns import Axis
from models.encoding import Encoded

__all__ = ["AnyReader", "CrossedReader", "Reader", "reading"]


class Reader:
    """What `Conditional.read` returns, from table rows instead of features.

    Args:
        network: of the column.
        before: axes of the columns before it.
        half: multiply bfloat16.
    """

    @torch.no_grad()
    def __init__(self, network: Conditional, before: Sequence[Axis], *, half: bool) -> None:
        kind = torch.bfloat16 if half else torch.float32
        self.network, self._hidden = network, len(network.up)
        leave, skip = network.leaving(), network.skip
        by_feature = torch.cat([network.enter, leave @ network.enter])
        by_feature[len(by_feature) - len(skip) :] += skip
        constant, *parts = torch.split(by_feature, [1, *[axis.width for axis in before]], 1)
        constant[:, 0] += torch.cat([network.enter_bias, leave @ network.enter_bias + network.leave_bias])
        self._table = torch.cat([constant.T, *[axis.table(part) for axis, part in zip(before, parts, strict=True)]])
        self._up, self._up_bias = network.up.to(kind), network.up_bias.to(kind)
        self._leave = (leave @ network.down).to(kind)

    @torch.no_grad()
    def __call__(self, places: Tensor, weights: Tensor, x: Encoded) -> Tensor:
        """Return the (n, outputs) that rows are drawn by, in float32.

        Args:
            places: (n, L) table rows: the constant's, and those of the columns before.
            weights: (n, L) of each.
            x: (n,) rows, of which the columns before are read.
        """
        if places.shape[1] == 1 < len(places):  # the constant alone: all rows are alike
            return self(places[:1], weights[:1], x[:1]).expand(len(places), -1)
        linear_part = embedding_bag(places, self._table, mode="sum", per_sample_weights=weights)
        hidden = linear_part[:, : self._hidden].to(self._up.dtype).relu_()
        inner = linear(hidden, self._up, self._up_bias).relu_()
        return self.network.finished(linear_part[:, self._hidden :] + linear(inner, self._leave), x)


class CrossedReader:
    """What `Crossed.read` returns, from table rows instead of features.

    Args:
        network: of the column.
        before: axes of the columns before it.
        half: multiply bfloat16.
    """

    def __init__(self, network: Crossed, before: Sequence[Axis], *, half: bool) -> None:
        self.network = network
        self._parts = [Reader(part, before, half=half) for part in network.parts]

    def __call__(self, places: Tensor, weights: Tensor, x: Encoded) -> Tensor:
        """Return the (n, outputs) that rows are drawn by; see `Reader`."""
        network = self.network
        return network.folds.gathered(
            x, network.head.outputs, lambda fold, rows: self._parts[fold](places[rows], weights[rows], x[rows])
        )


AnyReader = Reader | CrossedReader


def reading(network: Conditional | Crossed, before: Sequence[Axis], *, half: bool) -> AnyReader:
    """Return what reads a column's network from table rows."""
    if isinstance(network, Crossed):
        return CrossedReader(network, before, half=half)
    return Reader(network, before, half=half)
