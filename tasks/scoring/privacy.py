"""What the synthetic rows give away about the rows that the model learned from.

Distances: Euclidean over standardised numbers and one-hot categories divided by the square root of 2, so that
a differing category counts as one standard deviation.  Null is a category of its own; a number that is null stands
at train's mean, and a category beside it says so.  Membership attack by distance to the nearest synthetic row:
Chen et al., GAN-Leaks, 2020, https://arxiv.org/abs/1909.03935; true positives at few false ones: Carlini et
al., Membership Inference Attacks From First Principles, 2022, https://arxiv.org/abs/2112.03570
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score
from tasks.scoring.frames import Frame, Tables, generator, sample

__all__ = ["FALSE_POSITIVES", "Nearest", "attack", "copies", "distances", "nearest"]

FALSE_POSITIVES = 0.01
"""The share of non-members that the attacker may take for members when his true positives are counted."""

_MOST_QUERIES = 10_000  # members, and non-members: an AUC's standard error is then .004
_MOST_REFERENCES = 100_000  # synthetic rows
_MOST_OPERATIONS = 4e11  # multiplications: some 20 s on one core
_TILE = (256, 2048)  # distances taken at a time: 4 MB, which stays in the processor's cache
_WIDE = 64  # values: up to here comparing by a product of one-hot matrices is the faster way
_DECIMALS = 9  # of a distance: what differs beyond is the order of summation


@dataclass(frozen=True, slots=True)
class Nearest:
    """Distances between some queries and their nearest references, and the other way round.

    Args:
        of_queries: (N,) from each query to its nearest reference.
        of_references: (M,) from each reference to its nearest query.
    """

    of_queries: NDArray[np.float64]
    of_references: NDArray[np.float64]


def copies(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return the share of synthetic and of holdout rows that equal a train row in every column, and its excess.

    All rows are looked at.  In a table of few distinct rows many are equal by chance, which is what
    the holdout's share says; only the excess is a sign of copying.
    """
    import pandas as pd

    def share(frame: Frame) -> float:
        return float(pd.Series(frame.keys).isin(tables.train.keys).mean()) if frame.features.names else np.nan

    synthetic, holdout = share(tables.synthetic), share(tables.holdout)
    record: dict[str, Any] = {
        "metric": "tasks.scoring.privacy.copies",
        "version": f"pandas {pd.__version__}",
        "seed": seed,
        "rows": tables.rows(),
        "note": "" if tables.train.features.names else "the table has no column besides ids and keys",
    }
    return (
        Score("copies", synthetic, floor=holdout, **record),
        Score("copies_holdout", holdout, **record),
        Score("copies_excess", synthetic - holdout, floor=0.0, **record),
    )


