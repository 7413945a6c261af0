"""A source's images in the contract's form, and those that do not fit: counted by rule, the first named.

Images come as files (`struct<bytes, path>` or plain bytes), or as pixels (Arrow's tensors of a fixed shape).  What
fits becomes a PNG file of its pixels and nothing else: no metadata of a photograph goes further.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, Failure
from tasks.pictures import RULES, UnfitError, fitted, packed, png_of, resized

__all__ = ["Images", "is_image", "named", "tensor_type"]

_NAMED = 5  # files in a message: enough to see what they share
_RECORDED = 1_000  # files of a rule in the run's folder


def is_image(kind: pa.DataType) -> bool:
    """Return whether an Arrow type can hold images: bytes, a struct with bytes, or pixels."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return bool(pa.types.is_uint8(kind.value_type)) and len(kind.shape) in (2, 3)
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and is_image(kind.field(place).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def tensor_type(height: int, width: int, channels: int) -> pa.DataType:
    """Return the Arrow type of images as pixels."""
    return pa.fixed_shape_tensor(pa.uint8(), [height, width, channels])


@dataclass(slots=True)
class Images:
    """The images of a source, over all its batches.

    Args:
        rows: how many were looked at.
        counts: by rule, how many break it.
        names: by rule, the first of these.
    """

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)

    def cast(self, raw: pa.Array, column: Column) -> pa.Array:
        """Return (N,) images as `struct<bytes, path>`, those that do not fit as null and counted."""
        if not is_image(raw.type):
            self.counts["type"] += len(raw)
            self.rows += len(raw)
            return packed([None] * len(raw), [None] * len(raw))
        files: list[bytes | None] = []
        names: list[str] = []
        for image, name in self._each(raw):
            self.rows += 1
            names.append(name)
            try:
                files.append(png_of(_fitted(image, column)))
            except UnfitError as error:
                files.append(None)
                self._count(error.rule, name)
        return packed(files, names)

    def add(self, following: "Images") -> None:
        """Add those of the rows that follow."""
        self.rows += following.rows
        self.counts.update(following.counts)
        for rule, names in following.names.items():
            found = self.names.setdefault(rule, [])
            found += names[: _RECORDED - len(found)]

    def failures(self, column: Column) -> list[Failure]:
        """Return the rules that some images break, with the names of the first files, without their folders."""
        return [
            Failure(f"{column.name}.{rule}", (column.name,), self.counts[rule], self.rows, self._detail(rule))
            for rule in ("type", *RULES)
            if self.counts[rule]
        ]

    def record(self) -> dict[str, Any]:
        """Return what broke which rule, with the files' paths, for the run's folder."""
        rules = {
            rule: {"images": self.counts[rule], "they are": words, "first": self.names.get(rule, [])}
            for rule, words in RULES.items()
            if self.counts[rule]
        }
        return {"images": self.rows, "left_out": self.left_out, "rules": rules}

    @property
    def left_out(self) -> int:
        """Return how many images do not fit."""
        return self.counts.total()

    def _detail(self, rule: str) -> str:
        if rule == "type":
            return "neither bytes nor a struct with bytes"
        first = [ascii(PurePosixPath(name).name)[1:-1] for name in self.names[rule][:_NAMED]]
        return f"{RULES[rule]}: {', '.join(first)}{', ...' if self.counts[rule] > len(first) else ''}"

    def _count(self, rule: str, name: str) -> None:
        self.counts[rule] += 1
        if len(found := self.names.setdefault(rule, [])) < _RECORDED:
            found.append(name)

    def _each(self, raw: pa.Array) -> Iterator[tuple[bytes | NDArray[np.uint8] | None, str]]:
        """Yield each image, as a file or as pixels, and its name: its path, or its number."""
        first = self.rows
        numbered = (f"{first + place:08}.png" for place in range(len(raw)))
        if isinstance(raw.type, pa.FixedShapeTensorType):
            pixels = raw.to_numpy_ndarray().reshape(len(raw), *raw.type.shape[:2], -1)
            absent = raw.is_null().to_numpy(zero_copy_only=False)
            yield from ((None if gone else one, n) for one, gone, n in zip(pixels, absent, numbered, strict=True))
            return
        parts = raw.flatten() if pa.types.is_struct(raw.type) else [raw]  # a null struct has null parts
        names = [field.name for field in raw.type] if pa.types.is_struct(raw.type) else ["bytes"]
        files = parts[names.index("bytes")]
        paths = parts[names.index("path")] if "path" in names else pa.nulls(len(raw))
        for file, path, number in zip(files, paths, numbered, strict=True):
            yield file.as_py(), str(path.as_py() or number)


def _fitted(image: bytes | NDArray[np.uint8] | None, column: Column) -> NDArray[np.uint8]:
    """Return the pixels of one image.

    Raises:
        UnfitError: it does not fit.
    """
    if image is None or isinstance(image, bytes):
        return fitted(image, column)
    if image.shape[2] != column.channels:
        raise UnfitError("channels")
    if image.shape != column.pixels and not column.resize:
        raise UnfitError("size")
    return resized(image, column)


def named(raw: pa.Array, column: Column, form: str | None) -> pa.Array:
    """Return labels that IDX and `.npz` give as numbers by their names: they number the contract's values from 0.

    A number beyond stays a number in words: it is none of the values, and validation counts it.
    """
    if form not in ("idx", "npz") or column.values is None or column.storage != "string":
        return raw
    if not pa.types.is_integer(raw.type):
        return raw
    names = dict(enumerate(column.values))
    return pa.array([None if (n := cell.as_py()) is None else str(names.get(n, n)) for cell in raw], pa.string())
