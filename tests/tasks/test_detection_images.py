"""Anomalies among new images: real ones of 8 x 8, and what can be wrong with one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flats import flats
from PIL import Image
from release_making import SHAPES, made
from small_images import small_contract, small_images

from data_contracts import DataError
from tasks.calibrate import calibrate
from tasks.detect import detect
from tasks.parquet import write_parquet
from tasks.pictures import pixels_of, png_of, struct_of

CONTRACT = replace(small_contract(), gate=(SHAPES,))
LEARNED, HELD, NEW = 3_000, 1_500, 300


@pytest.fixture(scope="module")
def table():
    return small_images(LEARNED + HELD + NEW)


def released(folder, table, model="gmm", steps=30, rows=LEARNED, held=HELD):
    """Return a run and its release, with a calibration where its model has one."""
    run = made(folder / "run", table.slice(0, rows), contract=CONTRACT, model=model, steps=steps, rows=20)
    part = table.slice(LEARNED, held)
    holdout = write_parquet(folder / "holdout.parquet", part.to_batches(), schema=part.schema)
    run = replace(run, beside=calibrate.fn(CONTRACT, run.trained, holdout, run=str(run.run), seed=0))
    return run, run.published(folder / "releases").uri


@pytest.fixture(scope="module")
def release(table, tmp_path_factory):
    return released(tmp_path_factory.mktemp("gmm"), table)[1]


def found(release, new, tmp_path, **asked):
    """Return what was found among images, and the rows that were written."""
    data = tmp_path / "new.parquet"
    pq.write_table(new, data)
    done = detect.fn(str(release), str(data), to=str(tmp_path / "out" / "anomalies.parquet"), **asked)
    return done, pq.read_table(done.uri).to_pylist()


def with_pixels(table, pixels):
    return table.set_column(0, table.schema.field(0), struct_of(pixels, [f"{row}.png" for row in range(len(pixels))]))


def shuffled(pixels, rng):
    return rng.permuted(pixels.reshape(len(pixels), -1), axis=1).reshape(pixels.shape)


PLANTED = {
    "inverted": (40, lambda pixels, _: 255 - pixels),
    "noise": (60, lambda pixels, rng: rng.integers(0, 256, pixels.shape, np.uint8)),
    "constant": (33, lambda pixels, rng: np.broadcast_to(rng.integers(60, 250, (len(pixels), 1, 1, 1)), pixels.shape)),
    "shuffled": (50, shuffled),
}
"""By name, how many of 60 are found at least, and how they are made; by the density alone, 30 of the constants are."""


@pytest.mark.parametrize("name", PLANTED)
def test_planted_images_are_found(release, table, tmp_path, name):
    some, (least, plant) = table.slice(LEARNED + HELD, 60), PLANTED[name]
    odd = plant(pixels_of(some["image"]), np.random.default_rng(0)).astype(np.uint8)

    done, rows = found(release, with_pixels(some, odd), tmp_path)

    assert done.anomalies >= least
    assert done.broken == 0
    assert done.drifted
    assert [row["why"] for row in rows] == [None] * 60
    assert [row["path"] for row in rows[:2]] == ["0.png", "1.png"]


def test_usual_images_are_called_odd_as_often_as_asked(release, table, tmp_path):
    done, rows = found(release, table.slice(LEARNED + HELD), tmp_path, contamination=0.1)

    error = (0.09 * (1 / NEW + 1 / (HELD * 4 // 5))) ** 0.5
    assert abs(done.anomalies / NEW - 0.1) < 3 * error
    assert done.calibration == HELD * 4 // 5
    assert len({row["score"] for row in rows}) > NEW / 2


def test_an_image_s_score_is_its_own_whatever_stands_beside_it(release, table, tmp_path):
    some = table.slice(LEARNED + HELD, 40)

    whole, turned = (
        found(release, some, tmp_path)[1],
        found(release, some.take(pa.array(range(39, -1, -1))), tmp_path)[1],
    )

    assert np.allclose([row["score"] for row in whole], [row["score"] for row in turned[::-1]], rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize(("model", "steps"), [("vae", 1), ("flow_matching", 1)])
def test_every_image_model_with_a_density_judges(table, tmp_path, model, steps):
    _, release = released(tmp_path, table, model, steps, rows=400, held=150)
    some = table.slice(LEARNED + HELD, 30)
    noise = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), np.uint8)

    usual, odd = found(release, some, tmp_path)[1], found(release, with_pixels(some, noise), tmp_path)[1]

    assert np.isfinite([row["score"] for row in usual + odd]).all()
    assert np.mean([row["p_value"] for row in odd]) < np.mean([row["p_value"] for row in usual])


def test_images_of_another_form_and_labels_that_are_none_break_the_contract(release, table, tmp_path):
    some = table.slice(LEARNED + HELD, 5)
    files = some["image"].to_pylist()
    files[0]["bytes"], files[1]["bytes"] = png_of(np.zeros((9, 8, 1), np.uint8)), b"no image"
    labels = pa.array([*some["label"].to_pylist()[:4], None], pa.string())
    new = pa.table({"image": pa.array(files, some["image"].type), "label": labels})

    done, rows = found(release, new, tmp_path)

    assert done.broken == 3
    assert [row["breaks_contract"] for row in rows] == [True, True, False, False, True]
    assert all(row["score"] > 1e5 for row in rows if row["breaks_contract"])


def test_a_folder_of_images_is_judged_by_its_classes(release, table, tmp_path):
    (tmp_path / "new" / "Bag").mkdir(parents=True)
    Image.fromarray(pixels_of(table["image"].slice(0, 1))[0, :, :, 0]).save(tmp_path / "new" / "Bag" / "one.png")

    done = detect.fn(str(release), str(tmp_path / "new"), to=str(tmp_path / "anomalies.parquet"))

    (row,) = pq.read_table(done.uri).to_pylist()
    assert Path(row["path"]).name == "one.png"
    assert not row["breaks_contract"]


@pytest.mark.parametrize("names", [("image", "label"), ("flat", "town")])
def test_a_table_without_images_is_refused(release, tmp_path, names):
    new = flats(10, seed=0).select(["flat", "town"]).rename_columns(list(names))

    with pytest.raises(DataError, match=r"the release is of images|columns"):
        found(release, new, tmp_path)
    assert not (tmp_path / "out" / "anomalies.parquet").exists()


def test_a_critic_s_score_is_calibrated_as_a_density_s_is(table, tmp_path):
    run, release = released(tmp_path, table, "gan", 1, rows=200, held=HELD)

    done, rows = found(release, table.slice(LEARNED + HELD), tmp_path, contamination=0.1)

    error = (0.09 * (1 / NEW + 1 / HELD)) ** 0.5
    assert done.calibration == HELD  # none is needed for a weight
    assert json.loads(Path(run.beside[0].uri).read_text())["detector"] == done.detector == "gan"
    assert abs(done.anomalies / NEW - 0.1) < 3 * error
    assert len({row["score"] for row in rows}) > NEW / 2
