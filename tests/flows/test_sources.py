"""A source in pieces: where they are read does not matter, and what was read is not read again."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fsspec
import pyarrow.csv as pa_csv
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from object_store import BUCKET
from prefect import flow

from data_contracts import DataError, Source, odcs
from flows import sources
from flows.runners import RUNNER, runner
from flows.sources import read_source
from tasks import places
from tasks.ingest_piece import ingest_piece
from tasks.ingesting import pieces
from tasks.references import Reference
from tasks.storage import digest_folder

FILES, ROWS = 5, 1_500

KILLED = """
import os, signal, sys
from pathlib import Path
from flows import embedded
embedded.configure()
from prefect import flow
from data_contracts import odcs
from flows.runners import runner
from flows.sources import read_source
from tasks.ingesting import pieces

pieces.BYTES, rename = 1, Path.replace

def die(self, there):
    if Path(there).match("*/one/source/part-00002.parquet"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, there)

if len(sys.argv) > 2:
    Path.replace = die

@flow(task_runner=runner())
def reading():
    Path("runs/one").mkdir(parents=True, exist_ok=True)
    read_source(odcs.load(Path(sys.argv[1])), run="runs/one", source=None)

reading()
"""


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", 1)


@pytest.fixture
def many(contract, rows, tmp_path):
    """The contract on its rows in five files."""
    table, folder = pa_csv.read_csv(rows), tmp_path / "source"
    folder.mkdir()
    for number in range(FILES):
        pa_csv.write_csv(table.slice(number * ROWS // FILES, ROWS // FILES), folder / f"{number}.csv")
    return replace(contract, source=Source(location=str(folder)))


@flow
def reading(contract, run) -> Reference:
    """Read a source."""
    return read_source(contract, run=run, source=None)


def taken(contract, run, word="threads:2"):
    if not places.is_remote(str(run)):
        Path(run).mkdir(parents=True, exist_ok=True)
    return reading.with_options(task_runner=runner(word), validate_parameters=False)(contract, str(run))


def kept(runs):
    """Return by piece that was read when that was."""
    return {path: path.stat().st_mtime_ns for path in runs.glob("kept/ingest_piece-*/step.json")}


def test_the_bytes_do_not_depend_on_where_pieces_are_read(many, tmp_path):
    found = {
        word: taken(many, tmp_path / word.replace(":", "") / "runs" / "one", word)
        for word in ("threads:1", "threads:4", "dask")
    }

    assert len({reference.digest for reference in found.values()}) == 1
    assert {reference.rows for reference in found.values()} == {ROWS}
    assert [path.name for path in sorted(Path(found["dask"].uri).iterdir())] == [
        f"part-0000{number}.parquet" for number in range(FILES)
    ]


def test_a_file_that_changed_is_read_again_with_its_piece_alone(many, tmp_path):
    taken(many, tmp_path / "runs" / "one")
    before = kept(tmp_path / "runs")
    path = tmp_path / "source" / "3.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")

    again = taken(many, tmp_path / "runs" / "two")

    after = kept(tmp_path / "runs")
    assert again.rows == ROWS - 1
    assert (len(before), len(after)) == (FILES, FILES + 1)
    assert before.items() <= after.items()
    assert len([*tmp_path.glob("runs/kept/examine-*/step.json")]) == FILES + 1


def test_a_refused_source_that_was_mended_is_read_where_it_was_mended(many, tmp_path):
    path = tmp_path / "source" / "2.csv"
    good, name = path.read_text(), path.read_text().splitlines()[1].split(",")[0]
    path.write_text(good.replace(f"\n{name},", "\nnever,", 1))
    with pytest.raises(DataError, match=r"age.type: 1 of 1,500 rows .*the first in row 601"):
        taken(many, tmp_path / "runs" / "one")
    path.write_text(good)

    assert taken(many, tmp_path / "runs" / "two").rows == ROWS
    assert len(kept(tmp_path / "runs")) == FILES + 1


def test_an_error_of_another_process_is_told_as_it_was(many, tmp_path):
    path = tmp_path / "source" / "2.csv"
    path.write_text(path.read_text().replace("age", "ages", 1))

    with pytest.raises(DataError, match="those of file 3 of 5 are others"):
        taken(many, tmp_path / "runs" / "one", "dask")


class _Hiccup(MemoryFileSystem):
    """A filesystem whose connection breaks once, at the third file."""

    protocol = "hiccup"
    broken = False

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("hiccup://", "memory://"))

    def open(self, path, *args, **options):
        if path.endswith("2.csv") and not type(self).broken:
            type(self).broken = True
            raise ConnectionResetError(path)
        return super().open(path, *args, **options)


def test_a_connection_that_breaks_costs_its_piece_another_try(many, tmp_path, monkeypatch):
    fsspec.register_implementation("hiccup", _Hiccup, clobber=True)
    for path in (tmp_path / "source").iterdir():
        fsspec.filesystem("memory").pipe(f"/pieces/{path.name}", path.read_bytes())
    monkeypatch.setattr(sources, "ingest_piece", ingest_piece.with_options(retry_delay_seconds=0))

    assert taken(replace(many, source=Source(location="hiccup://pieces")), tmp_path / "runs" / "one").rows == ROWS
    assert _Hiccup.broken


@pytest.mark.usefixtures("store")
def test_a_source_and_a_run_far_away_are_read_in_pieces_and_listed_anew_each_time(many, tmp_path):
    base = f"s3://{BUCKET}/{tmp_path.name}"
    system = fsspec.filesystem("s3")
    system.put(str(tmp_path / "source"), f"{base}/source", recursive=True)
    far = replace(many, source=Source(location=f"{base}/source", format="csv"))

    first = taken(far, f"{base}/runs/one")
    system.pipe(f"{base}/source/4.csv", (tmp_path / "source" / "3.csv").read_bytes())
    system.pipe(f"{base}/source/5.csv", (tmp_path / "source" / "4.csv").read_bytes())
    second = taken(far, f"{base}/runs/two")

    near = taken(many, tmp_path / "runs" / "one")
    assert (first.rows, second.rows, near.rows) == (ROWS, ROWS * 6 // 5, ROWS)
    assert first.digest == near.digest == digest_folder(places.fetch(first.uri))
    read = {name.split("/")[0] for name in places.find(f"{base}/runs/kept") if name.startswith("ingest_piece")}
    assert len(read) == FILES + 2


def test_a_run_that_was_killed_reads_the_pieces_alone_that_were_not_finished(many, at):
    from prefect.settings import PREFECT_API_URL

    (at / "many.yaml").write_text(odcs.dump(many))
    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), RUNNER: "threads:1"}
    ended = []
    for words in (["killed"], []):
        command = [sys.executable, "-c", KILLED, "many.yaml", *words]
        ended.append(subprocess.run(command, env=environment, check=False, timeout=240).returncode)  # noqa: S603
        ended.append(kept(at / "runs"))

    assert ended[::2] == [-signal.SIGKILL, 0]
    assert [len(finished) for finished in ended[1::2]] == [2, FILES]
    assert ended[1].items() <= ended[3].items()


def test_a_release_is_made_of_a_source_in_pieces(many, at):
    from flows.synthesize import synthesize
    from tasks.verify import verify

    (at / "many.yaml").write_text(odcs.dump(many))

    release = synthesize(contract="many.yaml", model="trees", rows=300)

    assert verify(Path(release.uri)).manifest["source"]["rows"] == ROWS
    (run,) = (path for path in (at / "runs" / "adult").iterdir() if (path / "source").is_dir())
    assert len(list((run / "source").iterdir())) == FILES
