"""How much sooner shards are drawn by more workers: processes of a local Dask cluster, a thread each.

    python benchmarks/scaling.py [--workers 1 2] [--shards 4] [--rows 500000] [--model trees]

A model of Adult is trained once; then the same shards are drawn by so many workers, and their bytes compared.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from data_contracts import Contract, odcs
from flows import embedded


def main() -> None:
    """Draw, and print seconds, rows a second and the ratio to the first."""
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
            seconds, digest = _drawn(contract, trained, run, workers=workers, rows=asked.rows * asked.shards)
            took.append(seconds)
            digests.add(digest)
            rate, times, load = asked.rows * asked.shards / seconds, took[0] / seconds, os.getloadavg()[0]
            print(f"{workers} workers: {seconds:.1f} s, {rate:,.0f} rows/s, {times:.2f} times, load {load:.1f}")
    print(f"the same bytes: {len(digests) == 1}")


def _drawn(contract: Contract, trained: object, run: Path, *, workers: int, rows: int) -> tuple[float, str]:
    """Return how long the shards took on workers that are warm, and their digest."""
    from distributed import LocalCluster
    from prefect import flow, unmapped

    from flows.runners import runner
    from tasks.generate import generate
    from tasks.shards import Shard, cut, joined

    @flow(name="draw", validate_parameters=False)
    def draw() -> tuple[float, str]:
        told = {"seed": 0, "run": str(run)}
        warm = [Shard(100, number) for number in range(1_000, 1_000 + workers)]
        generate.map(unmapped(contract), trained, shard=warm, **(told | {"run": str(run.parent / "warm")})).result()
        begun = time.monotonic()
        parts = generate.map(unmapped(contract), trained, shard=cut(contract, rows=rows), **told).result()
        return time.monotonic() - begun, joined(parts).digest

    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, env=threads) as cluster:
        found: tuple[float, str] = draw.with_options(task_runner=runner(f"dask:{cluster.scheduler_address}"))()
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
