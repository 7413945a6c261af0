"""What each step of the whole flow costs as the table grows: seconds and peak memory, on this machine.

    python benchmarks/scale.py [--rows 100000 1000000 10000000 20000000] [--model autoregressive] [--work DIR]

The source is drawn from a model of Adult (15 columns), in Parquet files of at most 1,000,000 rows, partitioned by a
column.  Each size is one run of `synthesize`, to a release with as many rows, in a process of its own; when each step
began and ended is Prefect's record, and the memory is what the process held meanwhile, looked at ten times a second.
What has a result in `benchmarks/results/scale` is not done again; then `benchmarks/SCALE.md` is written anew.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from string import Template
from typing import Any
from uuid import UUID

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from flows import embedded

HERE = Path(__file__).parent
SIZES = [100_000, 1_000_000, 10_000_000, 20_000_000]
_PERIOD = 0.1  # seconds between two looks at the memory
_MIB = 2**20
_PAGE = """# Scale

Made by `python benchmarks/scale.py --model $MODEL`: Adult's 15 columns, from partitioned Parquet through the whole
flow to a release of as many rows. A sample of 1,000,000 rows is split and learned from, and as many of the synthetic
rows are scored. $MACHINE. $RUNS.

## Seconds of each step

$SECONDS

## Peak memory during each step, MiB

Of the one process that does all: what an earlier step left with the allocator counts as well.

$MEMORY

| | $HEAD |
|$BAR
| source, MiB | $SOURCE |
| release, MiB | $RELEASE |
| verdict | $VERDICT |

