"""How much sooner shards are drawn and examined by more workers: processes of a local Dask cluster, a thread each.

    python benchmarks/scaling.py [--workers 1 2] [--shards 4] [--rows 500000] [--model trees]

A model of Adult is trained once; then the same shards are drawn by so many workers, each is examined as soon as it is
there, and what was found is brought together.  The bytes of the rows and of the findings are compared.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from data_contracts import Contract, odcs
from flows import embedded


def main() -> None:
    """Draw and examine, and print seconds, rows a second and the ratio to the first."""
    asked = _parse()
    embedded.configure()
    embedded.start()()
    from tasks import shards
    from tasks.ingest import ingest
    from tasks.train import train

    contract = odcs.load(odcs.find("adult"))
    shards.ROWS = asked.rows
    with tempfile.TemporaryDirectory() as folder:
        trained = train.fn(contract, ingest.fn(contract, run=folder), run=folder, model=asked.model)
        took, digests = [], set()
        for number, workers in enumerate(asked.workers):
            run = Path(folder) / str(number) / "run"
            run.mkdir(parents=True)
            (drawn, whole, validated), digest = _timed(
                contract, trained, run, workers=workers, rows=asked.rows * asked.shards
            )
            took.append(whole)
            digests.add(digest)
            rate, times, load = asked.rows * asked.shards / whole, took[0] / whole, os.getloadavg()[0]
            print(
                f"{workers} workers: drawn after {drawn:.1f} s, and examined after {whole:.1f} s: {rate:,.0f} rows/s, "
                f"{times:.2f} times; brought together in {validated:.1f} s; load {load:.1f}"
            )
    print(f"the same bytes: {len(digests) == 1}")


def _timed(contract: Contract, trained: object, run: Path, *, workers: int, rows: int) -> tuple[list[float], str]:
    """Return the seconds until all shards were drawn, until all were examined, and of the validation; and a digest.

    The workers are warm; the digest is of rows and findings.
    """
    from distributed import LocalCluster
    from prefect import flow, unmapped

    from flows.runners import runner
    from tasks.examine import examine
    from tasks.generate import generate
    from tasks.shards import Shard, cut, joined
    from tasks.storage import digest_folder
    from tasks.validate import validate

    def made(run: Path, shards: Sequence[Shard]) -> tuple[Any, Any]:
        drawing = generate.map(unmapped(contract), trained, shard=shards, seed=0, run=str(run))
        numbers = [shard.number for shard in shards]
        return drawing, examine.map(unmapped(contract), drawing, run=str(run), name="synthetic", number=numbers)

    @flow(name="draw", validate_parameters=False)
    def draw() -> tuple[list[float], str]:
        warm = [Shard(100, number) for number in range(1_000, 1_000 + workers)]
        made(run.parent / "warm" / "run", warm)[1].result()
        begun = time.monotonic()
        drawing, examining = made(run, cut(contract, rows=rows))
        synthetic, drawn = joined(drawing.result()), time.monotonic()
        found, examined = tuple(examining.result()), time.monotonic()
        validate(contract, synthetic, found, run=str(run), name="synthetic")
        seconds = [drawn - begun, examined - begun, time.monotonic() - examined]
        return seconds, synthetic.digest + digest_folder(run / "validation-synthetic")

    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, env=threads) as cluster:
        found: tuple[list[float], str] = draw.with_options(task_runner=runner(f"dask:{cluster.scheduler_address}"))()
        return found


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--rows", type=int, default=500_000, help="of a shard")
    parser.add_argument("--model", default="trees")
    return parser.parse_args()


if __name__ == "__main__":
    main()
