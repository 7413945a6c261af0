"""Marginals as drawings: where each bar and each text of an inline SVG stands, in its own units."""

from dataclasses import dataclass

from tasks.reports.marginals import Bar, Marginal

__all__ = ["Drawing", "Rectangle", "Text", "draw"]

_WIDTH = 300.0
_HEIGHT = 90.0  # of the bars of a histogram
_LINE = 28.0  # of a category: its label and two thin bars
_ROOM = 14.0  # for a line of text
_LETTERS = 38  # of a label that fit into the width


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A bar."""

    x: float
    y: float
    width: float
    height: float
    table: str
    title: str


@dataclass(frozen=True, slots=True)
class Text:
    """A label; `anchor` is SVG's."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG of `width` by `height` units: rectangles, texts, and the outline of the synthetic bars as a path."""

    width: float
    height: float
    rectangles: tuple[Rectangle, ...]
    texts: tuple[Text, ...]
    outline: str


def draw(marginal: Marginal) -> Drawing:
    """Return the drawing of a marginal: a histogram along an axis, or pairs of bars by category."""
    return _histogram(marginal.bars) if marginal.ordered else _pairs(marginal.bars)


def _histogram(bars: tuple[Bar, ...]) -> Drawing:
    """Return the real counts as bars, and the synthetic ones as a line of steps over them."""
    if not bars:
        return Drawing(_WIDTH, _ROOM, (), (Text(0, 10, "start", "no values"),), "")
    scale = _HEIGHT / _top(bars)
    wide = _WIDTH / len(bars)
    filled = tuple(
        Rectangle(i * wide, _HEIGHT - bar.real * scale, max(wide - 0.6, 0.6), bar.real * scale, "real", _title(bar))
        for i, bar in enumerate(bars)
        if bar.real
    )
    steps = "".join(f"V{_HEIGHT - bar.synthetic * scale:.1f}H{(i + 1) * wide:.1f}" for i, bar in enumerate(bars))
    middle = len(bars) // 2
    marks = {0: "start", middle: "middle"} if middle else {0: "start"}
    texts = tuple(Text(i * wide, _HEIGHT + 11, anchor, bars[i].label) for i, anchor in marks.items())
    if len(bars) > middle + 1 > 1:
        texts = (*texts, Text(_WIDTH, _HEIGHT + 11, "end", bars[-1].label))
    return Drawing(_WIDTH, _HEIGHT + _ROOM, filled, texts, f"M0 {_HEIGHT:.1f}{steps}V{_HEIGHT:.1f}")


def _pairs(bars: tuple[Bar, ...]) -> Drawing:
    """Return for each category its label and, below it, the real bar over the synthetic one."""
    scale = _WIDTH / _top(bars)
    rectangles = []
    for i, bar in enumerate(bars):
        top = i * _LINE + 14
        rectangles += [
            Rectangle(0, top, (bar.real or 0) * scale, 5, "real", _title(bar)),
            Rectangle(0, top + 5, bar.synthetic * scale, 5, "synthetic", _title(bar)),
        ]
    labels = (
        (Text(0, i * _LINE + 10, "start", _short(bar.label)), Text(_WIDTH, i * _LINE + 10, "end", _shares(bar)))
        for i, bar in enumerate(bars)
    )
    texts = tuple(text for pair in labels for text in pair)
    return Drawing(_WIDTH, max(len(bars) * _LINE, _ROOM), tuple(rectangles), texts, "")


def _top(bars: tuple[Bar, ...]) -> float:
    return max((max(bar.real or 0.0, bar.synthetic) for bar in bars), default=0.0) or 1.0


def _short(label: str) -> str:
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"


def _shares(bar: Bar) -> str:
    return f"{'few' if bar.real is None else f'{bar.real:.1%}'} · {bar.synthetic:.1%}"


def _title(bar: Bar) -> str:
    real = "too few rows to show" if bar.real is None else f"{bar.real:.2%}"
    return f"{bar.label}: real {real}, synthetic {bar.synthetic:.2%}"
