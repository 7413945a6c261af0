"""What a contract must not say of images: sizes that no model learns, nulls, and more than one column of them."""

from collections.abc import Iterator

from data_contracts.contract import IMAGE_FORMATS, Column, Contract
from data_contracts.odcs.problems import Problem

__all__ = ["SIDES", "image_problems"]

SIDES = (8, 128)
"""The least and the greatest height and width: the networks halve an image down to 4 pixels, and grow with it."""

_SAID = ("height", "width", "channels", "formats", "resize", "shown")


def image_problems(contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with a contract's images; paths as `dump` would write them."""
    before = None
    for index, column in enumerate(contract.columns):
        path = f"schema[0].properties[{index}]"
        if column.kind != "image":
            yield from _no_image(column, f"{path}.customProperties")
            continue
        if before is not None:
            yield Problem("contract.image", f"{path}.customProperties.kind", f"properties[{before}] is one already")
        before = index if before is None else before
        if not column.required or column.primary_key:
            yield Problem("contract.image", f"{path}.required", "an image that may be null, or is the key")
        yield from _image(column, f"{path}.customProperties")


def _no_image(column: Column, path: str) -> Iterator[Problem]:
    for name in _SAID:
        if getattr(column, name) not in (None, False):
            yield Problem("contract.image", f"{path}.{name}", f"on a {column.kind}")


def _image(column: Column, path: str) -> Iterator[Problem]:
    """Yield what is wrong with one column of images."""
    low, high = SIDES
    for name in ("height", "width"):
        side = getattr(column, name)
        if side is None or not low <= side <= high:
            yield Problem("contract.image", f"{path}.{name}", f"outside {low} to {high} pixels")
    if column.channels not in (1, 3):
        yield Problem("contract.image", f"{path}.channels", "neither 1 (grey) nor 3 (red, green, blue)")
    formats = column.formats
    if formats is not None and (not formats or len(set(formats)) < len(formats) or set(formats) - {*IMAGE_FORMATS}):
        yield Problem("contract.image", f"{path}.formats", f"not some of {', '.join(IMAGE_FORMATS)}, each once")
