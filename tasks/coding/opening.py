"""A release that images are coded by: what it is, and its model with what reads and writes the rows."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, Contract, ModelError
from data_contracts.arrow import arrow_schema
from tasks.learning.modelfiles import load_model
from tasks.learning.rawimages import from_raw, to_raw

if TYPE_CHECKING:
    from models.encoding import Encoded, Encoder
    from models.images.codes import Coder

__all__ = ["CHUNK", "Coding", "Opened", "coding_of", "pixels_of"]

CHUNK = 1_024
"""Images that are coded at a time, the same ones together however they come: so sums are the same.  50 MB at most."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A release that was verified, and has latent codes.

    Args:
        folder: of the release, on this machine.
        contract: under which images come to it.
        version: of the release.
        weights: SHA-256 of the model's weights.
    """

    folder: str
    contract: Contract
    version: str
    weights: str


@dataclass(frozen=True)
class Coding:
    """A model with latent codes, and the encoder of its rows.

    Args:
        contract: of the rows.
        model: has codes.
        encoder: of the columns.
    """

    contract: Contract
    model: "Coder"
    encoder: "Encoder"

    @property
    def image(self) -> Column:
        """Return the column of images."""
        assert self.contract.image is not None  # noqa: S101 - coding_of has looked
        return self.contract.image

    def encoded(self, batch: pa.RecordBatch) -> "Encoded":
        """Return (n,) rows with their images.

        Raises:
            DataError: an image is not of the contract's form.
        """
        return self.encoder.encode(to_raw(batch, self.image))

    def beside(self, batch: pa.RecordBatch) -> "Encoded":
        """Return (n,) rows without their images, which the batch does not have."""
        size, rows = math.prod(self.image.pixels), batch.num_rows
        blank = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), rows, [None, pa.py_buffer(bytes(size * rows))])
        return self.encoder.encode(batch.append_column(self.image.name, blank))

    def files(self, x: "Encoded", batch: pa.RecordBatch, *, first_row: int) -> pa.RecordBatch:
        """Return rows under the contract: a batch's cells, and as files the images of the same (n,) rows."""
        import torch

        image = self.image
        raw = self.encoder.decode(x, generator=torch.Generator(), only=[image.name])[image.name]
        made, schema = from_raw(raw, image, first_row=first_row), arrow_schema(self.contract)
        cells = [made if name == image.name else batch.column(name) for name in schema.names]
        return pa.RecordBatch.from_arrays(cells, schema=schema)


def coding_of(contract: Contract, folder: Path) -> Coding:
    """Return a released model that has latent codes.

    Raises:
        ModelError: it is of tables, or has none.
    """
    rule = "images are coded by a model that has latent codes for them"
    if contract.image is None:
        raise ModelError(rule, "the release is of a table", "Name a release of images")
    from models.encoding import Encoder
    from models.images.codes import Coder

    model, described = load_model(folder)
    if not isinstance(model, Coder):
        fact, remedy = f"{described['model']!r} has none", "Release with --model vae, and name that release"
        raise ModelError(rule, fact, remedy)
    return Coding(contract, model, Encoder.from_state(contract.columns, described["columns"]))


def pixels_of(x: "Encoded") -> NDArray[np.uint8]:
    """Return the (n, height, width, channels) pixels of (n,) rows with images."""
    assert x.pixels is not None  # noqa: S101 - they have images
    pixels: NDArray[np.uint8] = x.pixels.permute(0, 2, 3, 1).numpy()
    return pixels
