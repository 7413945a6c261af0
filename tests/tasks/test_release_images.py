"""A release of images: published, verified, and opened by the tools that people have."""

import importlib
import io
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import mlcroissant
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from image_files import CONTRACT, SIDE
from PIL import Image
from release_making import Made

from data_contracts import Column, odcs
from data_contracts.arrow import arrow_schema
from data_contracts.random_rows import random_rows
from tasks.parquet import write_parquet
from tasks.pictures import pixels_of, struct_of
from tasks.releases.drift import distances
from tasks.releases.huggingface import features
from tasks.releases.manifest import read_manifest
from tasks.shards import joined
from tasks.train import train
from tasks.verify import verify

IMAGES = replace(
    CONTRACT,
    columns=(*CONTRACT.columns, Column(name="size", kind="integer"), Column(name="seen", kind="timestamp", unit="s")),
    licence="MIT",
)
ROWS = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose rows are random and whose model learned what stands beside the images."""
    folder = tmp_path_factory.mktemp("runs") / "clothes" / "first"
    files = {}
    for seed, name in enumerate(("train", "synthetic")):
        rows = random_rows(IMAGES, ROWS, np.random.default_rng(seed))
        path = folder / f"{name}.parquet"
        files[name] = write_parquet(path, rows.to_batches(), schema=arrow_schema(IMAGES), metadata=features(IMAGES))
    plain = replace(IMAGES, columns=IMAGES.columns[1:])
    trained = train.fn(plain, files["train"], run=str(folder), model="gmm", steps=2)
    return Made(folder, IMAGES, files["train"], trained, files["synthetic"])


@pytest.fixture(scope="module")
def release(run, tmp_path_factory):
    return run.published(tmp_path_factory.mktemp("root"))


def in_parts(run, folder):
    """Return the run with its synthetic rows in three parts."""
    table = pq.read_table(run.synthetic.uri)
    parts = (table.slice(low, ROWS // 3).to_batches() for low in range(0, ROWS, ROWS // 3))
    written = [
        write_parquet(folder / "synthetic" / f"part-{number:05}.parquet", part, schema=table.schema)
        for number, part in enumerate(parts)
    ]
    return replace(run, synthetic=joined(written))


def test_a_large_release_comes_in_parts_that_are_one_to_every_reader(run, tmp_path):
    table, many = pq.read_table(run.synthetic.uri), in_parts(run, tmp_path)
    first, again = (many.published(tmp_path / "root", seed=0) for _ in range(2))
    second = many.published(tmp_path / "root", shapes=0.98)

    parts = sorted((Path(first.uri) / "data").iterdir())
    assert [part.name for part in parts] == [f"part-0000{place}.parquet" for place in range(3)]
    assert pq.read_table(Path(first.uri) / "data").equals(table)
    assert pq.read_schema(parts[-1]).metadata[b"huggingface"] == features(IMAGES)["huggingface"].encode()
    assert verify(Path(first.uri)).manifest["rows"] == ROWS
    assert (again.version, second.version) == (first.version, "1.0.0-2")
    assert second.comparison.drift
    datasets = importlib.import_module("datasets")
    files = f"{first.uri}/data/*.parquet"
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert (len(rows), rows[ROWS - 1]["image"].size) == (ROWS, (SIDE, SIDE))


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant
def test_parts_are_read_by_way_of_croissant(run, tmp_path):
    release = in_parts(run, tmp_path).published(tmp_path / "root")

    dataset = mlcroissant.Dataset(jsonld=Path(release.uri) / "croissant.json")

    assert len(list(dataset.records("rows"))) == ROWS


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_decodes_the_images_with_no_further_word(release, streaming, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = importlib.import_module("datasets")  # the package, which would read its settings too early above

    files = str(Path(release.uri) / "data" / "*.parquet")
    rows = datasets.load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"), streaming=streaming
    )

    assert isinstance(rows.features["image"], datasets.Image)
    first, table = next(iter(rows)), pq.read_table(Path(release.uri) / "data")
    assert (first["image"].size, first["image"].mode) == ((SIDE, SIDE), "L")
    assert (np.asarray(first["image"]) == pixels_of(table["image"])[0, :, :, 0]).all()
    assert first["label"] == table["label"][0].as_py()


def test_duckdb_and_polars_open_the_images_as_they_are(release):
    path = f"{release.uri}/data/*.parquet"
    ((count, least),) = duckdb.sql(f"select count(*), min(octet_length(image.bytes)) from '{path}'").fetchall()  # noqa: S608
    frame = pl.read_parquet(path)

    assert (count, frame.height) == (ROWS, ROWS)
    assert least > 100
    with Image.open(io.BytesIO(frame["image"][0]["bytes"])) as image:
        assert image.size == (SIDE, SIDE)


def test_the_release_verifies_and_its_contract_is_the_contract(release):
    folder = Path(release.uri)

    assert verify(folder).manifest["rows"] == ROWS
    assert odcs.load(folder / "contract.yaml") == replace(IMAGES, source=None)
    manifest = read_manifest(folder)
    assert set(manifest["columns"]) == {"image", "label", "size", "seen"}
    assert "pillow" in manifest["versions"]


def test_card_and_croissant_say_that_these_are_images(release):
    card = (Path(release.uri) / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    described = json.loads((Path(release.uri) / "croissant.json").read_text())

    assert front["tags"] == ["synthetic", "image"]
    assert front["task_categories"] == ["image-classification"]
    assert 'load_dataset("parquet"' in card
    assert "synthetic images that look like" in card
    fields = {field["name"]: field for field in described["recordSet"][0]["field"]}
    assert fields["image"]["dataType"] == "sc:ImageObject"


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant
def test_the_images_can_be_read_by_way_of_croissant(release):
    dataset = mlcroissant.Dataset(jsonld=Path(release.uri) / "croissant.json")

    row = next(iter(dataset.records("rows")))

    assert row["rows/image"].size == (SIDE, SIDE)


def test_a_change_of_brightness_is_drift(run, tmp_path):
    table = pq.read_table(run.real.uri)
    darker = struct_of(pixels_of(table["image"]) // 4, table["image"].combine_chunks().field("path").to_pylist())
    path = tmp_path / "darker.parquet"
    pq.write_table(table.set_column(0, table.schema.field("image"), darker), path)

    same = distances(IMAGES, Path(run.real.uri), Path(run.synthetic.uri))
    far = distances(IMAGES, Path(run.real.uri), path)

    assert same["image"] < 0.3
    assert (far["image"], far["label"]) == (1.0, 0.0)
