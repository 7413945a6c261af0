"""Who was in train?  Two attacks that know the synthetic rows alone, or rows of the same sort beside them.

By distance: a row is taken for a member if a synthetic row is near.  Chen et al.: GAN-Leaks, 2020,
https://arxiv.org/abs/1909.03935.  By the ratio of densities: if it is likelier among the synthetic rows than among
real ones, so that a row in a dense place does not look like a member.  Van Breugel et al.: Membership Inference Attacks
against Synthetic Data through Overfitting Detection (DOMIAS), 2023, https://arxiv.org/abs/2302.12580; densities here
are those of nearest neighbours (Loftsgaarden, Quesenberry, 1965): in D dimensions p is in proportion to distance^-D, so
that the ratio of distances ranks as the ratio of densities does.

The attacker's real rows are one half of the holdout; the other half are the non-members; then the halves change places.
What an attack finds at few false alarms counts: Carlini et al.: Membership Inference Attacks From First
Principles, 2022, https://arxiv.org/abs/2112.03570.  So does what it finds among outlying rows, who have most to lose.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.frames import Frame, generator
from tasks.scoring.neighbours import nearest
from tasks.scoring.privacy import Searched

__all__ = ["CHANCES", "FALSE_POSITIVES", "MEMBERSHIP", "attack", "membership"]

FALSE_POSITIVES = {"tpr": 0.01, "tpr_10": 0.1}
"""The shares of non-members that the attacker may take for members when his true positives are counted."""

CHANCES = {"auc": 0.5, **FALSE_POSITIVES}
"""What an attack finds that knows nothing, by figure."""

MEMBERSHIP = tuple(
    f"{attack}_{part}{figure}"
    for attack in ("membership", "domias")
    for part in ("", "outliers_")
    for figure in ("auc", *FALSE_POSITIVES)
)
"""The names of these scores, in order."""

_OUTLYING = 0.05  # the share of rows that lie furthest from real ones
_DENSE = 20  # nearest real rows, whose mean distance tells the density: few for a place, many for a sure figure
_LEAST = 1e-3  # of a distance, standard deviations: below this rows are as good as equal


def membership(searched: Searched, seed: int) -> tuple[Score, ...]:
    """Return what both attacks find, over all rows and over the most outlying twentieth.

    Outlying rows are those furthest from the attacker's real rows, members and non-members by one measure: a twentieth
    of each would be of different depth by chance, and that would look like a leak.
    """
    if not searched.members.features.names or len(searched.others) < len(("reference", "non-member")):
        return tuple(_nothing(searched, seed))
    members, others = _from_real(searched, seed)
    scores = {
        "membership": (-searched.inside[:, 0], -searched.outside.of_queries),
        "domias": (_log_ratio(members, searched.inside), _log_ratio(others, searched.outside.few)),
    }
    outlying = np.quantile(np.concatenate([members, others]), 1 - _OUTLYING, method="lower")
    parts = {"": (members >= 0, others >= 0), "outliers_": (members >= outlying, others >= outlying)}
    return tuple(
        score
        for attack, (inside, outside) in scores.items()
        for part, (one, other) in parts.items()
        for score in _scores(f"{attack}_{part}", inside[one], outside[other], searched=searched, seed=seed)
    )


def attack(members: NDArray[np.float64], others: NDArray[np.float64]) -> dict[str, chance.Estimate]:
    """Return how well high scores tell members (N,) from others (M,): the area, and hits at few false alarms."""
    return {
        "auc": chance.area(members, others),
        **{name: chance.rate(members, others, at) for name, at in FALSE_POSITIVES.items()},
    }


def _from_real(searched: Searched, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of members (N,) and others (M,) to real rows of one half of the others, not their own."""
    rng = generator(seed, "membership")
    half = rng.permutation(len(searched.others)) % 2
    turn = rng.permutation(len(searched.members)) % 2
    members, others = np.zeros(len(turn)), np.zeros(len(half))
    for reference in (0, 1):
        real = searched.others.take(half == reference)
        members[turn == reference] = _mean_distance(searched.members.take(turn == reference), real)
        others[half != reference] = _mean_distance(searched.others.take(half != reference), real)
    return members, others


def _mean_distance(frame: Frame, real: Frame) -> NDArray[np.float64]:
    if not len(frame):
        return np.zeros(0)
    means: NDArray[np.float64] = nearest(frame, real, count=_DENSE).few.mean(axis=1)
    return means


def _log_ratio(from_real: NDArray[np.float64], few: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the ratio of densities (N,), synthetic to real, up to a factor; rounded, for ties."""
    ratio: NDArray[np.float64] = np.log((from_real + _LEAST) / (few.mean(axis=1) + _LEAST)).round(9)
    return ratio


def _scores(
    prefix: str, members: NDArray[np.float64], others: NDArray[np.float64], *, searched: Searched, seed: int
) -> Iterator[Score]:
    alone = not (len(members) and len(others))
    note = "no member, or no non-member, is among the outlying rows: nothing is known" if alone else ""
    rows = {"train": len(members), "holdout": len(others), "synthetic": len(searched.synthetic)}
    for figure, estimate in attack(members, others).items():
        known = chance.Estimate(CHANCES[figure], 0.0, 1.0) if alone else estimate
        record = _record(rows, seed) | {"floor": CHANCES[figure], "note": note, "interval": known.interval}
        yield Score(f"{prefix}{figure}", known.value, **record)


def _nothing(searched: Searched, seed: int) -> Iterator[Score]:
    note = "the table has no column besides ids and keys, or there are fewer than two rows held out"
    for name in MEMBERSHIP:
        yield Score(name, np.nan, note=note, **_record(searched.rows, seed))


def _record(rows: dict[str, int], seed: int) -> dict[str, Any]:
    return {
        "metric": "tasks.scoring.membership.attack",
        "version": f"numpy {np.__version__}",
        "seed": seed,
        "rows": rows,
    }
