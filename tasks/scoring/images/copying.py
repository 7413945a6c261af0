"""Which synthetic images are copies of images that were learned from, to the pixel or nearly, beside the holdout's own.

All images of train are looked among, and all synthetic ones for copies; for near copies, some, where there are many.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.chance import Estimate
from tasks.scoring.frames import generator
from tasks.scoring.images.hashes import NEAR, nearest_bits
from tasks.scoring.images.sets import Images

__all__ = ["COPIES", "copies"]

COPIES = tuple(f"{kind}{part}" for kind in ("copies", "near_copies") for part in ("", "_holdout", "_excess"))
"""The names of these scores, in order."""

_MOST_OPERATIONS = 2e11  # bits compared: some 10 s of one core


def copies(learned: Images, holdout: Images, synthetic: Images, seed: int) -> tuple[Score, ...]:
    """Return the shares of synthetic and of held-out images that equal one learned from, nearly or exactly; the excess.

    Real images, too, are near to one another by chance; that is what the holdout's share says.

    Args:
        learned: all that the model learned from.
        holdout: real images that it never saw.
        synthetic: images that are judged.
        seed: of what is drawn where there are many.
    """
    rng = generator(seed, "near_copies")
    most = max(1, int(_MOST_OPERATIONS / (learned.hashes.size or 1)))
    looked = [_some(images.hashes, most, rng) for images in (synthetic, holdout)]
    rows = {"train": learned.rows, "holdout": holdout.rows, "synthetic": synthetic.rows}
    fewer = rows | {"holdout": len(looked[1]), "synthetic": len(looked[0])}
    same = [_share(np.isin(images.keys, learned.keys)) for images in (synthetic, holdout)]
    near = [_share(nearest_bits(hashes, learned.hashes) <= NEAR * hashes.shape[1]) for hashes in looked]
    return (*_scores("copies", same, rows, seed), *_scores("near_copies", near, fewer, seed))


def _some(hashes: NDArray[np.bool_], most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    if len(hashes) <= most:
        return hashes
    drawn: NDArray[np.bool_] = hashes[np.sort(rng.permutation(len(hashes))[:most])]
    return drawn


def _share(found: NDArray[np.bool_]) -> Estimate:
    return chance.wilson(float(found.sum()), len(found))


def _scores(name: str, shares: list[Estimate], rows: dict[str, int], seed: int) -> tuple[Score, Score, Score]:
    synthetic, holdout = shares
    excess = chance.difference(synthetic, holdout)
    record: dict[str, Any] = {
        "metric": "tasks.scoring.images.copying.copies",
        "version": f"numpy {np.__version__}",
        "seed": seed,
        "rows": rows,
    }
    return (
        Score(name, synthetic.value, floor=holdout.value, interval=synthetic.interval, **record),
        Score(f"{name}_holdout", holdout.value, interval=holdout.interval, **record),
        Score(f"{name}_excess", excess.value, floor=0.0, interval=excess.interval, **record),
    )
