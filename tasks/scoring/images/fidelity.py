"""How like the synthetic images are, in the features of a network: distances of distributions, and supports.

Every figure is the mean over draws of equal size: as many synthetic images as are held out against as many real ones.
Distances and supports depend on how many images are compared; so the holdout's own figure, the floor, means the same.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.frames import generator
from tasks.scoring.images import network
from tasks.scoring.images.likeness import SUPPORTS, frechet, kernel, supports
from tasks.scoring.images.seeing import FEWEST, Sight

__all__ = ["FIDELITY", "fidelity", "unseen"]

FIDELITY = ("frechet_distance", "kernel_distance", *SUPPORTS)
"""The names of these scores, in order."""

_MOST_DRAWS = 10
_MOST_ROWS = 2_000  # of a draw: three tables of distances of that size are 100 MB
_DEVIATIONS = 3.29  # as `tasks.scoring.chance` has it
_DRAWN = 3  # draws, from which on their spread says something

_TOO_FEW = f"fewer than {FEWEST} images of a half of train, of the holdout, or made"


def fidelity(sight: Sight, seed: int) -> tuple[Score, ...]:
    """Return distances and supports of the synthetic images against train, beside the holdout's own."""
    size = min(*map(len, (sight.reference, sight.holdout, sight.synthetic)), _MOST_ROWS)
    rng = generator(seed, "fidelity")
    real, made = (list(_draws(points, size, rng)) for points in (sight.reference, sight.synthetic))
    held = sight.holdout[np.sort(rng.permutation(len(sight.holdout))[:size])]
    figures = [_figures(real[place % len(real)], each) for place, each in enumerate(made)]
    floors = np.mean([_figures(each, held) for each in real[: len(made)]], axis=0)
    values, spreads = np.mean(figures, axis=0), np.std(figures, axis=0)
    rows = {"train": size, "holdout": size, "synthetic": size}
    draws = f"mean of {len(made)} draws" if len(made) > 1 else "one draw"
    return tuple(
        Score(
            name,
            float(value),
            f"tasks.scoring.images.likeness.{name.removesuffix('_distance') if 'distance' in name else 'supports'}",
            # distances have the unit of a network; shares have none
            _version(sight) if "distance" in name else network.version(),
            seed,
            rows,
            floor=float(floor),
            note=f"{draws}; {sight.note}",
            interval=_interval(name, float(value), float(floor), float(spread / np.sqrt(len(made))), size, len(made)),
        )
        for name, value, floor, spread in zip(FIDELITY, values, floors, spreads, strict=True)
    )


def unseen(names: tuple[str, ...], rows: dict[str, int], seed: int) -> tuple[Score, ...]:
    """Return scores that could not be had since there are too few images."""
    return tuple(
        Score(name, np.nan, "tasks.scoring.images.seeing.see", network.version(), seed, rows, note=_TOO_FEW)
        for name in names
    )


def _draws(points: NDArray[np.float64], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield so many points at a time that no two draws share one."""
    order = rng.permutation(len(points))
    for draw in range(min(len(points) // size, _MOST_DRAWS)):
        yield points[np.sort(order[draw * size : (draw + 1) * size])]


def _figures(real: NDArray[np.float64], other: NDArray[np.float64]) -> list[float]:
    return [frechet(real, other), kernel(real, other), *(float(each.mean()) for each in supports(real, other))]


def _interval(name: str, value: float, floor: float, error: float, size: int, draws: int) -> tuple[float, float] | None:
    """Return between which ends the true figure lies.

    The Fréchet distance of few images is too large, even of real ones from real ones: by their figure it may be less.
    Shares count as if from one draw; a mean of more is surer than that.
    """
    if name == "frechet_distance":
        return max(0.0, value - floor), value
    if name in ("kernel_distance", "density"):
        return (value - _DEVIATIONS * error, value + _DEVIATIONS * error) if draws >= _DRAWN else None
    return chance.wilson(value * size, size).interval


def _version(sight: Sight) -> str:
    return f"{network.version()}, network {sight.network.digest[:12]}"
