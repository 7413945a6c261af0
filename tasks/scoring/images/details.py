"""Class by class: how the synthetic images differ from the real ones; no figure of fewer than ten real images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.images.likeness import supports
from tasks.scoring.images.network import Classifier
from tasks.scoring.images.seeing import Sets, Sight
from tasks.scoring.images.sets import Images

__all__ = ["ClassDetail", "class_details"]

_FEWEST = 10  # real images that a figure stands for
_MOST = 2_000  # images of a class whose neighbours are looked for
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ClassDetail:
    """One class, or all images where there are no classes; None: of too few images.

    Args:
        label: the class's name; empty: all images.
        brightness: mean of the pixels, 0 to 1: of train, of the synthetic images.
        contrast: mean standard deviation of the pixels within an image: the same.
        recognised: share that a network which learned from train takes for this class: holdout, synthetic.
        covered: share of train's images with a synthetic one in their place: the holdout in its place, the synthetic.
    """

    label: str
    brightness: tuple[float | None, float | None]
    contrast: tuple[float | None, float | None]
    recognised: tuple[float | None, float | None]
    covered: tuple[float | None, float | None]


def class_details(
    sets: Sets, sight: Sight | None, judge: Classifier | None, *, names: tuple[str, ...]
) -> tuple[ClassDetail, ...]:
    """Return each class that train has ten images of.

    Args:
        sets: of all tables.
        sight: what the network of features sees.
        judge: that learned the classes from train; None: there is none.
        names: of the classes; none: all images are one.
    """
    said = [None if judge is None else judge.classified(images.pixels) for images in sets[1:3]]
    codes = [code for code in range(len(names)) if (sets.train.labels == code).sum() >= _FEWEST] if names else [-1]
    return tuple(_detail(sets, sight, said, code=code, label=names[code] if names else "") for code in codes)


def _detail(
    sets: Sets, sight: Sight | None, said: list[NDArray[np.int64] | None], *, code: int, label: str
) -> ClassDetail:
    own = [images.labels == code for images in sets[:3]]
    real, made = sets.train.pixels[own[0]], sets.synthetic.pixels[own[2]]
    recognised = [
        None if guess is None or mine.sum() < _FEWEST else _rounded(float((guess[mine] == code).mean()))
        for guess, mine in zip(said, own[1:], strict=True)
    ]
    return ClassDetail(
        label,
        (_mean(real, "brightness"), _mean(made, "brightness")),
        (_mean(real, "contrast"), _mean(made, "contrast")),
        (recognised[0], recognised[1]),
        (None, None) if sight is None else _covered(sets, sight, code),
    )


def _mean(pixels: NDArray[np.uint8], figure: str) -> float | None:
    if len(pixels) < _FEWEST:
        return None
    parts = [pixels[start : start + _MOST].reshape(-1, pixels[0].size) for start in range(0, len(pixels), _MOST)]
    values = [part.mean(axis=1) if figure == "brightness" else part.std(axis=1) for part in parts]
    return _rounded(float(np.concatenate(values).mean()) / 255)


def _covered(sets: Sets, sight: Sight, code: int) -> tuple[float | None, float | None]:
    """Return the coverage of the reference by the holdout, and by as many synthetic images, of one class."""
    parts = (sight.reference, sight.holdout, sight.synthetic)
    real, held, made = (
        points[_of(images, rows, code)][:_MOST]
        for points, images, rows in zip(parts, sets[:3], sight.rows, strict=True)
    )
    size = min(map(len, (real, held, made)))
    if size < _FEWEST:
        return None, None
    figures = [float(supports(real[:size], other[:size])[-1].mean()) for other in (held, made)]
    return _rounded(figures[0]), _rounded(figures[1])


def _of(images: Images, rows: NDArray[np.int64], code: int) -> NDArray[np.bool_]:
    mine: NDArray[np.bool_] = images.labels[rows] == code
    return mine


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
