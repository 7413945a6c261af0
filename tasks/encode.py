"""Encode: images to the latent codes of a published model, and what that keeps of them.

Reads: a release, and images in a Parquet file under its contract.  Writes: one Parquet file, a row for each.
Fails when: an image is not of the contract's form, or the file cannot be written.
Safe to repeat because: the same release, images and bits give the same bytes, and the file appears when it is complete.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.coding.counting import Kept, Tally
from tasks.coding.jpeg import Jpeg, jpeg_at
from tasks.coding.latents import LATENT, ROW, Meaning, packed_latents, schema_of
from tasks.coding.opening import CHUNK, Coding, Opened, coding_of, pixels_of
from tasks.parquet import BATCH_ROWS, column_bytes, read_batches, regrouped, write_parquet
from tasks.places import here, send, there
from tasks.progress import Advance, progress
from tasks.references import Reference
from tasks.steps import carried

if TYPE_CHECKING:
    from models.images.codes import Grid

__all__ = ["Coded", "encode"]

logger = logging.getLogger(__name__)

_LOOKED = 1_000  # images that are held against JPEG and the bound: some seconds, and dB to two digits
_BYTES = 127.5  # from the numbers -1 to 1 that densities are of, to bytes: so many a unit


@dataclass(frozen=True, slots=True)
class Coded:
    """What coding some images came to; bytes are of one image on average.

    Args:
        uri: of the Parquet file.
        contract: its id.
        release: the release's version.
        images: how many.
        numbers: of an image: height x width x channels.
        latents: Z, numbers of a code.
        bits: of each.
        code_bytes: as many bits in a row.
        entropy_bytes: of a coder that knows how frequent each number is in its dimension.
        stored_bytes: in the file, after zstd.
        bits_per_dimension: of these, for each number of an image.
        psnr: of the images that the codes stand for, in dB; over all images' squared errors.
        bound: bits for each number of an image, without any loss, by the model's own bound; of a sample.
        jpeg: what it makes of as many bytes, of the same sample.
    """

    uri: str
    contract: str
    release: str
    images: int
    numbers: int
    latents: int
    bits: int
    code_bytes: float
    entropy_bytes: float
    stored_bytes: float
    bits_per_dimension: float
    psnr: float
    bound: float
    jpeg: Jpeg


@task(cache_policy=NO_CACHE)  # the file is where it was asked for
@carried()
def encode(opened: Opened, images: Reference, *, run: str, to: str, bits: int = 8) -> Coded:  # noqa: ARG001 - the run's folder, where the images lie
    """Write the codes of images as one Parquet file.

    Args:
        opened: the release.
        images: Parquet file under its contract.
        run: folder of the run, in which they lie.
        to: the Parquet file that is written; a path or an fsspec URI.
        bits: of each number of a code, 2 to 8.

    Raises:
        DataError: an image is not of the contract's form.
        ReleaseError: the file cannot be written.
    """
    from models.images.codes import Grid

    coding = coding_of(opened.contract, Path(opened.folder) / "model")
    grid = Grid.of(coding.model, bits)
    meaning = _meaning(opened, grid)
    path, tally, kept = here(to), Tally(len(grid.step), bits), Kept(_LOOKED)
    batches = regrouped(read_batches(Path(images.uri)), CHUNK)
    with progress("encoding images", total=images.rows, unit="images") as advance:
        coded = regrouped(_coded(coding, batches, meaning, tally=tally, kept=kept, advance=advance), BATCH_ROWS)
        write_parquet(path, coded, schema=schema_of(opened.contract, tally.width), metadata=meaning.metadata)
    send(path)
    logger.info("encoded %s images: %.2f dB", f"{tally.images:,}", tally.psnr)
    return _said(path, opened, coding, tally, kept)


def _meaning(opened: Opened, grid: "Grid") -> Meaning:
    """Return what the codes mean, as the file says it."""
    image = opened.contract.image
    assert image is not None  # noqa: S101 - a release with codes is of images
    scale = (tuple(each.tolist()) for each in (grid.centre, grid.step))
    return Meaning(opened.contract.id, opened.version, opened.weights, image.pixels, grid.bits, *scale)


def _coded(
    coding: Coding, batches: Iterator[pa.RecordBatch], meaning: Meaning, *, tally: Tally, kept: Kept, advance: Advance
) -> Iterator[pa.RecordBatch]:
    """Yield the codes of batches, and count what they keep of the images."""
    schema, grid = schema_of(coding.contract, tally.width), meaning.grid
    for batch in batches:
        x = coding.encoded(batch)
        numbers = grid.numbered(coding.model.encode(x)[0])
        restored = coding.model.decode(grid.valued(numbers), x)
        cells = {ROW: pa.array(range(tally.images, tally.images + len(x))), LATENT: packed_latents(numbers.numpy())}
        tally.add(numbers.numpy(), pixels_of(x), pixels_of(restored))
        kept.add(x)
        arrays = [cells[name] if name in cells else batch.column(name) for name in schema.names]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        advance(len(x), "")


def _said(path: Path, opened: Opened, coding: Coding, tally: Tally, kept: Kept) -> Coded:
    """Return what came of it."""
    stored, numbers = column_bytes(path, LATENT) / tally.images, math.prod(coding.image.pixels)
    nats = -float(coding.model.log_prob(kept.rows).mean())
    return Coded(
        there(path),
        opened.contract.id,
        opened.version,
        tally.images,
        numbers,
        tally.width,
        tally.bits,
        tally.width * tally.bits / 8,
        tally.entropy_bytes,
        stored,
        8 * stored / numbers,
        tally.psnr,
        nats / math.log(2) / numbers + math.log2(_BYTES),
        jpeg_at(pixels_of(kept.rows), stored),
    )
