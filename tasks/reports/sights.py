"""What is seen of the tables side by side: columns, pairs of columns, rows.  Nothing is seen of any one real row."""

from dataclasses import dataclass

import pyarrow as pa

from data_contracts import Contract
from tasks.reports.landscapes import Landscape, landscape
from tasks.reports.marginals import Marginal, marginals
from tasks.reports.pairs import Pairs, pairs

__all__ = ["Sights", "see"]


@dataclass(frozen=True, slots=True)
class Sights:
    """The tables side by side; `rows` is None where there are too few of them to be seen on a plane."""

    columns: tuple[Marginal, ...]
    pairs: Pairs
    rows: Landscape | None


def see(contract: Contract, *, train: pa.Table, synthetic: pa.Table, holdout: pa.Table) -> Sights:
    """Return what is seen of the rows learned from, of those made, and of those held out."""
    return Sights(
        tuple(marginals(contract, train=train, synthetic=synthetic, holdout=holdout)),
        pairs(contract, train=train, synthetic=synthetic),
        landscape(contract, train=train, synthetic=synthetic, holdout=holdout),
    )
