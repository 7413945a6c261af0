"""Columns as pandas holds them best, for Great Expectations: exact, and quick to look through."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.validation.predicates import EXACT

__all__ = ["frame_of", "integers"]


def frame_of(batch: pa.RecordBatch, names: Sequence[str]) -> Any:  # noqa: ANN401 - a pandas frame
    """Return columns as numpy holds them best: dates and times as integers, so that none is out of range."""
    import pandas as pd

    return pd.DataFrame({name: _series(integers(batch.column(name))) for name in names}, copy=False)


def _series(values: pa.Array) -> Any:  # noqa: ANN401 - a pandas series
    """Return an array for pandas; integers with nulls as float64 only where that is exact, since it is quick."""
    import pandas as pd

    if pa.types.is_integer(values.type) and values.null_count:
        span = pc.min_max(values).as_py()
        if None not in span.values() and max(map(abs, span.values())) > EXACT:
            return values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return values.to_pandas()


def integers(values: pa.Array) -> pa.Array:
    """Return dates and times as the integers that Arrow keeps them as; all else unchanged."""
    if pa.types.is_date32(values.type):
        return values.view(pa.int32()).cast(pa.int64())
    return values.view(pa.int64()) if pa.types.is_timestamp(values.type) else values
