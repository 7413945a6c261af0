"""What is old of runs and of their steps goes; what is young, and the key of a contract's digests, stays."""

import os
import secrets
import time

import pytest
from object_store import BUCKET

from tasks import places
from tasks.clear import clear

DAY = 86_400.0


def write(root, name, *, days):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("rows")
    os.utime(path, (time.time() - days * DAY,) * 2)


@pytest.fixture
def runs(tmp_path):
    for name, days in (
        ("adult/old/source.parquet", 40),
        ("adult/old/report.html", 39),
        ("adult/young/source.parquet", 40),
        ("adult/young/report.html", 1),
        ("adult/kept/train-1/model/weights.safetensors", 40),
        ("adult/kept/split-2/step.json", 2),
        ("adult/digest.key", 400),
    ):
        write(tmp_path, name, days=days)
    return tmp_path


def test_it_only_says_what_would_go_unless_it_is_meant(runs):
    before = sorted(runs.rglob("*"))

    assert clear.fn(str(runs), days=30) == ("adult/kept/train-1", "adult/old")
    assert clear.fn(str(runs), days=None, meant=True) == ()
    assert sorted(runs.rglob("*")) == before


def test_what_is_old_goes_and_all_else_stays(runs):
    clear.fn(str(runs), days=30, meant=True)

    assert {path.name for path in (runs / "adult").iterdir()} == {"young", "kept", "digest.key"}
    assert [path.name for path in (runs / "adult" / "kept").iterdir()] == ["split-2"]
    assert clear.fn(str(runs), days=30, meant=True) == ()


def test_a_folder_that_is_not_there_holds_nothing_old(tmp_path):
    assert clear.fn(str(tmp_path / "none"), days=1, meant=True) == ()


@pytest.mark.usefixtures("store")
def test_far_away_the_same():
    root = f"s3://{BUCKET}/{secrets.token_hex(8)}"
    path = places.here(f"{root}/adult/kept/train-1/step.json")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    places.send(path)

    assert clear.fn(root, days=1, meant=True) == ()
    assert clear.fn(root, days=0, meant=True) == ("adult/kept/train-1",)
    assert places.find(root) == {}
