"""Anomalies by a run: its own rows say what is usual, whichever model was trained."""

import json
import shutil

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from flats import CONTRACT, PLANTED, flats, odd_first
from release_making import made

from data_contracts import LikenessError, odcs
from tasks.detect import detect
from tasks.detecting.distance import MOST_HELD, MOST_KNOWN
from tasks.parquet import write_parquet

LEVEL = 0.02


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run by a model without a density."""
    folder = tmp_path_factory.mktemp("run")
    run = made(folder / "run", flats(3_000, seed=0), contract=CONTRACT, model="trees", steps=1).run
    held = flats(1_500, seed=1)
    write_parquet(run / "holdout.parquet", held.to_batches(), schema=held.schema)
    (run / "contract.yaml").write_text(odcs.dump(CONTRACT))
    return run


def found(run, data, tmp_path, name="new", **asked):
    path = tmp_path / f"{name}.csv"
    pacsv.write_csv(pa.table(data), path)
    return detect.fn(str(run), str(path), to=str(tmp_path / f"{name}.parquet"), contamination=LEVEL, **asked)


def dear(rows=60):
    """Return usual flats, of which the first half cost as if they were ten times as large."""
    table = flats(rows, seed=5)
    price = table.column("price").to_numpy().copy()
    price[: rows // 2] *= 10
    return table.set_column(table.schema.get_field_index("price"), "price", pa.array(price))


def test_a_broken_correlation_is_found_and_its_column_named(run, tmp_path):
    done = found(run, dear(), tmp_path)
    rows = pq.read_table(done.uri).to_pylist()
    assert sum(row["is_anomaly"] for row in rows[:30]) >= 24
    assert sum(row["is_anomaly"] for row in rows[30:]) <= 4
    assert done.release == run.name
    assert next(iter(done.columns)) == "price"


def test_each_planted_anomaly_is_found_and_its_column_named(run, tmp_path):
    rows = pq.read_table(found(run, odd_first(400, seed=9), tmp_path).uri).to_pylist()
    for row, (said, (_, columns)) in zip(rows, PLANTED.items(), strict=False):
        assert row["is_anomaly"], said
        assert row["why"][0]["column"] in columns, said
    assert sum(row["is_anomaly"] for row in rows[len(PLANTED) :]) <= 3 * LEVEL * 400


def test_usual_rows_are_called_odd_as_often_as_was_asked(run, tmp_path):
    done = found(run, flats(10_000, seed=7), tmp_path)
    assert done.anomalies / done.rows == pytest.approx(LEVEL, abs=0.012)
    assert not done.drifted


def test_what_is_learned_the_first_time_is_kept_beside_the_rows_and_taken_the_next(run, tmp_path):
    first = found(run, dear(), tmp_path, "first")
    kept = {path.name: path.read_bytes() for path in (run / "detector").iterdir()}
    times = {path: path.stat().st_mtime_ns for path in (run / "detector").iterdir()}
    second = found(run, dear(), tmp_path, "second")
    assert sorted(kept) == ["calibration.json", "noise-by-place.safetensors"]
    assert times == {path: path.stat().st_mtime_ns for path in (run / "detector").iterdir()}
    one, other = (pq.read_table(done.uri) for done in (first, second))
    assert one.equals(other)


def test_what_was_learned_in_another_way_is_learned_anew(run, tmp_path):
    done = found(run, dear(), tmp_path, "now")
    copy = shutil.copytree(run, tmp_path / "before")
    (copy / "detector" / "noise-by-place.safetensors").rename(copy / "detector" / "noise.safetensors")
    (copy / "detector" / "calibration.json").write_text("{}")
    again = found(copy, dear(), tmp_path, "again")
    assert pq.read_table(again.uri).equals(pq.read_table(done.uri))
    assert not (copy / "detector" / "noise.safetensors").exists()


def test_of_very_many_rows_a_sample_is_held_against(run, tmp_path, monkeypatch):
    assert (MOST_KNOWN, MOST_HELD) == (50_000, 20_000)
    copy = shutil.copytree(run, tmp_path / "few", ignore=shutil.ignore_patterns("detector"))
    monkeypatch.setattr("tasks.detecting.distance.MOST_KNOWN", 200)
    monkeypatch.setattr("tasks.detecting.distance.MOST_HELD", 600)
    assert found(copy, dear(), tmp_path).calibration == 600


def no_model(run):
    shutil.rmtree(run / "model")


def no_holdout(run):
    (run / "holdout.parquet").unlink()


@pytest.mark.parametrize(
    ("broken", "asked", "said"),
    [
        (no_model, {}, "Train again"),
        (no_holdout, {}, "Name a release"),
        (lambda _: None, {"key": "key.pub"}, "a run is not signed"),
        (lambda _: None, {"contract": "adult"}, "it is of adult"),
    ],
    ids=["no model", "no holdout", "a key", "another contract"],
)
def test_what_cannot_be_is_told(run, tmp_path, broken, asked, said):
    copy = shutil.copytree(run, tmp_path / "broken")
    broken(copy)
    with pytest.raises(LikenessError, match=said):
        found(copy, dear(), tmp_path, **asked)
    assert not (tmp_path / "new.parquet").exists()


def test_no_threshold_is_the_score_of_one_row_and_every_rank_has_one(run, tmp_path):
    found(run, dear(), tmp_path)
    kept = json.loads((run / "detector" / "calibration.json").read_text())
    assert kept["mean_of"] == 5
    assert kept["ranks"] == list(range(5, kept["rows"] + 1))
