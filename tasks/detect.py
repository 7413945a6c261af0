"""Detect: score new rows by a published model, and say which are anomalies and why.

Reads: a release, and new rows wherever they are.  Writes: one Parquet file, a row for each.
Fails when: the release is not what its manifest says, its model has no density, or it has no calibration; the contract
that is named does not fit; the data cannot be read as rows of its columns; or the file cannot be written.
Safe to repeat because: the same release and rows give the same bytes, and the file appears when it is complete.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ContractError, LikenessError, ModelError, odcs
from data_contracts.changes import changes
from tasks.detecting.calibration import FILE, Calibration, false_discovery_cut
from tasks.detecting.counting import Tally
from tasks.detecting.judging import Judgements
from tasks.detecting.reading import Rows, read_rows
from tasks.learning.modelfiles import load_model
from tasks.parquet import read_batches, write_parquet
from tasks.places import here, send, there
from tasks.progress import progress
from tasks.readers.origin import origin_of
from tasks.releases.layout import CONTRACT
from tasks.storage import partial_of
from tasks.verify import locate, verify

if TYPE_CHECKING:
    from models.surprise import Surprise

__all__ = ["Detected", "detect"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found of new rows.

    Args:
        uri: of the Parquet file.
        contract: its id.
        release: its version.
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
    rows: int
    anomalies: int
    broken: int
    level: float
    threshold: float | None
    calibration: int
    columns: dict[str, int]
    drifted: bool


@task(cache_policy=NO_CACHE)  # the data may have changed under the same name
def detect(
    release: str,
    data: str,
    *,
    to: str,
    contamination: float = 0.01,
    fdr: float | None = None,
    contract: str | None = None,
) -> Detected:
    """Judge new rows by a release.

    Args:
        release: a release, or its contract's folder; a path or an fsspec URI.
        data: path, folder, glob, fsspec URI or SQLAlchemy URL of the rows.
        to: the Parquet file that is written; a path or an fsspec URI.
        contamination: the p-value up to which a row is an anomaly: so many of the usual rows are called one.
        fdr: instead, which share of the anomalies may be false alarms (Benjamini-Hochberg).
        contract: says how the data is written, by name or path; None: as a source is without a further word.

    Raises:
        ReleaseError: the release is not as its manifest says, has no calibration, or the file cannot be written.
        ModelError: the release is of images, or its model has no density.
        ContractError: the contract that is named is not one of the release's columns.
        DataError: the data cannot be read as rows of the contract's columns.
    """
    folder = locate(release)
    version = verify(folder).manifest["release"]
    judging = _judging(folder, contamination if fdr is None else fdr)
    batches = read_rows(judging.contract, origin_of(_fitting(judging.contract, contract), data))
    path, tally = here(to), Tally(judging.level)
    try:
        cut = _write(path, judging, batches, tally, rate=fdr)
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
        version,
        tally.rows,
        tally.anomalies,
        tally.broken,
        cut,
        judging.calibration.threshold(cut),
        judging.calibration.rows,
        dict(tally.columns.most_common()),
        drifted,
    )


def _judging(folder: Path, level: float) -> Judgements:
    """Return what judges rows by a release.

    Raises:
        ModelError: it is of images, or its model has no density.
        ReleaseError: it has no calibration.
    """
    contract = odcs.load(folder / CONTRACT)
    surprise, calibration = _surprise(contract, folder / "model"), Calibration.read(folder / "model" / FILE)
    if calibration.least > level:
        logger.warning(
            "beside %s rows no p-value is below %.2g: at %.2g, only rows that break the contract are anomalies",
            f"{calibration.rows:,}",
            calibration.least,
            level,
        )
    return Judgements(contract, surprise, calibration, level)


def _surprise(contract: Contract, folder: Path) -> "Surprise":
    """Return what scores rows by a released model.

    Raises:
        ModelError: it is of images, or has no density.
    """
    from models.encoding import Encoder
    from models.surprise import Judge, Surprise

    model, described = load_model(folder)
    rule, remedy = "anomalies are told by a density of tables", "Release with another model"
    if contract.image is not None:
        raise ModelError(rule, "the release is of images", "Name a release of a table")
    if not isinstance(model, Judge):
        raise ModelError(rule, f"{described['model']!r} has none", remedy)
    return Surprise(model, Encoder.from_state(contract.columns, described["columns"]), rows=described["rows"])


def _fitting(released: Contract, named: str | None) -> Contract:
    """Return the contract that says how the data is written.

    Raises:
        ContractError: it is another's, or differs in more than words.
    """
    if named is None:
        return released
    given = odcs.load(odcs.find(named))
    other = [each for each in changes(released, given) if each.level != "patch"]
    if given.id == released.id and not other:
        return given
    what = f"{other[0]}" if given.id == released.id else f"it is of {given.id}, not of {released.id}"
    raise ContractError(
        "the contract of new rows is that of the release",
        f"between {released.version} and {given.version} it is not: {what}",
        "Name a release under this version, or release under it first",
    )


def _write(path: Path, judging: Judgements, batches: Iterator[Rows], tally: Tally, *, rate: float | None) -> float:
    """Write the rows judged, and return the p-value up to which they are anomalies.

    Under a false discovery rate it hangs on all of them: they are written, and then once more with the answer.
    """
    judged = tally.judged(_judged(judging, batches))
    if rate is None:
        write_parquet(path, tally.written(judged), schema=judging.schema)
        return judging.level
    beside = partial_of(path)
    try:
        write_parquet(beside, judged, schema=judging.schema)
        cut = false_discovery_cut(tally.p_values, rate)
        again = (_cut(batch, cut) for batch in read_batches(beside))
        write_parquet(path, tally.written(again), schema=judging.schema)
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
