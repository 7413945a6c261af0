"""Reads the real table from wherever the contract says.

Writes: `<run>/source.parquet`, with the contract's Arrow schema; `<run>/left-out.json`, where images do not fit.
Fails when: the source cannot be read, or a cell is not of its column's kind or finer than the column holds;
all such rules are counted over the whole source and told in one error; or more images do not fit than the contract
leaves out.
Safe to repeat because: the file appears when it is complete and right, and the same source gives the same bytes.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Column, Contract, DataError, Failure, LikenessError, Source
from data_contracts.arrow import nullable_schema
from tasks.parquet import BATCH_ROWS, regrouped, write_parquet
from tasks.progress import counted, progress
from tasks.readers import read, spelling_of
from tasks.readers.cells import cast
from tasks.readers.fingerprint import fingerprint, stamp
from tasks.readers.images import Images, named
from tasks.readers.locate import format_of
from tasks.readers.origin import origin_of
from tasks.readers.problems import UnreachableError, refused
from tasks.references import Reference
from tasks.steps import once
from tasks.storage import write_json

if TYPE_CHECKING:
    from tasks.readers.spelling import Mask, Spelling

__all__ = ["ingest"]

logger = logging.getLogger(__name__)


def _went_away_by_itself(task: Any, run: Any, state: Any) -> bool:  # noqa: ANN401, ARG001 - Prefect's signature
    """Return whether a failed attempt is worth another: only a connection that failed is."""
    try:
        state.result()
    except UnreachableError:
        return True
    except Exception:  # noqa: BLE001 - whatever else it was, it would be the same again
        return False
    return False


def _of_source(contract: Contract, *, run: str, source: str | None = None) -> str | None:  # noqa: ARG001 - as ingest
    """Return what the source's bytes are known by; None: it is a database."""
    return fingerprint(origin_of(contract, source))


@task(
    retries=3,
    retry_delay_seconds=[2, 10, 30],  # a network's hiccup, a restart, a failover
    retry_condition_fn=_went_away_by_itself,
    cache_policy=NO_CACHE,  # the source may have changed under the same name
)
@once("source.parquet", "left-out.json", basis=_of_source)
def ingest(contract: Contract, *, run: str, source: str | None = None) -> Reference:
    """Read a contract's source into `<run>/source.parquet`.

    Args:
        contract: says where the source is, how it is written, and what its columns are.
        run: folder of the run.
        source: another location than the contract's: path, folder, glob, fsspec URI or SQLAlchemy URL.

    Raises:
        ContractError: neither the contract nor the caller says where the source is.
        DataError: what was read breaks the contract; `failures` has every rule and its count.
        ReleaseError: the run's folder cannot be written.
    """
    origin = origin_of(contract, source)
    path = Path(run) / "source.parquet"
    try:
        with progress("reading source") as advance:
            found = _batches(contract, origin, _Tally(contract), notes=path.with_name("left-out.json"))
            batches = counted(found, advance)
            if contract.image is None:  # many small files would make many small batches, of which each step has a cost
                batches = regrouped(batches, BATCH_ROWS)
            reference = write_parquet(path, batches, schema=nullable_schema(contract))
    except LikenessError as error:
        error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
        raise
    logger.info("read %s rows of %s columns", f"{reference.rows:,}", len(contract.columns))
    return reference


def _batches(contract: Contract, source: Source, tally: "_Tally", *, notes: Path) -> Iterator[pa.RecordBatch]:
    """Yield the source's rows as the contract's kinds; at the end, refuse the source if anything was counted.

    Rows whose image does not fit are left out; `notes` is where their files are listed.
    """
    schema, spelling, image = nullable_schema(contract), spelling_of(source), contract.image
    before = stamp(source)
    form = format_of(source) if image is not None else None
    structural: list[Failure] = []
    for batch in read(source, names=contract.names, failures=structural, image="" if image is None else image.name):
        arrays = [
            tally.cast(named(batch.column(column.name), column, form), column, spelling).cast(kind)
            for column, kind in zip(contract.columns, schema.types, strict=True)
        ]
        tally.rows += batch.num_rows
        rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
        yield rows if image is None else rows.filter(rows.column(image.name).is_valid())
    if stamp(source) != before:
        raise refused(
            "source.changed",
            "the source stays as it is while it is read",
            "a file of it was changed, added or taken away meanwhile",
            "Run again when whoever writes it is done",
        )
    if (images := tally.images) is not None and images.left_out:
        write_json(notes, images.record())
        logger.warning("%s of %s images do not fit the contract", f"{images.left_out:,}", f"{images.rows:,}")
    if failures := structural + tally.failures(source.leave_out):
        raise DataError(
            "the source fits the contract",
            f"{len(failures)} rules are broken" if len(failures) > 1 else "a rule is broken",
            "Correct the source, or the contract where it is the one that errs",
            failures,
        )


@dataclass(slots=True)
class _Count:
    rows: int = 0
    first: int = 0

    def add(self, mask: "Mask", before: int) -> None:
        if found := int(mask.sum()):
            self.first = self.first or before + int(mask.argmax()) + 1
            self.rows += found


@dataclass(slots=True)
class _Tally:
    """How many rows break which rule, over the whole source."""

    contract: Contract
    rows: int = 0
    counts: dict[tuple[str, str], _Count] = field(default_factory=dict)
    images: Images | None = None

    def __post_init__(self) -> None:
        """Begin to count images, where there are any."""
        self.images = None if self.contract.image is None else Images(self.contract.image)

    def cast(self, raw: pa.Array, column: Column, spelling: "Spelling") -> pa.Array:
        """Return a column's cells as its kind, those that do not fit as null and counted."""
        if column.kind == "image" and self.images is not None:
            return self.images.cast(raw)
        try:
            cells = cast(raw, column, spelling)
        except pa.ArrowException as error:
            raise DataError(
                "every cell can be looked at",
                f"{column.name} ended with {type(error).__name__}",
                "Check the contract's kind of this column",
                [Failure(f"{column.name}.type", (column.name,), 0, 0, type(error).__name__)],
            ) from None
        for rule, mask in (("type", cells.wrong), ("precision", cells.imprecise)):
            self.counts.setdefault((column.name, rule), _Count()).add(mask, self.rows)
        return cells.values

    def failures(self, leave_out: float) -> list[Failure]:
        """Return the rules that some rows break, in the order of the columns; images only beyond what is left out."""
        broken = [
            Failure(f"{name}.{rule}", (name,), count.rows, self.rows, self._detail(name, rule, count))
            for (name, rule), count in self.counts.items()
            if count.rows
        ]
        left_out = 0 if self.images is None else self.images.left_out
        if self.images is not None and left_out > leave_out * self.rows:
            broken = self.images.failures() + broken
        if self.rows - left_out < (least := self.contract.minimum_rows):
            fact = f"{self.rows - left_out:,} rows, at least {least:,} are needed"
            broken.append(Failure("table.rows", (), 0, 0, fact))
        return broken

    def _detail(self, name: str, rule: str, count: _Count) -> str:
        column = self.contract[name]
        held = column.kind if column.kind not in ("category", "id") else f"{column.kind} stored as {column.storage}"
        finer = f"finer than {column.unit}" if column.kind == "timestamp" else _digits(column)
        return f"{f'not of kind {held}' if rule == 'type' else finer}, the first in row {count.first:,}"


def _digits(column: Column) -> str:
    if column.decimals is None:
        return "more digits than float64 holds"
    return f"more than {column.decimals} digits after the point"
