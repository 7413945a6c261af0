"""Rows judged and written: one Parquet file, a row for each, and what was counted on the way."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import LikenessError, Source
from tasks.detecting.calibration import false_discovery_cut
from tasks.detecting.counting import Tally
from tasks.detecting.judging import Judgements
from tasks.detecting.opening import Opened
from tasks.detecting.reading import Rows, read_rows
from tasks.parquet import read_batches, write_parquet
from tasks.places import send, there
from tasks.progress import progress
from tasks.storage import partial_of

__all__ = ["Detected", "write_judged"]

logger = logging.getLogger(__name__)

Whole = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found of new rows.

    Args:
        uri: of the Parquet file.
        contract: its id.
        release: its version.
        detector: what judged them: a model's name, or "rows", a run's.
        rows: how many were judged.
        anomalies: of them.
        broken: of these, how many are at odds with the contract.
        level: of p-values, at which a row is an anomaly; under a false discovery rate, where that has put it.
        threshold: the score above which a row is one; None: no row's p-value is so small.
        calibration: rows that usual scores are known of.
        columns: how many anomalies each column is first among the reasons of, the most first.
        drifted: more rows are odd than chance allows: the world has moved on since the release.
    """

    uri: str
    contract: str
    release: str
    detector: str
    rows: int
    anomalies: int
    broken: int
    level: float
    threshold: float | None
    calibration: int
    columns: dict[str, int]
    drifted: bool


def write_judged(
    opened: Opened, source: Source, path: Path, *, metadata: Mapping[str, str] | None = None, whole: Whole | None = None
) -> Detected:
    """Judge a source's rows and write them, to where the path is a copy of.

    Args:
        opened: what judges them.
        source: of the rows.
        path: of the Parquet file; it appears when it is complete.
        metadata: texts to store in it.
        whole: asked when all rows are judged, before the file appears; it raises if what was read was not whole.

    Raises:
        DataError: the data cannot be read as rows of the contract's columns.
        ReleaseError: the file cannot be written.
    """
    judging, tally = opened.judging, Tally(opened.judging.level)
    batches = _to_the_end(read_rows(judging.contract, source), whole)
    try:
        cut = _write(path, judging, batches, tally, rate=opened.fdr, metadata=metadata)
    except LikenessError as error:
        error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
        raise
    send(path)
    logger.info("judged %s rows: %s are anomalies", f"{tally.rows:,}", f"{tally.anomalies:,}")
    if drifted := tally.drifted(judging.calibration):
        logger.warning("more rows are odd than chance allows: the world has moved on, release again")
    return Detected(
        there(path),
        judging.contract.id,
        opened.version,
        judging.scorer.by,
        tally.rows,
        tally.anomalies,
        tally.broken,
        cut,
        judging.calibration.threshold(cut),
        judging.calibration.rows,
        dict(tally.columns.most_common()),
        drifted,
    )


def _to_the_end(batches: Iterator[Rows], whole: Whole | None) -> Iterator[Rows]:
    yield from batches
    if whole is not None:
        whole()


def _write(
    path: Path,
    judging: Judgements,
    batches: Iterator[Rows],
    tally: Tally,
    *,
    rate: float | None,
    metadata: Mapping[str, str] | None,
) -> float:
    """Write the rows judged, and return the p-value up to which they are anomalies.

    Under a false discovery rate it hangs on all of them: they are written, and then once more with the answer.
    """
    judged = tally.judged(_judged(judging, batches))
    if rate is None:
        write_parquet(path, tally.written(judged), schema=judging.schema, metadata=metadata)
        return judging.level
    beside = partial_of(path)
    try:
        write_parquet(beside, judged, schema=judging.schema)
        cut = false_discovery_cut(tally.p_values, rate)
        again = (_cut(batch, cut) for batch in read_batches(beside))
        write_parquet(path, tally.written(again), schema=judging.schema, metadata=metadata)
    finally:
        beside.unlink(missing_ok=True)
    return cut


def _judged(judging: Judgements, batches: Iterator[Rows]) -> Iterator[pa.RecordBatch]:
    first_row = 0
    with progress("detecting") as advance:
        for rows in batches:
            yield judging.of(rows, first_row=first_row)
            first_row += rows.batch.num_rows
            advance(rows.batch.num_rows, "")


def _cut(batch: pa.RecordBatch, cut: float) -> pa.RecordBatch:
    """Return a batch with its anomalies by another p-value; a row that breaks the contract stays one."""
    anomalous = pc.or_(pc.less_equal(batch.column("p_value"), cut), batch.column("breaks_contract"))
    why = pc.if_else(anomalous, batch.column("why"), None)
    batch = batch.set_column(batch.schema.get_field_index("why"), "why", why)
    return batch.set_column(batch.schema.get_field_index("is_anomaly"), "is_anomaly", anomalous)
