"""The models and their peers on five real tables: fidelity, utility, privacy, time and memory.

    python benchmarks/tabular.py --data DIR [--models gmm ctgan] [--only adult] [--seeds 3] [--budget 60 300] [--quick]

DIR holds adult/, default/, shoppers/, magic/ and beijing/ with the files of the UCI repository, or a folder `tabular`
with these.  What has a result in `benchmarks/results` is not done again; then `benchmarks/RESULTS.md` and the plots are
written anew.  `benchmarks/README.md` says what each figure is.
"""

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import report
from benchmarks.contenders import PEERS, ROOT, Contender, contenders
from benchmarks.datasets import TABLES, Dataset, arrow, contract, find
from benchmarks.measures import by_model, measure, read
from benchmarks.ours import contract_of
from benchmarks.peers.harness import FIGURES, SYNTHETIC, TASK, TRAIN
from benchmarks.results import Record, circumstances, path_of, write
from data_contracts import Contract
from models import MODELS
from tasks.parquet import BATCH_ROWS, write_parquet

_QUICK_ROWS, _QUICK_BUDGET = 4_000, 5.0  # of adult, and seconds: all of it within minutes
_QUICK_RESULTS = ROOT / "runs" / "benchmark-quick"  # never among the real ones
_CACHE = Path.home() / ".cache" / "likeness-benchmark"
_BEGUN = "begun.json"


@dataclass(frozen=True)
class Entry:
    """One contender on one table with one seed.

    Args:
        contender: who.
        table: the table's name.
        seed: of the fit and of the drawing.
        asked: the command line.
    """

    contender: Contender
    table: str
    seed: int
    asked: argparse.Namespace

    @property
    def result(self) -> Path:
        """Return where its result lies."""
        return path_of(self.asked.results, table=self.table, contender=self.contender.name, seed=self.seed)

    @property
    def folder(self) -> Path:
        """Return where its process works."""
        return self.asked.work / self.table / self.contender.name / str(self.seed)

    def task(self, dataset: Dataset) -> Record:
        """Return what its process is asked for."""
        columns = contract(self.table, dataset).columns
        quick = self.contender.quick if self.asked.quick else {}
        return {
            "kinds": {column.name: column.kind for column in columns},
            "target": dataset.target,
            "rows": len(dataset.train),
            "rate_rows": self.asked.rate_rows,
            "seed": self.seed,
            "settings": self.contender.settings | quick,
        }

    def do(self, dataset: Dataset) -> Record:
        """Run the process, unless its rows lie there from a benchmark that was stopped, and measure them."""
        terms, task, failed = contract(self.table, dataset), self.task(dataset), None
        if not self._done(task):
            python = self.contender.python(self.asked.environments)
            self._prepare(task, dataset, terms)
            failed = self.contender.run(self.folder, python=python, limit_seconds=self.asked.limit)
        record = {"contender": self.contender.name, "table": self.table, "seed": self.seed, "quick": self.asked.quick}
        record |= {"settings": task["settings"], "command": self._command(), **_load(self.folder / _BEGUN)}
        return record | ({"failed": failed} if failed else self._measured(dataset, terms))

    def _measured(self, dataset: Dataset, terms: Contract) -> Record:
        """Return costs and measures, or why there are none."""
        tables = {"train": arrow(dataset.train, terms), "holdout": arrow(dataset.test, terms)}
        try:
            tables["synthetic"] = read(self.folder / SYNTHETIC, terms)
        except (pa.ArrowException, KeyError) as error:
            return {"failed": f"its rows are not those of the table: {type(error).__name__}"}
        rows, measures = {name: len(table) for name, table in tables.items()}, measure(terms, **tables)
        if (model := self.folder / "model").is_dir():
            known = {name: tables[name] for name in ("train", "holdout")}
            measures |= by_model(contract_of(_load(self.folder / TASK)["kinds"], target=dataset.target), model, **known)
        return {"rows": rows, "costs": _load(self.folder / FIGURES), "measures": measures}

    def _done(self, task: Record) -> bool:
        """Return whether the very same task was ended before."""
        done = (self.folder / FIGURES).exists() and not self.asked.again
        return done and _load(self.folder / TASK) == task

    def _prepare(self, task: Record, dataset: Dataset, terms: Contract) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        rows = arrow(dataset.train, terms)
        write_parquet(self.folder / TRAIN, rows.to_batches(BATCH_ROWS), schema=rows.schema)
        (self.folder / TASK).write_text(json.dumps(task))
        (self.folder / _BEGUN).write_text(json.dumps(circumstances()))

    def _command(self) -> str:
        settings = self.contender.settings
        words = [settings.get("model", self.contender.name), "--only", self.table, "--seeds", str(self.seed + 1)]
        words += ["--budget", f"{settings['budget_seconds']:g}"] if "budget_seconds" in settings else []
        words += ["--quick"] if self.asked.quick else []
        return " ".join(["python benchmarks/tabular.py --data DIR --models", *words])


