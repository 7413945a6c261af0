"""A training as curves: one a model, of the losses that `tasks.train` wrote down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Course", "courses"]


@dataclass(frozen=True, slots=True)
class Course:
    """How one model trained.

    Args:
        model: its name.
        losses: of the steps that have one, in order.
        notes: of all steps, for people.
    """

    model: str
    losses: tuple[float, ...]
    notes: tuple[str, ...]


def courses(training: Mapping[str, Any]) -> list[Course]:
    """Return the models that were trained, one after the other; of a contest, each candidate."""
    found: dict[str, list[tuple[float | None, str]]] = {}
    for step in training.get("steps", ()):
        model, note = str(training["model"]), str(step["note"])
        if model == "auto":
            model, _, note = note.partition(": ")
        found.setdefault(model, []).append((step["loss"], note))
    return [
        Course(
            model,
            tuple(loss for loss, _ in steps if loss is not None),
            tuple(note for _, note in steps),
        )
        for model, steps in found.items()
    ]
