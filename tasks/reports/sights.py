"""What is seen of the tables side by side: columns, pairs of columns, rows.  Nothing is seen of any one real row."""

from dataclasses import dataclass

import pyarrow as pa

from data_contracts import Contract
from tasks.reports.kinds import comparable
from tasks.reports.landscapes import Landscape, landscape
from tasks.reports.marginals import Marginal, marginals
from tasks.reports.pairs import Pairs, pairs
from tasks.reports.sheets import Sheet, sheets

__all__ = ["Sights", "see"]


@dataclass(frozen=True, slots=True)
class Sights:
    """The tables side by side; `rows` is None where there are too few of them to be seen on a plane, or columns."""

    columns: tuple[Marginal, ...]
    pairs: Pairs
    rows: Landscape | None
    sheets: tuple[Sheet, ...] = ()


def see(contract: Contract, *, train: pa.Table, synthetic: pa.Table, holdout: pa.Table) -> Sights:
    """Return what is seen of the rows learned from, of those made, and of those held out."""
    return Sights(
        tuple(marginals(contract, train=train, synthetic=synthetic, holdout=holdout)),
        pairs(contract, train=train, synthetic=synthetic),
        landscape(contract, train=train, synthetic=synthetic, holdout=holdout) if _has_sides(contract) else None,
        () if contract.image is None else sheets(contract, contract.image, train=train, synthetic=synthetic),
    )


def _has_sides(contract: Contract) -> bool:
    """Return whether rows can be seen from a side: what lies beside images may be no more than their class."""
    return contract.image is None or len(comparable(contract)) > 1
