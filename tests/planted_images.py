"""Planted images: a bright rectangle with sharp edges on a dark ground, tall under one label, broad under the other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from image_files import CONTRACT
from release_making import SHAPES, made

from data_contracts.arrow import arrow_schema
from tasks.pictures import paths, struct_of

__all__ = ["LABELLED", "rectangles", "released", "table_of"]

LABELLED = replace(CONTRACT, gate=(SHAPES,))
"""The contract of the images: 12 x 12, grey, with a label."""


def rectangles(count, *, side=12, channels=1, seed=0):
    """Return (count, side, side, channels) pixels, and whether each rectangle is tall."""
    rng = np.random.default_rng(seed)
    tall, places = rng.random(count) < 0.5, np.arange(side)
    short, long = rng.integers(2, side // 3 + 1, count), rng.integers(side // 3 + 1, side - 2, count)
    height, width = np.where(tall, long, short), np.where(tall, short, long)
    top, left = (rng.integers(0, side - size + 1) for size in (height, width))
    down = (places >= top[:, None]) & (places < (top + height)[:, None])
    across = (places >= left[:, None]) & (places < (left + width)[:, None])
    inside = (down[:, :, None] & across[:, None, :])[..., None]
    bright, dark = rng.integers(150, 200, (count, 1, 1, channels)), rng.integers(50, 80, (count, 1, 1, channels))
    return np.where(inside, bright, dark).astype(np.uint8), tall


def table_of(pixels, tall):
    """Return images under the contract."""
    labels = pa.array(np.where(tall, "boot", "coat"))
    columns = {"image": struct_of(pixels, paths(0, len(pixels))), "label": labels}
    return pa.table(columns).cast(arrow_schema(LABELLED))


def released(folder, *, model="vae", steps=3, count=300):
    """Return the folder of a release of a model that has learned such images."""
    run = made(folder / "run", table_of(*rectangles(count)), contract=LABELLED, model=model, steps=steps, rows=40)
    return Path(run.published(folder / "releases").uri)
