"""The main job from end to end on images that ship with the project, with the real Prefect."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_contracts import Source, Threshold, odcs
from flows.cli import main
from tasks.parquet import write_parquet
from tasks.verify import locate, verify

ROOT = Path(__file__).parents[2]
NAME = "fashion_mnist"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A release of all 10,000 images, by the fast model, through the project's own gate."""
    at = tmp_path_factory.mktemp("released")

    status = main(["run", NAME, "--model", "gmm", "--rows", "3000", "--to", str(at / "to"), "--runs", str(at / "runs")])

    assert status == 0
    return locate(at / "to" / NAME)


def test_the_shipped_images_become_a_release_that_verifies(released):
    manifest = verify(released).manifest

    assert (manifest["rows"], manifest["source"]["rows"]) == (3000, 10_000)
    assert manifest["split"] == {"train": 9000, "holdout": 1000}
    scores = {score["name"]: score for score in manifest["scores"]}
    assert {"frechet_distance", "coverage", "utility_gap", "membership_auc", "near_copies_excess"} <= scores.keys()
    assert scores["frechet_distance"]["floor"] < 0.02 < scores["frechet_distance"]["value"]
    assert manifest["verdict"]["passed"]


def test_datasets_decodes_its_images_and_no_real_one_is_among_them(released, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = importlib.import_module("datasets")  # the package, which reads its settings when it is imported
    rows = datasets.load_dataset(
        "parquet", data_files=str(released / "data" / "*.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )

    assert (rows[0]["image"].size, rows[0]["image"].mode) == ((28, 28), "L")
    assert len(set(rows["label"])) == 10
    real = {cell["bytes"] for cell in pq.read_table(ROOT / "datasets" / f"{NAME}.parquet")["image"].to_pylist()}
    made = {cell["bytes"] for cell in pq.read_table(released / "data")["image"].to_pylist()}
    assert len(made) == 3000
    assert not real & made


def test_the_default_model_is_asked_for_one_class_and_gives_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = odcs.load(odcs.find(NAME))
    some = pq.read_table(ROOT / "datasets" / f"{NAME}.parquet").slice(0, 1200)
    write_parquet(tmp_path / "some.parquet", some.to_batches(), schema=some.schema)
    gate = tuple(
        Threshold(score, "some steps learn little", **bound)
        for score, bound in {
            "frechet_distance": {"maximum": 9.0},
            "recall": {"minimum": 0.0},
            "coverage": {"minimum": 0.0},
            "utility_gap": {"maximum": 1.0},
        }.items()
    )
    source = Source(location=str(tmp_path / "some.parquet"))
    (tmp_path / "some.yaml").write_text(odcs.dump(replace(whole, source=source, gate=gate)))

    status = main(["run", "some.yaml", "--rows", "80", "--share", "label:Bag=0.5", "--steps", "2"])

    assert status in (0, 1)  # so few steps may be refused, but what was made is what was asked for
    (made,) = (path for path in (tmp_path / "runs").rglob("part-00000.parquet") if "kept" not in path.parts)
    labels = pq.read_table(made)["label"].to_pylist()
    assert (len(labels), labels.count("Bag")) == (80, 40)
    (evidence,) = (tmp_path / "runs").rglob("evidence.json")
    assert json.loads(evidence.read_text())["model"]["name"] == "flow_matching"
    assert (made.parents[1] / "samples.png").read_bytes().startswith(b"\x89PNG")
