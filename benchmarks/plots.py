"""Fidelity against time and against what an attacker learns: one picture each, a panel a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from benchmarks.contenders import PEERS
from benchmarks.datasets import TABLES
from benchmarks.results import Record
from benchmarks.targets import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TITLES", "write"]

Groups = Mapping[tuple[str, str], Sequence[Record]]
"""The results by table and contender."""

Styles = Mapping[str, Mapping[str, str]]
"""Colour and marker by contender."""

TITLES = {
    "time": "Fidelity against the time of fitting",
    "membership": "Fidelity against what a membership attack reaches",
}
"""The pictures by their file's name."""

# told apart by people who see colours otherwise: Okabe, Ito: Color Universal Design, 2008; greys are the peers'
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_GREY = "#777777"
_MARKERS = "s^vDPX"
_PANELS = (2, 3)  # five tables, and the legend
_STYLE = {"svg.hashsalt": "likeness", "svg.fonttype": "none", "font.size": 11, "axes.spines.top": False}


@dataclass(frozen=True)
class Axis:
    """What is drawn along x.

    Args:
        key: in costs or measures.
        label: under it.
        scale: linear or log.
        limit: whose bound is the greatest value that is allowed; empty: there is none.
        nothing: where nothing is learned; drawn if there is a limit.
    """

    key: str
    label: str
    scale: str
    limit: str = ""
    nothing: float = 0.5


_AXES = {
    "time": Axis("fit_cpu_seconds", "fit, CPU seconds of all processes", "log"),
    "membership": Axis("membership_auc", "membership attack, AUC (.5: nothing is learned)", "linear", "membership_auc"),
}


def write(groups: Groups, *, folder: Path) -> None:
    """Write both pictures; the same results give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({**_STYLE, "axes.spines.right": False}):
        for name, axis in _AXES.items():
            _picture(groups, axis, title=TITLES[name]).savefig(folder / f"{name}.svg", metadata={"Date": None})


def _picture(groups: Groups, axis: Axis, *, title: str) -> "Figure":
    from matplotlib import pyplot as plt

    styles = _styles(sorted({contender for _, contender in groups}))
    figure, panels = plt.subplots(*_PANELS, figsize=(12, 7.5), layout="constrained", sharey=True, sharex=True)
    figure.suptitle(title)
    for panel, table in zip(panels.flat, TABLES, strict=False):
        mine = {contender: records for (name, contender), records in groups.items() if name == table}
        _panel(panel, table, mine, axis=axis, styles=styles)
    figure.supxlabel(axis.label, fontsize="medium")
    figure.supylabel("two-sample test against train (1: cannot be told apart)", fontsize="medium")
    _legend(panels.flat[-1], styles)
    plt.close(figure)
    return figure


def _panel(
    panel: "Axes", table: str, contenders: Mapping[str, Sequence[Record]], *, axis: Axis, styles: Styles
) -> None:
    """Draw one table: a point a contender, a line a seed's spread, dashed what is to be reached."""
    limits = bounds(table, copies=0)
    panel.set(title=table, xscale=axis.scale, ylim=(-0.03, 1.03))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.tick_params(labelbottom=True)
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.axhline(limits["two_sample_train"].value, color="black", linewidth=0.9, linestyle="--")
    if axis.limit:
        panel.axvline(axis.nothing, color=_GREY, linewidth=0.9, linestyle=":")
        panel.axvline(limits[axis.limit].value, color="black", linewidth=0.9, linestyle="--")
    for contender, records in contenders.items():
        points = [
            ((record["costs"] | record["measures"])[axis.key], record["measures"]["two_sample_train"])
            for record in records
        ]
        across, up = zip(*points, strict=True)
        colour = styles[contender]["color"]
        panel.plot([mean(across)] * 2, [min(up), max(up)], color=colour, linewidth=1.2)
        panel.plot([min(across), max(across)], [mean(up)] * 2, color=colour, linewidth=1.2)
        panel.plot(mean(across), mean(up), linestyle="none", markersize=9, **styles[contender])


def _styles(contenders: Sequence[str]) -> Styles:
    """Return colour and marker: a model's budgets share its colour, peers are grey."""
    ours = [name for name in contenders if name not in PEERS]
    models = list(dict.fromkeys(name.rpartition("-")[0] for name in ours))
    styles = {}
    for name in ours:
        model = name.rpartition("-")[0]
        budget = [other for other in ours if other.rpartition("-")[0] == model].index(name)
        colour = _COLOURS[models.index(model) % len(_COLOURS)]
        styles[name] = {"color": colour, "marker": "o" if budget == 0 else "*"}
    peers = zip(PEERS, _MARKERS, strict=True)
    return styles | {name: {"color": _GREY, "marker": marker} for name, marker in peers if name in contenders}


def _legend(panel: "Axes", styles: Styles) -> None:
    panel.axis("off")
    for name, style in styles.items():
        panel.plot([], [], linestyle="none", markersize=9, label=name, **style)
    panel.plot([], [], color="black", linewidth=0.9, linestyle="--", label="to reach")
    panel.legend(loc="center", frameon=False)
