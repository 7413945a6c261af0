"""Retention: what stays and why, what goes, and that nothing goes which somebody points to."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from release_making import CONTRACT, made

from data_contracts import ReleaseError
from tasks.prune import prune
from tasks.releases.layout import releases
from tasks.verify import locate, verify


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Four releases of trips, the last of them no champion, and two of tours."""
    folder = tmp_path_factory.mktemp("place")
    run, root = made(folder / "run"), folder / "releases"
    for shapes in (0.97, 0.97, 0.97, 0.92):
        run.published(root, shapes=shapes)
    for _ in range(2):
        run.published(root, contract=replace(CONTRACT, id="tours"))
    return root


@pytest.fixture
def root(place, tmp_path):
    shutil.copytree(place, tmp_path / "releases")
    return tmp_path / "releases"


def listing(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_it_only_says_what_would_go_unless_it_is_meant(root):
    before = listing(root)

    pruned = prune.fn(str(root), keep=1)

    assert pruned.removed == ("tours/1.0.0-1", "trips/1.0.0-1", "trips/1.0.0-2")
    assert pruned.kept == {"tours/1.0.0-2": "latest", "trips/1.0.0-3": "latest", "trips/1.0.0-4": "newest"}
    assert not pruned.meant
    assert listing(root) == before


def test_the_newest_stay_and_what_is_latest_though_it_is_older(root):
    pruned = prune.fn(str(root), keep=1, meant=True)

    assert pruned.meant
    assert releases(root / "trips") == ["1.0.0-3", "1.0.0-4"]
    assert releases(root / "tours") == ["1.0.0-2"]
    assert {path.name for path in (root / "trips").iterdir()} == {"1.0.0-3", "1.0.0-4", "latest.json"}
    assert verify(locate(root / "trips")).manifest["release"] == "1.0.0-3"


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize(
    ("pin", "stays"), [("trips/1.0.0-1", {"trips/1.0.0-1"}), ("1.0.0-1", {"trips/1.0.0-1", "tours/1.0.0-1"})]
)
def test_what_is_pinned_stays(root, pin, stays, in_file):
    if in_file:
        (root / "pins.txt").write_text(f"# for the audit\n{pin}  # until May\n\n")

    pruned = prune.fn(str(root), keep=1, pins=[] if in_file else [pin], meant=True)

    assert {name for name, why in pruned.kept.items() if why == "pinned"} == stays
    assert all((root / name).is_dir() for name in stays)
    assert not (root / "trips" / "1.0.0-2").exists()


@pytest.mark.parametrize("pin", ["1.0.0-9", "trips", "trips/1.0.0", "../trips/1.0.0-1"])
def test_a_pin_that_names_nothing_is_refused_before_anything_goes(root, pin):
    before = listing(root)

    with pytest.raises(ReleaseError, match="a pin names a release, however: there is none called"):
        prune.fn(str(root), keep=1, pins=[pin], meant=True)

    assert listing(root) == before


POINTERS = {
    "missing": None,
    "unreadable": "{",
    "to what is not there": json.dumps({"release": "1.0.0-7", "manifest": "0" * 64}),
    "climbing out": json.dumps({"release": "../tours/1.0.0-1", "manifest": "0" * 64}),
}


@pytest.mark.parametrize("text", POINTERS.values(), ids=POINTERS)
def test_nothing_goes_where_the_latest_cannot_be_told(root, text):
    (root / "trips" / "latest.json").unlink()
    if text is not None:
        (root / "trips" / "latest.json").write_text(text)

    with pytest.raises(ReleaseError, match=r"pointer"):
        prune.fn(str(root), keep=1, meant=True)

    assert len(releases(root / "trips")) == 4


def test_what_a_dead_run_or_removal_left_goes_too_and_nothing_else(root):
    folder = root / "trips"
    for name in (".1.0.0-1.removed", ".1.0.0-5.0f4711.partial", "notes", ".git"):
        shutil.copytree(folder / "1.0.0-1", folder / name)
    (folder / ".latest.json.0f4711.partial").write_text("{")
    outside = root.parent / "outside"
    shutil.copytree(folder / "1.0.0-1", outside)
    (folder / "1.0.0-0x").symlink_to(outside)
    (folder / "0.9.0-1").symlink_to(outside)

    prune.fn(str(root), keep=4, meant=True)

    names = {path.name for path in folder.iterdir()}
    assert names == {
        *(f"1.0.0-{place}" for place in range(1, 5)),
        "latest.json",
        "notes",
        ".git",
        "1.0.0-0x",
        "0.9.0-1",
    }
    assert verify(outside)


def test_a_removal_that_dies_leaves_no_half_release(root, monkeypatch):
    def die(path):
        (Path(path) / "manifest.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        prune.fn(str(root), keep=1, meant=True)
    monkeypatch.undo()

    for folder in (root / "tours", root / "trips"):
        for version in releases(folder):
            verify(folder / version)
    prune.fn(str(root), keep=1, meant=True)
    assert {path.name for path in (root / "trips").iterdir()} == {"1.0.0-3", "1.0.0-4", "latest.json"}
    assert {path.name for path in (root / "tours").iterdir()} == {"1.0.0-2", "latest.json"}


def test_a_root_that_is_none_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match="a root of releases is a folder"):
        prune.fn(str(tmp_path / "nowhere"), keep=1)
