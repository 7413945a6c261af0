"""The one door to the templates: HTML escapes what it is given, and a name that is not given is an error."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.reports.shares import tenth

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render"]

_COUNTED = 100  # from here on a figure is a number of rows


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """Return a template of `tasks/reports/templates` filled in."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": _count,
        "figure": _figure,
        "percent": _percent,
        "tenth": _tenth,
        "line": _line,
        "bounds": _bounds,
    }
    return environment


def _count(value: int) -> str:
    return f"{value:,}"


def _figure(value: float | None) -> str:
    """Return four digits after the point: as fine as scores differ between seeds, and no finer."""
    if value is None or math.isnan(value):
        return "–"  # noqa: RUF001 - a dash
    return f"{value:,.0f}" if abs(value) >= _COUNTED else f"{value:.4f}"


def _percent(value: float) -> str:
    """Return a share in percent; a small one is never shown as none."""
    return "< 0.01 %" if 0 < value < 0.0001 else f"{value:.2%}".replace("%", " %")  # noqa: PLR2004


def _tenth(value: float | None) -> str:
    """Return a share to a tenth of a percent, as fine as a real one is shown."""
    return "–" if value is None else tenth(value)  # noqa: RUF001 - a dash


def _line(text: str) -> str:
    """Return a text as one line that a Markdown table takes."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _bounds(check: Mapping[str, float | None]) -> str:
    """Return the bounds of a manifest's check in words."""
    named = (("at least", check["minimum"]), ("at most", check["maximum"]))
    return " and ".join(f"{word} {bound:g}" for word, bound in named if bound is not None)
