"""Shards: ranges of rows that are drawn each by itself, with its own seed, wherever there is a worker for it.

How rows are cut follows from the contract and their number alone, so that the rows do not depend on how many workers
there are.  A table's first shard has the run's own seed: a table of one shard is drawn as if there were no others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_contracts import Contract
from data_contracts.conditions import EVERY, Selection
from tasks.keeping import lay
from tasks.parquet import parts_of
from tasks.references import Reference
from tasks.storage import digest_folder, storage_errors

__all__ = ["Shard", "cut", "drawn_keys", "gathered", "joined"]

ROWS = 1_000_000
"""Of a shard of a table: some seconds of drawing, beside which what a task costs is little, and 30 MB of Parquet."""

IMAGES, _PIXEL_BYTES = 10_000, 2**28
"""Of a shard of images: half a minute of drawing, and of large ones so few that no part comes near the 500 MB that
Hugging Face's hub asks a file to stay below, even where nothing can be compressed."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of rows.

    Args:
        rows: how many.
        number: of the shard, from 0.
        first_row: the number of the first of them, by which ids and images are named.
        counts: how many of them fall into each stratum of the selection; empty: as it counts them.
    """

    rows: int
    number: int = 0
    first_row: int = 0
    counts: tuple[int, ...] = ()

    def seed(self, seed: int) -> int:
        """Return the seed of the shard's own randomness, from that of the run."""
        if self.number == 0:
            return seed
        own = np.random.SeedSequence(seed, spawn_key=(self.number,)).generate_state(1, np.uint64)
        return int(own[0] >> np.uint64(1))  # torch takes 63 bits


def cut(contract: Contract, *, rows: int, selection: Selection = EVERY) -> tuple[Shard, ...]:
    """Return the shards of so many rows; a single one where rows must differ in what is drawn, not in an id."""
    size = rows if drawn_keys(contract) else _size(contract)
    counts = _counts(selection.counts(rows), max(size, 1))
    return tuple(Shard(sum(each), number, number * size, each) for number, each in enumerate(counts))


def drawn_keys(contract: Contract) -> list[tuple[str, ...]]:
    """Return the columns that together repeat no value, but for ids, made without repeats, and images, never alike."""
    single = [(column.name,) for column in contract.columns if column.unique and column.kind not in ("id", "image")]
    whole = contract.primary_key
    made = any(contract[name].kind == "id" for name in whole)
    return list(dict.fromkeys([*single, *([whole] if whole and not made else [])]))


def gathered(parts: Sequence[Reference], folder: Path) -> Reference:
    """Lay parts side by side in a folder, where they do not lie so, and return the reference to it.

    What an attempt before left of other parts goes: a run that crashed is run again in its own folder.

    Raises:
        ReleaseError: the folder cannot be written.
    """
    laid = [replace(part, uri=str(folder / Path(part.uri).name)) for part in parts]
    with storage_errors(folder):
        for part, there in zip(parts, laid, strict=True):
            if part.uri != there.uri:
                lay(Path(part.uri), Path(there.uri))
        for stray in set(parts_of(folder)) - {Path(part.uri) for part in laid}:
            stray.unlink()
    return joined(laid)


def joined(parts: Sequence[Reference]) -> Reference:
    """Return the reference to the folder of all parts."""
    folder = Path(parts[0].uri).parent
    return Reference(str(folder), digest_folder(folder), sum(part.rows for part in parts))


def _size(contract: Contract) -> int:
    image = contract.image
    return ROWS if image is None else max(1, min(IMAGES, _PIXEL_BYTES // math.prod(image.pixels)))


def _counts(counts: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    """Yield how many rows of each stratum a shard has: by their shares of what is left, the sums exactly."""
    left = np.array(counts)
    while (missing := int(left.sum())) > 0:
        taken = min(size, missing)
        quotas = left * taken  # over `missing`: whole numbers, so that no rounding can tell machines apart
        own = quotas // missing
        rest = np.argsort(-(quotas % missing), kind="stable")[: taken - int(own.sum())]
        own[rest] += 1
        left -= own
        yield tuple(own.tolist())
