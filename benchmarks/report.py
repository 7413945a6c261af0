"""RESULTS.md and the plots, from the result files alone."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from benchmarks import plots
from benchmarks.contenders import PEERS, contenders
from benchmarks.datasets import TABLES
from benchmarks.results import Record, read_all
from benchmarks.targets import Bound, bounds
from models import MODELS

__all__ = ["section", "spliced", "write"]

_BEGIN = "<!-- tables: written by benchmarks/tabular.py from benchmarks/results -->"
_END = "<!-- tables: end -->"
_SEEDS, _BUDGET = 3, 60.0  # what a whole benchmark has at least

_INTRODUCTION = """\
Each contender in a process of its own; models of Likeness end by their own plan or after the seconds behind their
name (then they count as cut), peers by their own settings.  Mean ± standard deviation over the seeds of training;
**bold**: what is to be reached is not.  [README.md](README.md) says what each figure is.  Seconds by the clock, rows/s
and cuts are only worth something where the load was below the number of cores; CPU seconds are of all processes.
"""


@dataclass(frozen=True)
class Figure:
    """One column of the tables.

    Args:
        title: over it.
        key: in costs or measures.
        digits: behind the point; -2: rounded to hundreds.
    """

    title: str
    key: str
    digits: int


FIGURES = (
    Figure("C2ST train", "two_sample_train", 3),
    Figure("C2ST test", "two_sample_holdout", 3),
    Figure("Shape err %", "shape_error", 2),
    Figure("Trend err %", "trend_error", 2),
    Figure("TSTR lost", "tstr_lost", 4),
    Figure("MIA AUC", "membership_auc", 3),
    Figure("MIA TPR@1 %", "membership_tpr", 4),
    Figure("model AUC", "model_membership_auc", 3),
    Figure("copies", "copies", 4),
    Figure("DCR share", "dcr_share", 3),
    Figure("fit s", "fit_seconds", 1),
    Figure("fit CPU s", "fit_cpu_seconds", 1),
    Figure("rows/s", "rows_per_second", -2),
    Figure("peak MiB", "peak_mib", 0),
)


def write(results: Path, *, to: Path) -> None:
    """Write the section of a report anew, leaving what stands around it, and the plots beside it."""
    records = [record for record in read_all(results) if record.get("table") in TABLES]  # others lie beside them
    plots.write(_grouped(records), folder=to.parent / "plots")
    to.write_text(spliced(to.read_text() if to.exists() else "# Results\n", section(records)))


def spliced(text: str, section: str, *, marks: tuple[str, str] = (_BEGIN, _END)) -> str:
    """Return a report with a section in the place of the old one, which stands between two marks, or at its end."""
    begin, end = marks
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2].lstrip()
    return f"{before.rstrip()}\n\n{begin}\n\n{section}\n\n{end}\n" + (f"\n{after}" if after else "")


def section(records: Sequence[Record]) -> str:
    """Return the report of some results."""
    groups = _grouped(records)
    tables = [_table(name, groups) for name in TABLES if any(table == name for table, _ in groups)]
    parts = ["## Tables: models and peers", _INTRODUCTION, *_pictures(), *tables, _sources(groups), _missing(records)]
    return "\n\n".join(part.strip() for part in parts if part)


def _grouped(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Return the results that did not fail by table and contender."""
    groups = defaultdict(list)
    for record in records:
        if "failed" not in record:
            groups[record["table"], record["contender"]].append(record)
    return dict(groups)


def _pictures() -> list[str]:
    return [f"![{title}](plots/{name}.svg)" for name, title in plots.TITLES.items()]


def _table(name: str, groups: dict[tuple[str, str], list[Record]]) -> str:
    """Return one table's heading, what real rows reach, and a row a contender."""
    mine = {contender: records for (table, contender), records in groups.items() if table == name}
    first = next(iter(mine.values()))[0]
    measures, rows = first["measures"], first["rows"]
    limits = bounds(name, copies=measures["copies_holdout"])
    real = (
        f"{rows['train']:,} rows to learn from, {rows['holdout']:,} to test.  Trees taught by real rows reach "
        f"{_number(measures['tstr_real'], 3)}; {measures['copies_holdout']:.2%} of the test rows equal a row of train."
    )
    lines = [
        _line(["", *(figure.title for figure in FIGURES), "seeds"]),
        _line(["---"] * (len(FIGURES) + 2)),
        _line(["*to reach*", *(_goal(figure, limits) for figure in FIGURES), ""]),
    ]
    for contender in sorted(mine, key=_order):
        cells = [_cell(figure, mine[contender], limits) for figure in FIGURES]
        lines.append(_line([contender, *cells, _seeds(mine[contender])]))
    return f"### {name}\n\n{real}\n\n" + "\n".join(lines)


