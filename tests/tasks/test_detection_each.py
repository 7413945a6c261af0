"""Files that arrive in a folder: each judged once, whatever happens in between, and none before it is whole."""

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from flats import CONTRACT, flats
from object_store import BUCKET
from release_making import SHAPES, made

from data_contracts import DataError, ReleaseError
from tasks import places
from tasks.calibrate import calibrate
from tasks.detect import detect
from tasks.detect_each import detect_each, require_read
from tasks.parquet import write_parquet
from tasks.releases.signing import KEY_FILE, new_key

WHOLE = replace(CONTRACT, gate=(SHAPES,))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose release can judge."""
    folder = tmp_path_factory.mktemp("run")
    made_ = made(folder, flats(2_000, seed=0), contract=WHOLE, model="gmm", steps=20)
    table = flats(600, seed=1)
    holdout = write_parquet(folder / "holdout.parquet", table.to_batches(), schema=table.schema)
    return replace(made_, beside=calibrate.fn(WHOLE, made_.trained, holdout, run=str(folder), seed=0))


@pytest.fixture(scope="module")
def release(run, tmp_path_factory):
    return run.published(tmp_path_factory.mktemp("releases")).uri


class Inbox:
    """A folder in which files arrive, and one for what is found."""

    def __init__(self, root, release):
        self.folder, self.out, self.release = root / "in", root / "out", release
        self.folder.mkdir()

    def put(self, name, *, seed=0, rows=60, age=100.0, text=None):
        """Write a file as if so many seconds ago."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            pacsv.write_csv(flats(rows, seed=seed), path)
        else:
            path.write_text(text)
        written = time.time() - age
        os.utime(path, (written, written))
        return path

    def look(self, **asked):
        """Judge what is new."""
        return detect_each.fn(self.release, str(self.folder), to=str(self.out), **asked)

    def found(self):
        """Return the names of what was written."""
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())

    def bytes(self):
        """Return it, by name."""
        return {name: (self.out / name).read_bytes() for name in self.found()}


@pytest.fixture
def inbox(tmp_path, release):
    return Inbox(tmp_path, release)


def test_each_file_is_judged_as_by_itself_and_once(inbox, tmp_path):
    inbox.put("b.csv", seed=2)
    inbox.put("monday/a.csv", seed=3)

    first = inbox.look(contamination=0.05)
    before = inbox.bytes()
    again = inbox.look(contamination=0.05)

    assert (first.judged, first.rows, first.unread, first.waiting) == (2, 120, 0, 0)
    assert inbox.found() == ["b.csv.parquet", "monday/a.csv.parquet"]
    assert (again.judged, again.judged_before) == (0, 2)
    assert inbox.bytes() == before
    alone = detect.fn(inbox.release, str(inbox.folder / "b.csv"), to=str(tmp_path / "b.parquet"), contamination=0.05)
    rows = pq.read_table(inbox.out / "b.csv.parquet")
    assert rows.to_pylist() == pq.read_table(tmp_path / "b.parquet").to_pylist()
    assert first.anomalies >= alone.anomalies
    told = json.loads(rows.schema.metadata[b"likeness"])
    assert (told["contract"], told["release"]) == ("flats", Path(inbox.release).name)


def test_what_arrives_later_is_judged_later_and_the_rest_is_left_alone(inbox):
    inbox.put("a.csv", seed=2)
    inbox.look()
    before = inbox.bytes()
    inbox.put("b.csv", seed=3)

    done = inbox.look()

    assert (done.judged, done.judged_before) == (1, 1)
    assert inbox.bytes()["a.csv.parquet"] == before["a.csv.parquet"]


def test_the_oldest_is_judged_first(inbox, monkeypatch):
    import tasks.detect_each as module

    for name, age in (("a.csv", 100), ("b.csv", 300), ("c.csv", 200)):
        inbox.put(name, age=age)
    order, write = [], module.write_judged

    def noted(opened, source, path, **options):
        order.append(path.name)
        return write(opened, source, path, **options)

    monkeypatch.setattr(module, "write_judged", noted)

    inbox.look()

    assert order == ["b.csv.parquet", "c.csv.parquet", "a.csv.parquet"]


@pytest.mark.parametrize(
    "name", [".a.csv", "_a.csv", ".new/a.csv", "a.csv.part", "a.csv.tmp", "a.csv~", "a.csv.CRDOWNLOAD"]
)
def test_what_is_named_as_not_finished_is_passed_over(inbox, name):
    inbox.put(name)

    done = inbox.look()

    assert (done.judged, done.waiting, done.unread) == (0, 0, 0)
    assert not inbox.out.exists()


def test_a_file_that_grows_is_left_alone_until_it_has_settled(inbox):
    path = inbox.put("a.csv", age=5)
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])

    growing = inbox.look()
    inbox.put("a.csv", text=whole)
    done = inbox.look()

    assert (growing.judged, growing.waiting) == (0, 1)
    assert (done.judged, done.waiting, done.rows) == (1, 0, 60)


