"""Anomalies among new rows: found, named, told from usual rows at the rate that is asked for."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from flats import CONTRACT, PLANTED, columns, flats, odd_first
from PIL import Image
from release_making import SHAPES, made

from data_contracts import ContractError, DataError, ReleaseError, Source, odcs
from models.auto import Auto, Entry
from models.encoding import Encoder
from models.surprise import Surprise
from tasks.calibrate import calibrate
from tasks.detect import detect
from tasks.learning.modelfiles import load_model, save_model
from tasks.parquet import write_parquet
from tasks.releases.signing import KEY_FILE, new_key

WHOLE = replace(CONTRACT, gate=(SHAPES,))


@pytest.fixture(autouse=True)
def _logs(caplog):
    caplog.set_level(logging.INFO, logger="tasks")


def held(folder, rows=1_000, seed=1):
    table = flats(rows, seed=seed)
    return write_parquet(folder / "holdout.parquet", table.to_batches(), schema=table.schema)


def released(folder, model, steps):
    run = made(folder / "run", flats(3_000, seed=0), contract=WHOLE, model=model, steps=steps)
    beside = calibrate.fn(WHOLE, run.trained, held(folder), run=str(run.run), seed=0)
    return replace(run, beside=beside), Path(replace(run, beside=beside).published(folder / "releases").uri)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A release by the default model."""
    return released(tmp_path_factory.mktemp("chain"), "autoregressive", 25)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A release by a model that is there at once."""
    return released(tmp_path_factory.mktemp("quick"), "gmm", 40)


def found(release, data, tmp_path, **asked):
    """Return what was found, and the rows that were written."""
    if not isinstance(data, str):
        path = tmp_path / "new.csv"
        pacsv.write_csv(pa.table(data), path)
        data = str(path)
    done = detect.fn(str(release), data, to=str(tmp_path / "out" / "anomalies.parquet"), **asked)
    return done, pq.read_table(done.uri).to_pylist()


@pytest.fixture(scope="module")
def planted(chain, tmp_path_factory):
    """Rows that are odd in one way each, among usual ones."""
    return found(chain[1], odd_first(400, seed=9), tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_anomaly_is_found_and_its_column_named(planted, name):
    row = planted[1][list(PLANTED).index(name)]

    assert row["is_anomaly"], row
    assert row["why"][0]["column"] in PLANTED[name][1], row["why"]
    assert row["why"][0]["share"] > 0.3
    assert sum(each["share"] for each in row["why"]) <= 1 + 1e-6


def test_what_breaks_the_contract_is_the_oddest_and_says_so(planted):
    done, rows = planted

    broken = [row for row in rows if row["breaks_contract"]]
    assert done.broken == len(broken) == 6
    assert {row["why"][0]["reason"] for row in broken} == {"breaks the contract"}
    assert min(row["score"] for row in broken) > max(row["score"] for row in rows if not row["breaks_contract"])
    assert rows[list(PLANTED).index("a category that was never seen")]["why"][0]["reason"].startswith("not among")


def test_what_is_written_has_a_row_for_each_with_its_key(planted):
    done, rows = planted

    assert [row["row"] for row in rows] == list(range(done.rows)) == list(range(400))
    assert rows[50]["flat"] == "F-000050"
    assert done.anomalies == sum(row["is_anomaly"] for row in rows)
    assert sum(done.columns.values()) == done.anomalies
    assert all((row["why"] is not None) == row["is_anomaly"] for row in rows)
    usual = [row for row in rows[len(PLANTED) :] if row["score"] <= done.threshold]
    assert not any(row["is_anomaly"] for row in usual)


@pytest.mark.parametrize(("model", "steps"), [("trees", 8), ("vae", 3), ("auto", 10), ("gan", 3)])
def test_every_model_finds_an_extreme(tmp_path, model, steps):
    _, release = released(tmp_path, model, steps)
    data = columns(300, seed=2)
    data["price"][7] = 5e6

    rows = found(release, data, tmp_path)[1]

    assert rows[7]["is_anomaly"]
    assert rows[7]["why"][0]["column"] == "price"
    assert sum(row["is_anomaly"] for row in rows) < 15


def test_of_auto_the_candidate_that_it_picked_judges(tmp_path):
    """Here the contest is written as if another candidate than the winner had been picked."""
    run = made(tmp_path / "run", flats(1_000, seed=0), contract=WHOLE, model="trees", steps=2)
    winner, described = load_model(Path(run.trained.uri))
    judge = load_model(
        Path(made(tmp_path / "other", flats(1_000, seed=0), contract=WHOLE, model="gmm", steps=2).trained.uri)
    )[0]
    auto = Auto(["trees", "gmm"])
    auto.contest = Entry("trees", 0.0, kept=True), Entry("gmm", 0.0, judges=True)
    auto.winner, auto.detector = winner, judge
    save_model(Path(run.trained.uri), auto, {**described, "model": "auto"})

    run = replace(run, beside=calibrate.fn(WHOLE, run.trained, held(tmp_path), run=str(run.run), seed=0))
    done, rows = found(run.published(tmp_path / "releases").uri, columns(20, seed=2), tmp_path)

    encoder = Encoder.from_state(WHOLE.columns, described["columns"])
    expected = Surprise(judge, encoder, rows=1_000).of(flats(20, seed=2).combine_chunks().to_batches()[0]).scores
    assert done.detector == json.loads((run.run / "calibration.json").read_text())["detector"] == "gmm"
    assert [row["score"] for row in rows] == pytest.approx(expected.tolist())


@pytest.mark.parametrize("level", [0.02, 0.1])
def test_false_alarms_are_as_many_as_asked(quick, tmp_path, level):
    """Over seeds: of 8,000 fresh rows, beside 1,000 that they are held against."""
    parts = [found(quick[1], columns(2_000, seed=seed), tmp_path, contamination=level)[0] for seed in range(20, 24)]

    share = sum(part.anomalies for part in parts) / sum(part.rows for part in parts)
    error = (level * (1 - level) * (1 / 1_000 + 1 / 8_000)) ** 0.5
    assert level - 3 * error - 0.005 < share < level + 3 * error
    assert not any(part.drifted for part in parts)


def test_a_world_that_has_moved_is_told(quick, tmp_path, caplog):
    data = columns(500, seed=3)
    data["price"] = [2.0 * price for price in data["price"]]

    done, rows = found(quick[1], data, tmp_path)

    assert done.drifted
    assert next(iter(done.columns)) == "price"
    assert "the world has moved on" in caplog.text
    assert len(rows) == 500


def test_a_false_discovery_rate_bounds_the_share_of_false_alarms(quick, tmp_path):
    data = columns(1_000, seed=4)
    for row in range(100):
        data["price"][row] *= 6.0

    done, rows = found(quick[1], data, tmp_path, fdr=0.2)

    called = [row["row"] for row in rows if row["is_anomaly"]]
    assert sum(row < 100 for row in called) >= 95
    assert sum(row >= 100 for row in called) / len(called) < 0.3
    assert done.anomalies == len(called)
    assert 0 < done.level < 0.2
    assert all((row["why"] is not None) == row["is_anomaly"] for row in rows)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["anomalies.parquet"]


def test_rows_in_many_batches_are_judged_as_in_one(quick, tmp_path):
    table = flats(700, seed=5)
    (tmp_path / "parts").mkdir()
    for number in range(7):
        pacsv.write_csv(table.slice(100 * number, 100), tmp_path / "parts" / f"{number}.csv")

    parts = found(quick[1], str(tmp_path / "parts"), tmp_path)[1]
    whole = found(quick[1], table.to_pydict(), tmp_path)[1]

    assert [row["row"] for row in parts] == list(range(700))
    assert [row["flat"] for row in parts] == [row["flat"] for row in whole]
    assert np.allclose([row["score"] for row in parts], [row["score"] for row in whole], atol=1e-3)


def test_the_same_rows_give_the_same_bytes(quick, tmp_path):
    data = columns(300, seed=6)

    first = Path(found(quick[1], data, tmp_path)[0].uri).read_bytes()

    assert Path(found(quick[1], data, tmp_path)[0].uri).read_bytes() == first


def test_a_contract_says_how_the_data_is_written(quick, tmp_path):
    written = replace(WHOLE, source=Source(location="elsewhere.csv", separator=";", unknown=("?",)))
    path = tmp_path / "flats.yaml"
    path.write_text(odcs.dump(written))
    data = columns(50, seed=7)
    data["area"] = [str(area) for area in data["area"]]
    data["area"][0] = "?"
    new = tmp_path / "new.csv"
    pacsv.write_csv(pa.table(data), new, pacsv.WriteOptions(delimiter=";"))

    assert found(quick[1], str(new), tmp_path, contract=str(path))[0].broken == 0


def test_under_differential_privacy_the_holdout_is_not_looked_at(quick, tmp_path):
    private = replace(quick[0].trained, epsilon=3.0)

    files = [
        calibrate.fn(WHOLE, private, held(tmp_path / str(seed), seed=seed), run=str(tmp_path / str(seed)), seed=0)
        for seed in (1, 2)
    ]

    assert files[0][0].digest == files[1][0].digest
    assert json.loads(Path(files[0][0].uri).read_text())["calibrated_on"] == "model"


def test_few_rows_to_compare_with_are_told_of(quick, tmp_path, caplog):
    run = replace(quick[0], beside=calibrate.fn(WHOLE, quick[0].trained, held(tmp_path, 60), run=str(tmp_path), seed=0))
    release = Path(run.published(tmp_path / "releases").uri)

    done, _ = found(release, columns(200, seed=8), tmp_path)

    assert done.anomalies == 0
    assert done.threshold is None
    assert "only rows that break the contract" in caplog.text


def tampered(release, tmp_path):
    shutil.copytree(release, tmp_path / release.name)
    path = tmp_path / release.name / "model" / "calibration.json"
    path.write_text(path.read_text().replace("5", "6", 1))
    return tmp_path / release.name


def test_a_release_that_was_changed_is_refused(quick, tmp_path):
    with pytest.raises(ReleaseError, match=r"calibration\.json has changed"):
        found(tampered(quick[1], tmp_path), columns(20, seed=8), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_release_that_another_key_signed_is_refused(quick, tmp_path, monkeypatch):
    for name in ("own", "other"):
        new_key(tmp_path / name)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "own"))
    release = quick[0].published(tmp_path / "releases").uri

    for refused, key, words in ((release, "other", "was asked for"), (quick[1], "own", "it is not signed")):
        with pytest.raises(ReleaseError, match=words):
            found(refused, columns(20, seed=8), tmp_path, key=str(tmp_path / f"{key}.pub"))
    assert not (tmp_path / "out").exists()
    assert found(release, columns(20, seed=8), tmp_path, key=str(tmp_path / "own.pub"))[0].rows == 20


def test_a_release_without_a_calibration_is_refused(quick, tmp_path):
    release = replace(quick[0], beside=()).published(tmp_path / "releases").uri

    with pytest.raises(ReleaseError, match=r"it has no model/calibration\.json"):
        found(release, columns(20, seed=8), tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "houses"}, "it is of houses, not of flats"),
        ({"version": "2.0.0", "columns": CONTRACT.columns[:-1], "rules": ()}, "between 1.0.0 and 2.0.0 it is not"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(quick, tmp_path, change, words):
    path = tmp_path / "other.yaml"
    path.write_text(odcs.dump(replace(WHOLE, **change)))

    with pytest.raises(ContractError, match=words):
        found(quick[1], columns(20, seed=8), tmp_path, contract=str(path))


def test_data_that_lacks_a_column_is_refused(quick, tmp_path):
    data = columns(20, seed=8)
    del data["area"]

    with pytest.raises(DataError, match=r"table\.columns|area"):
        found(quick[1], data, tmp_path)


def test_a_table_without_a_row_has_no_anomaly(quick, tmp_path):
    done, rows = found(quick[1], flats(0, seed=0).to_pydict(), tmp_path)

    assert (done.rows, done.anomalies, done.drifted, rows) == (0, 0, False, [])


def test_images_are_no_rows_of_a_table(quick, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("L", (4, 4)).save(folder / "one.png")

    with pytest.raises(DataError, match="columns"):
        found(quick[1], str(folder), tmp_path)


def test_lines_that_are_no_rows_are_refused_without_a_cell(quick, tmp_path):
    path = tmp_path / "torn.csv"
    pacsv.write_csv(flats(30, seed=8), path)
    path.write_text(path.read_text() + '"F-000031","Rosalind"\n')

    with pytest.raises(DataError, match="every line of the data is a row") as caught:
        found(quick[1], str(path), tmp_path)
    assert "Rosalind" not in str(caught.value)
    assert not (tmp_path / "out" / "anomalies.parquet").exists()