def _goal(figure: Figure, limits: Mapping[str, Bound]) -> str:
    """Return what is to be reached; nothing where there is no bound."""
    if figure.key not in limits:
        return ""
    return f"{'≥' if limits[figure.key].least else '≤'} {_number(limits[figure.key].value, figure.digits)}"


def _seeds(records: Sequence[Record]) -> str:
    """Return how many seeds there are, and how many fits the budget cut."""
    cut = sum(record["costs"].get("cut", False) for record in records)
    return f"{len(records)}, {cut} cut" if cut else f"{len(records)}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _order(contender: str) -> tuple[bool, str]:
    """Return what contenders are sorted by: models of Likeness first."""
    return contender in PEERS, contender


def _cell(figure: Figure, records: Sequence[Record], limits: Mapping[str, Bound]) -> str:
    """Return mean and spread of a figure, bold where the mean misses its bound; nothing where no record has it."""
    every = (record["costs"] | record["measures"] for record in records)
    values = [each[figure.key] for each in every if figure.key in each]
    if not values:
        return ""
    text = _number(mean(values), figure.digits)
    if len(values) > 1:
        text += f" ± {_number(stdev(values), figure.digits)}"
    missed = figure.key in limits and not limits[figure.key].holds(mean(values))
    return f"**{text}**" if missed else text


def _number(value: float, digits: int) -> str:
    """Return a figure as the log writes it, without the zero before the point."""
    if math.isnan(value):
        return "none"
    text = f"{round(value, digits):,.{max(digits, 0)}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _sources(groups: dict[tuple[str, str], list[Record]]) -> str:
    """Return what each contender's figures come from."""
    lines = [_line(["contender", "versions", "commit", "date", "cores, threads", "vectors", "load at the start"])]
    lines.append(_line(["---"] * 7))
    for contender in sorted({contender for _, contender in groups}, key=_order):
        records = [record for (_, name), found in groups.items() if name == contender for record in found]
        versions = {f"{name} {version}" for record in records for name, version in record["costs"]["versions"].items()}
        loads = [record["load"] for record in records]
        cells = (
            ", ".join(sorted(versions)),
            ", ".join(sorted({record["commit"] for record in records})),
            ", ".join(sorted({record["date"] for record in records})),
            ", ".join(sorted({f"{record['cores']}, {record['threads']}" for record in records})),
            ", ".join(sorted({record.get("processor", "not told") for record in records})),
            f"{min(loads)} to {max(loads)}",
        )
        lines.append(_line([contender, *cells]))
    return "### Where the figures come from\n\n" + "\n".join(lines)


def _missing(records: Sequence[Record]) -> str:
    """Return what failed, and what a whole benchmark has beside these results."""
    done = {(record["contender"], record["table"], record["seed"]) for record in records}
    failed = [
        f"- {record['contender']} on {record['table']}, seed {record['seed']}: {record['failed']}"
        for record in records
        if "failed" in record
    ]
    missing = []
    for contender in contenders([*MODELS, *PEERS], budgets=[_BUDGET]):
        wanted = [pair for pair in product(TABLES, range(_SEEDS)) if (contender.name, *pair) not in done]
        missing += [f"- {contender.name}: {_told(wanted)}"] if wanted else []
    parts = ["### Failed", "\n".join(failed)] if failed else []
    parts += ["### Not run yet", "\n".join(missing)] if missing else []
    return "\n\n".join(parts)


def _told(wanted: Sequence[tuple[str, int]]) -> str:
    """Return tables and seeds in few words."""
    if len(wanted) == len(TABLES) * _SEEDS:
        return f"all, seeds 0 to {_SEEDS - 1}"
    seeds = {table: [str(seed) for name, seed in wanted if name == table] for table in TABLES}
    return ", ".join(f"{table} ({', '.join(missing)})" for table, missing in seeds.items() if missing)
