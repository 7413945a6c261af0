"""Upscale: small images to large ones, by a model that has learned how such images look.

Reads: the model, and small images in a Parquet file under their contract.  Writes: one Parquet file of large images,
and beside it, as JSON, how well the model enlarges images that it never saw.
Fails when: the files cannot be written.
Safe to repeat because: the same model, images and seed give the same bytes, and files appear when they are complete.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from tasks.parquet import read_batches, regrouped, write_parquet
from tasks.pictures import paths, pixels_of, struct_of
from tasks.places import here, send, there
from tasks.progress import counted, progress
from tasks.references import Reference, Trained
from tasks.releases.huggingface import features
from tasks.restoring.enlarging import CHUNK, DRAWN, MEAN, Pixels, upscaler, ways
from tasks.restoring.figures import Judged, Restored
from tasks.steps import carried
from tasks.storage import write_bytes

__all__ = ["Upscaled", "upscale"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upscaled:
    """Images that were enlarged, and how well that is done.

    Args:
        uri: of the Parquet file.
        figures: of the JSON file beside it.
        contract: its id.
        images: how many.
        way: of those that were judged.
        factor: how many times larger each side became.
        judged: images of the holdout that were made small and large again.
        ways: what came of these, by the kernel, by the model in two ways, and of the real ones.
    """

    uri: str
    figures: str
    contract: str
    images: int
    way: str
    factor: int
    judged: int
    ways: tuple[Restored, ...]


@task(cache_policy=NO_CACHE)  # the file is where it was asked for
@carried()
def upscale(
    contract: Contract,
    small: Reference,
    trained: Trained,
    judged: Judged,
    *,
    run: str,  # noqa: ARG001 - the run's folder, where model and images lie
    to: str,
    draw: bool = False,
    seed: int = 0,
) -> Upscaled:
    """Write small images enlarged.

    Args:
        contract: of the small images.
        small: Parquet file of them.
        trained: the model.
        judged: how well it enlarges.
        run: folder of the run, in which they lie.
        to: the Parquet file that is written; a path or an fsspec URI.
        draw: one image that each may be of; if not, the mean of all of them.
        seed: of draws.

    Raises:
        ReleaseError: the files cannot be written.
    """
    assert contract.image is not None  # noqa: S101 - `miniature` has looked
    model, way = upscaler(Path(trained.uri)), DRAWN if draw else MEAN
    path, enlarge = here(to), ways(model, seed=seed)[way]
    batches = regrouped(read_batches(Path(small.uri)), CHUNK)
    with progress("enlarging images", total=small.rows, unit="images") as advance:
        made = _enlarged(batches, contract.image, enlarge)
        written = write_parquet(
            path, counted(made, advance), schema=arrow_schema(contract), metadata=features(contract)
        )
    figures = path.with_suffix(".json")
    write_bytes(figures, Path(judged.uri).read_bytes())
    send(path)
    send(figures)
    logger.info("enlarged %s images", f"{written.rows:,}")
    facts = (there(path), there(figures), contract.id, written.rows)
    return Upscaled(*facts, way, model.factor, judged.images, judged.ways)


def _enlarged(
    batches: Iterator[pa.RecordBatch], image: Column, enlarge: Callable[[Pixels], Pixels]
) -> Iterator[pa.RecordBatch]:
    """Yield batches with their images enlarged."""
    first_row = 0
    for batch in batches:
        place = batch.schema.names.index(image.name)
        files = struct_of(enlarge(pixels_of(batch.column(place), image)), paths(first_row, batch.num_rows))
        yield batch.set_column(place, batch.schema.field(place), files)
        first_row += batch.num_rows
