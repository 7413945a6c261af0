"""What was done is not done again: by what a step is known, and what a change does again."""

import json
import logging
import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from data_contracts import ModelError
from tasks import keeping
from tasks.references import Reference, Score
from tasks.steps import once, workplace
from tasks.storage import digest_file


@dataclass(frozen=True)
class Asked:
    """What the test's step depends on, and where its input lies."""

    data: Reference
    seed: int = 0


done: list[str] = []


@task(cache_policy=NO_CACHE)
@once("copy/*.txt", chance=lambda made, asked: made.rows < 0 and asked["name"] == "a")
def made(asked: Asked, *, run: str, rows: int = 1, name: str = "a") -> Reference:
    """Copy a file into the run's folder."""
    done.append(Path(run).name)
    (workplace(Path(run)) / "begun").write_text("so far")
    if name == "broken":
        raise ModelError("it works", "it does not", "Mend it")
    path = Path(run) / "copy" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Path(asked.data.uri).read_text() + str(asked.seed))
    return Reference(str(path), digest_file(path), rows)


@flow
def job(asked: Asked, run: str, rows: int = 1, name: str = "a") -> Reference:
    """Do the one step."""
    return made(asked, run=run, rows=rows, name=name)


@pytest.fixture
def asked(tmp_path):
    """A file that the step reads."""
    path = tmp_path / "data.txt"
    path.write_text("rows")
    done.clear()
    return Asked(Reference(str(path), digest_file(path), 4))


def run(tmp_path, name):
    """Return a new run's folder."""
    folder = tmp_path / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def test_a_step_is_done_once_and_its_artefact_lies_in_every_run(asked, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="tasks")
    first, second = (job(asked, run(tmp_path, name)) for name in "ab")

    assert done == ["a"]
    assert "made: nothing that it depends on has changed" in caplog.text
    assert Path(second.uri) == tmp_path / "runs" / "b" / "copy" / "a.txt"
    assert replace(second, uri=first.uri) == first
    assert Path(second.uri).read_text() == "rows0"


def test_where_the_same_data_lies_does_not_matter(asked, tmp_path):
    job(asked, run(tmp_path, "a"))
    shutil.move(asked.data.uri, tmp_path / "elsewhere.txt")
    job(replace(asked, data=replace(asked.data, uri=str(tmp_path / "elsewhere.txt"))), run(tmp_path, "b"))

    assert done == ["a"]


@pytest.mark.parametrize("what", ["data", "argument", "part of an argument", "code", "versions"])
def test_a_change_of_anything_that_a_step_depends_on_does_it_again(asked, tmp_path, monkeypatch, what):
    job(asked, run(tmp_path, "a"))
    changed, rows = asked, 1
    if what == "data":
        Path(asked.data.uri).write_text("other")
        changed = replace(asked, data=replace(asked.data, digest=digest_file(Path(asked.data.uri))))
    elif what == "argument":
        rows = 2
    elif what == "part of an argument":
        changed = replace(asked, seed=1)
    else:
        monkeypatch.setattr(keeping, f"_{what}", lambda: {"other": "1"})
    job(changed, run(tmp_path, "b"), rows)

    assert done == ["a", "b"]


def test_what_was_kept_and_changed_since_is_done_again(asked, tmp_path, caplog):
    first = job(asked, run(tmp_path, "a"))
    Path(first.uri).write_text("tampered with")
    again = job(asked, run(tmp_path, "b"))

    assert done == ["a", "b"]
    assert Path(again.uri).read_text() == "rows0"
    assert "was changed since: it is done again" in caplog.text


def test_a_step_that_fails_is_not_done_and_the_next_try_finds_what_it_saved(asked, tmp_path):
    for name in "ab":
        with pytest.raises(ModelError):
            job(asked, run(tmp_path, name), 1, "broken")

    assert done == ["a", "b"]
    (kept,) = (tmp_path / "runs" / "kept").iterdir()
    assert (kept / "begun").read_text() == "so far"
    assert not (kept / "step.json").exists()


def test_a_figure_that_could_not_be_had_comes_back_as_none(tmp_path):
    @task(cache_policy=NO_CACHE)
    @once()
    def scored(name: str, *, run: str) -> Score:
        done.append(Path(run).name)
        return Score(name, math.nan, "m", "1", 0, {"train": 3}, floor=None, interval=(-math.inf, 0.5))

    @flow
    def scoring(run: str) -> Score:
        return scored("a", run=run)

    done.clear()
    first, second = (scoring(run(tmp_path, name)) for name in "ab")

    assert done == ["a"]
    assert math.isnan(second.value)
    assert replace(second, value=0.0) == replace(first, value=0.0)


def test_a_result_that_hangs_on_chance_is_not_taken_again(asked, tmp_path):
    for name in "ab":
        job(asked, run(tmp_path, name), -1)

    assert done == ["a", "b"]


def test_outside_a_flow_a_step_is_simply_done(asked, tmp_path):
    for name in "ab":
        made.fn(asked, run=run(tmp_path, name))

    assert done == ["a", "b"]
    assert not (tmp_path / "runs" / "kept").exists()


def test_more_rows_train_nothing_again(contract, tmp_path):
    from data_contracts import odcs
    from flows.synthesize import synthesize

    (tmp_path / "small.yaml").write_text(odcs.dump(contract))
    places = {"runs": str(tmp_path / "runs"), "to": str(tmp_path / "releases")}
    first, more = (
        synthesize(contract=str(tmp_path / "small.yaml"), model="trees", rows=rows, **places) for rows in (400, 500)
    )

    manifests = [json.loads((Path(release.uri) / "manifest.json").read_text()) for release in (first, more)]
    assert [manifest["rows"] for manifest in manifests] == [400, 500]
    kept = sorted(path.name.split("-")[0] for path in (tmp_path / "runs" / "adult" / "kept").iterdir())
    assert (
        kept
        == ["calibrate"]
        + ["examine"] * 2
        + ["gather"] * 2
        + ["generate"] * 2
        + ["ingest"]
        + ["measure"] * 2
        + ["measure_model"]
        + ["score"] * 2
        + ["select", "split", "train"]
        + ["validate"] * 3
    )
