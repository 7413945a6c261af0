"""Every kind of number on one axis: whole units in int64 wherever the precision allows, float64 where it does not.

An integer is its own unit, a date counts days, a timestamp its unit, a number with d decimals counts 10**-d.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, ModelError
from data_contracts.arrow import arrow_type
from models.encoding.tally import Numbers

__all__ = ["from_axis", "observed_decimals", "to_axis", "whole"]

_DECIMALS = 9  # more digits than this are a computed float, not a written number
_EXACT = 2**53  # whole numbers beyond it are not all held by float64


def to_axis(column: Column, array: pa.Array) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return a column's (N,) numbers, 0 where absent, and the (N,) mask of those present.

    NaN counts as absent.

    Raises:
        ModelError: the column holds an infinite number.
    """
    if column.kind == "number":
        numbers = array.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        present = ~np.isnan(numbers)
        if infinite := int(np.isinf(numbers).sum()):
            raise ModelError(
                "numbers that are learned are finite",
                f"column {column.name!r} has {infinite:,} infinite ones",
                "Mark them as unknown in the source, or bound the column in the contract",
            )
        return np.where(present, numbers, 0.0), present
    units = array.cast(_counted(column))
    units = units.cast(pa.int32()) if column.kind == "date" else units
    present = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    return units.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), present


def from_axis(column: Column, numbers: Numbers, *, absent: NDArray[np.bool_]) -> pa.Array:
    """Return (N,) numbers as the column's Arrow array, null where absent."""
    mask = absent if absent.any() else None
    if column.kind == "number":
        return pa.array(numbers.astype(np.float64, copy=False), mask=mask)
    array = pa.array(numbers, pa.int64(), mask=mask)
    array = array.cast(pa.int32()) if column.kind == "date" else array
    return array.cast(_counted(column)).cast(arrow_type(column))


def observed_decimals(numbers: NDArray[np.float64], limit: int | None) -> int | None:
    """Return how many digits after the point tell all these numbers apart; None: computed floats."""
    digits = _DECIMALS if limit is None else limit
    greatest = float(np.abs(numbers).max(initial=0.0))
    for decimals in range(digits + 1):
        if greatest * 10.0**decimals >= _EXACT:
            return None
        if limit == decimals or bool(np.all(np.rint(numbers * 10.0**decimals) / 10.0**decimals == numbers)):
            return decimals
    return None


def whole(numbers: Numbers, decimals: int | None) -> Numbers:
    """Return numbers in whole units of 10**-decimals; as they are where decimals is None or they are whole."""
    if decimals is None or numbers.dtype.kind == "i":
        return numbers
    return np.rint(numbers * 10.0**decimals).astype(np.int64)


def _counted(column: Column) -> pa.DataType:
    """Return the Arrow type in which an integer, date or timestamp counts its own units."""
    if column.kind == "timestamp":
        return pa.timestamp(column.unit, column.timezone)
    return pa.date32() if column.kind == "date" else pa.int64()