def distances(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return the figures that rest on distances: membership attack and share of rows nearer to train.

    Members are all train rows, non-members all holdout rows: the fewer are drawn, the more of a figure is luck.
    For the share, train is as large as the holdout.
    """
    import sklearn

    rng = generator(seed, "distances")
    others = sample(tables.holdout, min(len(tables.train), _MOST_QUERIES), rng=rng)
    members = sample(tables.train, _MOST_QUERIES, rng=rng)
    equal = rng.permutation(len(members))[: len(others)]
    queries = len(members) + len(others)
    synthetic = sample(tables.synthetic, _references_within(tables.train, queries=queries), rng=rng)
    version = f"scikit-learn {sklearn.__version__}"
    values, note = _figures(members, others, synthetic, equal=equal)
    return tuple(
        Score(
            name,
            values[name],
            f"tasks.scoring.privacy.{by}",
            version,
            seed,
            {"train": train, "holdout": len(others), "synthetic": len(synthetic)},
            note=note,
        )
        for name, by, train in (
            ("membership_auc", "attack", len(members)),
            ("membership_tpr", "attack", len(members)),
            ("dcr_share", "nearest", len(equal)),
        )
    )


def _figures(
    members: Frame, others: Frame, synthetic: Frame, *, equal: NDArray[np.int64]
) -> tuple[dict[str, float], str]:
    """Return the figures by name, and a note; `equal` are the positions of as many members as there are others."""
    if not synthetic.features.names:
        nothing = dict.fromkeys(("membership_auc", "membership_tpr", "dcr_share"), np.nan)
        return nothing, "the table has no column besides ids and keys"
    inside, outside = nearest(members.take(equal), synthetic), nearest(others, synthetic)
    more = np.setdiff1d(np.arange(len(members)), equal)
    further = [nearest(members.take(more), synthetic).of_queries] if len(more) else []
    auc, true_positives = attack(np.concatenate([inside.of_queries, *further]), outside.of_queries)
    nearer = inside.of_references < outside.of_references
    even = inside.of_references == outside.of_references
    share = float((nearer + even / 2).mean())
    return {"membership_auc": auc, "membership_tpr": true_positives, "dcr_share": share}, ""


def attack(members: NDArray[np.float64], others: NDArray[np.float64]) -> tuple[float, float]:
    """Return how well small distance tells members from others.

    Args:
        members: (N,) distance of each member to its nearest synthetic row.
        others: (M,) the same of each non-member.

    Returns:
        The area under the ROC curve, and the share of true positives at `FALSE_POSITIVES`; between two points
        of the curve the attacker tosses a coin, so that equal distances hide nothing.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    truth = np.repeat([1, 0], [len(members), len(others)])
    closeness = -np.concatenate([members, others])
    false, true, _ = roc_curve(truth, closeness, drop_intermediate=False)
    last = int(np.searchsorted(false, FALSE_POSITIVES, side="right")) - 1
    following = min(last + 1, len(false) - 1)
    at_rate = np.interp(FALSE_POSITIVES, false[[last, following]], true[[last, following]])
    return float(roc_auc_score(truth, closeness)), float(at_rate)


def nearest(queries: Frame, references: Frame) -> Nearest:
    """Return the exact distance of each row to the nearest row of the other frame.

    The search adds two matrix products, tile by tile: numbers in float64, one-hot categories in float32, whose sums
    are whole numbers and so exact.  The distance to the row that was found is then taken again, by differences.
    """
    from threadpoolctl import threadpool_limits

    query, reference = _points(queries, references), _points(references, queries)
    to_reference, to_query = _Least(len(queries)), _Least(len(references))
    with threadpool_limits(1):  # tiles this small run faster on one thread, and always add in the same order
        for rows in _tiles(len(queries), _TILE[0]):
            part = query.take(rows)
            for columns in _tiles(len(references), _TILE[1]):
                squared = part.squared_distances(reference.take(columns))
                to_reference.update(rows, squared, offset=columns.start)
                to_query.update(columns, squared.T, offset=rows.start)
    return Nearest(
        _exact(query, reference.take(to_reference.position)), _exact(query.take(to_query.position), reference)
    )


@dataclass(frozen=True, slots=True)
class _Points:
    """Rows as points: numbers (N, P) without nulls, one-hot (N, W) of narrow categories, codes of wide ones (N, V)."""

    numbers: NDArray[np.float64]
    lengths: NDArray[np.float64]  # (N,) squared, of the numbers
    one_hot: NDArray[np.float32]
    wide: NDArray[np.int32]
    narrow: int  # how many categories are one-hot

    def take(self, rows: slice | NDArray[np.int64]) -> "_Points":
        return _Points(self.numbers[rows], self.lengths[rows], self.one_hot[rows], self.wide[rows], self.narrow)

    def squared_distances(self, other: "_Points") -> NDArray[np.float64]:
        """Return all squared distances (N, M), up to rounding."""
        squared = self.numbers @ other.numbers.T
        squared *= -2
        squared += self.lengths[:, None] + self.narrow
        squared += other.lengths
        squared -= self.one_hot @ other.one_hot.T
        for mine, theirs in zip(self.wide.T, other.wide.T, strict=True):
            squared += mine[:, None] != theirs
        return squared


class _Least:
    """The least distance seen so far of each of N rows, and where it was seen."""

    def __init__(self, rows: int) -> None:
        self.distance = np.full(rows, np.inf)
        self.position = np.zeros(rows, np.int64)

    def update(self, rows: slice, squared: NDArray[np.float64], *, offset: int) -> None:
        """Take in the distances (rows, M) to M more rows, the first of which is number `offset`."""
        position = squared.argmin(axis=1)
        least = squared[np.arange(len(squared)), position]
        better = least < self.distance[rows]
        self.distance[rows] = np.where(better, least, self.distance[rows])
        self.position[rows] = np.where(better, position + offset, self.position[rows])


def _tiles(rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def _points(frame: Frame, beside: Frame) -> _Points:
    """Return a frame's rows as points; columns of numbers with nulls in either frame gain a category that says so."""
    values = frame.standardised
    nullable = np.isnan(frame.numbers).any(axis=0) | np.isnan(beside.numbers).any(axis=0)
    codes = np.hstack([frame.codes + 1, np.isnan(values[:, nullable])]).astype(np.int32)
    sizes = np.array([*(size + 1 for size in frame.features.sizes), *[2] * int(nullable.sum())], np.int64)
    narrow = sizes <= _WIDE
    one_hot = np.zeros((len(frame), int(sizes[narrow].sum())), np.float32)
    offsets = np.cumsum(sizes[narrow]) - sizes[narrow]
    np.put_along_axis(one_hot, codes[:, narrow] + offsets, 1, axis=1)
    numbers = np.nan_to_num(values)
    return _Points(numbers, (numbers**2).sum(axis=1), one_hot, codes[:, ~narrow], int(narrow.sum()))


def _exact(left: _Points, right: _Points) -> NDArray[np.float64]:
    """Return the distance of each row to the row at the same position, by differences."""
    squared = ((left.numbers - right.numbers) ** 2).sum(axis=1) + (left.wide != right.wide).sum(axis=1)
    squared += left.narrow - (left.one_hot * right.one_hot).sum(axis=1)
    distance: NDArray[np.float64] = np.sqrt(squared).round(_DECIMALS)
    return distance


def _references_within(frame: Frame, *, queries: int) -> int:
    """Return how many references the search may be given."""
    cost = len(frame.features.numbers) + sum(min(size + 1, _WIDE) for size in frame.features.sizes)
    return min(_MOST_REFERENCES, int(_MOST_OPERATIONS / (queries * max(cost, 1))))
