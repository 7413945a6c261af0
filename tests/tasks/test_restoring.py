"""Small images enlarged by the steps of a run: what is judged, written, and refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import file_of, picture
from planted_images import LABELLED, rectangles, table_of
from release_making import CONTRACT as TRIPS

from data_contracts import Column, ContractError
from tasks.fit_upscaling import fit_upscaling
from tasks.judge_upscaling import judge_upscaling
from tasks.miniature import miniature
from tasks.parquet import read_table, write_parquet
from tasks.pictures import pixels_of
from tasks.references import Split
from tasks.restoring.enlarging import BICUBIC, DRAWN, MEAN, REAL
from tasks.upscale import upscale

COUNT = 40
SMALL = replace(LABELLED, columns=(replace(LABELLED.columns[0], height=6, width=6), LABELLED.columns[1]))


def written(path, count, *, seed, shrunk=False):
    pixels, tall = rectangles(count, seed=seed)
    if shrunk:
        pixels = pixels.reshape(count, 6, 2, 6, 2, 1).mean((2, 4)).round().astype(np.uint8)
    table = table_of(pixels, tall)
    return write_parquet(path, table.to_batches(), schema=table.schema)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learned for a moment, and was judged."""
    folder = tmp_path_factory.mktemp("run")
    parts = Split(*(written(folder / f"{name}.parquet", 120, seed=seed) for seed, name in enumerate(("train", "held"))))
    trained = fit_upscaling.fn(LABELLED, parts.train, run=str(folder), steps=1)
    return folder, parts, trained, judge_upscaling.fn(LABELLED, trained, parts, run=str(folder))


def enlarged(run, folder, **asked):
    _, _, trained, judged = run
    small = written(folder / "small.parquet", COUNT, seed=5, shrunk=True)
    done = upscale.fn(SMALL, small, trained, judged, run=str(folder), to=str(folder / "out" / "large.parquet"), **asked)
    return done, read_table(Path(done.uri))


def test_every_way_is_judged_beside_the_real_images(run):
    _, _, trained, judged = run
    ways = {each.way: each for each in judged.ways}

    assert list(ways) == [REAL, BICUBIC, MEAN, DRAWN]
    assert ways[REAL].psnr is None
    assert ways[MEAN].psnr > ways[BICUBIC].psnr > 10  # after fifty batches
    assert ways[REAL].accuracy > 0.9
    assert all(0.4 < each.accuracy <= 1 for each in judged.ways)
    assert (judged.images, judged.factor, judged.steps) == (120, 2, trained.steps)


def test_without_classes_accuracy_is_not_known(run):
    folder, parts, trained, _ = run
    alone = replace(LABELLED, target=None)

    judged = judge_upscaling.fn(alone, trained, parts, run=str(folder / "alone"))

    assert {each.accuracy for each in judged.ways} == {None}


def test_images_are_written_with_their_columns_and_figures_beside(run, tmp_path):
    done, table = enlarged(run, tmp_path)
    large, (_, tall) = pixels_of(table["image"]), rectangles(COUNT, seed=5)

    assert large.shape == (COUNT, 12, 12, 1)
    assert table["label"].to_pylist() == ["boot" if each else "coat" for each in tall]
    small = pixels_of(read_table(tmp_path / "small.parquet")["image"])
    assert np.abs(large.reshape(COUNT, 6, 2, 6, 2, 1).mean((2, 4)) - small).max() <= 1
    figures = json.loads(Path(done.figures).read_text())
    assert Path(done.figures) == tmp_path / "out" / "large.json"
    assert [each["way"] for each in figures["ways"]] == [each.way for each in done.ways]
    assert (done.images, done.way, figures["images"]) == (COUNT, MEAN, done.judged)
    assert b"huggingface" in pq.read_schema(done.uri).metadata


def test_the_same_images_and_seed_give_the_same_bytes(run, tmp_path):
    files = [
        Path(enlarged(run, tmp_path, **asked)[0].uri).read_bytes()
        for asked in ({}, {"seed": 3}, {"draw": True}, {"draw": True}, {"draw": True, "seed": 3})
    ]

    assert files[0] == files[1]  # a mean has no luck
    assert files[2] == files[3]
    assert len(set(files)) == 3


def test_small_images_have_the_contracts_columns_or_nothing_else(tmp_path):
    whole = written(tmp_path / "small.parquet", 5, seed=0, shrunk=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.png").write_bytes(file_of(picture(rectangles(1, side=6)[0][0])))

    same, alone = (miniature.fn(LABELLED, source, factor=2) for source in (whole.uri, str(tmp_path / "folder")))

    assert same.columns == SMALL.columns
    assert alone.columns == SMALL.columns[:1]
    assert (same.target, alone.target, alone.rules) == ("label", None, ())


@pytest.mark.parametrize(
    ("contract", "factor", "words"),
    [
        (TRIPS, 2, "trips is of a table"),
        (LABELLED, 5, "those of clothes are 12 x 12"),
        (replace(LABELLED, columns=(Column(name="image", kind="image", height=12, width=9, channels=1),)), 2, "12 x 9"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(tmp_path, contract, factor, words):
    pq.write_table(pa.table({"image": [b""]}), tmp_path / "any.parquet")

    with pytest.raises(ContractError, match=words):
        miniature.fn(contract, str(tmp_path / "any.parquet"), factor=factor)
