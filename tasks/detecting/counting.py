"""What is counted of judged rows while they go by, and what the counts say of them all."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.detecting.calibration import Calibration

__all__ = ["Tally"]

_SURE = 4.0  # standard errors: of 30,000 looks at rows like those released, one is alarmed by chance


@dataclass(slots=True)
class Tally:
    """Counts over all batches.

    Args:
        level: of the p-values that are counted as odd.
        rows: judged.
        odd: with a p-value up to the level, or at odds with the contract.
        anomalies: as written.
        broken: rows at odds with the contract.
        p_values: rows by p-value, of which there are a few hundred.
        columns: how many anomalies each column is the first reason of.
    """

    level: float
    rows: int = 0
    odd: int = 0
    anomalies: int = 0
    broken: int = 0
    p_values: Counter[float] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)

    def judged(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, their p-values counted."""
        for batch in batches:
            values, times = np.unique(batch.column("p_value").to_numpy(), return_counts=True)
            self.p_values.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
            within = pc.less_equal(batch.column("p_value"), self.level)
            self.odd += _true(pc.or_(within, batch.column("breaks_contract")))
            yield batch

    def written(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, their anomalies counted."""
        for batch in batches:
            self.rows += batch.num_rows
            self.anomalies += _true(batch.column("is_anomaly"))
            self.broken += _true(batch.column("breaks_contract"))
            why = batch.column("why").filter(batch.column("is_anomaly")).drop_null()
            firsts = pc.struct_field(pc.list_element(why.filter(pc.greater(pc.list_value_length(why), 0)), 0), "column")
            for each in pc.value_counts(firsts).to_pylist():
                self.columns[each["values"]] += each["counts"]
            yield batch

    def drifted(self, calibration: Calibration) -> bool:
        """Return whether more rows are odd than chance allows, in the rows and in those that they are held against."""
        level = max(self.level, calibration.least)
        if not self.rows or not calibration.rows:
            return False
        error = math.sqrt(level * (1 - level) * (1 / self.rows + 1 / calibration.rows))
        return self.odd / self.rows > level + _SURE * error


def _true(flags: pa.Array) -> int:
    return int(pc.sum(flags).as_py() or 0)
