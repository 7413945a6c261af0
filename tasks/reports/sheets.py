"""Contact sheets: synthetic images of each class side by side, as one PNG that is a part of the page.

No real image is shown, unless the contract says of its images that they may be (`shown`).
"""

import base64
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts import Column, Contract
from tasks.pictures import pixels_of, png_of
from tasks.reports.kinds import is_named

__all__ = ["Sheet", "sheets"]

_ACROSS, _DOWN = 8, 2  # images of a class: enough to see whether they differ
_ALL_DOWN = 6  # rows where there are no classes
_MOST_SHEETS = 30  # classes, the commonest; of 64 x 64 in colour these are 3 MB
_WIDEST = 64  # pixels of an image's side; larger ones are averaged over squares
_GAP, _GREY = 1, 128  # between images: a line that is seen on black and on white


@dataclass(frozen=True, slots=True)
class Sheet:
    """The images of one class.

    Args:
        label: the class's name; empty: there are no classes.
        count: how many synthetic images there are of it, and how many of these are shown.
        share: of all synthetic images.
        size: width and height of the sheet in pixels.
        synthetic: the sheet, a PNG file in base64.
        real: the same of real images; empty: they are not shown.
    """

    label: str
    count: tuple[int, int]
    share: float
    size: tuple[int, int]
    synthetic: str
    real: str = ""


def sheets(contract: Contract, column: Column, *, train: pa.Table, synthetic: pa.Table) -> tuple[Sheet, ...]:
    """Return a sheet of each class's first images, the classes in order of their names; of none, where none was made.

    Args:
        contract: of both tables; its target gives the classes, where that is a category or a boolean.
        column: of images.
        train: the real rows that were learned from; its images are needed only where they may be shown.
        synthetic: the rows generated.
    """
    classes = contract.target if contract.target is not None and is_named(contract[contract.target]) else None
    places, real = (_by_class(table, classes) for table in (synthetic, train))
    common = sorted(sorted(places, key=lambda label: (-len(places[label]), label))[:_MOST_SHEETS])
    most = _ACROSS * (_ALL_DOWN if classes is None else _DOWN)
    found = []
    for label in common:
        mine = places[label]
        sheet = _sheet(synthetic, column, mine[:most])
        shown = real.get(label, mine[:0])[:most] if column.shown else mine[:0]
        found.append(
            Sheet(
                label,
                (len(mine), min(len(mine), most)),
                len(mine) / len(synthetic),
                (sheet.shape[1], sheet.shape[0]),
                _encoded(sheet),
                _encoded(_sheet(train, column, shown)) if len(shown) else "",
            )
        )
    return tuple(found)


def _by_class(table: pa.Table, classes: str | None) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each class, by its name; all of them under none, where there are no classes."""
    if classes is None:
        return {"": np.arange(len(table))}
    values = table[classes]
    plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
    names = pc.unique(plain.drop_null()).to_pylist()
    return {
        str(name): np.flatnonzero(pc.fill_null(pc.equal(plain, name), fill_value=False).to_numpy()) for name in names
    }


def _sheet(table: pa.Table, column: Column, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the images of some rows, eight across, with lines between them: (height, width, C)."""
    small = _reduced(pixels_of(table[column.name].take(pa.array(rows)), column))
    count, height, width, channels = small.shape
    down = -(-count // _ACROSS)
    sheet = np.full((down * (height + _GAP) - _GAP, _ACROSS * (width + _GAP) - _GAP, channels), _GREY, np.uint8)
    for place, image in enumerate(small):
        top, left = place // _ACROSS * (height + _GAP), place % _ACROSS * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images averaged over squares, so that no side is wider than `_WIDEST`."""
    count, height, width, channels = pixels.shape
    side = -(-max(height, width) // _WIDEST)
    if side == 1:
        return pixels
    down, across = height // side, width // side
    cut = pixels[:, : down * side, : across * side].reshape(count, down, side, across, side, channels)
    reduced: NDArray[np.uint8] = cut.mean(axis=(2, 4)).round().astype(np.uint8)
    return reduced


def _encoded(sheet: NDArray[np.uint8]) -> str:
    return base64.b64encode(png_of(sheet)).decode()
