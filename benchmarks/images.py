"""The models of images and their peers on Fashion-MNIST and MNIST: fidelity, utility, privacy, time and memory.

    python benchmarks/images.py --data DIR [--models gan dcgan] [--only mnist] [--seeds 3] [--budget 600] [--images N]

DIR holds fashion-mnist/ and mnist/ with their four IDX files each, or a folder `images` with these.  Everybody learns
from all 60,000 images for as many seconds, in a process of its own, and is scored by the project's own scorer against
the 10,000 of the test set, on as many synthetic images as the test set has.  What has a result in
`benchmarks/results/images` is not done again; then the section of `benchmarks/RESULTS.md` is written anew.
"""

import argparse
import json
import math
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import pyarrow as pa
import pyarrow.parquet as pq

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.contenders import ROOT, Contender
from benchmarks.ours import contract_of
from benchmarks.peers.harness import FIGURES, SYNTHETIC, TASK, TRAIN
from benchmarks.report import spliced
from benchmarks.results import Record, circumstances, path_of, write
from data_contracts import Source
from data_contracts.arrow import arrow_schema
from models import IMAGE_MODELS
from tasks.ingest import ingest
from tasks.scoring import measure

SETS = ("fashion-mnist", "mnist")
KINDS = {"image": "image 28 28 1", "label": "category integer"}
PEERS = {
    "pythae-vae": ("benchmarks.peers.pythae", "pythae"),
    "dcgan": ("benchmarks.peers.dcgan", None),
}
COLUMNS = {  # of the report: title, score, digits
    "Fréchet": ("frechet_distance", 4),
    "kernel": ("kernel_distance", 4),
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "density": ("density", 3),
    "coverage": ("coverage", 3),
    "CAS": ("utility_synthetic", 3),
    "CAS real": ("utility_real", 3),
    "MIA AUC": ("membership_auc", 3),
    "DOMIAS AUC": ("domias_auc", 3),
    "near copies": ("near_copies", 4),
    "test set's": ("near_copies_holdout", 4),
    "fit s": ("fit_seconds", 0),
    "fit CPU s": ("fit_cpu_seconds", 0),
    "images/s": ("rows_per_second", 0),
    "peak MiB": ("peak_mib", 0),
}
_CACHE = Path.home() / ".cache" / "likeness-benchmark"
_RATE = 1_000  # images drawn to measure the rate
_MARKS = ("<!-- images: written by benchmarks/images.py -->", "<!-- images: end -->")


@dataclass(frozen=True)
class Sets:
    """A set's images: what is learned from, and what nobody sees."""

    train: pa.Table
    test: pa.Table


def main() -> None:
    """Do what the command line names and is not done yet, then write the report."""
    asked = _parse()
    for name in asked.only:
        sets: Sets | None = None
        for seed in range(asked.seeds):
            for contender in _contenders(asked.models, asked.budget):
                path = path_of(asked.results, table=name, contender=contender.name, seed=seed)
                if not path.exists():
                    sets = sets or _read(asked.data, name, asked)
                    write(path, _done(contender, name, seed, sets, asked))
                    print(path.read_text(), flush=True)
    section = "\n\n".join(_sections(asked.results))
    asked.report.write_text(spliced(asked.report.read_text(), section, marks=_MARKS))


def _contenders(names: Sequence[str], budget: float) -> Iterator[Contender]:
    for name in names:
        settings: Record = {"budget_seconds": budget}
        if name in PEERS:
            module, environment = PEERS[name]
            yield Contender(name, module, environment, settings)
        else:
            yield Contender(name, "benchmarks.ours", settings={"model": name, **settings})


def _read(folder: Path, name: str, asked: argparse.Namespace) -> Sets:
    """Read a set by the project's own reader of IDX files."""
    place = next(path for path in (folder / name, folder / "images" / name) if path.is_dir())
    terms = contract_of(KINDS, target="label")
    parts = []
    for part in ("train", "t10k"):
        source = Source(location=str(place / f"{part}-images-idx3-ubyte.gz"), format="idx")
        found = ingest.fn(replace(terms, source=source), run=str(asked.work / "read" / name / part))
        parts.append(pq.read_table(found.uri).cast(arrow_schema(terms)))
    train, test = parts
    return Sets(train.slice(0, asked.images), test.slice(0, asked.images))


