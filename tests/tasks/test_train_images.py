"""Training on images and drawing from what was learned, as a run does it: files in, files out."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import CONTRACT, SIDE

from data_contracts import Column, ModelError
from data_contracts.arrow import arrow_schema
from data_contracts.conditions import Condition, Selection, Share
from data_contracts.random_rows import random_rows
from models import IMAGE_MODELS
from tasks.generate import generate
from tasks.parquet import write_parquet
from tasks.pictures import pixels_of, struct_of
from tasks.shards import Shard
from tasks.train import train

ROWS = 60


def written(folder, contract, *, seed=0):
    """Return rows in a file, of which boots are dark and coats bright."""
    rows = random_rows(contract, ROWS, np.random.default_rng(seed))
    bright = np.array([label == "coat" for label in rows["label"].to_pylist()])[:, None, None, None]
    noise = np.random.default_rng(seed).integers(0, 60, (ROWS, SIDE, SIDE, 1))
    pixels = (noise + np.where(bright, 180, 10)).astype(np.uint8)
    place = rows.schema.names.index("image")
    rows = rows.set_column(place, rows.schema.field("image"), struct_of(pixels, [f"{row}.png" for row in range(ROWS)]))
    return write_parquet(folder / "train.parquet", rows.to_batches(), schema=arrow_schema(contract))


@pytest.mark.parametrize("model", IMAGE_MODELS)
def test_images_are_learned_drawn_and_the_same_again_and_a_sheet_shows_them(model, tmp_path):
    rows = written(tmp_path, CONTRACT)
    drawn = []
    for name in ("first", "second"):
        run = tmp_path / name
        trained = train.fn(CONTRACT, rows, run=str(run), model=model, steps=1, seed=3)
        drawn.append(generate.fn(CONTRACT, trained, run=str(run), shard=Shard(30), seed=4))

    table = pq.read_table(drawn[0].uri)
    assert drawn[0].digest == drawn[1].digest
    assert trained.steps == 1
    assert pixels_of(table["image"]).shape == (30, SIDE, SIDE, 1)
    assert pq.read_table(tmp_path / "first" / "synthetic" / "part-00000.parquet").schema.names == ["image", "label"]
    assert (tmp_path / "first" / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "first" / "checkpoint").exists()


def test_conditions_and_shares_hold_and_the_images_follow(tmp_path):
    wide = replace(CONTRACT, columns=(*CONTRACT.columns, Column(name="price", kind="number", minimum=0, maximum=9)))
    trained = train.fn(wide, written(tmp_path, wide), run=str(tmp_path), model="gmm", steps=4)

    only = generate.fn(
        wide,
        trained,
        run=str(tmp_path),
        shard=Shard(40),
        selection=Selection(where=(Condition("label", "is", "coat"),)),
    )
    coats = pq.read_table(only.uri)
    shared = generate.fn(
        wide, trained, run=str(tmp_path), shard=Shard(40), selection=Selection(shares=(Share("label", "boot", 0.25),))
    )

    assert coats["label"].unique().to_pylist() == ["coat"]
    assert pixels_of(coats["image"]).mean((1, 2, 3)).min() > 150
    table = pq.read_table(shared.uri)
    boots = pa.compute.equal(table["label"], "boot").to_numpy()
    assert boots.sum() == 10
    assert pixels_of(table["image"])[boots].mean() < 80


def test_a_model_of_tables_learns_no_images_and_none_learns_them_privately(tmp_path):
    rows = written(tmp_path, CONTRACT)

    with pytest.raises(ModelError, match=r"'trees' is not. Choose one of: flow_matching, vae, gan, gmm"):
        train.fn(CONTRACT, rows, run=str(tmp_path), model="trees")
    with pytest.raises(ModelError, match=r"'vae' may. Leave epsilon out"):
        train.fn(CONTRACT, rows, run=str(tmp_path), model="vae", epsilon=1.0)
