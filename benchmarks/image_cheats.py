"""Planted cheats among images: synthesizers that copy, blur, leave out or repeat, and the thresholds there for them.

`python -m benchmarks.cheats images` judges them; `benchmarks.cheats` says how.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.cheats import Cheat, Parts
from tasks.pictures import paths, pixels_of, struct_of

__all__ = ["CHEATS", "SHOWN"]

SHOWN = {
    "frechet_distance": "Fréchet",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "missing_classes": "missing",
    "utility_gap": "utility gap",
    "copies_excess": "copies",
    "near_copies_excess": "near copies",
    "membership_auc": "AUC features",
    "pixel_membership_auc": "AUC pixels",
}
"""The scores of the table, and what their columns are called."""

_NOISE = 4  # grey levels
_A_LITTLE, _MUCH = 0.7, 1.0  # pixels
_COPIED = 0.05  # of the images

Pixels = NDArray[np.uint8]


def _with(table: pa.Table, pixels: Pixels) -> pa.Table:
    """Return a table with other images."""
    place = table.schema.get_field_index("image")
    return table.set_column(place, table.schema.field(place), struct_of(pixels, paths(0, len(pixels))))


def _changed(change: Callable[[Pixels, np.random.Generator], NDArray[Any]], of: str) -> Callable[..., pa.Table]:
    """Return a synthesizer that changes the images of one of the parts."""

    def make(parts: Parts, rng: np.random.Generator) -> pa.Table:
        table: pa.Table = getattr(parts, of)
        changed = change(pixels_of(table["image"]), rng)
        return _with(table, changed.clip(0, 255).round().astype(np.uint8))

    return make


def _noisy(pixels: Pixels, rng: np.random.Generator) -> NDArray[Any]:
    return pixels + rng.normal(scale=_NOISE, size=pixels.shape)


def _blurred(wide: float) -> Callable[[Pixels, np.random.Generator], NDArray[Any]]:
    def blur(pixels: Pixels, _: np.random.Generator) -> NDArray[Any]:
        return gaussian_filter(pixels.astype(np.float64), (0, wide, wide, 0))

    return blur


def _noise(pixels: Pixels, rng: np.random.Generator) -> NDArray[Any]:
    return rng.integers(0, 256, pixels.shape)


def _moved(pixels: Pixels, _: np.random.Generator) -> NDArray[Any]:
    return np.roll(pixels, 1, axis=2)


def _some_copied(parts: Parts, rng: np.random.Generator) -> pa.Table:
    count = round(_COPIED * len(parts.fresh))
    copied = parts.train.take(pa.array(rng.permutation(len(parts.train))[:count]))
    return pa.concat_tables([parts.fresh.slice(count), copied])


def _without_a_class(parts: Parts, _: np.random.Generator) -> pa.Table:
    labels = np.array(parts.fresh["label"].to_pylist())
    kept = np.flatnonzero(labels != sorted(set(labels))[2])
    return parts.fresh.take(pa.array(np.resize(kept, len(labels))))


def _one_of_each_class(parts: Parts, _: np.random.Generator) -> pa.Table:
    labels = np.array(parts.fresh["label"].to_pylist())
    first = {label: np.flatnonzero(labels == label)[0] for label in sorted(set(labels))}
    return parts.fresh.take(pa.array([first[label] for label in labels]))


def _shuffled_classes(parts: Parts, rng: np.random.Generator) -> pa.Table:
    place = parts.fresh.schema.get_field_index("label")
    labels = parts.fresh["label"].take(pa.array(rng.permutation(len(parts.fresh))))
    return parts.fresh.set_column(place, parts.fresh.schema.field(place), labels)


CHEATS = {
    "a fresh real sample": Cheat(lambda parts, _: parts.fresh, ()),
    "train itself": Cheat(
        lambda parts, _: parts.train,
        ("copies_excess", "near_copies_excess", "membership_auc", "domias_auc", "pixel_membership_auc"),
    ),
    "one image in twenty copied, the others fresh": Cheat(_some_copied, ("copies_excess", "near_copies_excess")),
    "train with a little noise": Cheat(
        _changed(_noisy, "train"), ("near_copies_excess", "membership_auc", "pixel_membership_auc")
    ),
    "train, a little blurred": Cheat(
        _changed(_blurred(_A_LITTLE), "train"), ("near_copies_excess", "pixel_membership_auc")
    ),
    "train, moved by a pixel": Cheat(_changed(_moved, "train"), ("membership_auc",)),
    "fresh images, blurred": Cheat(_changed(_blurred(_MUCH), "fresh"), ("frechet_distance",)),
    "one class missing": Cheat(_without_a_class, ("missing_classes",)),
    "classes shuffled": Cheat(_shuffled_classes, ("utility_gap",)),
    "one image of each class": Cheat(_one_of_each_class, ("recall",)),
    "one image repeated": Cheat(
        lambda parts, _: parts.fresh.take(pa.array([0] * len(parts.fresh))),
        ("frechet_distance", "recall", "coverage", "missing_classes"),
    ),
    "noise": Cheat(_changed(_noise, "fresh"), ("frechet_distance", "coverage", "utility_gap")),
}
"""Each cheat, and the thresholds of the project that are there for it."""
