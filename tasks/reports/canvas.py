"""The one door to matplotlib: a figure drawn by it becomes an SVG that is a part of the page.

As a part of the page it takes its colours from the page's style sheet, and so follows light, dark and print; its texts
stay texts; and it has a name for those who do not see it.  What a figure is made of here is paths and texts alone: no
ids, which would have to differ across the page, no references, no style of its own.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from threading import RLock
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAD",
    "FAINT",
    "HOLDOUT",
    "INK",
    "LESS",
    "LINE",
    "MORE",
    "REAL",
    "SYNTHETIC",
    "WIDTH",
    "bar",
    "canvas",
    "inline",
    "said",
    "square",
]

WIDTH = 340
"""Of a figure, in units that are pixels on a phone of 390: nothing has to shrink there."""

INK, FAINT, LINE = "#010101", "#010102", "#010103"
REAL, SYNTHETIC, HOLDOUT = "#010104", "#010105", "#010106"
MORE, LESS = "#010107", "#010108"
BAD = "#010109"
"""Colours that stand for the style sheet's own, by `_VARIABLES`."""

_VARIABLES = dict(
    zip(
        (INK, FAINT, LINE, REAL, SYNTHETIC, HOLDOUT, MORE, LESS, BAD),
        ("ink", "faint", "line", "real", "synthetic", "holdout", "more", "less", "bad"),
        strict=True,
    )
)

_DRAWING = RLock()  # matplotlib's settings are of the whole process, and a sweep reports several runs at once
_INCH = 72.0  # SVG units, so that sizes are given in these
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # texts stay texts
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 11,
    "text.color": FAINT,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "axes.edgecolor": LINE,
    "patch.linewidth": 0,
}
_KEPT = ("fill", "fill-opacity", "opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray")
_KEPT_OF_TEXT = ("fill", "font-size", "text-anchor")
_SPACE = "{http://www.w3.org/2000/svg}"


@contextmanager
def canvas(height: float, *, width: float = WIDTH) -> Iterator["tuple[Figure, Axes]"]:
    """Yield a figure of that many units, and axes that fill it, without frame or ticks: to be drawn on and inlined."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with _DRAWING, rc_context(_SETTINGS):
        figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=_INCH)
        figure.patch.set_visible(False)
        axes = figure.add_axes((0, 0, 1, 1), frame_on=False)
        axes.tick_params(length=0)
        axes.set_xticks([])
        axes.set_yticks([])
        yield figure, axes


def inline(figure: "Figure", *, name: str, titles: Mapping[str, str] | None = None) -> Markup:
    """Return a figure as an SVG element.

    Args:
        figure: drawn on a canvas, inside of its block.
        name: what those hear who do not see it.
        titles: of its parts, by their `gid`; shown where a pointer rests.
    """
    written = StringIO()
    with warnings.catch_warnings():
        # that a letter is not in matplotlib's font is no matter: the browser has others.  The warning would quote it
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(written.getvalue())  # noqa: S314 - matplotlib's own, just written
    parts = "".join(_parts(root, titles or {}, title=""))
    head = f'<svg viewBox="{root.get("viewBox")}" role="img" aria-label="{escape(name)}">'
    return Markup(f'{head}<g aria-hidden="true">{parts}</g></svg>')  # noqa: S704 - all that comes from names is escaped


def square(axes: "Axes", place: tuple[float, float], side: float, colour: str, **more: Any) -> None:  # noqa: ANN401
    """Draw a square from its corner, with whatever else matplotlib's Rectangle takes."""
    bar(axes, place, (side, side), colour, **more)


def bar(axes: "Axes", place: tuple[float, float], size: tuple[float, float], colour: str, **more: Any) -> None:  # noqa: ANN401
    """Draw a bar from its corner, of a width and a height, with whatever else matplotlib's Rectangle takes."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(place, *size, **{"facecolor": colour, "clip_on": False, **more}))


def said(text: str) -> str:
    """Return a text as XML takes it: without control characters."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _parts(element: ET.Element, titles: Mapping[str, str], *, title: str) -> Iterator[str]:
    """Yield the paths and texts below an element, each with the title of the group that it is in."""
    title = titles.get(element.get("id", ""), title)
    match element.tag.removeprefix(_SPACE):
        case "path":
            yield _path(element, title)
        case "text":
            yield _text(element)
        case "svg" | "g":
            for child in element:
                yield from _parts(child, titles, title=title)
        case "defs" | "metadata" | "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF":
            pass
        case other:
            raise AssertionError(f"a figure is drawn with paths and texts, not with {other}")


def _path(element: ET.Element, title: str) -> str:
    style = _style(element, _KEPT)
    if "fill" not in style and "stroke" not in style:
        return ""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<path d="{_short(element.get("d", ""))}" style="{style}">{inner}</path>\n'


def _text(element: ET.Element) -> str:
    place = " ".join(f'{name}="{_short(element.get(name, "0"))}"' for name in ("x", "y"))
    return f'<text {place} style="{_style(element, _KEPT_OF_TEXT)}">{escape(element.text or "")}</text>\n'


def _style(element: ET.Element, words: Sequence[str]) -> str:
    """Return what of an element's style says something."""
    pairs = [each.partition(":") for each in element.get("style", "").split(";")]
    kept = {name.strip(): _coloured(value.strip()) for name, _, value in pairs if name.strip() in words}
    if kept.get("fill") == "none" and "stroke" not in kept:
        return ""
    return "; ".join(f"{name}: {value}" for name, value in kept.items())


def _coloured(value: str) -> str:
    return f"var(--{_VARIABLES[value]})" if value in _VARIABLES else _short(value, digits=2)


def _short(numbers: str, *, digits: int = 1) -> str:
    """Return coordinates to a tenth of a pixel, in one line: more can not be seen, and what is not seen is not told."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{round(float(found[0]), digits):g}", " ".join(numbers.split()))
