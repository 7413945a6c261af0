"""Every judged score beside its bounds, as one picture in PNG: for where the report cannot go, such as a run's page."""

from io import BytesIO
from typing import Any

from tasks.references import Judgement, Verdict
from tasks.reports.canvas import canvas
from tasks.reports.words import meaning

__all__ = ["standing"]

_WIDTH, _ROW = 640.0, 22.0  # units: of the picture, and of a row's height
_NAMES = 0.75  # how far the names reach to the left of 0, in the scale's own unit
_MET, _MISSED, _INK, _LINE = "#1a7f37", "#cf222e", "#57606a", "#d0d7de"
_SHARPNESS = 144  # dots an inch: twice what a screen shows


def standing(verdict: Verdict) -> bytes:
    """Return a picture of the scores from 0 to 1: a dot for each, a line for its interval, a stroke for each bound."""
    shown = [(each, value) for each in verdict.judgements if (value := each.value) is not None and 0 <= value <= 1]
    with canvas(_ROW * (len(shown) + 1), width=_WIDTH) as (figure, axes):
        axes.set_xlim(-_NAMES, 1.03)
        axes.set_ylim(len(shown) + 0.5, -0.5)
        for place, (each, value) in enumerate(shown):
            _draw(axes, place, each, value)
        for mark in (0.0, 0.5, 1.0):
            axes.text(mark, len(shown), f"{mark:g}", ha="center", va="center", color=_INK)
        figure.patch.set_visible(True)  # a page may be dark
        written = BytesIO()
        figure.savefig(written, format="png", dpi=_SHARPNESS, facecolor="white", metadata={"Software": None})
    return written.getvalue()


def _draw(axes: Any, place: int, each: Judgement, value: float) -> None:  # noqa: ANN401 - of the canvas
    colour = _MET if each.passed else _MISSED
    axes.text(-0.03, place, meaning(each.threshold.score).title, ha="right", va="center", color=_INK)
    axes.plot([0, 1], [place, place], color=_LINE, linewidth=1)
    for bound in (each.threshold.minimum, each.threshold.maximum):
        if bound is not None and 0 <= bound <= 1:
            axes.plot([bound, bound], [place - 0.35, place + 0.35], color=_INK, linewidth=1.5)
    if each.interval is not None:
        axes.plot([max(0.0, each.interval[0]), min(1.0, each.interval[1])], [place, place], color=colour, linewidth=3)
    axes.plot([value], [place], marker="o", markersize=7, color=colour)
