"""The tasks that score, one after the other, as a flow has them."""

from collections.abc import Sequence
from typing import Any

from data_contracts import Contract
from tasks.measure import measure
from tasks.references import Score, Scores, Trained
from tasks.score import score
from tasks.scoring import Measured, groups

__all__ = ["UNTOLD", "scored"]

UNTOLD = tuple(
    Score(f"model_membership_{figure}", chance, "tasks.scoring.telling.telling", "numpy 0", 0)
    for figure, chance in (("auc", 0.5), ("tpr", 0.01), ("tpr_10", 0.1))
)
"""What is found by a model that tells nobody: the scores of a model, beside those of rows that none drew."""


def scored(
    contract: Contract,
    *,
    run: str,
    seed: int,
    trained: Trained | None = None,
    apart: bool = False,
    more: Sequence[Measured] = (),
    **tables: Any,
) -> Scores:
    """Measure tables, in one go or in groups, and write what was found, and more, into the run's folder."""
    measured = [
        measure.fn(contract, **tables, run=run, seed=seed, families=families)
        for families in groups(contract, apart=apart)
    ]
    return score.fn(contract, [*measured, *more], run=run, seed=seed, trained=trained)
