"""Images as a table of measures, on which Great Expectations can judge them, and what is noted of them in passing."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts import Column
from data_contracts.images import MEASURES, asked_of_images
from tasks.parquet import read_batches
from tasks.pictures import measured
from tasks.progress import Advance

__all__ = ["borne", "measures", "note", "summary", "together"]

_BATCH_IMAGES = 10_000  # one after the other is decoded; a frame of so many measures is quickly judged
_NOTED = ("bytes", "mean", "variance")
_WORDS = ("least", "average", "greatest")

Note = Mapping[str, Mapping[str, Any]]
"""Of each measure that is noted: of how many images there is one, their sum, the least and the greatest."""


def measures(path: Path, column: Column, advance: Advance) -> Iterator[Any]:
    """Yield the measures of a Parquet file's images as pandas frames, batch after batch."""
    import pandas as pd

    for batch in read_batches(path, [column.name], rows=_BATCH_IMAGES):
        files = batch.column(0).flatten()[0]
        yield pd.DataFrame([measured(file.as_py()) for file in files], columns=list(MEASURES))
        advance(batch.num_rows, "")


def note(frame: Any) -> Note:  # noqa: ANN401 - a pandas frame
    """Return what is noted of the images of a frame of measures."""
    found = {}
    for name in _NOTED:
        values = frame[name].dropna().to_numpy(np.float64)
        if len(values):
            ends = {"least": float(values.min()), "greatest": float(values.max())}
            found[name] = {"count": len(values), "sum": math.fsum(values), **ends}
    return found


def together(notes: Iterable[Note]) -> Note:
    """Return what is noted of the images of all notes; a sum is rounded once for each note, and once for all."""
    every = list(notes)
    told = {name: [each[name] for each in every if name in each] for name in _NOTED}
    return {
        name: {
            "count": sum(each["count"] for each in found),
            "sum": math.fsum(each["sum"] for each in found),
            "least": min(each["least"] for each in found),
            "greatest": max(each["greatest"] for each in found),
        }
        for name, found in told.items()
        if found
    }


def summary(noted: Note) -> dict[str, dict[str, float | None]]:
    """Return extremes and averages for people; of images that all cannot be read there are none."""
    return {name: _rounded(noted[name]) if name in noted else dict.fromkeys(_WORDS) for name in _NOTED}


def _rounded(noted: Mapping[str, Any]) -> dict[str, float | None]:
    found = {**noted, "average": noted["sum"] / noted["count"]}
    return {word: round(found[word], 2) for word in _WORDS}


def borne(column: Column, counts: Counter[str], rows: int) -> Counter[str]:
    """Return the counts without those of rules that so few images break that it is borne."""
    shares = {f"{column.name}.{rule}": asked.get("blank", 0.0) for rule, asked in asked_of_images(column).items()}
    return Counter({rule: count for rule, count in counts.items() if count > shares.get(rule, 0.0) * rows})
