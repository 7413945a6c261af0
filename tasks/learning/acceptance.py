"""Which drawn rows are kept: those that keep the contract's rules between columns and repeat no key."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from data_contracts import Comparison, Contract
from data_contracts.conditions import Condition
from models.encoding import Encoded, Encoder
from tasks.learning.combinations import mend_combinations
from tasks.shards import drawn_keys
from tasks.validation.predicates import holds, meets

__all__ = ["Acceptance"]


class Acceptance:
    """The rules that drawn rows are held to, and the keys that were drawn so far.

    Args:
        contract: whose rules they are.
        described: the model's description, with its columns and combinations.
    """

    def __init__(self, contract: Contract, described: dict[str, Any]) -> None:
        self.contract, self.allowed = contract, described["combinations"]
        self.encoder = Encoder.from_state(contract.columns, described["columns"])
        self.comparisons = [rule for rule in contract.rules if isinstance(rule, Comparison)]
        self.seen: dict[tuple[str, ...], NDArray[np.uint64]] = {
            key: np.zeros(0, np.uint64) for key in drawn_keys(contract)
        }

    def accepted(self, x: Encoded, *, generator: torch.Generator, where: Sequence[Condition] = ()) -> Encoded:
        """Return the rows of (N,) that meet all conditions and keep all rules, and remember their keys."""
        x = mend_combinations(x, self.contract, self.encoder, allowed=self.allowed, generator=generator)
        if not self.comparisons and not self.seen and not where:
            return x
        rules = (name for rule in self.comparisons for name in rule.columns)
        only = {*rules, *(name for key in self.seen for name in key), *(condition.column for condition in where)}
        arrays = self.encoder.decode(x, generator=generator, only=only)
        if where:
            met = meets(where, arrays, len(x))
            x, arrays = x[torch.from_numpy(met)], {name: array.filter(pa.array(met)) for name, array in arrays.items()}
        keeps = np.ones(len(x), dtype=bool)
        for rule in self.comparisons:
            kept = holds(rule.operator, arrays[rule.left], arrays[rule.right])
            keeps &= pc.fill_null(kept, fill_value=True).to_numpy(zero_copy_only=False)
        keeps &= _balanced(keeps, self._pattern(arrays, len(x)))
        for key in self.seen:
            keeps &= self._fresh(key, arrays, keeps)
        return x[torch.from_numpy(keeps)]

    def _pattern(self, arrays: dict[str, pa.Array], rows: int) -> NDArray[np.int64]:
        """Return (N,) which of the compared columns are null, as one number a row."""
        pattern = np.zeros(rows, np.int64)
        for name in dict.fromkeys(name for rule in self.comparisons for name in rule.columns):
            absent = arrays[name].is_null().to_numpy(zero_copy_only=False)
            pattern = np.unique(2 * pattern + absent, return_inverse=True)[1]
        return pattern

    def _fresh(self, key: tuple[str, ...], arrays: dict[str, pa.Array], keeps: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the (N,) mask of rows whose key was not drawn before; null is no key."""
        whole: NDArray[np.bool_] = np.logical_and.reduce(
            [arrays[name].is_valid().to_numpy(zero_copy_only=False) for name in key]
        )
        rows = np.flatnonzero(keeps & whole)
        digests = _digests([arrays[name].take(pa.array(rows)) for name in key])
        unique, first = np.unique(digests, return_index=True)
        fresh = ~np.isin(unique, self.seen[key])
        self.seen[key] = np.sort(np.concatenate([self.seen[key], unique[fresh]]))
        new = ~whole
        new[rows[first[fresh]]] = True
        return new


def _balanced(keeps: NDArray[np.bool_], pattern: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the (N,) mask that keeps of each pattern of nulls the same share.

    A null breaks no comparison: without this, rows with nulls would be kept more often than the others, and there
    would be more of them than the model drew.
    """
    drawn, kept = np.bincount(pattern), np.bincount(pattern, weights=keeps)
    told = drawn >= _TOLD
    share = (kept[told] / drawn[told]).min() if told.any() else 1.0
    balanced = np.zeros(len(keeps), dtype=bool)
    for which in range(len(drawn)):
        rows = np.flatnonzero(keeps & (pattern == which))
        balanced[rows[: round(drawn[which] * share)]] = True
    return balanced


_TOLD = 30  # drawn rows that tell at which rate a pattern is kept


def _digests(arrays: list[pa.Array]) -> NDArray[np.uint64]:
    """Return a 64-bit digest of each of (N,) rows: two rows of a billion agree by chance in one table of forty."""
    import pandas as pd

    frame = pd.DataFrame(
        {str(place): _plain(array).to_numpy(zero_copy_only=False) for place, array in enumerate(arrays)}
    )
    return np.asarray(pd.util.hash_pandas_object(frame, index=False), dtype=np.uint64)


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
