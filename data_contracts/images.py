"""What an image is held to, on what can be tabulated of its file: one row an image, one column a measure.

The measures, in `MEASURES`, are: `format` as Pillow names it, null where there is no image, empty where it cannot be
decoded; `height` and `width`; `mode`, Pillow's word for channels and bits; `frames`; `bytes` of the file; `mean` and
`variance` of its 8-bit values.
"""

from typing import Any

from data_contracts.contract import Column

__all__ = ["BLANK", "MEASURES", "asked_of_images", "largest"]

MEASURES = ("format", "height", "width", "mode", "frames", "bytes", "mean", "variance")

BLANK = 0.01
"""Share of images of one colour that is borne: some real sets have a few; a source gone wrong, or a model, has many."""

_MODES = {1: "L", 3: "RGB"}
_OVERHEAD = 1_024  # bytes: the chunks of a PNG file around its pixels take 57


def largest(column: Column) -> int:
    """Return how many bytes a PNG file of the column's form has at most: those of noise, and next to nothing else."""
    height, width, channels = column.pixels
    return height * (1 + width * channels) * 101 // 100 + _OVERHEAD


def asked_of_images(column: Column) -> dict[str, dict[str, Any]]:
    """Return what is asked of a column of images: by rule (a measure, or `required`), the expectation's arguments."""
    height, width, channels = column.pixels
    return {
        "required": {},
        "format": {"value_set": ["PNG"]},
        "height": {"min_value": height, "max_value": height},
        "width": {"min_value": width, "max_value": width},
        "mode": {"value_set": [_MODES[channels]]},
        "frames": {"min_value": 1, "max_value": 1},
        "bytes": {"max_value": largest(column)},
        "variance": {"min_value": 0, "strict_min": True, "blank": BLANK},
    }
