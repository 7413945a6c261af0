"""Drawings of segments: how the numbers of segments did, and where segments lie between two columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from numpy.typing import NDArray

from tasks.reports.axes import axis_over
from tasks.reports.canvas import FAINT, INK, LINE, SYNTHETIC, WIDTH, canvas, inline, said

if TYPE_CHECKING:
    from models.segments.contest import Candidate
    from models.segments.features import Feature
    from tasks.segmenting.finding import Segments

__all__ = ["Plane", "bics", "plane_of", "stabilities"]

_HEIGHT = 150  # of a curve
_AXIS = 16  # of that, for the labels below it
_MOST_COLUMNS = 24  # among which the two of the picture are sought
_REACH = 3.0  # deviations from the middle that are shown
_APART = 0.9  # deviations between ticks: closer, they would run into each other
_TWO = 2.0  # deviations of an ellipse: it holds 86 of 100 rows
_SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where segments lie between the two columns of numbers that tell them apart best.

    Args:
        across: the one column's name.
        up: the other's.
        drawing: an ellipse for each segment.
    """

    across: str
    up: str
    drawing: Markup


def bics(contest: Sequence["Candidate"], chosen: "Candidate") -> Markup:
    """Return BIC by number of segments."""
    said_of = f"BIC by number of segments; {chosen.segments} is chosen, at {chosen.bic:,.0f}"
    return _curve([(each.segments, each.bic) for each in contest], chosen.segments, name=said_of)


def stabilities(contest: Sequence["Candidate"], chosen: "Candidate") -> Markup:
    """Return stability by number of segments, beside what is asked for."""
    from models.segments.contest import STABLE

    points = [(each.segments, each.stability) for each in contest if each.stability is not None]
    told = "" if chosen.stability is None else f", at {chosen.stability:.2f}"
    name = f"Stability by number of segments, of which {STABLE} is asked for; {chosen.segments} is chosen{told}"
    return _curve(points, chosen.segments, name=name, bound=STABLE)


def plane_of(found: "Segments") -> Plane | None:
    """Return the segments of enough rows on a plane of two columns; None: there are no two columns of numbers.

    The columns are those with the greatest Pillai trace: the share of their spread that lies between segments.
    """
    from models.segments.features import FEWEST
    from models.segments.scale import Scale

    scaled = [each for each in found.features.features if isinstance(each.told, Scale)][:_MOST_COLUMNS]
    if len(scaled) < 2:  # noqa: PLR2004 - a plane
        return None
    values = np.stack([_values(each, found.rows) for each in scaled], 1)
    segments = len(found.chosen.components.log_weight)
    pairs = combinations(range(len(scaled)), 2)
    pair = list(max(pairs, key=lambda each: _pillai(np.nan_to_num(values[:, list(each)]), found.hard)))
    points, present = values[:, pair], ~np.isnan(values[:, pair]).any(1)
    owned = [points[present & (found.hard == place)] for place in range(segments)]
    ellipses = [(place, own) for place, own in enumerate(owned, 1) if len(own) >= FEWEST]
    across, up = (scaled[place] for place in pair)
    return Plane(across.column.name, up.column.name, _ellipses(ellipses, across, up, found.rows))


def _values(feature: "Feature", rows: pa.Table) -> Floats:
    values = feature.encode(rows.column(feature.column.name).combine_chunks())[1]
    assert values is not None  # noqa: S101 - a column on a scale has values
    return values


def _pillai(points: Floats, hard: NDArray[np.int64]) -> float:
    """Return the trace of the covariance between segments over that of all rows."""
    means = np.stack([points[hard == place].mean(0) for place in np.unique(hard)])[
        np.unique(hard, return_inverse=True)[1]
    ]
    whole = np.cov(points.T) + 1e-9 * np.eye(points.shape[1])
    return float(np.trace(np.cov(means.T) @ np.linalg.inv(whole)))


def _ellipses(segments: Sequence[tuple[int, Floats]], across: "Feature", up: "Feature", rows: pa.Table) -> Markup:
    """Return an ellipse of two deviations for each segment's (n, 2) points, with its number."""
    with canvas(WIDTH) as (figure, axes):
        axes.set_position((0.14, 0.08, 0.84, 0.9))
        axes.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH))
        axes.set_xticks(*_ticks(across, rows))
        axes.set_yticks(*_ticks(up, rows))
        axes.grid(color=LINE, linewidth=0.8)
        for _, points in segments:
            axes.fill(*_outline(points), facecolor=SYNTHETIC, edgecolor=SYNTHETIC, alpha=0.25, linewidth=1.5)
        for number, points in segments:
            across_of, up_of = points.mean(0).tolist()
            axes.text(across_of, up_of, str(number), ha="center", va="center", color=INK, size=14)
        name = f"Where {len(segments)} segments lie between {said(across.column.name)} and {said(up.column.name)}"
        return inline(figure, name=name)


def _outline(points: Floats) -> tuple[Floats, Floats]:
    """Return the outline of two deviations about the mean of (n, 2) points."""
    angles = np.linspace(0, 2 * np.pi, 73)
    scatter = np.cov(points.T) + 1e-9 * np.eye(2)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    across, up = points.mean(0)[:, None] + _TWO * np.linalg.cholesky(scatter) @ circle
    return np.clip(across, -_REACH, _REACH), np.clip(up, -_REACH, _REACH)


def _ticks(feature: "Feature", rows: pa.Table) -> tuple[list[float], list[str]]:
    """Return round numbers of a column, as places on its scale and in words."""
    column: Any = feature.column
    axis = axis_over(column, [rows.column(column.name)])
    unit = {"date": 1 / 86_400, "timestamp": _SECONDS[column.unit]}.get(column.kind, 1.0)
    places: list[float] = []
    labels: list[str] = []
    for place, label in zip(feature.told.values(axis.borders * unit).tolist(), axis.ticks, strict=True):  # type: ignore[union-attr]
        if abs(place) < _REACH and (not places or place - places[-1] >= _APART):
            places.append(place)
            labels.append(said(label))
    return places, labels


def _curve(points: Sequence[tuple[int, float]], chosen: int, *, name: str, bound: float | None = None) -> Markup:
    """Return figures by number of segments as a line, the chosen one marked; where there is one bound, it is drawn."""
    numbers, figures = [each[0] for each in points], [each[1] for each in points]
    low, high = min(figures), max(figures)
    low, high = (min(low, 0.0), 1.0) if bound is not None else (low, high if high > low else low + 1)
    with canvas(_HEIGHT) as (figure, axes):
        axes.set_position((0.18, _AXIS / _HEIGHT, 0.8, 1 - 1.5 * _AXIS / _HEIGHT))
        axes.set(xlim=(min(numbers) - 0.3, max(numbers) + 0.3), ylim=(low - 0.06 * (high - low), high))
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.plot(numbers, figures, color=SYNTHETIC, linewidth=1.6, clip_on=False)
        axes.axvline(chosen, color=INK, linewidth=1)
        if bound is not None:
            axes.axhline(bound, color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
        axes.set_xticks(numbers, [str(each) for each in numbers])
        ticks = [0.0, bound, 1.0] if bound is not None else sorted({low, high})
        axes.set_yticks(ticks, [f"{each:.3g}" if bound is not None else f"{each:,.0f}" for each in ticks])
        return inline(figure, name=name)
