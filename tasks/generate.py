"""Generate: draw a shard of rows from a trained model.

Reads: ``<run>/model/``.  Writes: ``<run>/synthetic/part-<number>.parquet``.
Fails when: the model was changed since, or too few rows can be drawn that keep the contract's rules and meet the
conditions.
Safe to repeat because: the same model, shard and seed give the same bytes, and the file is replaced whole.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ModelError
from data_contracts.arrow import arrow_schema
from data_contracts.conditions import EVERY, Condition, Selection
from tasks.learning.modelfiles import load_model
from tasks.learning.rawimages import from_raw
from tasks.parquet import batch_rows, write_parquet
from tasks.progress import Advance, progress
from tasks.references import Reference
from tasks.releases.huggingface import features
from tasks.shards import Shard
from tasks.steps import once
from tasks.storage import digest_folder

if TYPE_CHECKING:
    import torch

    from models import Model
    from models.encoding import Encoded, Encoder
    from tasks.learning.acceptance import Acceptance
    from tasks.references import Trained

__all__ = ["generate"]

logger = logging.getLogger(__name__)

_TRIES = 100  # rows drawn for each that is kept, at most: where fewer than 1 % keep the rules, the model missed them
_RARE_TRIES = 10_000  # the same for conditions that a model cannot be led to: one row of 10,000 points to few people
_BEGIN = 10  # rows: as if so many had been kept before, so that the first draws decide nothing
_LEAST_DRAWN = 1_000  # at a time: drawing fewer costs the same, but for images


@task(name="generate", task_run_name="generate-{shard.number}", cache_policy=NO_CACHE)  # a failure repeats: no retries
@once("synthetic/part-{shard.number:05}.parquet")
def generate(
    contract: Contract, trained: "Trained", *, run: str, shard: Shard, seed: int = 0, selection: Selection = EVERY
) -> Reference:
    """Write a shard of synthetic rows that keep the contract's rules, and are those that are asked for.

    Raises:
        ModelError: the model is not the one that was trained, or too few rows keep the rules and meet the conditions.
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    from models.processors import one_thread
    from tasks.learning.acceptance import Acceptance

    folder = Path(trained.uri)
    if shard.rows < 1:
        raise ModelError("at least one row is asked for", f"it is {shard.rows:,}", "Ask for more rows")
    model, described = load_model(folder)
    if digest_folder(folder) != trained.digest:
        raise ModelError("a model is used as it was trained", f"{folder} was changed since", "Train again")
    acceptance, schema = Acceptance(contract, described), arrow_schema(contract)
    generator = torch.Generator().manual_seed(shard.seed(seed))
    logger.info("drawing %s rows from %s on", f"{shard.rows:,}", f"{shard.first_row:,}")
    path = Path(run) / "synthetic" / f"part-{shard.number:05}.parquet"
    with one_thread(), progress(f"generating part {shard.number}", total=shard.rows) as advance:
        kept = _selected(model, acceptance, selection, shard=shard, generator=generator)
        batches = _decoded(kept, acceptance, schema, first_row=shard.first_row, seed=seed, advance=advance)
        return write_parquet(path, batches, schema=schema, metadata=features(contract))


def _selected(
    model: "Model", acceptance: "Acceptance", selection: Selection, *, shard: Shard, generator: "torch.Generator"
) -> Iterator["Encoded"]:
    """Yield the rows that are asked for, in batches; where there are shares, their strata are mixed in random order."""
    import torch

    from models.encoding import Encoded

    if not selection.shares:
        yield from _kept(model, acceptance, selection.where, rows=shard.rows, generator=generator)
        return
    asked = zip(selection.strata, shard.counts or selection.counts(shard.rows), strict=True)
    strata = [
        part for (where, _), count in asked for part in _kept(model, acceptance, where, rows=count, generator=generator)
    ]
    mixed = Encoded.join(strata)[torch.randperm(shard.rows, generator=generator)]
    most = batch_rows(acceptance.contract)
    yield from (mixed[low : low + most] for low in range(0, shard.rows, most))


def _kept(
    model: "Model",
    acceptance: "Acceptance",
    where: Sequence[Condition],
    *,
    rows: int,
    generator: "torch.Generator",
) -> Iterator["Encoded"]:
    """Yield drawn rows that keep the rules and meet the conditions, in batches, `rows` in all.

    Raises:
        ModelError: too few of the rows that were drawn do.
    """
    sample, least, tries = _drawing(model, acceptance.encoder, where)
    most, image = batch_rows(acceptance.contract), acceptance.contract.image
    least = least if image is None else 1
    missing, drawn = rows, 0
    while missing:
        kept = rows - missing
        wanted = math.ceil(missing * max(1, drawn) / max(1, kept))
        count = min(most, max(wanted, least), max(rows, tries * (kept + _BEGIN)) - drawn)
        if count <= 0:
            raise ModelError(
                f"of {drawn:,} rows that were drawn, {rows:,} keep the contract's rules and meet the conditions",
                f"{missing:,} are missing",
                "Look at the conditions, at the rules between columns, at unique columns that are not ids, "
                "or train longer",
            )
        part = acceptance.accepted(sample(count, generator=generator), generator=generator, where=where)[:missing]
        drawn, missing = drawn + count, missing - len(part)
        yield part


def _drawing(
    model: "Model", encoder: "Encoder", where: Sequence[Condition]
) -> tuple[Callable[..., "Encoded"], int, int]:
    """Return how rows are drawn, how many at least at a time, and how many at most for each that is kept.

    A model that can be led to the conditions is; of another, most rows may have to be thrown away.
    """
    from models.auto import Auto
    from models.life import Guided

    model = model.kept if isinstance(model, Auto) else model
    if not where:
        return model.sample, _LEAST_DRAWN, _TRIES
    allowed = encoder.allowed(where)
    if isinstance(model, Guided):
        return partial(model.sample_where, allowed=allowed), 1, _TRIES
    return model.sample, _LEAST_DRAWN, _RARE_TRIES


def _decoded(
    parts: Iterator["Encoded"],
    acceptance: "Acceptance",
    schema: pa.Schema,
    *,
    first_row: int,
    seed: int,
    advance: Advance,
) -> Iterator[pa.RecordBatch]:
    """Yield encoded rows as record batches of the contract's schema; ids are made by the seed of all shards."""
    import torch

    ids, image = torch.Generator().manual_seed(seed), acceptance.contract.image
    for part in _ahead(parts):
        arrays = acceptance.encoder.decode(part, generator=ids, first_row=first_row)
        if image is not None:
            arrays[image.name] = from_raw(arrays[image.name], image, first_row=first_row)
        yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
        first_row += len(part)
        advance(len(part), "")


def _ahead(parts: Iterator["Encoded"]) -> Iterator["Encoded"]:
    """Yield the parts, each while the next one is drawn: decoding and writing take one processor."""
    with ThreadPoolExecutor(1) as drawing:
        coming = drawing.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = drawing.submit(next, parts, None)
            yield part
