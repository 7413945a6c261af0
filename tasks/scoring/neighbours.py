"""The nearest rows of one table to the rows of another, found exactly, and the same on every machine.

Distances: Euclidean over standardised numbers and one-hot categories divided by the square root of 2, so that
a differing category counts as one standard deviation.  Null is a category of its own; a number that is null stands
at train's mean, and a category beside it says so.

The search adds two matrix products, tile by tile: numbers in float64, one-hot categories in float32, whose sums are
whole numbers and so exact.  The distance to the row that was found is then taken again, by differences.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.scoring.frames import Frame

__all__ = ["Nearest", "nearest", "radii", "references_within"]

_MOST_REFERENCES = 100_000  # rows that are searched
_MOST_OPERATIONS = 4e11  # multiplications: some 20 s on one core
_TILE = (256, 2048)  # distances taken at a time: 4 MB, which stays in the processor's cache
_WIDE = 64  # values: up to here comparing by a product of one-hot matrices is the faster way
_DECIMALS = 9  # of a distance: what differs beyond is the order of summation


@dataclass(frozen=True, slots=True)
class Nearest:
    """Distances between some queries and their nearest references, and the other way round.

    Args:
        of_queries: (N,) from each query to its nearest reference.
        of_references: (M,) from each reference to its nearest query.
        few: (N, count) from each query to its nearest references, ascending; the first column is `of_queries`.
        query: (M,) the position of each reference's nearest query.
        reference: (N,) the position of each query's nearest reference.
    """

    of_queries: NDArray[np.float64]
    of_references: NDArray[np.float64]
    few: NDArray[np.float64]
    query: NDArray[np.int64]
    reference: NDArray[np.int64]


def nearest(queries: Frame, references: Frame, *, count: int = 1, themselves: bool = False) -> Nearest:
    """Return the exact distances of each row to the nearest rows of the other frame.

    Args:
        queries: (N,) rows that are asked for.
        references: (M,) rows that are searched.
        count: how many references a query wants; where there are fewer, as many as there are.
        themselves: both frames are the same, and no row is a neighbour of itself.
    """
    query, reference = _pointed(queries, references)
    to_references = _Least(len(queries), max(1, min(count, len(references) - themselves)))
    to_query = _Least(len(references), 1)
    for rows, columns, squared in _tiled(query, reference):
        if themselves:
            _strike_diagonal(squared, rows.start - columns.start)
        to_references.update(rows, squared, offset=columns.start)
        to_query.update(columns, squared.T, offset=rows.start)
    few = np.column_stack([_exact(query, reference.take(place)) for place in to_references.position.T])
    closest = to_query.position[:, 0]
    few.sort(axis=1)
    return Nearest(few[:, 0], _exact(query.take(closest), reference), few, closest, to_references.position[:, 0])


def radii(*frames: Frame, centre: Frame, beside: Frame | None = None) -> tuple[NDArray[np.float64], ...]:
    """Return the distance (N,) of each row of some frames to the mean of another frame's rows.

    Args:
        frames: whose rows are asked for.
        centre: whose mean is meant.
        beside: that has the remaining nulls of these columns; None: there are no more.
    """
    middle, *points = _pointed(centre, *frames, *([beside] if beside else []))
    return tuple(_radius(each, middle) for each in points[: len(frames)])


def references_within(frame: Frame, *, queries: int) -> int:
    """Return how many references of such a frame the search may be given."""
    cost = len(frame.features.numbers) + sum(min(size + 1, _WIDE) for size in frame.features.sizes)
    return min(_MOST_REFERENCES, int(_MOST_OPERATIONS / (max(queries, 1) * max(cost, 1))))


@dataclass(frozen=True, slots=True)
class _Points:
    """Rows as points: numbers (N, P) without nulls, one-hot (N, W) of narrow categories, codes of all (N, Q)."""

    numbers: NDArray[np.float64]
    lengths: NDArray[np.float64]  # (N,) squared, of the numbers
    one_hot: NDArray[np.float32]
    codes: NDArray[np.int32]
    sizes: NDArray[np.int64]  # (Q,) how many codes each category has

    def take(self, rows: slice | NDArray[np.int64]) -> "_Points":
        return _Points(self.numbers[rows], self.lengths[rows], self.one_hot[rows], self.codes[rows], self.sizes)

    def squared_distances(self, other: "_Points") -> NDArray[np.float64]:
        """Return all squared distances (N, M), up to rounding."""
        narrow = self.sizes <= _WIDE
        squared = self.numbers @ other.numbers.T
        squared *= -2
        squared += self.lengths[:, None] + narrow.sum()
        squared += other.lengths
        squared -= self.one_hot @ other.one_hot.T
        for place in np.flatnonzero(~narrow):
            squared += self.codes[:, place, None] != other.codes[:, place]
        return squared


class _Least:
    """The least distances seen so far of each of N rows, ascending, and where they were seen."""

    def __init__(self, rows: int, count: int) -> None:
        self.distance = np.full((rows, count), np.inf)
        self.position = np.zeros((rows, count), np.int64)

    def update(self, rows: slice, squared: NDArray[np.float64], *, offset: int) -> None:
        """Take in the distances (rows, M) to M more rows, the first of which is number `offset`.

        Each round takes in the least one of every row that still has one below its worst; equal ones by position.
        """
        distance, position = self.distance[rows], self.position[rows]
        left, places = np.arange(len(squared)), np.arange(len(squared))
        for _ in range(distance.shape[1]):
            found = squared.argmin(axis=1)
            least = squared[places, found]
            better = least < distance[left, -1]
            if not better.any():
                return
            left, found, least, squared = left[better], found[better], least[better], squared[better]
            places = np.arange(len(left))
            squared[places, found] = np.inf
            kept = np.column_stack([distance[left, :-1], least]), np.column_stack([position[left, :-1], found + offset])
            order = np.argsort(kept[0], axis=1, kind="stable")
            distance[left], position[left] = (np.take_along_axis(each, order, axis=1) for each in kept)


def _tiled(query: _Points, reference: _Points) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """Yield all squared distances, tile by tile, with the rows and columns that each tile is of."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # tiles this small run faster on one thread, and always add in the same order
        for rows in _tiles(len(query.codes), _TILE[0]):
            part = query.take(rows)
            for columns in _tiles(len(reference.codes), _TILE[1]):
                yield rows, columns, part.squared_distances(reference.take(columns))


