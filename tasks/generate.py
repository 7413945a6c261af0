"""Generate: draw rows from a trained model.

Reads: ``<run>/model/``.  Writes: ``<run>/synthetic/part-00000.parquet``.
Fails when: the model was changed since, or too few rows that keep the contract's rules can be drawn.
Safe to repeat because: the same model, rows and seed give the same bytes, and the file is replaced whole.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ModelError
from data_contracts.arrow import arrow_schema
from tasks.learning.modelfiles import load_model
from tasks.parquet import BATCH_ROWS, write_parquet
from tasks.progress import Advance, progress
from tasks.references import Reference
from tasks.storage import digest_folder

if TYPE_CHECKING:
    import torch

    from models import Model
    from models.encoding import Encoded
    from tasks.learning.acceptance import Acceptance
    from tasks.references import Trained

__all__ = ["generate"]

logger = logging.getLogger(__name__)

_TRIES = (
    100  # rows drawn for each row asked for, at most: where fewer than 1 % keep the rules, the model has missed them
)
_LEAST_DRAWN = 1_000  # at a time: drawing fewer costs the same


@task(name="generate", cache_policy=NO_CACHE)  # a failure repeats exactly: no retries; the artefact is the run's
def generate(contract: Contract, trained: "Trained", *, run: str, rows: int, seed: int = 0) -> Reference:
    """Write `rows` synthetic rows that keep the contract's rules.

    Raises:
        ModelError: the model is not the one that was trained, or too few rows keep the rules.
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    from models.processors import one_thread
    from tasks.learning.acceptance import Acceptance

    folder = Path(trained.uri)
    if rows < 1:
        raise ModelError("at least one row is asked for", f"it is {rows:,}", "Ask for more rows")
    model, described = load_model(folder)
    if digest_folder(folder) != trained.digest:
        raise ModelError("a model is used as it was trained", f"{folder} was changed since", "Train again")
    acceptance = Acceptance(contract, described)
    generator = torch.Generator().manual_seed(seed)
    schema = arrow_schema(contract)
    logger.info("drawing %s rows", f"{rows:,}")
    path = Path(run) / "synthetic" / "part-00000.parquet"
    with one_thread(), progress("generating", total=rows) as advance:
        kept = _kept(model, acceptance, rows=rows, generator=generator)
        return write_parquet(
            path, _decoded(kept, acceptance, schema, generator=generator, advance=advance), schema=schema
        )


def _kept(model: "Model", acceptance: "Acceptance", *, rows: int, generator: "torch.Generator") -> Iterator["Encoded"]:
    """Yield drawn rows that keep the rules, in batches, `rows` in all.

    Raises:
        ModelError: too few of the rows that were drawn keep the rules.
    """
    missing, drawn = rows, 0
    while missing:
        count = min(BATCH_ROWS, max(missing, _LEAST_DRAWN), _TRIES * rows + _LEAST_DRAWN - drawn)
        if count <= 0:
            raise ModelError(
                f"of {drawn:,} rows that were drawn, {rows:,} keep the contract's rules",
                f"{missing:,} are missing",
                "Look at the rules between columns, at unique columns that are not ids, or train longer",
            )
        part = acceptance.accepted(model.sample(count, generator=generator), generator=generator)[:missing]
        drawn, missing = drawn + count, missing - len(part)
        yield part


def _decoded(
    parts: Iterator["Encoded"],
    acceptance: "Acceptance",
    schema: pa.Schema,
    *,
    generator: "torch.Generator",
    advance: Advance,
) -> Iterator[pa.RecordBatch]:
    """Yield encoded rows as record batches of the contract's schema."""
    first_row = 0
    for part in parts:
        arrays = acceptance.encoder.decode(part, generator=generator, first_row=first_row)
        yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
        first_row += len(part)
        advance(len(part), "")
