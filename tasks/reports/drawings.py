"""Drawings of what is compared: columns as bars, pairs as cells, rows as squares, a training as a line."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tasks.reports.canvas import (
    FAINT,
    HOLDOUT,
    INK,
    LESS,
    LINE,
    MORE,
    REAL,
    SYNTHETIC,
    WIDTH,
    canvas,
    inline,
    said,
    square,
)
from tasks.reports.landscapes import Landscape, View
from tasks.reports.marginals import Bar, Marginal
from tasks.reports.pairs import Pair, Pairs
from tasks.reports.shares import tenth

__all__ = ["curve", "differences", "gaps", "marginal", "nearness", "plane", "strengths"]

_HEIGHT = 110  # of a histogram with its axis
_AXIS = 16  # of that, for the labels below it
_LINE = 28  # of a category: its label and two thin bars
_LETTERS = 38  # of a label that fit into the width
_LABELS = 96  # for the names beside the cells of pairs
_SMALL, _LETTERS_BESIDE = 10.0, 18  # of the letters there: their size and number
_WIDEST = 40.0  # cell
_EMPTY = 0.35  # a cell's ground, so that one without a figure is seen
_CURVE = 150  # of a training


def marginal(found: Marginal) -> Markup:
    """Return a column: a histogram along its axis, or pairs of bars by category."""
    name = f"{found.column}: bars of the real rows beside the synthetic ones, {tenth(found.distance)} apart"
    return _histogram(found, name) if found.ticks is not None else _pairs_of_bars(found.bars, name)


def strengths(found: Pairs, table: str) -> Markup:
    """Return how strongly each pair of columns goes together in the real or the synthetic table, as cells."""
    return _cells(found, [getattr(pair, table) for pair in found.pairs], f"Strength of each pair in the {table} table")


def gaps(found: Pairs) -> Markup:
    """Return how much stronger each pair is in the synthetic table, four times as full as the strengths."""
    return _cells(found, [pair.gap for pair in found.pairs], "Synthetic less real strength of each pair", fuller=4.0)


def plane(found: Landscape, view: View) -> Markup:
    """Return one table's rows on the plane; all views of a landscape are shaded alike."""
    darkest = max((share for each in found.views for row in each.shares for share in row if share), default=1.0)
    colour = {"real": REAL, "synthetic": SYNTHETIC, "holdout": HOLDOUT}[view.table]
    shades = [[(colour, _shade(share, darkest)) for share in row] for row in view.shares]
    return _squares(shades, f"Where the {view.rows:,} {view.table} rows lie")


def differences(found: Landscape) -> Markup:
    """Return where there are more synthetic rows than real ones, and where fewer, of the squares that show both."""
    real, synthetic = (view.shares for view in found.views[:2])
    both = [
        [None if left is None or right is None else right - left for left, right in zip(*rows, strict=True)]
        for rows in zip(real, synthetic, strict=True)
    ]
    darkest = max((share for row in real for share in row if share), default=1.0) / 2
    shades = [[(MORE if (gap or 0) > 0 else LESS, min(1.0, abs(gap or 0) / darkest)) for gap in row] for row in both]
    return _squares(shades, "Where synthetic rows are more, and where they are fewer, than real ones")


def curve(name: str, losses: Sequence[float]) -> Markup:
    """Return one model's losses, two or more, from its first step to its last."""
    low, high = min(losses), max(losses)
    with canvas(_CURVE) as (figure, axes):
        axes.set_position((0.15, _AXIS / _CURVE, 0.83, 1 - 1.5 * _AXIS / _CURVE))
        axes.plot(range(1, len(losses) + 1), losses, color=SYNTHETIC, linewidth=1.6, clip_on=False)
        axes.set_xticks([1, len(losses)], ["step 1", f"step {len(losses):,}"])
        axes.set_yticks(sorted({low, high}), [f"{each:.4g}" for each in sorted({low, high})])
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        first, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        return inline(
            figure, name=f"{name}: loss from {losses[0]:.4g} at its first step to {losses[-1]:.4g} at its last"
        )


def nearness(curve: Mapping[str, Any]) -> Markup:
    """Return how many real images have a synthetic one within a distance: those learned from, and those held out."""
    shares, farthest = curve["shares"], max(*curve["train"], *curve["holdout"], 1e-9)
    with canvas(_CURVE) as (figure, axes):
        axes.set_position((0.12, _AXIS / _CURVE, 0.86, 1 - 1.5 * _AXIS / _CURVE))
        axes.plot(curve["train"], shares, color=REAL, linewidth=2.4, clip_on=False)
        axes.plot(curve["holdout"], shares, color=HOLDOUT, linewidth=1.4, clip_on=False)
        axes.set(xlim=(0, farthest), ylim=(0, 1))
        axes.set_xticks([0, farthest], ["0", f"distance {farthest:.3g}"])
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        first, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        middle = len(shares) // 2
        told = f"half of those learned from are within {curve['train'][middle]:.3g}"
        beside = f"half of those held out within {curve['holdout'][middle]:.3g}"
        return inline(figure, name=f"Nearness in {curve['of']}: {told}, {beside}")


