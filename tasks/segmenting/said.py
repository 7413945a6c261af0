"""What a task of segments hands back, and the name of what it leaves for machines."""

from dataclasses import dataclass

__all__ = ["RECORD", "Segmented"]

RECORD = "segments.json"
"""What the segments are."""


@dataclass(frozen=True, slots=True)
class Segmented:
    """What was told apart.

    Args:
        uri: of the folder that was written.
        of: the contract's id, or the image's name.
        release: its version; None: there is none.
        rows: or pixels, that were told apart.
        unfit: rows with cells that are not what their column holds, or against a rule.
        sizes: of the segments, in rows or pixels.
        bic: of the number of segments that was chosen.
        stability: of it; None: it was asked for, and has a segment that is too small.
    """

    uri: str
    of: str
    release: str | None
    rows: int
    unfit: int
    sizes: tuple[int, ...]
    bic: float
    stability: float | None
