"""Where shards are drawn and scores measured does not matter, and what was drawn is not drawn again."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from prefect import flow, unmapped

from data_contracts import LikenessError, ModelError
from flows.runners import RUNNER, runner
from tasks import shards
from tasks.examine import examine
from tasks.gather import gather
from tasks.generate import generate
from tasks.ingest import ingest
from tasks.references import Reference
from tasks.shards import cut
from tasks.storage import digest_folder
from tasks.train import train

ROWS, SIZE = 1_000, 300

KILLED = """
import os, signal, sys
from pathlib import Path
from flows import embedded
embedded.configure()
from flows.synthesize import synthesize
from tasks import shards

shards.ROWS, rename = 300, Path.replace

def die(self, there):
    if Path(there).match("*/synthetic/part-00002.parquet"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, there)

if len(sys.argv) > 2:
    Path.replace = die
synthesize(contract=sys.argv[1], model="trees", rows=1_000)
"""


@pytest.fixture(scope="module")
def trained(contract, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("trained"))
    return train.fn(contract, ingest.fn(contract, run=folder), run=folder, model="gmm", steps=4)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(shards, "ROWS", SIZE)


@flow
def drawing(contract, trained, run, rows=ROWS) -> Reference:
    """Draw all shards, and examine each."""
    asked = cut(contract, rows=rows)
    parts = generate.map(unmapped(contract), trained, run=run, shard=asked, seed=3)
    examined = examine.map(unmapped(contract), parts, run=run, name="synthetic", number=range(len(asked)))
    made = gather(tuple(parts.result()), run=run)
    examined.wait()
    return made


def drawn(word, contract, trained, folder, **options):
    """Return the reference to the rows, and the digest of what was found in their parts."""
    run = folder / "runs" / "one"
    run.mkdir(parents=True, exist_ok=True)
    made = drawing.with_options(task_runner=runner(word), validate_parameters=False)(
        contract, trained, str(run), **options
    )
    return made, digest_folder(run / "validation-synthetic")


@pytest.fixture(scope="module")
def alone(contract, trained, tmp_path_factory):
    """The digests of the rows that one thread draws, and of what it finds in them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROWS", SIZE)
        made, found = drawn("threads:1", contract, trained, tmp_path_factory.mktemp("alone"))
        return made.digest, found


@pytest.mark.parametrize("word", ["threads:2", "threads:4", "dask"])
def test_the_bytes_do_not_depend_on_where_shards_are_drawn_and_examined(word, contract, trained, alone, tmp_path):
    made, found = drawn(word, contract, trained, tmp_path)

    assert (made.digest, found) == alone
    assert [path.name for path in sorted(Path(made.uri).iterdir())] == [f"part-0000{n}.parquet" for n in range(4)]
    assert [child.name() for child in psutil.Process().children() if "spawn" in " ".join(child.cmdline())] == []


def test_the_scores_do_not_depend_on_where_they_are_measured(written, at):
    from flows.synthesize import synthesize

    def measured(word):
        synthesize.with_options(task_runner=runner(word))(contract=str(written), model="trees", rows=ROWS, runs=word)
        (run,) = (path.parent for path in (at / word).glob("adult/*/scores.json"))
        tasks_done = list((at / word).glob("adult/kept/measure-*/step.json"))
        return len(tasks_done), [(run / name).read_bytes() for name in ("scores.json", "details.json")]

    (once, alone), (often, spread) = measured("threads"), measured("dask")

    assert (once, often) == (1, 4)
    assert spread == alone


def test_a_cluster_that_is_there_is_used_and_left_running(contract, trained, alone, tmp_path):
    from distributed import Client, LocalCluster

    port = {"dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=port)
    with cluster, Client(cluster) as client:
        made, found = drawn(f"dask:{cluster.scheduler_address}", contract, trained, tmp_path)

        assert (made.digest, found) == alone
        (examined_there,) = client.run(lambda: "great_expectations" in sys.modules).values()
        assert examined_there


def test_an_error_of_another_process_is_told_as_it_was(contract, trained, tmp_path):
    model = tmp_path / "model"
    model.mkdir()

    with pytest.raises(ModelError, match=r"however: .*none that can be read"):
        drawn("dask", contract, replace(trained, uri=str(model)), tmp_path)


def test_more_rows_draw_and_examine_the_shards_that_are_new(contract, trained, tmp_path):
    steps, runs = ("generate", "examine"), tmp_path / "runs"
    drawn("threads:2", contract, trained, tmp_path, rows=2 * SIZE)
    before = [kept(runs, step) for step in steps]
    drawn("threads:2", contract, trained, tmp_path, rows=3 * SIZE)

    after = [kept(runs, step) for step in steps]
    assert [len(finished) for finished in after] == [3, 3]
    assert all(earlier.items() <= later.items() for earlier, later in zip(before, after, strict=True))


def kept(runs, step="generate"):
    """Return by finished shard when that was."""
    return {path: path.stat().st_mtime_ns for path in runs.glob(f"kept/{step}-*/step.json")}


def test_a_run_that_was_killed_repeats_the_shards_alone_that_were_not_finished(written, at):
    from prefect.settings import PREFECT_API_URL

    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), RUNNER: "threads:1"}
    command = [sys.executable, "-c", KILLED, str(written)]
    ended = []
    for words in (["killed"], []):
        ended.append(subprocess.run([*command, *words], env=environment, check=False, timeout=240).returncode)  # noqa: S603
        ended.append(kept(at / "runs" / "adult"))

    assert ended[::2] == [-signal.SIGKILL, 0]
    assert [len(finished) for finished in ended[1::2]] == [2, 4]
    assert ended[1].items() <= ended[3].items()
    parts = sorted((at / "releases").glob("adult/1.0.0-1/data/*"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [300, 300, 300, 100]


@pytest.mark.parametrize("word", ["thread", "threads:0", "threads:many", "dask:8786", "DASK", "ray:"])
def test_a_word_that_names_no_runner_is_refused(word, monkeypatch):
    monkeypatch.setenv(RUNNER, word)

    with pytest.raises(LikenessError, match=r"the task runner is one of threads, .*however: LIKENESS_TASK_RUNNER"):
        runner()
