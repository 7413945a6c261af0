"""Which numbers of a column may be shown as they are, and what stands in the place of the others.

What is kept of a column is published with the model.  A number is shown if enough rows share it, or if it is the
column's least or greatest; of all others only means of five are, so that none points to a row.
"""

import numpy as np

from models.encoding.tally import Numbers, Tally

__all__ = ["CLASSIFIED", "KEPT_ROWS", "shown"]

KEPT_ROWS = 5
"""A number or a word is kept as such where at least this many rows share it: it then points to no one row."""

CLASSIFIED = frozenset({"confidential", "restricted", "secret"})
"""Classifications of a column whose least and greatest number are not shown either."""

_THIN_SHARE = 2_000
"""Of a thinned tally, whose counts hold neighbours' rows too, one in so many rows is surely a shared number."""


def shown(numbers: Numbers, tally: Tally, *, ends: bool) -> Numbers:
    """Return (M,) ascending numbers of a column, those that may not be shown replaced: ascending all the same.

    A mean of five stays between the nearest numbers that are shown.  Where there are not five to be hidden, the middle
    of these stands for them.

    Args:
        numbers: (M,) of the tally.
        tally: of the whole column.
        ends: show the least and the greatest.
    """
    least = KEPT_ROWS if not tally.thinned else max(KEPT_ROWS, tally.rows // _THIN_SHARE)
    public = tally.counts >= least
    public[[0, -1]] |= ends
    hidden = ~public[np.searchsorted(tally.values, numbers)]
    if not hidden.any():
        return numbers
    replaced = numbers.copy()
    replaced[hidden] = _blurred(numbers[hidden], tally.values[~public], tally.values[public], max(tally.step, 1))
    return replaced


def _blurred(numbers: Numbers, rare: Numbers, public: Numbers, step: int) -> Numbers:
    """Return what stands for (n,) of the (R,) rare numbers, between (P,) public ones."""
    above = np.searchsorted(public, numbers)
    bounded = (above > 0) & (above < len(public))
    if len(public):
        low, high = public[np.maximum(above - 1, 0)], public[np.minimum(above, len(public) - 1)]
    if len(rare) >= KEPT_ROWS:
        half = KEPT_ROWS // 2
        centre = np.clip(np.searchsorted(rare, numbers), half, len(rare) - 1 - half)
        found = _means(rare[centre[:, None] + np.arange(-half, half + 1)], step)
    elif len(public):
        found = np.where(bounded, _means(np.stack([low, high], 1), step), low)
    else:  # of fewer than five numbers in all: what they have in common
        found = _means(np.broadcast_to(rare, (len(numbers), len(rare))), step)
    if len(public):
        found = np.where(above > 0, np.maximum(found, low), found)
        found = np.where(above < len(public), np.minimum(found, high), found)
    return found


def _means(numbers: Numbers, step: int) -> Numbers:
    """Return the (n,) means of (n, k) ascending numbers, whole ones to the step, without overflow."""
    first, count = numbers[:, 0], numbers.shape[1]
    if numbers.dtype.kind == "f":
        parts: Numbers = numbers / count - first[:, None] / count
        mean: Numbers = first + parts.sum(1)
        return mean
    base = np.ascontiguousarray(first).view(np.uint64)
    apart = np.ascontiguousarray(numbers).view(np.uint64) - base[:, None]
    k, unit = np.uint64(count), np.uint64(step)
    mean = (apart // k).sum(1, dtype=np.uint64) + ((apart % k).sum(1, dtype=np.uint64) + k // np.uint64(2)) // k
    left = mean % unit
    moved = base + (mean - left + np.where(left > unit // np.uint64(2), unit, np.uint64(0)))
    whole: Numbers = moved.view(np.int64)
    return whole
