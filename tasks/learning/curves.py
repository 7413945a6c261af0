"""The loss of a fit, step by step, that an interruption does not tear."""

import logging
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.life import Checkpoint, Progress, State, Step

__all__ = ["Curve"]

logger = logging.getLogger(__name__)

_KEY = "curve"  # in a checkpoint's configuration, where no model has a word of that name


class Curve:
    """Follows a fit's steps, and lies between it and its checkpoint, where the steps so far are kept with the state.

    Args:
        follow: told of each step, too.
        checkpoint: of the fit.
    """

    def __init__(self, follow: "Progress", checkpoint: "Checkpoint") -> None:
        self.follow, self.checkpoint = follow, checkpoint
        self.steps: list[dict[str, Any]] = []

    def told(self, step: "Step") -> None:
        """Take in a step."""
        self.steps.append({"loss": step.loss if math.isfinite(step.loss) else None, "note": step.note})
        self.follow(step)

    def begin(self, ended: "Sequence[State]", join: "Callable[[Sequence[State]], State]") -> None:
        """Keep as one what several fits came to, and their steps one after the other: the next load goes on from there.

        Args:
            ended: what each left in its checkpoint.
            join: makes one state of theirs.
        """
        self.steps = [step for _, config in ended for step in config[_KEY]]
        self.save(join(ended))

    def load(self) -> "State | None":
        """Return what was saved last, and go on from the steps that it was saved after; None: nothing."""
        state = self.checkpoint.load()
        if state is None:
            return None
        tensors, config = state
        self.steps = list(config.pop(_KEY))
        logger.info("training goes on after %s steps, from its checkpoint", f"{len(self.steps):,}")
        return tensors, config

    def save(self, state: "State") -> None:
        """Keep a state, and the steps so far with it."""
        tensors, config = state
        self.checkpoint.save((tensors, {**config, _KEY: self.steps}))
