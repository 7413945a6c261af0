"""Who was in train?  An attack by the model itself, which is published: rows that it learned from are more usual to it.

A row is taken for a member the more usual it is to the model's own score.  Yeom, Giacomelli, Fredrikson, Jha: Privacy
risk in machine learning: analyzing the connection to overfitting, 2018, https://arxiv.org/abs/1709.01604; of generative
models, Hayes, Melis, Danezis, De Cristofaro: LOGAN, 2019, https://arxiv.org/abs/1705.07663.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.detecting.scoring import Scorer
from tasks.references import Score
from tasks.scoring.chance import Estimate
from tasks.scoring.membership import CHANCES, attack

__all__ = ["telling"]


def telling(scorers: Sequence[Scorer], *, members: pa.Table, others: pa.Table, seed: int) -> tuple[Score, ...]:
    """Return what the attack finds by that model of a release which tells most.

    Args:
        scorers: by each model of the release.
        members: (N,) rows that they learned from.
        others: (M,) rows of the same sort that they did not.
        seed: by which both were drawn.
    """
    attacks = [(*_attacked(scorer, members, others), scorer.by) for scorer in scorers]
    figures, unseen, by = max(attacks, key=lambda one: one[0]["auc"].value)
    record: dict[str, Any] = {
        "metric": "tasks.scoring.telling.telling",
        "version": f"numpy {np.__version__}",
        "seed": seed,
        "rows": {"train": members.num_rows, "holdout": unseen},
        "note": f"by the score of {by}" if len(attacks) > 1 else "",
    }
    return tuple(
        Score(f"model_membership_{name}", one.value, floor=CHANCES[name], interval=one.interval, **record)
        for name, one in figures.items()
    )


def _attacked(scorer: Scorer, members: pa.Table, others: pa.Table) -> tuple[dict[str, Estimate], int]:
    """Return the figures of the attack, and of how many others; complexity is taken off as the detector does."""
    weighed, unseen = scorer.weighed(others)
    return attack(-weighed.scores(members), -weighed.scores(unseen)), unseen.num_rows
