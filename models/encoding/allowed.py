"""What of a column's encoded cells may meet conditions."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ALL_SCORES", "Allowed"]

ALL_SCORES = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Codes, and an interval of the scores of "regular": whatever meets the conditions lies within.

    Args:
        codes: (size,) which of the span's codes.
        scores: the least and the greatest score, themselves included.
    """

    codes: NDArray[np.bool_]
    scores: tuple[float, float] = ALL_SCORES
