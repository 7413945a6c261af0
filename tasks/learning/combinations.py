"""Rules of combination, in codes: which codes may stand together, and how drawn rows are brought to keep to that.

Only codes and counts leave the training rows, and learned combinations only where at least five rows share them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Combination, Contract, ModelError
from data_contracts.arrow import arrow_type
from tasks.parquet import read_batches

if TYPE_CHECKING:
    import torch

    from models.encoding import Encoded, Encoder

__all__ = ["Codes", "allowed_codes", "mend_combinations"]

Codes = dict[str, list[list[int]]]
"""By rule, the allowed combinations: a code for each of the rule's columns, then how many rows it stands for."""

_SHARED_ROWS = 5  # a combination of fewer rows points to them, as a value of fewer rows does


def allowed_codes(contract: Contract, path: Path, encoder: "Encoder", *, private: bool = False) -> Codes:
    """Return what each rule of combination allows: its list, or what at least five training rows share.

    Args:
        contract: whose rules they are.
        path: of the training rows.
        encoder: of its columns.
        private: no rows are counted: all combinations of a list are as frequent.

    Raises:
        ModelError: nothing is allowed that the model can draw.
    """
    allowed: Codes = {}
    for rule in contract.rules:
        if isinstance(rule, Combination):
            counts = {} if private else _counts(rule, path, encoder)
            if rule.allowed is None:
                counts = {codes: count for codes, count in counts.items() if count >= _SHARED_ROWS}
            else:
                counts = {codes: counts.get(codes, 0) + 1 for codes in _listed(rule, contract, encoder)}
            if not counts:
                raise ModelError(
                    f"rule {rule.name!r} has combinations which at least {_SHARED_ROWS} training rows share",
                    "it has none",
                    "List the combinations in the contract, or make its columns categories",
                )
            allowed[rule.name] = [[*codes, count] for codes, count in sorted(counts.items())]
    return allowed


def mend_combinations(
    x: "Encoded", contract: Contract, encoder: "Encoder", *, allowed: Codes, generator: "torch.Generator"
) -> "Encoded":
    """Return (N,) encoded rows with every broken combination drawn anew, less those that cannot be mended.

    Of a broken combination the column with the most codes stays, since it says most about the others: a city, not its
    country. The others are drawn as they stand beside it in the training rows.  Null stands with anything where the
    contract lists the combinations; where they are learned, it is one more value.
    """
    for rule in contract.rules:
        if isinstance(rule, Combination):
            x = _mend(x, rule, encoder, table=np.array(allowed[rule.name], np.int64), generator=generator)
    return x


def _mend(
    x: "Encoded", rule: Combination, encoder: "Encoder", *, table: NDArray[np.int64], generator: "torch.Generator"
) -> "Encoded":
    """Return the rows with one rule's broken combinations mended, less those whose kept code has no combination."""
    import torch

    places, sizes, nulls = _places(rule.columns, encoder)
    drawn = x.codes[:, places].numpy()
    broken = ~np.isin(_keys(drawn, sizes), _keys(table[:, :-1], sizes))
    if rule.allowed is not None:
        broken &= (drawn != np.array(nulls)).all(1)
    rows = np.flatnonzero(broken)
    stays = int(np.argmax([len(np.unique(codes)) for codes in table[:, :-1].T]))
    uniform = torch.rand(len(rows), generator=generator, dtype=torch.float64).numpy()
    found, chosen = _beside(table[np.argsort(table[:, stays], kind="stable")], drawn[rows, stays], stays, uniform)
    mended = x.clone()
    mended.codes[rows[found][:, None], places] = torch.from_numpy(chosen)
    for place in places:
        if (value := encoder.spans[place].value) is not None:
            mended.values[rows[found], value] = torch.nan  # a combination is of codes that say all
    keep = np.ones(len(x), dtype=bool)
    keep[rows[~found]] = False
    return mended[torch.from_numpy(keep)]


def _beside(
    table: NDArray[np.int64], codes: NDArray[np.int64], column: int, uniform: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which of (n,) codes stand in a column of the table, and for those a combination drawn by its count.

    Args:
        table: (A, R + 1) combinations with their counts, ascending in the column.
        codes: (n,) of the column.
        column: which.
        uniform: (n,) from 0 to 1.
    """
    low, high = (np.searchsorted(table[:, column], codes, side=side) for side in ("left", "right"))
    found = high > low
    low, high, reach = low[found], high[found], np.concatenate([[0], table[:, -1].cumsum()])
    aim = reach[low] + uniform[found] * (reach[high] - reach[low])
    return found, table[np.clip(np.searchsorted(reach, aim, side="right") - 1, low, high - 1), :-1]


def _counts(rule: Combination, path: Path, encoder: "Encoder") -> dict[tuple[int, ...], int]:
    """Return how many training rows share each combination of codes that say all."""
    places, _, _ = _places(rule.columns, encoder)
    cells = list(zip(places, rule.columns, strict=True))
    regular = np.array([-1 if (code := encoder.spans[place].regular) is None else code for place in places])
    totals: dict[tuple[int, ...], int] = {}
    for batch in read_batches(path, rule.columns):
        codes = np.stack([encoder.encode_column(place, batch.column(name)) for place, name in cells], 1)
        told = codes[((codes >= 0) & (codes != regular)).all(1)]
        for row, count in zip(*np.unique(told, axis=0, return_counts=True), strict=True):
            totals[tuple(row.tolist())] = totals.get(tuple(row.tolist()), 0) + int(count)
    return totals


def _listed(rule: Combination, contract: Contract, encoder: "Encoder") -> set[tuple[int, ...]]:
    """Return the codes of the listed combinations, without those that hold a value no training row has."""
    codes = []
    for name, values in zip(rule.columns, zip(*(rule.allowed or ()), strict=True), strict=True):
        place, column = contract.names.index(name), contract[name]
        array = pa.array(values).cast(arrow_type(column)) if column.kind != "category" else pa.array(values)
        codes.append(encoder.encode_column(place, array))
    rows = np.stack(codes, 1)
    regular = np.array(
        [-1 if (code := encoder.spans[contract.names.index(n)].regular) is None else code for n in rule.columns]
    )
    return set(map(tuple, rows[((rows >= 0) & (rows != regular)).all(1)].tolist()))


def _places(columns: Sequence[str], encoder: "Encoder") -> tuple[list[int], list[int], list[int]]:
    """Return the columns' positions, sizes, and codes of null (-2 where there is none)."""
    names = [column.name for column in encoder.columns]
    places = [names.index(name) for name in columns]
    sizes = [encoder.spans[place].size for place in places]
    nulls = [size - 1 if encoder.statistics[place].nulls else -2 for place, size in zip(places, sizes, strict=True)]
    return places, sizes, nulls


def _keys(codes: NDArray[np.int64], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return one number for each (N, R) row of codes; beyond 64 bits it wraps, and is as good as unique."""
    keys = np.zeros(len(codes), np.int64)
    for column, size in zip(codes.T, sizes, strict=True):
        keys = keys * size + column
    return keys
