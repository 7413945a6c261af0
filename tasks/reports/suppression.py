"""Which counts of real rows may be shown: none below `FEWEST`, and none that those beside it would give away.

Zero counts as few: that nobody is there, where somebody might be, is said by no figure.  Where the counts that are left
out add up to fewer than `FEWEST`, the least of the others is left out too, since the number of all rows is known
(secondary suppression: Hundepool et al., Statistical Disclosure Control, 2012, chapter 4).
"""

from collections.abc import Sequence

__all__ = ["FEWEST", "shown"]

FEWEST = 10
"""Rows that a figure about the real data stands for at least: the usual floor of statistical offices."""


def shown(counts: Sequence[int]) -> list[bool]:
    """Return which of some counts may be shown.

    Args:
        counts: of real rows, of parts that do not overlap and together hold every row.
    """
    ascending = sorted(range(len(counts)), key=counts.__getitem__)
    left_out = sum(count < FEWEST for count in counts)
    while left_out < len(counts) and 0 < sum(counts[place] for place in ascending[:left_out]) < FEWEST:
        left_out += 1
    hidden = set(ascending[:left_out])
    return [place not in hidden for place in range(len(counts))]
