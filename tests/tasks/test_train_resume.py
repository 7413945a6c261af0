"""Training that is interrupted: by a signal that nothing can hold off, by a bad checkpoint, by another fit's."""

import json
import logging
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_train_generate import CONTRACT, real_table

import tasks.progress
from models.life import Step
from tasks.learning.checkpoints import DiskCheckpoint
from tasks.learning.curves import Curve
from tasks.parquet import write_parquet
from tasks.references import Reference
from tasks.train import train

ROOT = Path(__file__).parents[2]
STATE = {"weights": torch.arange(3.0)}, {"history": ["one"], "seconds": 1.0}
FIT = {"model": "autoregressive", "seed": 1}

CHILD = """
import sys
import tasks.train as training
from held_training import hold_after
from tasks.references import Reference
from test_train_generate import CONTRACT

uri, digest, rows, run, model, steps, saves = sys.argv[1:]
hold_after(int(saves), training)
training.train.fn(CONTRACT, Reference(uri, digest, int(rows)), run=run, model=model, seed=3, steps=int(steps))
"""


@pytest.fixture
def data(tmp_path):
    table = real_table(rows=200)
    return write_parquet(tmp_path / "train.parquet", table.to_batches(), schema=table.schema)


@pytest.fixture
def logged(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tasks"), "propagate", True)  # the command line's tests turn it off
    caplog.set_level(logging.INFO, logger="tasks")
    return caplog


def killed_while_training(data: Reference, run: Path, *, model: str, steps: int, saves: int) -> None:
    """Train in a process of its own, and kill it after so many checkpoints."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "tasks")])
    arguments = [data.uri, data.digest, str(data.rows), str(run), model, str(steps), str(saves)]
    command, environment = [sys.executable, "-c", CHILD, *arguments], {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own
        assert child.stdout.readline() == "saved\n"
        child.kill()
        assert child.wait() == -signal.SIGKILL


# steps, and after how many checkpoints; trees and gmm take seconds and keep none
KILLED = {"autoregressive": (12, 5), "vae": (5, 3), "gan": (3, 2), "auto": (10, 3)}


@pytest.mark.parametrize("model", KILLED)
def test_a_killed_training_that_is_repeated_ends_in_the_same_model(data, tmp_path, logged, model):
    killed, whole, (steps, saves) = tmp_path / "killed", tmp_path / "whole", KILLED[model]

    killed_while_training(data, killed, model=model, steps=steps, saves=saves)
    assert not (killed / "model").exists()
    again = train.fn(CONTRACT, data, run=str(killed), model=model, seed=3, steps=steps)
    undisturbed = train.fn(CONTRACT, data, run=str(whole), model=model, seed=3, steps=steps)

    assert "training goes on after" in logged.text
    assert again.digest == undisturbed.digest
    assert sorted(path.name for path in killed.iterdir()) == ["model", "training.json"]
    curves = [json.loads((run / "training.json").read_text())["steps"] for run in (killed, whole)]
    assert curves[0] == curves[1]
    assert len(curves[0]) == undisturbed.steps
    assert all(step["loss"] is not None for step in curves[0])


def test_a_checkpoint_comes_back_whole(tmp_path):
    checkpoint = DiskCheckpoint(tmp_path / "checkpoint", FIT)
    assert checkpoint.load() is None

    checkpoint.save(STATE)
    tensors, config = checkpoint.load()

    assert torch.equal(tensors["weights"], STATE[0]["weights"])
    assert config == STATE[1]


def test_a_checkpoint_of_another_fit_is_passed_over(tmp_path, logged):
    DiskCheckpoint(tmp_path / "checkpoint", FIT).save(STATE)

    assert DiskCheckpoint(tmp_path / "checkpoint", {**FIT, "seed": 2}).load() is None
    assert "is of another fit" in logged.text


@pytest.mark.parametrize("spoiled", [b"", b"{}", b"\x08\0\0\0\0\0\0\0garbage.", None])
def test_a_checkpoint_that_cannot_be_read_is_passed_over(tmp_path, logged, spoiled):
    checkpoint = DiskCheckpoint(tmp_path / "checkpoint", FIT)
    checkpoint.save(STATE)
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-1] if spoiled is None else spoiled)

    assert checkpoint.load() is None
    assert "cannot be read" in logged.text


def test_training_begins_anew_beside_a_checkpoint_of_another_fit(data, tmp_path, logged):
    DiskCheckpoint(tmp_path / "run" / "checkpoint", FIT).save(STATE)

    other = train.fn(CONTRACT, data, run=str(tmp_path / "run"), model="autoregressive", seed=4, steps=1)

    assert "is of another fit" in logged.text
    assert other.steps == 1
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_progress_tells_the_step_the_loss_and_the_time_left(monkeypatch, logged):
    monkeypatch.setattr(tasks.progress, "_SECONDS_BETWEEN_LINES", 0.0)
    with tasks.progress.steps_shown("training") as follow:
        follow(Step(3, 40, 1.25, 67.2, "5 columns learning"))
        follow(Step(4, 40, float("nan"), 0.0, "still"))

    assert logged.messages == [
        "training: 3 of 40 steps, loss 1.250, 1:07 left at most, 5 columns learning",
        "training: 4 of 40 steps, 0:00 left at most, still",
    ]


@pytest.mark.parametrize(("loss", "kept"), [(1.5, 1.5), (math.nan, None), (math.inf, None)])
def test_a_loss_that_is_not_known_yet_is_kept_as_such(tmp_path, loss, kept):
    curve = Curve(lambda _: None, DiskCheckpoint(tmp_path / "checkpoint", {}))

    curve.told(Step(1, 2, loss, 0.0, "one of two"))

    assert json.loads(json.dumps(curve.steps, allow_nan=False)) == [{"loss": kept, "note": "one of two"}]
