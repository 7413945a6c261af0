"""Real and synthetic tables as the measures see them: numbers, codes, and one key a row.

Ids and the columns of a primary key are left out everywhere: they are made, never learned, and say
nothing about likeness.  So are images, which `tasks.scoring.images` looks at.
Legend: `N` rows, `P` number columns, `Q` category columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts import Column, Contract, DataError

__all__ = ["Features", "Frame", "Tables", "frames", "generator", "join", "sample", "spanning_sample", "stream"]


@dataclass(frozen=True, slots=True)
class Features:
    """The columns that are measured, in the contract's order within each group.

    Args:
        numbers: names of integer, number, date and timestamp columns.
        categories: names of category and boolean columns.
        sizes: how many values of each category occur in the three tables together; null is not counted.
        centre: (P,) mean of each number in train.
        scale: (P,) standard deviation of each number in train; 1 where it does not vary.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    sizes: tuple[int, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names: the numbers, then the categories."""
        return self.numbers + self.categories


@dataclass(frozen=True, slots=True)
class Frame:
    """One table.

    Args:
        features: the columns, the same for all tables that were framed together.
        numbers: (N, P) as they are; dates and timestamps since the epoch in their own unit; NaN: null.
        codes: (N, Q) categories by position among the values of all tables framed together; -1: null.
        keys: (N,) one number a row: rows of any of the tables are equal where their keys are.
    """

    features: Features
    numbers: NDArray[np.float64]
    codes: NDArray[np.int32]
    keys: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @property
    def standardised(self) -> NDArray[np.float64]:
        """Return the numbers (N, P) with train's mean at 0 and train's standard deviation as unit; NaN: null."""
        return (self.numbers - self.features.centre) / self.features.scale

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the rows at these positions, or where this mask is true."""
        return type(self)(self.features, self.numbers[rows], self.codes[rows], self.keys[rows])


class Tables(NamedTuple):
    """The three tables that are compared, framed together."""

    train: Frame
    holdout: Frame
    synthetic: Frame

    def rows(self) -> dict[str, int]:
        """Return the number of rows of each table, by its name."""
        return {name: len(frame) for name, frame in self._asdict().items()}


def frames(contract: Contract, *, train: pa.Table, holdout: pa.Table, synthetic: pa.Table) -> Tables:
    """Turn three tables of one contract into frames.

    Args:
        contract: says which columns are measured, and as what.
        train: the rows that the model learned from; gives centre and scale.
        holdout: the rows that it never saw.
        synthetic: the rows that it made.

    Raises:
        DataError: a table lacks a column, holds it as another type than the contract says, or has no row.
    """
    tables = [train, holdout, synthetic]
    columns = [column for column in contract.columns if column.kind not in ("id", "image") and not column.primary_key]
    _check(tables, columns)
    merged = {column.name: _merge(tables, column) for column in columns}
    coded = {name: _code(values) for name, values in merged.items()}
    numbers = [column.name for column in columns if column.kind not in ("category", "boolean")]
    categories = [column.name for column in columns if column.kind in ("category", "boolean")]
    values = _stack([_float(merged[name]) for name in numbers], sum(map(len, tables)), np.float64)
    codes = _stack([coded[name] for name in categories], sum(map(len, tables)), np.int32)
    features = Features(
        tuple(numbers),
        tuple(categories),
        tuple(int(column.max(initial=-1)) + 1 for column in codes.T),
        *_spread(values[: len(train)]),
    )
    whole = Frame(features, values, codes, _keys(list(coded.values()), len(values)))
    ends = np.cumsum([len(table) for table in tables])
    return Tables(*(whole.take(rows) for rows in np.split(np.arange(ends[-1]), ends[:-1])))


def generator(seed: int, name: str) -> np.random.Generator:
    """Return a generator of a measure's own, so that what one measure draws does not move another."""
    return np.random.default_rng([seed, *name.encode()])


def stream(seed: int, name: str) -> int:
    """Return a seed of a measure's own, for libraries that have generators of their own."""
    return int(generator(seed, name).integers(1 << 62))


def sample(frame: Frame, rows: int, *, rng: np.random.Generator) -> Frame:
    """Return `rows` rows drawn without replacement, in their order; the frame itself where it has no more."""
    if len(frame) <= rows:
        return frame
    return frame.take(np.sort(rng.choice(len(frame), rows, replace=False)))


def spanning_sample(frame: Frame, rows: int, *, rng: np.random.Generator) -> Frame:
    """Return a sample with the rows of every number's least and greatest value added: it spans what the table spans.

    A measure that cuts numbers in bins of a table's own range would otherwise judge the luck of the draw.
    """
    if len(frame) <= rows:
        return frame
    drawn = rng.choice(len(frame), rows, replace=False)
    told = frame.numbers[:, ~np.isnan(frame.numbers).all(0)]
    ends = np.concatenate([np.nanargmin(told, 0), np.nanargmax(told, 0)]) if told.size else drawn[:0]
    return frame.take(np.unique(np.concatenate([drawn, ends])))


def join(first: Frame, second: Frame) -> Frame:
    """Return the rows of the first frame, then those of the second."""
    return Frame(
        first.features,
        np.concatenate([first.numbers, second.numbers]),
        np.concatenate([first.codes, second.codes]),
        np.concatenate([first.keys, second.keys]),
    )


def _check(tables: Sequence[pa.Table], columns: Sequence[Column]) -> None:
    for name, table in zip(("train", "holdout", "synthetic"), tables, strict=True):
        missing = [column.name for column in columns if column.name not in table.column_names]
        if missing or not len(table):
            raise DataError(
                "tables that are compared have rows and the contract's columns",
                f"{name} has {len(table):,} rows and lacks {len(missing)} columns: {', '.join(missing) or 'none'}",
                "Compare tables of one contract",
            )


def _merge(tables: Sequence[pa.Table], column: Column) -> pa.Array:
    """Return one column of all tables together, without dictionaries; what is not finite is null."""
    parts = [table.column(column.name) for table in tables]
    plain = [part.cast(part.type.value_type) if pa.types.is_dictionary(part.type) else part for part in parts]
    try:
        merged = pa.concat_arrays([chunk.cast(plain[0].type) for part in plain for chunk in part.chunks])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # from None: the library's message would quote the value that it could not cast
        raise DataError(
            f"{column.name} has one type in all tables that are compared",
            f"it has {', '.join(str(part.type) for part in plain)}",
            "Compare tables of one contract",
        ) from None
    if pa.types.is_floating(merged.type):
        return pc.if_else(pc.is_finite(merged), merged, pa.scalar(None, merged.type))
    return merged


def _code(values: pa.Array) -> NDArray[np.int32]:
    """Return each value's position among the distinct values, -1 for null."""
    indices = values.dictionary_encode().indices
    codes: NDArray[np.int32] = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes


def _float(values: pa.Array) -> NDArray[np.float64]:
    """Return numbers, dates and timestamps as float64, NaN for null."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.int32()) if pa.types.is_date32(values.type) else values.cast(pa.int64())
    elif pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    numbers: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _stack(columns: Sequence[NDArray[Any]], rows: int, dtype: type) -> NDArray[Any]:
    return np.column_stack(columns) if columns else np.empty((rows, 0), dtype)


def _spread(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of columns (N, P); 0 and 1 where there is nothing or nothing varies."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (values - centre) ** 2, 0).sum(axis=0) / count)
    return centre, np.where(scale > 0, scale, 1.0)


def _keys(columns: Sequence[NDArray[np.int32]], rows: int) -> NDArray[np.int64]:
    """Fold columns of codes to one number a row, equal exactly where all codes are."""
    import pandas as pd

    keys = np.zeros(rows, np.int64)
    for codes in columns:
        # both factors are at most the number of rows, so the product stays far below 2**63
        keys = pd.factorize(keys * (int(codes.max()) + 2) + codes + 1)[0].astype(np.int64)
    return keys
