"""What it costs to find anomalies as rows grow: seconds and peak memory, each size in a process of its own.

    python benchmarks/detecting.py [--rows 100000 1000000 10000000] [--model gmm] [--fdr Q] [--work DIR]

The model learns Adult (15 columns) and is calibrated on rows held out of it, as a run does; the rows that are judged
are drawn from it, in Parquet files of at most 1,000,000.  A line for each size goes to the standard output, as a table
for the log.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

LEARNED = 20_000  # rows: what a model costs to judge by hangs little on how many it learned from
_MIB_KIB = 2**10


def main() -> None:
    """Learn, then judge each number of rows, and print what it took."""
    asked = _parse()
    print("| rows | seconds | rows/s | peak MiB | written MiB | anomalies |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir=asked.work) as folder:
        _apart(_learn, Path(folder), asked)
        for rows in asked.rows:
            _apart(_draw, Path(folder), rows)
            _apart(_judge, Path(folder), asked)


def _apart(work: Callable[..., None], *given: object) -> None:
    """Do a piece of work in a process of its own, so that its memory is its own."""
    process = get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def _learn(folder: Path, asked: argparse.Namespace) -> None:
    from data_contracts import odcs
    from tasks.calibrate import calibrate
    from tasks.ingest import ingest
    from tasks.parquet import read_table, write_parquet
    from tasks.train import train

    contract = odcs.load(odcs.find("adult"))
    table = read_table(Path(ingest.fn(contract, run=str(folder)).uri))
    parts = (table.slice(0, LEARNED), table.slice(LEARNED))
    learned, held = (
        write_parquet(folder / f"{name}.parquet", part.to_batches(), schema=table.schema)
        for name, part in zip(("learned", "held"), parts, strict=True)
    )
    trained = train.fn(contract, learned, run=str(folder), model=asked.model, budget_seconds=asked.budget)
    calibrate.fn(contract, trained, held, run=str(folder), seed=0)
    (folder / "trained.json").write_text(json.dumps(asdict(trained)))


def _draw(folder: Path, rows: int) -> None:
    """Draw the rows to judge, in the place of those before."""
    import shutil

    from data_contracts import odcs
    from tasks.generate import generate
    from tasks.references import Trained
    from tasks.shards import cut

    contract = odcs.load(odcs.find("adult"))
    shutil.rmtree(folder / "synthetic", ignore_errors=True)
    trained = Trained(**json.loads((folder / "trained.json").read_text()))
    for shard in cut(contract, rows=rows):
        generate.fn(contract, trained, run=str(folder), shard=shard, seed=1)


def _judge(folder: Path, asked: argparse.Namespace) -> None:
    from data_contracts import Source, odcs
    from tasks.detecting.calibration import FILE, Calibration
    from tasks.detecting.judging import Judgements
    from tasks.detecting.opening import Opened
    from tasks.detecting.scoring import Scorer
    from tasks.detecting.writing import write_judged

    contract = odcs.load(odcs.find("adult"))
    scorer = Scorer.load(contract, folder / "model")
    level = 0.01 if asked.fdr is None else asked.fdr
    judging = Judgements(contract, scorer, Calibration.read(folder / FILE), level)
    begun, out = time.monotonic(), folder / "anomalies.parquet"
    source = Source(location=str(folder / "synthetic"))
    found = write_judged(Opened("benchmark", judging, contract, asked.fdr), source, out)
    seconds, peak = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB_KIB
    written = out.stat().st_size / _MIB_KIB**2
    figures = f"{seconds:.0f} | {found.rows / seconds:,.0f} | {peak:,.0f} | {written:,.0f} | {found.anomalies:,}"
    print(f"| {found.rows:,} | {figures} |", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--model", default="gmm")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of training")
    parser.add_argument("--fdr", type=float, default=None, help="by a false discovery rate: the rows are written twice")
    parser.add_argument("--work", type=Path, default=None, help="where to; the rows take some 30 MB a million")
    return parser.parse_args()


if __name__ == "__main__":
    main()
