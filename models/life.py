"""What all models have in common: how a fit is followed, and how it went."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Fitted", "Progress"]

Progress = Callable[[int, str], None]
"""Called after each step with the number of steps done, and a note for people."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a fit went.

    Args:
        steps: passes over the rows, of everything that was tried; as many give the same bytes again.
        cut: a budget or a number of steps ended it before its plan did.
        seconds: wall-clock.
        history: a line for each step: what was learned, and held-out log-likelihood per row.
    """

    steps: int
    cut: bool
    seconds: float
    history: tuple[str, ...]
