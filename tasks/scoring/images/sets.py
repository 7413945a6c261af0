"""Images of three tables as the measures see them: in an order that does not depend on that of the rows.

Every image is looked at once: its key, its hash, its brightness.  So many as memory holds are then kept as bytes, drawn
at random; none is ever held as floats.  Legend: `N` images of a table, `H`, `W`, `C` height, width and channels, `B`
bits of a hash.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, Contract, DataError
from tasks.pictures import pixels_of
from tasks.scoring.frames import generator
from tasks.scoring.images.hashes import hashed

__all__ = ["Images", "labels_of", "survey"]

_MOST_IMAGES = 60_000  # of a table: Fashion-MNIST's own train takes half a minute of each network
_MOST_BYTES = 1 << 29  # of a table's pixels
_BATCH = 1_000  # images that are decoded at a time


@dataclass(frozen=True, slots=True)
class Images:
    """One table's images, and those of them that are kept.

    Args:
        rows: how many there are; of these, keys and hashes.
        keys: (rows,) one number an image: images with the same pixels have the same.
        hashes: (rows, B) whether each low frequency is above the median: near images differ in few.
        kept: (N,) positions among the rows of those that are kept.
        pixels: (N, H, W, C) of the kept ones.
        labels: (N,) their classes, by position among the sorted names of all tables' classes; -1: unknown.
    """

    rows: int
    keys: NDArray[np.int64]
    hashes: NDArray[np.bool_]
    kept: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many images are kept."""
        return len(self.kept)

    @property
    def kept_keys(self) -> NDArray[np.int64]:
        """Return the keys (N,) of the kept images."""
        return self.keys[self.kept]


def survey(table: pa.Table, column: Column, labels: NDArray[np.int64] | None, *, seed: int) -> Images:
    """Look at every image of a table and keep some.

    Args:
        table: with the column.
        column: of images.
        labels: of all rows, by position; None: there are none.
        seed: of what is drawn where there are more images than are kept.

    Raises:
        DataError: the table lacks the column, or an image cannot be decoded, or is not of the column's form.
    """
    _require(table, column.name)
    images = table[column.name]
    seen = [_seen(images.slice(start, _BATCH), column) for start in range(0, len(images), _BATCH)]
    keys, hashes = (np.concatenate([each[place] for each in seen]) for place in (0, 1))
    known = np.full(len(keys), -1) if labels is None else labels
    order = np.lexsort((known, keys))
    most = min(_MOST_IMAGES, max(1, _MOST_BYTES // int(np.prod(column.pixels))))
    kept = np.sort(generator(seed, "images").permutation(len(order))[:most])
    pixels = pixels_of(images.take(pa.array(order[kept])), column)
    return Images(len(order), keys[order], hashes[order], kept, pixels, known[order[kept]])


def labels_of(contract: Contract, *tables: pa.Table) -> tuple[tuple[str, ...], list[NDArray[np.int64]]] | None:
    """Return the names of the classes, sorted, and the class of each row of each table; None: there are no classes.

    Classes are the values of the contract's target, where that is a category or a boolean.

    Raises:
        DataError: a table lacks the target.
    """
    if contract.target is None or contract[contract.target].kind not in ("category", "boolean"):
        return None
    values = [_texts(table, contract.target) for table in tables]
    names = sorted({value for each in values for value in each if value is not None})
    codes = {name: code for code, name in enumerate(names)} | {None: -1}
    return tuple(names), [np.array([codes[value] for value in each], np.int64) for each in values]


def _require(table: pa.Table, name: str) -> None:
    """Refuse a table without the column of that name.

    Raises:
        DataError: it has none.
    """
    if name not in table.column_names:
        raise DataError(
            "tables that are compared have the contract's columns",
            f"one lacks {name}",
            "Compare tables of one contract",
        )


def _texts(table: pa.Table, name: str) -> list[str | None]:
    _require(table, name)
    return [None if value is None else str(value) for value in table[name].to_pylist()]


def _seen(images: pa.ChunkedArray, column: Column) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return keys (N,) and hashes (N, B) of some images."""
    pixels = pixels_of(images, column)
    keys = b"".join(blake2b(image.tobytes(), digest_size=8).digest() for image in pixels)
    return np.frombuffer(keys, np.int64), hashed(pixels)
