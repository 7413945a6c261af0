"""Decode: latent codes back to images, by the model that they are of.

Reads: a release, and a file that `likeness encode` wrote.  Writes: one Parquet file of images, under the contract.
Fails when: the file is none of codes, or of another model's; or the images cannot be written.
Safe to repeat because: the same release and codes give the same bytes, and the file appears when it is complete.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import ReleaseError
from data_contracts.arrow import arrow_schema
from tasks.coding.latents import Meaning, latents_of
from tasks.coding.opening import CHUNK, Coding, Opened, coding_of
from tasks.parquet import read_batches, read_schema, regrouped, write_parquet
from tasks.places import fetch, here, send, there
from tasks.progress import counted, progress
from tasks.releases.huggingface import features

__all__ = ["Decoded", "decode"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Images that codes were turned into.

    Args:
        uri: of the Parquet file.
        contract: its id.
        release: the release's version.
        images: how many.
    """

    uri: str
    contract: str
    release: str
    images: int


@task(cache_policy=NO_CACHE)  # the file is where it was asked for
def decode(opened: Opened, latents: str, *, to: str) -> Decoded:
    """Write the images that codes stand for as one Parquet file.

    Args:
        opened: the release.
        latents: file of codes; a path or an fsspec URI.
        to: the Parquet file that is written; a path or an fsspec URI.

    Raises:
        DataError: the file is none of codes, or they are not all there.
        ReleaseError: the codes are of another model, or the images cannot be written.
    """
    source, path = fetch(latents), here(to)
    meaning = Meaning.read(source)
    _require_own(meaning, opened)
    coding = coding_of(opened.contract, Path(opened.folder) / "model")
    with progress("decoding images", total=read_schema(source)[1], unit="images") as advance:
        batches = _images(coding, regrouped(read_batches(source), CHUNK), meaning)
        schema, words = arrow_schema(opened.contract), features(opened.contract)
        written = write_parquet(path, counted(batches, advance), schema=schema, metadata=words)
    send(path)
    logger.info("decoded %s images", f"{written.rows:,}")
    return Decoded(there(path), opened.contract.id, opened.version, written.rows)


def _images(coding: Coding, batches: Iterator[pa.RecordBatch], meaning: Meaning) -> Iterator[pa.RecordBatch]:

    grid, first_row = meaning.grid, 0
    for batch in batches:
        numbers = torch.from_numpy(latents_of(batch, coding.contract, meaning).copy())
        restored = coding.model.decode(grid.valued(numbers), coding.beside(batch))
        yield coding.files(restored, batch, first_row=first_row)
        first_row += batch.num_rows


def _require_own(meaning: Meaning, opened: Opened) -> None:
    """Refuse codes of another model.

    Raises:
        ReleaseError: they are.
    """
    if meaning.weights != opened.weights:
        raise ReleaseError(
            "codes are decoded by the model that they are of",
            f"these are of {meaning.contract} {meaning.release}, and not of {opened.contract.id} {opened.version}",
            "Name that release, or encode the images again",
        )
