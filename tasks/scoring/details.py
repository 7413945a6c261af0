"""How like each column and each pair of columns is: records behind the averages, for people who look for the cause."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from tasks.references import Score

__all__ = ["ColumnDetail", "Details", "Measured", "PairDetail", "joined"]

_WORST = 10  # named: what one person looks into in an hour


@dataclass(frozen=True, slots=True)
class ColumnDetail:
    """One column.

    Args:
        name: as in the contract.
        kind: as in the contract.
        metric: of SDMetrics; KSComplement, TVComplement.
        value: 0 to 1, higher is better; NaN: the real column allows none.
        floor: the same with the holdout in the synthetic rows' place.
    """

    name: str
    kind: str
    metric: str
    value: float
    floor: float


@dataclass(frozen=True, slots=True)
class PairDetail:
    """Two columns.

    Args:
        left: one of them.
        right: the other one.
        metric: of SDMetrics; CorrelationSimilarity, ContingencySimilarity.
        value: 0 to 1, higher is better; NaN: the real columns allow none.
        floor: the same with the holdout in the synthetic rows' place.
    """

    left: str
    right: str
    metric: str
    value: float
    floor: float


Detail = TypeVar("Detail", ColumnDetail, PairDetail)


@dataclass(frozen=True, slots=True)
class Details:
    """All columns in the contract's order, the pairs that were compared, and what was seen of images, if any."""

    columns: tuple[ColumnDetail, ...] = ()
    pairs: tuple[PairDetail, ...] = ()
    images: Mapping[str, Any] | None = None

    @property
    def worst_columns(self) -> tuple[ColumnDetail, ...]:
        """Return the ten least like the real ones, the worst first."""
        return tuple(_worst(self.columns))

    @property
    def worst_pairs(self) -> tuple[PairDetail, ...]:
        """Return the ten least like the real ones, the worst first."""
        return tuple(_worst(self.pairs))

    def json(self) -> dict[str, Any]:
        """Return what is written: `columns`, `pairs`, `worst_columns`, `worst_pairs`, and `images`; null for NaN."""
        parts: dict[str, Sequence[ColumnDetail | PairDetail]] = {
            "columns": self.columns,
            "pairs": self.pairs,
            "worst_columns": self.worst_columns,
            "worst_pairs": self.worst_pairs,
        }
        written: dict[str, Any] = {name: [_plain(detail) for detail in details] for name, details in parts.items()}
        return written if self.images is None else written | {"images": dict(self.images)}


@dataclass(frozen=True, slots=True)
class Measured:
    """All scores, and what is behind those of columns and of pairs, or of images."""

    scores: tuple[Score, ...]
    details: Details


def joined(parts: Sequence[Measured]) -> Measured:
    """Return what was measured in parts as one: the scores in the parts' order, one that several have once."""
    scores = {score.name: score for part in parts for score in part.scores}
    told = [part.details for part in parts]
    columns, pairs = (tuple(each for one in told for each in getattr(one, name)) for name in ("columns", "pairs"))
    images = next((one.images for one in told if one.images is not None), None)
    return Measured(tuple(scores.values()), Details(columns, pairs, images))


def _worst(details: Sequence[Detail]) -> list[Detail]:
    return sorted((each for each in details if not math.isnan(each.value)), key=lambda each: each.value)[:_WORST]


def _plain(detail: ColumnDetail | PairDetail) -> dict[str, Any]:
    values = asdict(detail).items()
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values}
