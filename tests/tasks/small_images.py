"""Fashion-MNIST at 8 x 8: real images on which a network learns in a second."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from data_contracts import Contract
from data_contracts.odcs import find, load
from tasks.parquet import read_table
from tasks.pictures import paths, pixels_of, struct_of

__all__ = ["small_contract", "small_images"]


def small_contract() -> Contract:
    """Return the contract of the images."""
    contract = load(find("fashion_mnist"))
    image, *others = contract.columns
    return replace(contract, columns=(replace(image, height=8, width=8), *others))


def small_images(rows: int) -> pa.Table:
    """Return the first images, averaged over squares of 3 x 3 without the outermost two lines."""
    table = read_table(Path("datasets/fashion_mnist.parquet")).slice(0, rows)
    pixels = pixels_of(table["image"])[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3, 1).mean((2, 4)).round().astype(np.uint8)
    return table.set_column(0, table.schema.field(0), struct_of(pixels, paths(0, len(pixels))))
