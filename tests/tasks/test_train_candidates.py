"""Candidates that are trained each by itself come to the contest that one process would have held."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_train_generate import CONTRACT, real_table

from data_contracts import Column, ModelError
from models.auto import CANDIDATES
from tasks.parquet import write_parquet
from tasks.train import train
from tasks.train_candidate import candidates, train_candidate

ROOT = Path(__file__).parents[2]
SEED = 3

CHILD = """
import sys
import tasks.train_candidate as training
from held_training import hold_after
from tasks.references import Reference
from test_train_generate import CONTRACT

uri, digest, rows, run, saves = sys.argv[1:]
hold_after(int(saves), training)
training.train_candidate.fn(CONTRACT, Reference(uri, digest, int(rows)), run=run, name="autoregressive", seed=3)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    table = real_table(rows=200)
    return write_parquet(tmp_path_factory.mktemp("data") / "train.parquet", table.to_batches(), schema=table.schema)


def tried(name, data, run, **options):
    return train_candidate.fn(CONTRACT, data, run=str(run), name=name, seed=SEED, **options)


@pytest.fixture(scope="module")
def each(data, tmp_path_factory):
    """Every candidate, trained by itself, the last one first."""
    run = tmp_path_factory.mktemp("each")
    found = {name: tried(name, data, run) for name in reversed(CANDIDATES)}
    return tuple(found[name] for name in CANDIDATES)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The contest in one process."""
    return train.fn(CONTRACT, data, run=str(tmp_path_factory.mktemp("whole")), model="auto", seed=SEED)


def decided(data, run, candidates, **options):
    return train.fn(CONTRACT, data, run=str(run), model="auto", seed=SEED, candidates=candidates, **options)


def test_the_contest_of_candidates_trained_apart_is_that_of_one_process(data, each, whole, tmp_path):
    apart = decided(data, tmp_path, each)

    assert apart.digest == whole.digest
    assert apart.contest == whole.contest
    assert (apart.steps, apart.cut) == (whole.steps, False)
    assert Path(apart.curve).read_bytes() == Path(whole.curve).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "training.json"]
    assert sorted(path.name for path in Path(each[0].uri).parents[1].iterdir()) == ["candidates"]


def test_candidates_are_taken_as_they_are_whatever_all_of_them_took(data, each, whole, tmp_path):
    apart = decided(data, tmp_path, each, budget_seconds=1e-9)

    assert apart.digest == whole.digest
    assert apart.seconds == sum(candidate.seconds for candidate in each)


@pytest.mark.parametrize("spoiled", [b"", b"\x08\0\0\0\0\0\0\0garbage."])
def test_a_candidate_that_cannot_be_read_is_trained_by_the_contest(data, each, whole, tmp_path, spoiled):
    broken = tmp_path / "candidates" / "gmm"
    broken.mkdir(parents=True)
    (broken / "state.safetensors").write_bytes(spoiled)

    assert decided(data, tmp_path, (*each[:-1], replace(each[-1], uri=str(broken)))).digest == whole.digest


def test_one_that_is_cut_ends_the_contest_so_that_the_steps_give_the_same_bytes_again(data, each, tmp_path):
    cut = tried("autoregressive", data, tmp_path, budget_seconds=1e-9)
    apart = decided(data, tmp_path, (each[0], cut, each[2]))
    again = train.fn(CONTRACT, data, run=str(tmp_path / "again"), model="auto", seed=SEED, steps=apart.steps)

    assert cut.cut
    assert apart.cut
    assert ["(cut)" in line for line in apart.contest] == [False, True, False]
    assert apart.contest[2] == "gmm: took no part, the budget was spent"
    assert again.digest == apart.digest
    assert again.contest == apart.contest


def test_a_candidate_that_was_killed_goes_on_from_its_checkpoint(data, each, whole, tmp_path):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "tasks")])
    command = [sys.executable, "-c", CHILD, data.uri, data.digest, str(data.rows), str(tmp_path), "5"]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE) as child:  # noqa: S603 - our own
        assert child.stdout.readline() == b"saved\n"
        child.kill()
        assert child.wait() == -signal.SIGKILL
    assert not (tmp_path / "candidates").exists()
    again = tried("autoregressive", data, tmp_path)

    assert again.steps == each[1].steps
    assert decided(data, tmp_path, (each[0], again, each[2])).digest == whole.digest


def test_a_candidate_that_cannot_learn_fails_as_the_contest_does(data, tmp_path):
    few, told = replace(data, rows=9), []
    for attempt in (
        lambda: train.fn(CONTRACT, few, run=str(tmp_path), model="auto"),
        lambda: train_candidate.fn(CONTRACT, few, run=str(tmp_path), name="trees"),
    ):
        with pytest.raises(ModelError) as error:
            attempt()
        told.append(str(error.value))

    assert told[0] == told[1]
    assert "at least 10 rows, however: there are 9" in told[0]


IMAGES = replace(CONTRACT, columns=(Column(name="picture", kind="image", width=8, height=8, channels=1),), rules=())


@pytest.mark.parametrize(
    ("contract", "asked", "found"),
    [
        (CONTRACT, {}, tuple(CANDIDATES)),
        (CONTRACT, {"model": "trees"}, ()),
        (CONTRACT, {"steps": 9}, ()),  # shared in order
        (CONTRACT, {"epsilon": 1.0}, ()),
        (IMAGES, {}, ()),
    ],
)
def test_only_a_contest_by_plan_or_clock_has_candidates_to_train_apart(contract, asked, found):
    assert candidates(contract, **{"model": "auto", "steps": None, "epsilon": None, **asked}) == found
