"""Candidates of a contest are trained beside one another on a cluster."""

import json
import shutil
from pathlib import Path

import pytest
from prefect import flow

from flows.runners import runner, spreads
from flows.synthesize import synthesize
from tasks.references import Reference
from tasks.storage import digest_file, digest_folder
from tasks.train import train


@flow
def cell() -> bool:
    """Ask where the tasks of a cell of a sweep are done."""
    return spreads()


@flow
def around() -> tuple[bool, bool]:
    """Ask the same of this flow, and of a cell of it."""
    return spreads(), cell.with_options(task_runner=runner("threads:1"))()


@pytest.fixture(scope="module")
def cluster():
    """The word for a cluster that is there, of two workers."""
    from distributed import LocalCluster

    port = {"dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=port) as there:
        yield f"dask:{there.scheduler_address}"


def test_a_flow_on_a_cluster_spreads_and_no_cell_of_it(cluster):
    assert around.with_options(task_runner=runner(cluster))() == (True, False)


@pytest.mark.parametrize("word", ["threads", "dask"])
def test_a_flow_on_this_machine_does_not_spread(word):
    assert around.with_options(task_runner=runner(word))() == (False, False)


@pytest.mark.timeout(900)
def test_a_run_trains_each_candidate_once_and_keeps_what_one_process_would_have(contract, written, at, cluster):
    spread = synthesize.with_options(task_runner=runner(cluster))
    places = {"runs": str(at / "runs"), "to": str(at / "releases")}  # the workers' folder is another
    asked = {"contract": str(written), "model": "auto", "rows": 300, "budget_seconds": 600, **places}
    first, before = spread(**asked), kept(at)
    (contest,) = at.glob("runs/adult/kept/train-*")
    shutil.rmtree(contest)  # as if the run had been killed before there was a verdict
    spread(**asked)

    assert len(before) == 3
    assert kept(at) == before
    assert (contest / "step.json").is_file()
    (run, *_) = sorted(path.parent for path in at.glob("runs/adult/*/candidates"))
    assert sorted(path.name for path in (run / "candidates").iterdir()) == ["autoregressive", "gmm", "trees"]
    manifest, rows = json.loads((Path(first.uri) / "manifest.json").read_text()), run / "train.parquet"
    data = Reference(str(rows), digest_file(rows), manifest["split"]["train"])
    alone = train.fn(contract, data, run=str(at / "alone"), model="auto")
    assert digest_folder(run / "model") == alone.digest


def kept(at):
    """Return by candidate when it was trained."""
    return {path: path.stat().st_mtime_ns for path in at.glob("runs/adult/kept/train_candidate-*/step.json")}
