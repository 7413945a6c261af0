"""What the casts share: how a source spells its cells, what a cast gives, and a few operations on masks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Cells", "Mask", "Spelling", "is_text", "matches", "none", "null_where", "present"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a source writes its cells.

    Args:
        unknown: texts that stand for "not known"; of a text file the empty cell among them.
        decimal: the decimal mark in texts.
    """

    unknown: tuple[str, ...] = ()
    decimal: str = "."

    @property
    def has_nan(self) -> bool:
        """Return whether a float's NaN is one more unknown-value mark."""
        return any(mark.lower() == "nan" for mark in self.unknown)


@dataclass(frozen=True, slots=True)
class Cells:
    """N cells as a column's kind.

    Args:
        values: of the kind's Arrow type; null where the cell is null or does not fit.
        wrong: shape (N,), the cell is not of the kind.
        imprecise: shape (N,), the cell is finer than the column holds.
    """

    values: pa.Array
    wrong: Mask
    imprecise: Mask


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def present(mask: pa.Array) -> Mask:
    """Return an Arrow mask as a NumPy one, null being False."""
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=np.bool_)  # noqa: FBT003 - the fill


def none(rows: int) -> Mask:
    """Return a mask of no rows."""
    return np.zeros(rows, dtype=np.bool_)


def null_where(array: pa.Array, mask: Mask) -> pa.Array:
    """Return the array with nulls where the mask holds."""
    return pc.if_else(pa.array(mask), pa.scalar(None, array.type), array) if mask.any() else array


def matches(text: pa.Array, pattern: str) -> Mask:
    """Return where a regular expression (RE2) matches; null does not."""
    return present(pc.match_substring_regex(text, pattern))
