"""What the synthetic rows give away about the rows that the model learned from: copies and nearness.

The attacks that guess who was among them are in `tasks.scoring.membership` and `tasks.scoring.risks`.  Distances are
those of `tasks.scoring.neighbours`.  Share of rows nearer to train than to a holdout: Platzer, Reutterer:
Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data, 2021, https://doi.org/10.3389/fdata.2021.679939
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.references import Score, Trained
from tasks.scoring import chance
from tasks.scoring.chance import Estimate
from tasks.scoring.frames import Frame, Tables, generator, sample
from tasks.scoring.neighbours import Nearest, nearest, references_within

__all__ = ["QUANTILES", "Searched", "copies", "distances", "held_out", "search", "spent"]

QUANTILES = {"dcr_share_2": 0.02, "dcr_share_5": 0.05}
"""Of the holdout's rows, the nearest to train: how many synthetic rows are as near?"""

_MOST_QUERIES = 20_000  # members and non-members: of 10,000 each, an AUC's standard error is .004

_FEW = 3  # nearest synthetic rows, whose mean distance tells the density


@dataclass(frozen=True, slots=True)
class Searched:
    """Members and non-members, and how near the synthetic rows come to them.

    Args:
        members: (N,) rows of train; the first ones are as many as there are others, where train has as many.
        others: (M,) rows of the holdout.
        synthetic: (L,) the synthetic rows that were searched.
        inside: (N, few) from each member to its nearest synthetic rows, ascending.
        outside: from others to synthetic rows.
        equal: from the first members to synthetic rows.
        to_members: (L,) from each synthetic row to the nearest member.
    """

    members: Frame
    others: Frame
    synthetic: Frame
    inside: NDArray[np.float64]
    outside: Nearest
    equal: Nearest
    to_members: NDArray[np.float64]

    @property
    def rows(self) -> dict[str, int]:
        """Return how many rows of each table went in."""
        return {"train": len(self.members), "holdout": len(self.others), "synthetic": len(self.synthetic)}


def copies(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return the share of synthetic and of holdout rows that equal a train row in every column, and its excess.

    All rows are looked at.  In a table of few distinct rows many are equal by chance, which is what the holdout's share
    says; only the excess is a sign of copying.  Its interval adds those of both shares.
    """
    import pandas as pd

    def share(frame: Frame) -> Estimate:
        if not frame.features.names:
            return chance.NONE
        return chance.wilson(float(pd.Series(frame.keys).isin(tables.train.keys).sum()), len(frame))

    synthetic, holdout = share(tables.synthetic), share(tables.holdout)
    record: dict[str, Any] = {
        "metric": "tasks.scoring.privacy.copies",
        "version": f"pandas {pd.__version__}",
        "seed": seed,
        "rows": tables.rows(),
        "note": "" if tables.train.features.names else "the table has no column besides ids and keys",
    }
    excess = chance.difference(synthetic, holdout)
    return (
        Score("copies", synthetic.value, floor=holdout.value, interval=synthetic.interval, **record),
        Score("copies_holdout", holdout.value, interval=holdout.interval, **record),
        Score("copies_excess", excess.value, floor=0.0, interval=excess.interval, **record),
    )


def search(tables: Tables, seed: int) -> Searched:
    """Draw members and non-members, and look for the synthetic rows nearest to them.

    All train rows are members, all holdout rows non-members, so long as there are not too many: the fewer are drawn,
    the more of a figure is luck.
    """
    rng = generator(seed, "distances")
    others = sample(tables.holdout, _MOST_QUERIES // 2, rng=rng)
    drawn = rng.permutation(len(tables.train))[: _MOST_QUERIES - len(others)]
    members = tables.train.take(drawn)
    most = references_within(tables.train, queries=len(members) + len(others))
    synthetic = sample(tables.synthetic, most, rng=rng)
    outside = nearest(others, synthetic, count=_FEW)
    groups = [np.arange(len(members))[: len(others)], np.arange(len(members))[len(others) :]]
    found = [nearest(members.take(rows), synthetic, count=_FEW) for rows in groups if len(rows)]
    inside = np.concatenate([each.few for each in found])
    to_members = np.min([each.of_references for each in found], axis=0)
    return Searched(members, others, synthetic, inside, outside, found[0], to_members)


def distances(searched: Searched, seed: int) -> tuple[Score, ...]:
    """Return the share of synthetic rows nearer to train than to as many holdout rows, and those very near to train.

    The former's interval takes synthetic rows with the same nearest real row together: they stand or fall with whether
    that row happens to be in train.  The latter are the shares that are as near to train as the nearest 2 % and 5 % of
    the holdout are.
    """
    size = min(len(searched.members), len(searched.others))
    possible = bool(searched.members.features.names)
    estimates = dict.fromkeys(("dcr_share", *QUANTILES), chance.NONE)
    if possible:
        held = nearest(searched.others, searched.members).of_queries
        estimates = {name: chance.rate(-searched.to_members, -held, at) for name, at in QUANTILES.items()}
        estimates = {"dcr_share": _nearer(searched, size, seed), **estimates}
    return tuple(
        Score(
            name,
            estimate.value,
            "tasks.scoring.privacy.distances",
            version=f"numpy {np.__version__}",
            seed=seed,
            rows=searched.rows | ({"train": size, "holdout": size} if name == "dcr_share" else {}),
            floor=QUANTILES.get(name, 0.5),
            note="" if possible else "the table has no column besides ids and keys",
            interval=estimate.interval,
        )
        for name, estimate in estimates.items()
    )


def _nearer(searched: Searched, size: int, seed: int) -> Estimate:
    """Return the share of synthetic rows nearer to `size` members than to as many others; half of those as near."""
    inside, outside = searched.equal, searched.outside
    if len(searched.others) > size:
        outside = nearest(sample(searched.others, size, rng=generator(seed, "nearer")), searched.synthetic)
    near, far = inside.of_references, outside.of_references
    owners = np.where(near <= far, inside.query, size + outside.query)
    return chance.clustered((near < far) + (near == far) / 2, owners)


def held_out(tables: Tables, seed: int) -> tuple[Score, ...]:
    """Return how many real rows on either side the figures rest on: with few, no leak could be told from chance."""
    rows = min(len(tables.train), len(tables.holdout))
    record: dict[str, Any] = {"version": f"numpy {np.__version__}", "seed": seed, "rows": tables.rows()}
    return (Score("held_out_rows", float(rows), "tasks.scoring.privacy.held_out", **record),)


def spent(trained: Trained, seed: int) -> tuple[Score, ...]:
    """Return what differential privacy has cost, where it was asked for: a promise, not a measurement."""
    from importlib.metadata import version

    if trained.epsilon is None:
        return ()
    note = f"promised to each row of train, but for a probability of {trained.delta:.0e}"
    rows = {"train": trained.rows}
    return (
        Score(
            "epsilon", trained.epsilon, "models.privacy.Descent", f"opacus {version('opacus')}", seed, rows, note=note
        ),
    )
