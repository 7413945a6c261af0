"""How far each score of the gate is from its threshold, on the way to what is best: a picture for the first minute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasks.references import Judgement, Score
from tasks.reports.canvas import BAD, HOLDOUT, INK, LINE, REAL, SYNTHETIC, WIDTH, bar, canvas, inline
from tasks.reports.words import meaning

__all__ = ["Margin", "drawn", "margins"]

_LINE = 30  # a score: its title, its value, and below them its way
_AT = 90  # where every threshold stands
_MARK = 9  # side of a score's mark
_FOOT = 16  # for the words below


@dataclass(frozen=True, slots=True)
class Margin:
    """One score on its way: 0 is its threshold, 1 what is best.

    Args:
        title: of the score.
        value: as it was measured.
        place: of the value on the way.
        floor: of the held-out rows' own figure; None: there is none.
        interval: between which the true figure may lie; None: it is not known.
        passed: the threshold is met.
    """

    title: str
    value: float
    place: float
    floor: float | None
    interval: tuple[float, float] | None
    passed: bool


def margins(judgements: Sequence[Judgement], scores: Sequence[Score]) -> list[Margin]:
    """Return the scores that have one threshold, a value, and a figure that is best."""
    floors = {score.name: score.floor for score in scores}
    found = (_margin(judgement, floors.get(judgement.threshold.score)) for judgement in judgements)
    return [margin for margin in found if margin is not None]


def _margin(judgement: Judgement, floor: float | None) -> Margin | None:
    threshold, words = judgement.threshold, meaning(judgement.threshold.score)
    bounds = [bound for bound in (threshold.minimum, threshold.maximum) if bound is not None]
    best = _number(words.best)
    if len(bounds) != 1 or best is None or best == bounds[0] or judgement.value is None:
        return None

    def place(figure: float) -> float:
        return (figure - bounds[0]) / (best - bounds[0])

    held = None if floor is None or math.isnan(floor) else place(floor)
    ends = sorted(map(place, judgement.interval or ()))
    interval = (ends[0], ends[-1]) if ends else None
    return Margin(words.title, judgement.value, place(judgement.value), held, interval, judgement.passed)


def drawn(found: Sequence[Margin]) -> Markup:
    """Return the margins as one drawing, the same way for each: from before its threshold to what is best."""
    height = _LINE * len(found) + _FOOT
    with canvas(height) as (figure, axes):
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        for number, margin in enumerate(found):
            top = number * _LINE
            axes.text(0, top + 11, margin.title, color=INK)
            axes.text(WIDTH, top + 11, f"{'✓' if margin.passed else '✗'} {margin.value:.4f}", ha="right", color=INK)
            bar(axes, (0, top + 19), (WIDTH, 3), LINE)
            bar(axes, (_AT, top + 19), (WIDTH - _AT, 3), REAL)
            bar(axes, (_AT - 1, top + 15), (2, 11), INK)
            if margin.interval is not None:
                low, high = map(_across, margin.interval)
                bar(axes, (low, top + 18), (max(high - low, 1), 5), SYNTHETIC if margin.passed else BAD, alpha=0.6)
            if margin.floor is not None:
                bar(axes, (_across(margin.floor) - 1.5, top + 14), (3, 13), HOLDOUT)
            place = (_across(margin.place) - _MARK / 2, top + 16)
            bar(axes, place, (_MARK, _MARK), SYNTHETIC if margin.passed else BAD)
        axes.text(_AT, height - 4, "threshold", ha="center")
        axes.text(WIDTH, height - 4, "best", ha="right")
        told = "; ".join(f"{each.title} {'met' if each.passed else 'not met'}" for each in found)
        return inline(figure, name=f"Scores between their threshold and what is best: {told}")


def _across(place: float) -> float:
    """Return where on the drawing a place on the way is; what is far outside stands at the end."""
    return min(max(_AT + place * (WIDTH - _AT - _MARK / 2), _MARK / 2), WIDTH - _MARK / 2)


def _number(best: str) -> float | None:
    """Return what is best if it is a figure; `as real` is none."""
    try:
        return float(best)
    except ValueError:
        return None
