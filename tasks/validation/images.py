"""Images as a table of measures, on which Great Expectations can judge them, and what is noted of them in passing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts import Column
from data_contracts.images import MEASURES, asked_of_images
from tasks.parquet import read_batches
from tasks.pictures import measured
from tasks.progress import Advance
from tasks.validation.fingerprints import fingerprints

__all__ = ["borne", "measures", "noted"]

_BATCH_IMAGES = 10_000  # one after the other is decoded; a frame of so many measures is quickly judged
_NOTED = ("bytes", "mean", "variance")


def measures(path: Path, column: Column, advance: Advance) -> Iterator[Any]:
    """Yield the measures of a Parquet file's images as pandas frames, batch after batch."""
    import pandas as pd

    for batch in read_batches(path, [column.name], rows=_BATCH_IMAGES):
        files = batch.column(0).flatten()[0]
        yield pd.DataFrame([measured(file.as_py()) for file in files], columns=list(MEASURES))
        advance(batch.num_rows, "")


def noted(path: Path, column: Column, frames: Iterator[Any], look: Callable[[Any], None]) -> dict[str, Any]:
    """Return what was seen of the images while each frame was looked at: extremes and averages, and how many repeat."""
    seen: dict[str, list[Any]] = {name: [] for name in _NOTED}
    for frame in frames:
        look(frame)
        for name in _NOTED:
            seen[name].append(frame[name].to_numpy(np.float64))
    found = {name: _summary(np.concatenate(parts)) for name, parts in seen.items() if parts}
    prints = fingerprints(path, column.name)
    return found | {"repeated": int(prints.duplicated().sum())}


def _summary(values: Any) -> Mapping[str, float | None]:  # noqa: ANN401 - an array
    present = values[~np.isnan(values)]
    if not len(present):
        return {"least": None, "average": None, "greatest": None}
    return {word: round(float(value), 2) for word, value in zip(("least", "average", "greatest"),
            (present.min(), present.mean(), present.max()), strict=True)}  # fmt: skip


def borne(column: Column, counts: Counter[str], rows: int) -> Counter[str]:
    """Return the counts without those of rules that so few images break that it is borne."""
    shares = {f"{column.name}.{rule}": asked.get("blank", 0.0) for rule, asked in asked_of_images(column).items()}
    return Counter({rule: count for rule, count in counts.items() if count > shares.get(rule, 0.0) * rows})
