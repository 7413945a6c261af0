"""A batch of new rows judged: score, p-value, and the columns that make a row odd."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Contract
from data_contracts.arrow import arrow_schema
from tasks.detecting.calibration import Calibration
from tasks.detecting.reading import Rows
from tasks.detecting.scoring import Scorer

if TYPE_CHECKING:
    from models.surprise import Odd

__all__ = ["MOST_EXPLAINED", "Judgements"]

MOST_EXPLAINED = 2_000
"""Rows of a batch, the oddest, whose columns are named: where most of the rows are odd, naming takes longer than
scoring."""

_NAMED = 3  # columns of a row at most
_LEAST_SHARE = 0.01  # of a column that is named

_WHY = pa.list_(pa.struct([("column", pa.string()), ("share", pa.float32()), ("reason", pa.string())]))
_FOUND = {
    "score": pa.float64(),
    "p_value": pa.float64(),
    "is_anomaly": pa.bool_(),
    "breaks_contract": pa.bool_(),
    "why": _WHY,
}
_BROKEN, _UNSEEN, _UNLIKELY = "breaks the contract", "not among what was learned", "unlikely beside the others"


@dataclass(frozen=True, slots=True)
class Judgements:
    """What judges batches of rows, and how they are written.

    Args:
        contract: of the rows.
        scorer: scores them.
        calibration: what usual rows score.
        level: p-values up to it are explained.
    """

    contract: Contract
    scorer: Scorer
    calibration: Calibration
    level: float

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of what is written: the row's number, its key, its image's path, and what was found."""
        held = arrow_schema(self.contract)
        keys = [(self._named(name), held.field(name).type) for name in self.contract.primary_key]
        paths = [] if self.contract.image is None else [("path", pa.string())]
        return pa.schema([("row", pa.int64()), *keys, *paths, *_FOUND.items()])

    def of(self, rows: Rows, *, first_row: int) -> pa.RecordBatch:
        """Return a batch judged at the level; the first of its rows has that number."""
        odd = self.scorer.of(rows.batch, unfit=rows.unfit, ruled=rows.ruled)
        p_values, broken = self.calibration.p_values(odd.scores), (rows.unfit | rows.ruled).any(1)
        anomalous = broken | (p_values <= self.level)
        numbers = pa.array(np.arange(first_row, first_row + len(odd.scores)))
        keys = [rows.batch.column(name) for name in self.contract.primary_key]
        if (image := self.contract.image) is not None:
            keys.append(rows.batch.column(image.name).field("path"))
        found = [pa.array(each) for each in (odd.scores, p_values, anomalous, broken)]
        why = self._why(odd, rows, anomalous)
        return pa.RecordBatch.from_arrays([numbers, *keys, *found, why], schema=self.schema)

    def _named(self, key: str) -> str:
        """Return what a key's column is called: not as one of ours."""
        return f"{key}_key" if key in ("row", "path") or key in _FOUND else key

    def _why(self, odd: "Odd[Any]", rows: Rows, anomalous: NDArray[np.bool_]) -> pa.Array:
        """Return the (N,) lists of columns that make anomalous rows odd; null of the others, and of images."""
        if self.contract.image is not None:
            return pa.nulls(len(anomalous), _WHY)
        which = np.flatnonzero(anomalous)
        which = which[np.argsort(-odd.scores[which], kind="stable")[:MOST_EXPLAINED]]
        found: list[list[dict[str, Any]] | None] = [None] * len(anomalous)
        parts = self.scorer.surprise.parts(odd[which])
        for row, own in zip(which.tolist(), parts, strict=True):
            broken = rows.unfit[row] | rows.ruled[row]
            found[row] = list(self._columns(own, broken=broken, costs=odd.costs[row]))
        return pa.array(found, _WHY)

    def _columns(
        self, parts: NDArray[np.float64], *, broken: NDArray[np.bool_], costs: NDArray[np.float64]
    ) -> Iterable[dict[str, Any]]:
        """Yield the columns with the greatest (C,) parts of one row, and why each is odd."""
        shares = parts / max(float(parts.sum()), 1e-9)
        for place in np.argsort(-shares, kind="stable")[:_NAMED].tolist():
            if shares[place] >= _LEAST_SHARE:
                reason = _BROKEN if broken[place] else _UNSEEN if costs[place] > 0 else _UNLIKELY
                yield {"column": self.contract.columns[place].name, "share": shares[place], "reason": reason}