def test_a_file_that_changes_while_it_is_read_waits_and_leaves_nothing(inbox, monkeypatch):
    import tasks.detecting.writing as module

    path = inbox.put("a.csv")
    read = module.read_rows

    def grown(contract, source):
        yield from read(contract, source)
        with path.open("a") as file:
            file.write("\n")

    monkeypatch.setattr(module, "read_rows", grown)
    done = inbox.look(settled_seconds=0)

    assert (done.judged, done.waiting, done.unread) == (0, 1, 0)
    assert inbox.found() == []


def test_a_file_dated_ahead_does_not_wait_for_ever(inbox):
    inbox.put("a.csv", age=-3_600)

    assert inbox.look().judged == 1


def test_a_file_that_changed_is_judged_anew_in_the_place_of_what_was(inbox):
    inbox.put("a.csv", seed=2)
    inbox.look()
    before = inbox.bytes()
    inbox.put("a.csv", seed=3, age=90)

    done = inbox.look()

    assert (done.judged, inbox.found()) == (1, ["a.csv.parquet"])
    assert inbox.bytes() != before
    assert inbox.look().judged == 0


def test_a_file_that_was_only_touched_is_not(inbox):
    inbox.put("a.csv", seed=2)
    inbox.look()
    before = inbox.bytes()
    os.utime(inbox.folder / "a.csv", (1e9, 1e9))

    done = inbox.look()

    assert (done.judged, done.judged_before, inbox.bytes()) == (0, 1, before)


def test_another_release_judges_what_arrives_from_then_on(inbox, run, tmp_path):
    inbox.put("a.csv", seed=2)
    inbox.release = str(Path(run.published(tmp_path / "releases").uri).parent)
    inbox.look()
    before = inbox.bytes()
    run.published(tmp_path / "releases")
    inbox.put("b.csv", seed=2)

    done = inbox.look()

    assert (done.judged, done.release) == (1, "1.0.0-2")
    assert inbox.bytes()["a.csv.parquet"] == before["a.csv.parquet"]
    releases = [json.loads(pq.read_schema(inbox.out / name).metadata[b"likeness"])["release"] for name in inbox.found()]
    assert releases == ["1.0.0-1", "1.0.0-2"]


def test_a_file_that_cannot_be_read_is_told_beside_once_and_stops_no_other(inbox):
    inbox.put("a.csv", text="flat,town\nF-000001,Rosalind\n", age=300)
    inbox.put("b.csv", seed=2)

    done = inbox.look()

    assert (done.judged, done.unread) == (1, 1)
    assert inbox.found() == ["a.csv.error.json", "b.csv.parquet"]
    told = (inbox.out / "a.csv.error.json").read_text()
    assert json.loads(told)["error"]["failures"][0]["rule"] == "table.columns"
    assert "Rosalind" not in told
    with pytest.raises(DataError, match=r"1 of 2 new ones cannot; the others are judged"):
        require_read(done)
    again = require_read(inbox.look())
    assert (again.judged, again.unread, again.unread_before) == (0, 0, 1)


def test_an_error_goes_when_its_file_was_mended(inbox):
    inbox.put("a.csv", text="no table")
    inbox.look()
    inbox.put("a.csv", seed=2, age=90)

    done = inbox.look()

    assert (done.judged, inbox.found()) == (1, ["a.csv.parquet"])


def test_an_error_that_a_kill_left_beside_what_was_judged_goes(inbox):
    inbox.put("a.csv", text="no table")
    inbox.look()
    error = inbox.bytes()["a.csv.error.json"]
    inbox.put("a.csv", seed=2, age=90)
    inbox.look()
    (inbox.out / "a.csv.error.json").write_bytes(error)

    assert inbox.look().judged_before == 1
    assert inbox.found() == ["a.csv.parquet"]


