"""Segments sought among a sample of rows: how many there are, and what they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, DataError, Failure
from tasks.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from models.encoding import Encoded, Span
    from models.segments.contest import Candidate
    from models.segments.features import Features

__all__ = ["LEAST_ROWS", "LOOKED_AT", "Segments", "contested", "require_rows", "seek", "seek_in"]

LOOKED_AT = 5_000
"""Rows, or pixels, that segments are sought in: each number of them takes a dozen fits."""

LEAST_ROWS = 50
"""Rows below which none are sought: their halves would have to show a segment of ten."""


@dataclass(frozen=True, slots=True)
class Segments:
    """What was found.

    Args:
        features: the columns, as rows are told apart by them.
        contest: each number of segments, and how it did.
        chosen: of them.
        rows: the sample, in which they were sought.
        hard: (N,) the segment of each of its rows, from 0.
    """

    features: "Features"
    contest: tuple["Candidate", ...]
    chosen: "Candidate"
    rows: pa.Table
    hard: NDArray[np.int64]

    def probabilities(self, rows: pa.RecordBatch | pa.Table) -> NDArray[np.float64]:
        """Return the (N, K) probabilities that (N,) rows are of each segment."""
        from models.segments.fitting import responsibilities

        found: NDArray[np.float64] = responsibilities(self.chosen.components, self.features.encode(rows)).numpy()
        return found


def seek(rows: pa.Table, columns: Sequence[Column], *, number: int | None, most: int, seed: int) -> Segments:
    """Return the segments of a sample of rows.

    Args:
        rows: at most `LOOKED_AT`.
        columns: that they are told apart by.
        number: of segments; None: as many as there are.
        most: segments that are sought.
        seed: of all randomness.

    Raises:
        DataError: there are too few rows.
        ModelError: nothing tells them apart.
    """
    from models.segments.features import Features

    require_rows(rows.num_rows, number)
    features = Features.of(columns, rows)
    contest, chosen, hard = seek_in(features.encode(rows), features.spans, number=number, most=most, seed=seed)
    return Segments(features, contest, chosen, rows, hard.numpy())


def seek_in(
    x: "Encoded", spans: "Sequence[Span]", *, number: int | None, most: int, seed: int
) -> "tuple[tuple[Candidate, ...], Candidate, Tensor]":
    """Return the contest of the numbers of segments among (N,) encoded rows, who won, and the rows' (N,) segments."""
    import torch

    from models.segments.contest import choose, contest
    from models.segments.features import FEWEST
    from models.segments.fitting import responsibilities

    generator = torch.Generator().manual_seed(seed)
    mixed = x[torch.randperm(len(x), generator=generator)]
    numbers = [number] if number else range(1, min(most, len(x) // (2 * FEWEST)) + 1)
    found = []
    with progress("seeking segments", unit="numbers") as advance:
        for each in contest(mixed, spans, numbers=numbers, generator=generator):
            found.append(each)
            advance(1, f"{each.segments} segments")
    chosen = choose(found)
    return tuple(found), chosen, responsibilities(chosen.components, x).argmax(1)


def contested(candidate: "Candidate") -> dict[str, Any]:
    """Return how a number of segments did, as JSON holds it."""
    return {
        "segments": candidate.segments,
        "bic": candidate.bic,
        "stability": candidate.stability,
        "fewest": candidate.fewest,
        "joint": candidate.joint,
    }


def require_rows(rows: int, number: int | None, *, unit: str = "rows") -> None:
    """Refuse to seek segments among too few rows.

    Raises:
        DataError: there are too few, or too few for a number of segments.
    """
    from models.segments.features import FEWEST

    least = max(LEAST_ROWS, FEWEST * (number or 0))
    if rows < least:
        raise DataError(
            f"{f'{number} segments are' if number else 'segments are'} sought among {least:,} {unit} or more",
            f"there are {rows:,}",
            f"Bring more {unit}" + (", or ask for fewer segments" if number else ""),
            [Failure(f"table.{unit}", (), 1, rows, f"at least {least:,}")],
        )