![seconds of each step against rows](plots/scale.svg)
"""


def main() -> None:
    """Do what has no result yet, each size in a process of its own, and write the page."""
    asked = _parse()
    if asked.one is not None:
        _one(asked.one, asked)
        return
    asked.results.mkdir(parents=True, exist_ok=True)
    for rows in asked.rows:
        if not (asked.results / f"{asked.model}-{rows}.json").exists():
            with tempfile.TemporaryDirectory(dir=asked.work) as folder:
                command = [sys.executable, __file__, "--one", str(rows), "--model", asked.model, "--work", folder]
                subprocess.run([*command, "--results", asked.results], check=True)
    found = [json.loads(path.read_text()) for path in asked.results.glob(f"{asked.model}-*.json")]
    found.sort(key=lambda result: result["rows"])
    _draw(found, asked.page.with_name("plots") / "scale.svg")
    asked.page.write_text(_page(found), encoding="utf-8")


def _one(rows: int, asked: argparse.Namespace) -> None:
    """Make a source of so many rows, run the flow on it, and write what each step took."""
    embedded.configure()
    embedded.start()()
    source = asked.work / "source"
    making = get_context("spawn").Process(target=_make, args=(source,), kwargs={"rows": rows, "work": asked.work})
    making.start()
    making.join()
    from flows.synthesize import synthesize

    seen: list[tuple[datetime, int]] = []
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(seen, ended))
    looking.start()
    begun, load = time.monotonic(), os.getloadavg()[0]
    try:
        state = synthesize(
            contract="adult",
            model=asked.model,
            source=str(source),
            runs=str(asked.work / "runs"),
            to=str(asked.work / "releases"),
            return_state=True,
        )
    finally:
        ended.set()
        looking.join()
    result = {
        "rows": rows,
        "model": asked.model,
        "verdict": state.name,
        "seconds": round(time.monotonic() - begun, 1),
        "load": round(load, 1),
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day here
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True, cwd=HERE).strip(),  # noqa: S607
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "source_mib": round(_bytes(source) / _MIB),
        "release_mib": round(_bytes(asked.work / "releases") / _MIB),
        "steps": _steps(state.state_details.flow_run_id, seen),
    }
    (asked.results / f"{asked.model}-{rows}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(rows, result["verdict"], result["seconds"], "s", flush=True)


def _make(source: Path, *, rows: int, work: Path) -> None:
    """Draw the source from a model of Adult, partitioned by sex."""
    import pyarrow.parquet as pq

    from data_contracts import odcs
    from tasks.generate import generate
    from tasks.ingest import ingest
    from tasks.shards import cut
    from tasks.train import train

    contract, run = odcs.load(odcs.find("adult")), str(work / "making")
    trained = train.fn(contract, ingest.fn(contract, run=run), run=run, model="autoregressive", budget_seconds=60)
    for shard in cut(contract, rows=rows):
        part = Path(generate.fn(contract, trained, run=run, shard=shard, seed=1).uri)
        name = f"{part.stem}-{{i}}.parquet"
        pq.write_to_dataset(pq.read_table(part), source, partition_cols=["sex"], basename_template=name)
        part.unlink()


def _look(seen: list[tuple[datetime, int]], ended: threading.Event) -> None:
    """Take note of how many bytes this process holds."""
    page = os.sysconf("SC_PAGE_SIZE")
    while not ended.wait(_PERIOD):
        held = int(Path("/proc/self/statm").read_text().split()[1]) * page
        seen.append((datetime.now(UTC), held))


def _steps(flow_run: UUID | None, seen: list[tuple[datetime, int]]) -> list[dict[str, Any]]:
    """Return each step's seconds and peak memory, in the order in which they began; shards as one step."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])), limit=200)
    spans: dict[str, tuple[datetime, datetime]] = {}
    for run in sorted(runs, key=lambda run: run.start_time):
        name = run.name.rpartition("-")[0] if not run.name.startswith("validate") else run.name
        first, last = spans.get(name, (run.start_time, run.end_time))
        spans[name] = (min(first, run.start_time), max(last, run.end_time))
    return [
        {
            "step": name,
            "seconds": round((last - first).total_seconds(), 1),
            "peak_mib": round(max((held for at, held in seen if first <= at <= last), default=0) / _MIB),
        }
        for name, (first, last) in spans.items()
    ]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _page(found: list[dict[str, Any]]) -> str:
    """Return the tables as a page."""
    last = found[-1]
    head = " | ".join(f"{result['rows']:,}" for result in found)
    bar = "---|" * (len(found) + 1)
    names = list(dict.fromkeys(step["step"] for result in found for step in result["steps"]))

    def cell(result: dict[str, Any], name: str, what: str) -> str:
        value = next((step[what] for step in result["steps"] if step["step"] == name), None)
        return "" if value is None else f"{value:,}"

    def table(what: str, whole: str) -> list[str]:
        rows = [f"| {name} | {' | '.join(cell(result, name, what) for result in found)} |" for name in names]
        return [f"| | {head} |", f"|{bar}", *rows, whole]

    seconds = "| **all** | " + " | ".join(f"**{result['seconds']:,}**" for result in found) + " |"
    peaks = (max(step["peak_mib"] for step in result["steps"]) for result in found)
    memory = "| **all** | " + " | ".join(f"**{peak:,}**" for peak in peaks) + " |"
    parts = {
        "HEAD": head,
        "BAR": bar,
        "MODEL": last["model"],
        "MACHINE": f"{last['cores']} cores, {last['system']}, no GPU",
        "RUNS": "; ".join(f"{one['rows']:,}: {one['date']}, {one['commit']}, load {one['load']}" for one in found),
        "SECONDS": "\n".join(table("seconds", seconds)),
        "MEMORY": "\n".join(table("peak_mib", memory)),
        "SOURCE": " | ".join(f"{result['source_mib']:,}" for result in found),
        "RELEASE": " | ".join(f"{result['release_mib']:,}" for result in found),
        "VERDICT": " | ".join(result["verdict"] for result in found),
    }
    return Template(_PAGE).substitute(parts)


def _draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw each step's seconds against the rows, both logarithmic: a slope of one is linear."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    names = dict.fromkeys(step["step"] for result in found for step in result["steps"])
    for name in names:
        points = [
            (result["rows"], step["seconds"])
            for result in found
            for step in result["steps"]
            if step["step"] == name and step["seconds"] > 0
        ]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="seconds")
    axes.legend(fontsize=7, ncols=2)
    axes.grid(visible=True, alpha=0.3)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--model", default="autoregressive")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()), help="a folder with some GB of room")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "scale")
    parser.add_argument("--page", type=Path, default=HERE / "SCALE.md")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