def test_a_file_that_may_not_be_opened_is_tried_each_time(inbox, monkeypatch):
    import tasks.detect_each as module

    inbox.put("a.csv", seed=2)

    def shut(_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(module, "digest_file", shut)
        assert [inbox.look().unread for _ in range(2)] == [1, 1]

    assert inbox.look().judged == 1
    assert inbox.found() == ["a.csv.parquet"]


def test_a_fault_of_ours_in_one_file_is_raised_when_the_others_are_judged(inbox, monkeypatch):
    import tasks.detect_each as module

    inbox.put("a.csv", age=300)
    inbox.put("b.csv", age=200)
    write = module.write_judged

    def faulty(opened, source, path, **options):
        if path.name.startswith("a"):
            raise ZeroDivisionError
        return write(opened, source, path, **options)

    monkeypatch.setattr(module, "write_judged", faulty)

    with pytest.raises(ZeroDivisionError):
        inbox.look()
    assert inbox.found() == ["b.csv.parquet"]


def test_a_name_that_looks_like_a_secret_or_a_pattern_is_a_name(inbox):
    inbox.put("${HOME}[1]*.csv", seed=2)

    assert inbox.look().judged == 1
    assert inbox.found() == ["${HOME}[1]*.csv.parquet"]


@pytest.mark.parametrize("to", ["in", "in/out", "../in/out"])
def test_what_is_found_is_not_written_where_files_arrive(inbox, tmp_path, monkeypatch, to):
    monkeypatch.chdir(tmp_path / "in" if to.startswith("..") else tmp_path)
    inbox.put("a.csv")

    with pytest.raises(DataError, match="lies apart"):
        detect_each.fn(inbox.release, str(inbox.folder), to=to)
    assert [path.name for path in inbox.folder.iterdir()] == ["a.csv"]


def test_a_folder_that_is_not_there_is_told(inbox):
    inbox.folder.rmdir()

    with pytest.raises(DataError, match="files arrive in a folder"):
        inbox.look()


def test_two_runs_at_once_leave_the_same(inbox, monkeypatch):
    """The second does all its work while the first is at its file."""
    import tasks.detecting.writing as module

    inbox.put("a.csv", seed=2)
    inbox.look()
    expected = inbox.bytes()
    (inbox.out / "a.csv.parquet").unlink()
    read, second = module.read_rows, []

    def crossed(contract, source):
        if not second:
            second.append(None)
            second.append(inbox.look())
        return read(contract, source)

    monkeypatch.setattr(module, "read_rows", crossed)

    first = inbox.look()

    assert [first.judged, second[1].judged] == [1, 1]
    assert inbox.bytes() == expected


KILLED = """
import os, signal, sys
from pathlib import Path

from tasks.detect_each import detect_each
from tasks.learning.loading import load_models

load_models()
release, folder, to = sys.argv[1:4]
left, rename, remove = 0, Path.replace, Path.unlink

def tick():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def replace(self, *args):
    tick()
    found = rename(self, *args)
    tick()
    return found

def unlink(self, *args, **options):
    tick()
    remove(self, *args, **options)
    tick()

Path.replace, Path.unlink = replace, unlink
for kill in range(1, 100):
    if not (child := os.fork()):
        left = kill
        detect_each.fn(release, folder, to=f"{to}/{kill}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, status
"""
"""Looks into the folder again and again, and each time kills itself a step later; until it has come to the end."""


def test_killed_anywhere_and_looked_again_each_file_has_one_result_of_the_same_bytes(inbox):
    for name, text in (("a.csv", None), ("b.csv", "no table"), ("c.csv", None)):
        inbox.put(name, seed=2, text=text)
    inbox.look()
    calm, out = inbox.bytes(), inbox.out

    subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", KILLED, inbox.release, str(inbox.folder), str(out.with_name("hit"))],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    hit = sorted(out.with_name("hit").iterdir(), key=lambda path: int(path.name))
    left = []
    for inbox.out in hit:
        left.append(len([name for name in inbox.found() if not name.startswith(".")]))
        done = inbox.look()
        assert {name: one for name, one in inbox.bytes().items() if not name.startswith(".")} == calm
        assert done.judged + done.judged_before + done.unread + done.unread_before == len(calm) == 3
        assert done.judged_before + done.unread_before == left[-1]
    assert left == sorted(left)
    assert set(left) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", ["s3", "memory"])
def test_folders_far_away_are_judged_once_too(inbox, store, kind):  # noqa: ARG001 - the server must be there
    root = f"{kind}://{BUCKET}/{secrets.token_hex(8)}"
    for name, text in (("a.csv", inbox.put("a.csv", seed=2).read_bytes()), ("b.csv", b"no table")):
        path = places.here(f"{root}/in/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        places.send(path)

    def look():
        return detect_each.fn(inbox.release, f"{root}/in", to=f"{root}/out", settled_seconds=0)

    first, again = look(), look()

    assert (first.judged, first.rows, first.unread) == (1, 60, 1)
    assert (again.judged, again.judged_before, again.unread, again.unread_before) == (0, 1, 0, 1)
    assert list(places.find(f"{root}/out")) == ["a.csv.parquet", "b.csv.error.json"]
    assert not places.here(f"{root}/out/a.csv.parquet").exists()


def test_a_release_that_is_not_signed_by_the_key_judges_nothing(inbox, run, tmp_path, monkeypatch):
    for name in ("own", "other"):
        new_key(tmp_path / name)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "own"))
    inbox.release = run.published(tmp_path / "releases").uri
    inbox.put("a.csv", seed=2)

    with pytest.raises(ReleaseError, match="was asked for"):
        inbox.look(key=str(tmp_path / "other.pub"))
    assert not inbox.out.exists()
    assert inbox.look(key=str(tmp_path / "own.pub")).judged == 1
