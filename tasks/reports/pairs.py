"""How strongly columns go together, in the real table and in the synthetic one.

Two numbers: Spearman's rank correlation, -1 to 1.  Two categories: Cramér's V with Bergsma's correction of its bias
(A bias-correction for Cramér's V and Tschuprow's T, 2013), 0 to 1.  A number and a category: the correlation ratio of
the number's ranks, 0 to 1.  Ranks, so that one far row moves no figure; rows in which one of the two is null are left
out of a pair, and a pair that fewer than `FEWEST` rows tell of has no figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, Contract
from tasks.reports.kinds import comparable, is_named
from tasks.reports.suppression import FEWEST

__all__ = ["Pair", "Pairs", "pairs"]

_MOST_ROWS = 50_000  # of a table: a correlation stands to .005; 15 columns take a second
_MOST_COLUMNS = 40  # 780 pairs: more cells could not be told apart
_COMMONEST = 50  # values of a category; the rarer ones count as one

Floats = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns, and how strongly they go together in either table; None: it cannot be told."""

    left: str
    right: str
    real: float | None
    synthetic: float | None

    @property
    def gap(self) -> float | None:
        """Return how much stronger the synthetic figure is; None: it cannot be told."""
        return None if self.real is None or self.synthetic is None else self.synthetic - self.real


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of some columns.

    Args:
        columns: (C,) names.
        pairs: of the i-th and the j-th column for all j < i, in order of i, then j.
        left_out: columns that were not looked at.
    """

    columns: tuple[str, ...]
    pairs: tuple[Pair, ...]
    left_out: int = 0


def pairs(contract: Contract, *, train: pa.Table, synthetic: pa.Table) -> Pairs:
    """Return how strongly the columns of two tables go together, numbers first.

    Args:
        contract: of both tables.
        train: the real rows that were learned from.
        synthetic: the rows generated.
    """
    there = comparable(contract)
    ordered = sorted(there, key=is_named)[:_MOST_COLUMNS]
    names = tuple(column.name for column in ordered)
    real, other = (_strengths(ordered, _thinned(table)) for table in (train, synthetic))
    found = [
        Pair(names[i], names[j], *(_known(each[i][j]) for each in (real, other)))
        for i in range(len(names))
        for j in range(i)
    ]
    return Pairs(names, tuple(found), len(there) - len(names))


def _thinned(table: pa.Table) -> pa.Table:
    """Return every k-th row, so that at most `_MOST_ROWS` are left."""
    step = -(-len(table) // _MOST_ROWS)
    return table if step <= 1 else table.take(np.arange(0, len(table), step))


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else float(figure)


def _strengths(columns: Sequence[Column], table: pa.Table) -> list[list[float]]:
    """Return the lower triangle of the strengths of pairs, NaN where there is none."""
    values = [(_codes if is_named(column) else _ranks)(table[column.name].combine_chunks()) for column in columns]
    return [[_strength(values[i], values[j]) for j in range(i)] for i in range(len(columns))]


def _strength(left: Any, right: Any) -> float:  # noqa: ANN401 - ranks or codes, told apart by their type
    """Return how strongly two columns (N,) go together; of a number and a category, the category is the left one."""
    both = (left >= 0) & (right >= 0)
    if both.sum() < FEWEST:
        return np.nan
    left, right = left[both], right[both]
    if left.dtype != right.dtype:
        return _ratio(left, right)
    return _correlation(left, right) if left.dtype == np.float64 else _cramer(left, right)


def _ranks(values: pa.Array) -> Floats:
    """Return (N,) ranks from 0, equal values sharing theirs; -1 for null."""
    known = values.is_valid().to_numpy(zero_copy_only=False)
    _, inverse, counts = np.unique(_plain(values.drop_null()), return_inverse=True, return_counts=True)
    ranks = np.full(len(values), -1.0)
    ranks[known] = (np.cumsum(counts) - (counts + 1) / 2)[inverse]
    return ranks


def _plain(values: pa.Array) -> Any:  # noqa: ANN401 - numbers of whatever type
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    return (values.cast(pa.int64()) if pa.types.is_temporal(values.type) else values).to_numpy(zero_copy_only=False)


def _codes(values: pa.Array) -> Codes:
    """Return (N,) codes of the values in order of their frequency, the rare ones sharing one; -1 for null."""
    plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
    coded = pc.fill_null(plain.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    often = np.bincount(coded[coded >= 0])
    place = np.empty(len(often) + 1, np.int64)
    place[np.argsort(-often, kind="stable")] = np.minimum(np.arange(len(often)), _COMMONEST)
    place[-1] = -1
    codes: Codes = place[coded]
    return codes


def _correlation(left: Floats, right: Floats) -> float:
    left, right = left - left.mean(), right - right.mean()
    scale = np.sqrt((left**2).sum() * (right**2).sum())
    return float((left * right).sum() / scale) if scale else np.nan


def _ratio(codes: Codes, ranks: Floats) -> float:
    """Return the square root of the share of the ranks' variance that lies between the categories."""
    ranks = ranks - ranks.mean()
    total = (ranks**2).sum()
    counts, sums = np.bincount(codes), np.bincount(codes, ranks)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    return float(np.sqrt(between / total)) if total and (counts > 0).sum() > 1 else np.nan


def _cramer(left: Codes, right: Codes) -> float:
    """Return Cramér's V, its bias corrected."""
    table = np.bincount(left * (right.max() + 1) + right, minlength=(left.max() + 1) * (right.max() + 1))
    table = table.reshape(left.max() + 1, -1).astype(np.float64)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    (rows, columns), n = table.shape, float(table.sum())
    expected = np.outer(table.sum(1), table.sum(0)) / n
    phi = max(0.0, ((table - expected) ** 2 / expected).sum() / n - (rows - 1) * (columns - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(min(1.0, phi / least))) if least > 0 else np.nan
