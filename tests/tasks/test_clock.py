"""A clock that jumps: what is decided hangs on numbers and on the clock that does not."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.prune import prune
from tasks.releases.layout import pointed
from tasks.releases.manifest import read_manifest
from tasks.verify import verify

ROOT = Path(__file__).parents[2]
WALL = {"now", "utcnow", "today", "localtime", "gmtime", "ctime"}


def reads_the_wall_clock(source: str) -> bool:
    """Return whether a module's text asks what time it is, rather than how long something takes."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    named = [call for call in calls if isinstance(call, ast.Attribute)]
    return any(call.attr in WALL or ast.unparse(call) == "time.time" for call in named)


def test_the_wall_clock_is_read_for_dates_and_ages_alone():
    files = [file for room in ("data_contracts", "models", "tasks", "flows") for file in (ROOT / room).rglob("*.py")]

    assert {str(file.relative_to(ROOT)) for file in files if reads_the_wall_clock(file.read_text())} == {
        "tasks/publish.py",
        "tasks/clear.py",
        "tasks/detecting/arrivals.py",
        "tasks/releases/shelf.py",
        "flows/ordering.py",  # of an event beside the server's: were it wrong, it would be waited for as Prefect does
    }


@pytest.mark.parametrize(
    ("line", "found"), [("time.time()", True), ("datetime.now(UTC)", True), ("time.monotonic()", False)]
)
def test_the_law_on_clocks_can_be_broken(line, found):
    assert reads_the_wall_clock(f"def late():\n    return {line}\n") == found


def test_a_clock_that_is_set_back_a_year_changes_neither_order_nor_pointer(run, tmp_path, monkeypatch):
    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2020, 1, 1, tzinfo=tz or UTC)

    run.published(tmp_path)
    monkeypatch.setattr("tasks.publish.datetime", Earlier)
    run.published(tmp_path, shapes=0.96)

    folder = tmp_path / "trips"
    dates = [read_manifest(folder / name)["created"] for name in ("1.0.0-1", "1.0.0-2")]
    assert dates[1] == "2020-01-01T00:00:00+00:00" < dates[0]
    assert pointed(folder).release == "1.0.0-2"
    verify(folder / "1.0.0-2")
    pruned = prune.fn(str(tmp_path), keep=1, pins=[], meant=True)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["1.0.0-2"], pruned
