"""The judge's eyes: a network that learns from one half of train, and sees the other half, the holdout and the rest.

A network sees what it learned from more sharply than other images: those of its own half would look like members.  The
halves are dealt by the images' keys: equal images are in one half, and the order of the rows has no say.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.frames import Features, Frame, Tables, generator, stream
from tasks.scoring.images.likeness import scaled
from tasks.scoring.images.network import TURNS, Classifier, learn
from tasks.scoring.images.sets import Images

__all__ = ["FEWEST", "Sets", "Sight", "framed", "pixel_tables", "see"]

FEWEST = 12
"""Images of the half that is learned from, of the other half, of the holdout and of the synthetic ones, or nothing is
seen: neighbours and spreads of fewer say nothing."""

_MOST_SEEN = 20_000  # images of each set that pass through the network
_DIMENSIONS = 1_024  # of an image whose pixels are compared: larger ones are averaged over squares first


class Sets(NamedTuple):
    """The three tables' images, and all that the model learned from."""

    train: Images
    holdout: Images
    synthetic: Images
    learned: Images

    def rows(self) -> dict[str, int]:
        """Return how many images of each table are kept."""
        return {"train": len(self.train), "holdout": len(self.holdout), "synthetic": len(self.synthetic)}


@dataclass(frozen=True, slots=True)
class Sight:
    """What the network sees, in units of the spread of all that was learned from, whatever part of it is compared.

    Args:
        network: that looked.
        reference: (N, D) of the half of train that it did not learn from.
        holdout: (M, D).
        synthetic: (L, D).
        rows: positions of those images among the kept ones, in the same order.
    """

    network: Classifier
    reference: NDArray[np.float64]
    holdout: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    rows: tuple[NDArray[np.int64], ...]

    @property
    def note(self) -> str:
        """Return which network looked, in a few letters."""
        return f"features of network {self.network.digest[:12]}"

    @property
    def sizes(self) -> dict[str, int]:
        """Return how many images of each table were looked at."""
        return {"train": len(self.reference), "holdout": len(self.holdout), "synthetic": len(self.synthetic)}


def see(sets: Sets, classes: int, *, seed: int) -> Sight | None:
    """Return what a network that learned from a half of the images sees; None: there are too few of them.

    Args:
        sets: of all tables.
        classes: how many there are; where fewer than two are among those learned from, it learns which way is up.
        seed: of the network, and of what is drawn.
    """
    mine = np.flatnonzero(_first_half(sets.learned))[:_MOST_SEEN]
    rng = generator(seed, "seen")
    rows = tuple(
        each[np.sort(rng.permutation(len(each))[:_MOST_SEEN])]
        for each in (
            np.flatnonzero(~_first_half(sets.train)),
            np.arange(len(sets.holdout)),
            np.arange(len(sets.synthetic)),
        )
    )
    if min(map(len, (mine, *rows))) < FEWEST:
        return None
    network = _learned(sets.learned, mine, classes, seed)
    seen = [network.features(images.pixels[place]) for images, place in zip(sets[:3], rows, strict=True)]
    unit = seen[0] if sets.learned is sets.train else network.features(_of_all(sets.learned))
    reference, holdout, synthetic = (scaled(each, by=unit) for each in seen)
    return Sight(network, reference, holdout, synthetic, rows)


def framed(*points: NDArray[np.float64]) -> Tables:
    """Return points (N, D) of train, holdout and synthetic as tables of numbers, for the attacks that tables have."""
    return Tables(*(_frame(each) for each in points))


def pixel_tables(sets: Sets, seed: int) -> Tables:
    """Return pixels, 0 to 1, as tables of numbers; of many images, some, and large ones averaged over squares."""
    rng = generator(seed, "pixels")
    drawn = [np.sort(rng.permutation(len(images))[:_MOST_SEEN]) for images in sets[:3]]
    return framed(*(_averaged(images.pixels[rows]) for images, rows in zip(sets[:3], drawn, strict=True)))


def _of_all(images: Images) -> NDArray[np.uint8]:
    """Return the images that the network did not learn from, of every sort."""
    pixels: NDArray[np.uint8] = images.pixels[np.flatnonzero(~_first_half(images))[:_MOST_SEEN]]
    return pixels


def _first_half(images: Images) -> NDArray[np.bool_]:
    first: NDArray[np.bool_] = images.kept_keys & 1 == 0
    return first


def _learned(images: Images, mine: NDArray[np.int64], classes: int, seed: int) -> Classifier:
    named = mine[images.labels[mine] >= 0]
    if len(np.unique(images.labels[named])) > 1:
        return learn(images.pixels[named], images.labels[named], classes=classes, seed=stream(seed, "features"))
    return learn(images.pixels[mine], None, classes=TURNS, seed=stream(seed, "features"))


def _frame(points: NDArray[np.float64]) -> Frame:
    size = points.shape[1]
    names = tuple(f"feature {place}" for place in range(size))
    features = Features(names, (), (), np.zeros(size), np.ones(size))
    return Frame(features, points, np.zeros((len(points), 0), np.int32), np.arange(len(points)))


def _averaged(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return images (N, H, W, C) as points of `_DIMENSIONS` at most; a rest at the edges is cut off."""
    count, height, width, channels = pixels.shape
    side = next(side for side in range(1, height + 1) if (height // side) * (width // side) * channels <= _DIMENSIONS)
    down, across = height // side, width // side
    cut = pixels[:, : down * side, : across * side].reshape(count, down, side, across, side, channels)
    points: NDArray[np.float64] = cut.mean(axis=(2, 4)).reshape(count, -1) / 255
    return points
