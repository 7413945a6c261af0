"""Integers and numbers: from text and from other types, exactly or not at all."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column
from tasks.readers.spelling import Cells, Mask, Spelling, matches, none, null_where, present

__all__ = ["from_text_integer", "from_text_number", "from_typed_integer", "from_typed_number", "rounded_differs"]

_INTEGER = r"^[+-]?[0-9]+(\.0*)?$"  # 12.0 is the integer 12; 12.5 and 1e3 are none
_SAFE = r"^[+-]?0*[0-9]{1,18}(\.0*)?$"  # surely within 64 bits
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_EXACT = 2**53  # from here on float64 skips integers
_LOW, _HIGH = -(2**63), 2**63


def from_text_integer(text: pa.Array, column: Column, spelling: Spelling) -> Cells:  # noqa: ARG001 - one signature for all
    """Return texts as 64-bit integers."""
    safe = matches(text, _SAFE)
    digits = null_where(text, ~safe)
    if matches(digits, r"[+.]").any():
        digits = pc.replace_substring_regex(digits, r"^\+|\.0*$", "")
    values, wrong = pc.cast(digits, pa.int64()), present(text.is_valid()) & ~safe
    if (long := wrong & matches(text, _INTEGER)).any():
        whole = [int(cell.as_py().partition(".")[0]) for cell in text.filter(pa.array(long))]
        fits = [_LOW <= number < _HIGH for number in whole]
        replacements = pa.array([n if fit else None for n, fit in zip(whole, fits, strict=True)], pa.int64())
        values = pc.replace_with_mask(values, pa.array(long), replacements)
        wrong[np.flatnonzero(long)[fits]] = False
    return Cells(values, wrong, none(len(text)))


def from_text_number(text: pa.Array, column: Column, spelling: Spelling) -> Cells:
    """Return texts as float64; what is larger than float64 holds, infinite or not a number is wrong."""
    if spelling.decimal != ".":
        points = matches(text, r"\.")
        text = pc.replace_substring(text, spelling.decimal, ".")
        fits = matches(text, _NUMBER) & ~points
    else:
        fits = matches(text, _NUMBER)
    values = pc.cast(null_where(text, ~fits), pa.float64())
    lost = present(pc.equal(values, 0.0)) & matches(text, r"^[+-]?[0.]*[1-9]")  # 1e-400
    beyond = present(pc.is_inf(values)) | lost
    wrong = (present(text.is_valid()) & ~fits) | beyond
    coarse = rounded_differs(values, column.decimals) | _long_differs(text, values)
    return Cells(null_where(values, beyond | coarse), wrong, coarse & ~wrong)


def from_typed_integer(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:
    """Return integers, whole floats and whole decimals as 64-bit integers; nothing else is one."""
    if pa.types.is_decimal(raw.type):
        return from_text_integer(pc.cast(raw, pa.string()), column, spelling)
    if pa.types.is_integer(raw.type):
        wrong = (
            present(pc.greater(raw, pa.scalar(_HIGH - 1, pa.uint64())))
            if pa.types.is_uint64(raw.type)
            else none(len(raw))
        )
        return Cells(pc.cast(null_where(raw, wrong), pa.int64()), wrong, none(len(raw)))
    if pa.types.is_floating(raw.type):
        raw = pc.cast(raw, pa.float64())
        whole = present(pc.and_(pc.is_finite(raw), pc.equal(pc.floor(raw), raw)))
        whole &= present(pc.and_(pc.greater_equal(raw, float(_LOW)), pc.less(raw, float(_HIGH))))
        wrong = present(raw.is_valid()) & ~whole
        return Cells(pc.cast(null_where(raw, wrong), pa.int64(), safe=False), wrong, none(len(raw)))
    return Cells(pa.nulls(len(raw), pa.int64()), present(raw.is_valid()), none(len(raw)))


def from_typed_number(raw: pa.Array, column: Column, spelling: Spelling) -> Cells:
    """Return floats, integers and decimals as float64."""
    if pa.types.is_decimal(raw.type):
        return from_text_number(pc.cast(raw, pa.string()), column, Spelling(spelling.unknown))
    if pa.types.is_integer(raw.type):
        values = pc.cast(raw, pa.float64(), safe=False)
        high = present(pc.greater_equal(pc.abs(values), float(_EXACT)))
        coarse = high & ~_same_integers(raw, values) if high.any() else high
        return Cells(null_where(values, coarse), none(len(raw)), coarse)
    if pa.types.is_floating(raw.type):
        values = pc.cast(raw, pa.float64())
        wrong = present(raw.is_valid()) & ~present(pc.is_finite(values))
        coarse = rounded_differs(null_where(values, wrong), column.decimals)
        return Cells(null_where(values, wrong | coarse), wrong, coarse)
    return Cells(pa.nulls(len(raw), pa.float64()), present(raw.is_valid()), none(len(raw)))


def rounded_differs(values: pa.Array, decimals: int | None) -> Mask:
    """Return where a number has more digits after the point than allowed.

    A float64 has `decimals` of them if it is the one nearest to its own rounding; beyond 2^52 / 10^decimals
    every float64 is.
    """
    if decimals is None:
        return none(len(values))
    numbers = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False)
    small = np.abs(numbers) < 2.0**52 / 10.0**decimals
    return np.asarray(small & (np.round(np.where(small, numbers, 0.0), decimals) != numbers), dtype=np.bool_)


def _same_integers(raw: pa.Array, values: pa.Array) -> Mask:
    return np.array([a is None or int(b) == a for a, b in zip(raw.to_pylist(), values.to_pylist(), strict=True)])


def _long_differs(text: pa.Array, values: pa.Array) -> Mask:
    """Return where a large number written without an exponent is not what float64 makes of it."""
    large = present(pc.greater_equal(pc.abs(values), float(_EXACT))) & ~present(pc.is_inf(values))
    large &= ~matches(text, "[eE]") if large.any() else large
    differs = none(len(text))
    for row in np.flatnonzero(large):
        differs[row] = Decimal(text[int(row)].as_py()) != Decimal(values[int(row)].as_py())
    return differs