def main() -> None:
    """Do what the command line names and is not done yet, then write the report."""
    asked = _parse()
    entries = [
        Entry(contender, table, seed, asked)
        for table in asked.only
        for seed in range(asked.seeds)
        for contender in contenders(asked.models, budgets=asked.budget)
    ]
    run(entries, folder=find(asked.data))
    report.write(asked.results, to=asked.report)
    print(f"written: {asked.report}")


def run(entries: list[Entry], *, folder: Path) -> None:
    """Do the entries that have no result, one after the other; one that fails is recorded, and the next begins."""
    for entry in entries:
        if entry.result.exists() and not entry.asked.again:
            continue
        dataset = TABLES[entry.table](folder)
        record = entry.do(dataset.head(_QUICK_ROWS) if entry.asked.quick else dataset)
        write(entry.result, record)
        if "failed" not in record and not entry.asked.keep:
            shutil.rmtree(entry.folder)
        figures = record.get("costs", {}) | record.get("measures", {})
        _tell(record, {name: value for name, value in figures.items() if isinstance(value, int | float)})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    everybody = [*MODELS, *PEERS]
    add("--data", type=_place, required=True)
    add("--models", choices=everybody, nargs="*", default=everybody, help="models of Likeness and peers; default: all")
    add("--only", choices=TABLES, nargs="*", default=list(TABLES), help="tables; default: all")
    add("--seeds", type=int, default=3, help="how many, from 0")
    add("--budget", type=float, nargs="+", default=[60.0], help="seconds of training at most, of the models; several")
    add("--limit", type=float, default=4 * 3600.0, help="seconds after which a contender is given up")
    add("--rate-rows", type=int, default=200_000, help="rows drawn to measure the rate")
    add("--quick", action="store_true", help="4,000 rows of adult, a seed, short training: to see that all runs")
    add("--again", action="store_true", help="do what has a result, too")
    add("--keep", action="store_true", help="keep the synthetic tables in the work folder")
    add("--results", type=_place, default=ROOT / "benchmarks" / "results")
    add("--report", type=_place, default=ROOT / "benchmarks" / "RESULTS.md")
    add("--environments", type=_place, default=_CACHE / "environments", help="where the peers' environments are built")
    add("--work", type=_place, default=_CACHE / "work", help="where contenders work")
    asked = parser.parse_args()
    if asked.quick:
        quick = {
            "only": ["adult"],
            "seeds": 1,
            "budget": [_QUICK_BUDGET],
            "rate_rows": _QUICK_ROWS,
            "results": _QUICK_RESULTS,
        }
        vars(asked).update(quick, report=_QUICK_RESULTS / "RESULTS.md", work=asked.work / "quick")
    return asked


def _place(text: str) -> Path:
    """Return a path that holds in a process that runs elsewhere, too."""
    return Path(text).resolve()


def _load(path: Path) -> Record:
    loaded: Record = json.loads(path.read_text())
    return loaded


def _tell(record: Record, figures: dict[str, float]) -> None:
    told = [f"{name}={value:.4g}" for name, value in figures.items()] or [record.get("failed", "")]
    print(record["contender"], record["table"], "seed", record["seed"], *told, flush=True)


if __name__ == "__main__":
    main()
