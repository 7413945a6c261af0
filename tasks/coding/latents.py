"""A file of latent codes: a row for each image, and in its metadata all that is needed to read the codes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Contract, DataError
from data_contracts.arrow import arrow_schema
from tasks.parquet import read_schema

if TYPE_CHECKING:
    from models.images.codes import Grid

__all__ = ["LATENT", "ROW", "Meaning", "latents_of", "packed_latents", "schema_of"]

ROW, LATENT = "row", "latent"
"""The columns of such a file beside the contract's own, in the place of the images."""

_KEY = "likeness.latents"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the codes of a file mean.

    Args:
        contract: its id.
        release: its version.
        weights: SHA-256 of the model's weights: codes mean something to the model alone that they are of.
        pixels: (height, width, channels) of each image.
        bits: of each number.
        centre: (Z,) in the middle of a dimension's steps.
        step: (Z,) between two numbers of a dimension.
    """

    contract: str
    release: str
    weights: str
    pixels: tuple[int, int, int]
    bits: int
    centre: tuple[float, ...]
    step: tuple[float, ...]

    @property
    def grid(self) -> "Grid":
        """Return the grid of the numbers."""
        import torch

        from models.images.codes import Grid

        scale = (torch.tensor(each, dtype=torch.float64) for each in (self.centre, self.step))
        return Grid(self.bits, *scale)

    @property
    def metadata(self) -> dict[str, str]:
        """Return it as a Parquet file holds it."""
        return {_KEY: json.dumps(asdict(self))}

    @classmethod
    def read(cls, path: Path) -> "Meaning":
        """Return what a file's codes mean.

        Raises:
            DataError: it is not there, is no Parquet file, or has no codes.
        """
        try:
            found = (read_schema(path)[0].metadata or {}) if path.is_file() else {}
            return cls(**_tupled(json.loads(found[_KEY.encode()])))
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
            raise _broken("it is not there, is no Parquet file, or does not say what codes mean") from None


def schema_of(contract: Contract, width: int) -> pa.Schema:
    """Return the schema of a file of codes: row, the contract's columns but the images, Z = width numbers."""
    others = [field for field in arrow_schema(contract) if contract[field.name].kind != "image"]
    codes = pa.field(LATENT, pa.list_(pa.uint8(), width), nullable=False)
    return pa.schema([pa.field(ROW, pa.int64(), nullable=False), *others, codes])


def packed_latents(numbers: NDArray[np.uint8]) -> pa.Array:
    """Return (n, Z) numbers as a column."""
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), numbers.shape[1])


def latents_of(batch: pa.RecordBatch, contract: Contract, meaning: Meaning) -> NDArray[np.uint8]:
    """Return the (n, Z) numbers of a batch.

    Raises:
        DataError: its columns are others, one is missing or of another type, or a number is of more bits.
    """
    schema = schema_of(contract, len(meaning.step))
    if batch.schema.names != schema.names or batch.schema.types != schema.types:
        raise _broken(f"its columns are not {', '.join(schema.names)}, as they were written")
    column = batch.column(LATENT)
    flat = column.flatten()
    if column.null_count or flat.null_count:
        raise _broken("some of its codes are missing")
    numbers = np.asarray(flat).reshape(len(batch), -1)
    if numbers.size and int(numbers.max()) >= 2**meaning.bits:
        raise _broken(f"some of its codes are of more than {meaning.bits} bits")
    return numbers


def _tupled(found: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _broken(fact: str) -> DataError:
    return DataError("latents are a Parquet file that `likeness encode` wrote", fact, "Encode the images again")