def _tiles(rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def _strike_diagonal(squared: NDArray[np.float64], offset: int) -> None:
    """Put a tile's distances of a row to itself out of reach; `offset`: how far its rows begin after its columns."""
    rows = np.arange(len(squared))
    inside = (rows + offset >= 0) & (rows + offset < squared.shape[1])
    squared[rows[inside], rows[inside] + offset] = np.inf


def _pointed(*frames: Frame) -> tuple[_Points, ...]:
    """Return frames' rows as points of one space; a column of numbers with nulls in any has a category that says so."""
    nullable = np.logical_or.reduce([np.isnan(frame.numbers).any(axis=0) for frame in frames])
    return tuple(_points(frame, nullable) for frame in frames)


def _points(frame: Frame, nullable: NDArray[np.bool_]) -> _Points:
    values = frame.standardised
    codes = np.hstack([frame.codes + 1, np.isnan(values[:, nullable])]).astype(np.int32)
    sizes = np.array([*(size + 1 for size in frame.features.sizes), *[2] * int(nullable.sum())], np.int64)
    narrow = sizes <= _WIDE
    one_hot = np.zeros((len(frame), int(sizes[narrow].sum())), np.float32)
    offsets = np.cumsum(sizes[narrow]) - sizes[narrow]
    np.put_along_axis(one_hot, codes[:, narrow] + offsets, 1, axis=1)
    numbers = np.nan_to_num(values)
    return _Points(numbers, (numbers**2).sum(axis=1), one_hot, codes, sizes)


def _exact(left: _Points, right: _Points) -> NDArray[np.float64]:
    """Return the distance of each row to the row at the same position, by differences."""
    squared = ((left.numbers - right.numbers) ** 2).sum(axis=1) + (left.codes != right.codes).sum(axis=1)
    distance: NDArray[np.float64] = np.sqrt(squared).round(_DECIMALS)
    return distance


def _radius(points: _Points, middle: _Points) -> NDArray[np.float64]:
    """Return the distance (N,) of points to the mean of others; a category's is taken by the shares of its codes."""
    squared = ((points.numbers - middle.numbers.mean(axis=0)) ** 2).sum(axis=1)
    for codes, theirs, size in zip(points.codes.T, middle.codes.T, points.sizes, strict=True):
        share = np.bincount(theirs, minlength=size) / len(theirs)
        squared += (1 - 2 * share[codes] + (share**2).sum()) / 2
    distance: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0)).round(_DECIMALS)
    return distance
