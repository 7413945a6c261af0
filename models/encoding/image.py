"""Images: pixels as they are, uint8; nothing of them is learned here, and the code says that there is one.

In Arrow an image is its pixels in a row: fixed-size binary of height x width x channels bytes, row by row, pixel by
pixel.  How these are written as files is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_contracts import Column, ModelError
from data_contracts.conditions import Condition
from models.encoding.allowed import Allowed

__all__ = ["ImageStatistics", "allowed", "decode", "encode", "merge", "pixels", "raw_type", "settle", "summarise"]


@dataclass(frozen=True, slots=True)
class ImageStatistics:
    """What is kept of a column of images: their form.

    Args:
        shape: (channels, height, width).
    """

    shape: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Return the number of codes: an image is always there."""
        return 1

    @property
    def regular_code(self) -> int | None:
        """Return None: the pixels are no value of the encoded table's."""
        return None

    @property
    def nulls(self) -> bool:
        """Return False: an image is required."""
        return False

    def state(self) -> dict[str, Any]:
        """Return the statistics as JSON holds them."""
        return {"shape": list(self.shape)}

    @classmethod
    def from_state(cls, state: dict[str, Any], column: Column) -> "ImageStatistics":
        """Return the statistics that `state` described.

        Raises:
            ModelError: they are of images of another form than the column's.
        """
        if tuple(state["shape"]) != _shape(column):
            raise ModelError(
                "a model is used with the contract that it was trained under",
                f"it knows images of {_said(state['shape'])}, and {column.name!r} has {_said(_shape(column))}",
                "Train again",
            )
        return cls(_shape(column))


def raw_type(column: Column) -> pa.DataType:
    """Return the Arrow type of a column's pixels."""
    return pa.binary(int(np.prod(column.pixels)))


def summarise(array: pa.Array, column: Column) -> ImageStatistics:
    """Return the summary of one batch's (N,) pixels in a row.

    Raises:
        ModelError: one is missing, or they are of another form.
    """
    if array.null_count or array.type != raw_type(column):
        fact = f"those of column {column.name!r} are of type {array.type}, {array.null_count:,} of them missing"
        raise ModelError(f"images are there, as {_said(_shape(column))} in a row", fact, "Decode them first")
    return ImageStatistics(_shape(column))


def merge(first: ImageStatistics, second: ImageStatistics) -> ImageStatistics:  # noqa: ARG001 - one signature for all kinds
    """Return the summary of both batches' rows."""
    return first


def settle(summary: ImageStatistics, column: Column) -> ImageStatistics:  # noqa: ARG001 - one signature for all kinds
    """Return what is kept of a summary: all of it."""
    return summary


def encode(
    array: pa.Array,
    statistics: ImageStatistics,  # noqa: ARG001 - one signature for all kinds
    column: Column,  # noqa: ARG001 - one signature for all kinds
    *,
    generator: object = None,  # noqa: ARG001 - one signature for all kinds
) -> tuple[NDArray[np.int64], None]:
    """Return the (N,) codes, all 0, and no values."""
    return np.zeros(len(array), np.int64), None


def pixels(array: pa.Array, statistics: ImageStatistics) -> Tensor:
    """Return the (N, channels, height, width) uint8 pixels of (N,) images in a row."""
    channels, height, width = statistics.shape
    size = channels * height * width
    flat = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * size : (array.offset + len(array)) * size]
    planes = flat.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    return torch.from_numpy(planes.copy())


def decode(planes: Tensor, column: Column) -> pa.Array:
    """Return (N, channels, height, width) uint8 pixels as (N,) images in a row."""
    rows = planes.permute(0, 2, 3, 1).contiguous().numpy()
    return pa.FixedSizeBinaryArray.from_buffers(raw_type(column), len(rows), [None, pa.py_buffer(rows)])


def allowed(
    conditions: Sequence[Condition],  # noqa: ARG001 - one signature for all kinds
    statistics: ImageStatistics,  # noqa: ARG001 - one signature for all kinds
    column: Column,
) -> Allowed:
    """Refuse: no image can be asked for by its pixels.

    Raises:
        ModelError: always.
    """
    fact, remedy = f"{column.name!r} is an image", "Ask for values of other columns"
    raise ModelError("values that are learned can be asked for", fact, remedy)


def _shape(column: Column) -> tuple[int, int, int]:
    height, width, channels = column.pixels
    return channels, height, width


def _said(shape: Sequence[int]) -> str:
    channels, height, width = shape
    return f"{height} x {width} pixels of {channels} channel{'s' * (channels > 1)}"
