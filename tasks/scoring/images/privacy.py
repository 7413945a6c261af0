"""What the synthetic images give away of those learned from: the attacks that tables have, on features and on pixels.

In features an attack sees what an image shows; in pixels it finds the copy that was blurred or made noisy, which the
network takes for something else.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.references import Score
from tasks.scoring.images.fidelity import unseen
from tasks.scoring.images.seeing import Sets, Sight, framed, pixel_tables
from tasks.scoring.membership import FALSE_POSITIVES, MEMBERSHIP, membership
from tasks.scoring.privacy import QUANTILES, Searched, distances, search

__all__ = ["PRIVACY", "Curve", "curves", "privacy", "searches"]

_PIXELS = tuple(f"membership_{figure}" for figure in ("auc", *FALSE_POSITIVES))

PRIVACY = (*MEMBERSHIP, *(f"pixel_{name}" for name in _PIXELS), "dcr_share", *QUANTILES)
"""The names of these scores, in order."""

_FEWEST = 10  # images that lie beyond the ends of a curve: none of them is shown
_POINTS = 33  # of a curve
_DIGITS = 3  # of a distance that is shown


@dataclass(frozen=True, slots=True)
class Curve:
    """How near synthetic images come: the distances that shares of real images stay below.

    Args:
        of: features or pixels.
        shares: (P,) 0 to 1, ascending.
        train: (P,) distance to the nearest synthetic image that this share of train's images is within.
        holdout: (P,) the same of the holdout.
    """

    of: str
    shares: tuple[float, ...]
    train: tuple[float, ...]
    holdout: tuple[float, ...]


def searches(sets: Sets, sight: Sight | None, seed: int) -> dict[str, Searched]:
    """Return how near the synthetic images come to members and others: by features, if they are seen, and pixels."""
    found = {} if sight is None else {"features": framed(sight.reference, sight.holdout, sight.synthetic)}
    return {name: search(tables, seed) for name, tables in (found | {"pixels": pixel_tables(sets, seed)}).items()}


def privacy(searched: dict[str, Searched], sight: Sight | None, rows: dict[str, int], seed: int) -> tuple[Score, ...]:
    """Return what attacks by nearness and by density find, in features and in pixels."""
    pixels = {score.name: score for score in membership(searched["pixels"], seed)}
    near = tuple(replace(pixels[name], name=f"pixel_{name}") for name in _PIXELS)
    if sight is None:
        alone = unseen(tuple(name for name in PRIVACY if not name.startswith("pixel")), rows, seed)
        return (*alone[: len(MEMBERSHIP)], *near, *alone[len(MEMBERSHIP) :])
    scores = (*membership(searched["features"], seed), *near, *distances(searched["features"], seed))
    return tuple(replace(score, note=_noted(score, sight)) for score in scores)


def curves(searched: dict[str, Searched]) -> tuple[Curve, ...]:
    """Return the curves of train and holdout; none of so few images that its ends would show single ones."""
    found = []
    for name, each in searched.items():
        inside, outside = each.inside[:, 0], each.outside.of_queries
        end = max(0.01, _FEWEST / min(len(inside), len(outside)))
        if end < 1 / 4:
            shares = np.linspace(end, 1 - end, _POINTS)
            train, holdout = (np.quantile(part, shares).round(_DIGITS).tolist() for part in (inside, outside))
            found.append(Curve(name, tuple(shares.round(_DIGITS).tolist()), tuple(train), tuple(holdout)))
    return tuple(found)


def _noted(score: Score, sight: Sight) -> str:
    return score.note if score.name.startswith("pixel") or score.note else sight.note
