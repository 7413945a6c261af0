"""The tasks that score, one after the other, as a flow has them."""

from typing import Any

from data_contracts import Contract
from tasks.measure import measure
from tasks.references import Scores, Trained
from tasks.score import score
from tasks.scoring import groups

__all__ = ["scored"]


def scored(
    contract: Contract, *, run: str, seed: int, trained: Trained | None = None, apart: bool = False, **tables: Any
) -> Scores:
    """Measure tables, in one go or in groups, and write what was found into the run's folder."""
    measured = [
        measure.fn(contract, **tables, run=run, seed=seed, families=families)
        for families in groups(contract, apart=apart)
    ]
    return score.fn(contract, measured, run=run, seed=seed, trained=trained)