def _histogram(found: Marginal, name: str) -> Markup:
    """Return the real shares as bars, and the synthetic ones as a line of steps over them."""
    bars, top, titles = found.bars, _top(found.bars), dict[str, str]()
    with canvas(_HEIGHT) as (figure, axes):
        axes.set_position((0, _AXIS / _HEIGHT, 1, 1 - 2 * _AXIS / _HEIGHT))
        axes.set(xlim=(0, len(bars)), ylim=(0, top))
        for place, bar in enumerate(bars):
            axes.bar(place + 0.5, bar.real or 0.0, 0.94, color=REAL, gid=f"t{place}", clip_on=False)
            titles[f"t{place}"] = _title(bar)
        heights = [bar.synthetic for bar in bars]
        axes.stairs(heights, range(len(bars) + 1), color=SYNTHETIC, linewidth=1.8, baseline=0, clip_on=False)
        axes.axhline(0, color=LINE, linewidth=1, clip_on=False)
        axes.text(0, top * 1.05, tenth(top), color=FAINT)
        for place, side in _few_ticks(len(found.ticks or ())):
            axes.text(place + 1, -top * 0.06, said((found.ticks or ())[place]), ha=side, va="top")
        return inline(figure, name=name, titles=titles)


def _few_ticks(count: int) -> list[tuple[int, str]]:
    """Return which of the borders are labelled, and how: a label must not run into the next."""
    if count < 3:  # noqa: PLR2004 - both ends and a middle
        return [(place, "center") for place in range(count)]
    return [(0, "left"), (count // 2, "center"), (count - 1, "right")]


def _pairs_of_bars(bars: Sequence[Bar], name: str) -> Markup:
    """Return for each category its label and, below it, the real bar over the synthetic one."""
    top, titles = _top(bars), dict[str, str]()
    height = max(_LINE * len(bars), _AXIS)
    with canvas(height) as (figure, axes):
        axes.set(xlim=(0, top), ylim=(height, 0))
        for place, bar in enumerate(bars):
            above = place * _LINE
            for share, colour, below in ((bar.real, REAL, 14), (bar.synthetic, SYNTHETIC, 20)):
                axes.barh(above + below, share or 0.0, 6, align="edge", color=colour, gid=f"t{place}-{below}")
                titles[f"t{place}-{below}"] = _title(bar)
            axes.text(0, above + 10, said(_clipped(bar.label)), color=INK)
            axes.text(top, above + 10, f"{_percent(bar.real)} · {tenth(bar.synthetic)}", ha="right")
        for part in (*axes.patches, *axes.texts):
            part.set_clip_on(False)
        return inline(figure, name=name, titles=titles)


def _cells(found: Pairs, figures: Sequence[float | None], name: str, *, fuller: float = 1.0) -> Markup:
    """Return the lower triangle as cells, the names along its diagonal: of the row before and the column below."""
    count = len(found.columns)
    side = min((WIDTH - _LABELS) / max(count, 1), _WIDEST)
    with canvas(side * count + 2) as (figure, axes):
        axes.set(xlim=(0, WIDTH), ylim=(side * count + 2, 0))
        places = [(column * side, row * side) for row in range(count) for column in range(row)]
        for number, (place, strength) in enumerate(zip(places, figures, strict=True)):
            colour, shade = (LESS if (strength or 0.0) < 0 else MORE), min(1.0, abs(strength or 0.0) * fuller)
            square(axes, place, side - 1, LINE, alpha=_EMPTY)
            square(axes, place, side - 1, colour, alpha=shade, gid=f"t{number}")
        for row, column in enumerate(found.columns):
            size, label = min(_SMALL, side), said(column[:_LETTERS_BESIDE])
            axes.text(row * side + 3, (row + 0.5) * side, label, va="center", size=size, color=INK)
        return inline(
            figure, name=name, titles={f"t{number}": _pair_title(pair) for number, pair in enumerate(found.pairs)}
        )


def _squares(shades: Sequence[Sequence[tuple[str, float]]], name: str) -> Markup:
    """Return a square of squares, the first row below."""
    count = len(shades)
    with canvas(WIDTH) as (figure, axes):
        axes.set(xlim=(0, count), ylim=(0, count))
        square(axes, (0, 0), count, LINE, fill=False, edgecolor=LINE, linewidth=2)
        for row, line in enumerate(shades):
            for column, (colour, shade) in enumerate(line):
                if shade > 0:
                    square(axes, (column, row), 1, colour, alpha=shade)
        return inline(figure, name=name)


def _shade(share: float | None, darkest: float) -> float:
    """Return how dark a share is: by its root, or only the crowd could be seen."""
    return math.sqrt((share or 0.0) / darkest)


def _top(bars: Sequence[Bar]) -> float:
    return max((max(bar.real or 0.0, bar.synthetic) for bar in bars), default=0.0) or 1.0


def _clipped(label: str) -> str:
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"


def _percent(share: float | None) -> str:
    return "few" if share is None else tenth(share)


def _title(bar: Bar) -> str:
    real = "too few rows to show" if bar.real is None else tenth(bar.real)
    return f"{bar.label}: real {real}, synthetic {tenth(bar.synthetic)}"


def _pair_title(pair: Pair) -> str:
    real, synthetic = ("not to be told" if each is None else f"{each:+.2f}" for each in (pair.real, pair.synthetic))
    return f"{pair.left} and {pair.right}: real {real}, synthetic {synthetic}"