def _done(contender: Contender, name: str, seed: int, sets: Sets, asked: argparse.Namespace) -> Record:
    """Run one contender, and measure what it drew."""
    folder = asked.work / name / contender.name / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pq.write_table(sets.train, folder / TRAIN, row_group_size=1_000)
    task = {"kinds": KINDS, "target": "label", "rows": len(sets.test), "rate_rows": _RATE, "seed": seed}
    (folder / TASK).write_text(json.dumps({**task, "settings": contender.settings}))
    record = {"contender": contender.name, "table": name, "seed": seed, **circumstances()}
    record |= {"settings": contender.settings, "images": {"train": len(sets.train), "test": len(sets.test)}}
    failed = contender.run(folder, python=contender.python(asked.environments), limit_seconds=asked.limit)
    if failed:
        return record | {"failed": failed}
    costs = json.loads((folder / FIGURES).read_text())
    return record | {"costs": costs, "measures": _measures(sets, pq.read_table(folder / SYNTHETIC))}


def _measures(sets: Sets, drawn: pa.Table) -> dict[str, float | None]:
    """Return the scores by name, and the real images' own figures."""
    terms = contract_of(KINDS, target="label")
    schema = arrow_schema(terms)
    labels = drawn.column("label")
    if labels.null_count == len(labels):  # who learns no labels has none to be judged by: any will do for the rest
        known = sets.test.column("label").slice(0, len(labels))
        drawn = drawn.set_column(drawn.schema.get_field_index("label"), "label", known)
    made = drawn.select(schema.names).cast(schema)
    scores = measure(terms, train=sets.train, holdout=sets.test, synthetic=made, seed=0)
    told = {score.name: score.value for score in scores.scores}
    if labels.null_count == len(labels):
        told |= dict.fromkeys(("utility_synthetic", "utility_gap"), float("nan"))
    floors = {f"{score.name}_floor": score.floor for score in scores.scores if score.floor is not None}
    return {name: None if math.isnan(value) else value for name, value in {**told, **floors}.items()}


def _sections(folder: Path) -> Iterator[str]:
    """Yield the report: one table a set, mean and spread over the seeds."""
    yield "## Images: models and peers\n\n" + _INTRODUCTION
    for name in SETS:
        groups = defaultdict(list)
        for path in sorted((folder / name).glob("*.json")):
            record = json.loads(path.read_text())
            groups[record["contender"]].append(record)
        if groups:
            yield f"### {name}\n\n" + "\n".join(_lines(groups))


def _lines(groups: dict[str, list[Record]]) -> Iterator[str]:
    yield f"| | {' | '.join(COLUMNS)} | seeds | load |"
    yield "|---|" + "---|" * (len(COLUMNS) + 2)
    whole = next(record for records in groups.values() for record in records if "measures" in record)
    floors = [whole["measures"].get(f"{key}_floor") for key, _ in COLUMNS.values()]
    cells = [_number(floor, digits) for floor, (_, digits) in zip(floors, COLUMNS.values(), strict=True)]
    yield f"| *real images in their place* | {' | '.join(cells)} | | |"
    for name, records in groups.items():
        good = [record["costs"] | record["measures"] for record in records if "failed" not in record]
        told = [record["failed"] for record in records if "failed" in record]
        cells = [_cell([each.get(key) for each in good], digits) for key, digits in COLUMNS.values()]
        loads = [record["load"] for record in records]
        yield f"| {name} | {' | '.join(cells)} | {', '.join([str(len(good)), *told])} | {min(loads)}–{max(loads)} |"  # noqa: RUF001


def _cell(values: Sequence[float | None], digits: int) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return "–"  # noqa: RUF001 - the dash of a table
    spread = f" ± {_number(stdev(found), digits)}" if len(found) > 1 else ""
    return _number(mean(found), digits) + spread


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


_INTRODUCTION = """\
Everybody learns from all 60,000 images within the same budget, 600 seconds unless the log says otherwise, in a process
of its own, without a GPU; the project's own scorer judges 10,000 synthetic images against the 10,000 of the test set.
CAS: what a network reaches on real test images that learned from the synthetic ones, beside one that learned from as
many real ones; peers learn no labels.  Seconds and images a second are only worth something where the load was below
the number of cores."""


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    everybody = [*IMAGE_MODELS, *PEERS]
    add("--data", type=Path, required=True)
    add("--models", choices=everybody, nargs="*", default=everybody)
    add("--only", choices=SETS, nargs="*", default=list(SETS))
    add("--seeds", type=int, default=3, help="how many, from 0")
    add("--budget", type=float, default=600.0, help="seconds of training")
    add("--images", type=int, default=None, help="the first so many of train and of the test set: to try it")
    add("--limit", type=float, default=4 * 3600.0, help="seconds after which a contender is given up")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results" / "images")
    add("--report", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    add("--environments", type=Path, default=_CACHE / "environments")
    add("--work", type=Path, default=_CACHE / "work-images")
    return parser.parse_args()


if __name__ == "__main__":
    main()
