"""Images as pixels, in the two forms that data sets of machine learning come in: IDX and `.npz`.

IDX (http://yann.lecun.com/exdb/mnist) has a file of images, and one of labels beside it: `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, with or without `.gz`.  An `.npz` holds arrays: of images (N, height, width[, channels]),
and of what is known of each, (N,) or (N, 1).  Both are read piece by piece; pixels are uint8, and never floats.
"""

import math
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
import pyarrow as pa

from data_contracts import DataError, Source
from tasks.pictures import MAXIMUM_PIXELS
from tasks.readers.images import tensor_type
from tasks.readers.locate import File, find_files, open_bytes, reading, size_and_mark
from tasks.readers.problems import check_columns, refused

__all__ = ["labels_beside", "read_idx", "read_npz"]

_BATCH_BYTES = 2**22  # of pixels held at once: encoded, and as Python objects, they are held several times
_UBYTE = 8  # IDX's word for uint8
_IDX_DTYPES = {_UBYTE: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_GREY, _COLOUR = 3, 4  # axes of an array of images
_LABELS = (("images", "labels"), ("image", "label"), ("imgs", "labels"), ("x", "y"), ("X", "y"), ("data", "labels"))


@dataclass(frozen=True, slots=True)
class _Array:
    """An array that is read from its start, some rows at a time."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    open: Callable[[], Any]

    @property
    def is_images(self) -> bool:
        """Return whether it has the axes of images, and pixels of 8 bits."""
        axes = len(self.shape) == _GREY or (len(self.shape) == _COLOUR and self.shape[3] in (1, 3))
        return axes and self.dtype == np.uint8

    @property
    def is_column(self) -> bool:
        """Return whether it has one plain value a row."""
        return self.shape[1:] in ((), (1,)) and self.dtype.kind in "biufUS"


def read_idx(source: Source, *, names: Sequence[str] | None, image: str) -> Iterator[pa.RecordBatch]:
    """Yield the images of IDX files, as pixels, each with its label where the contract has a column for it.

    Args:
        source: a file of images, a folder or a glob.
        names: of the contract's columns; None: `label`, where there are labels.
        image: the name of the images' column.

    Raises:
        DataError: `source.format`, `source.missing`, `table.columns`.
    """
    files = find_files(source)
    arrays = {file.path: _idx(file) for file in files}
    images = [file for file in files if arrays[file.path].is_images]
    if not images:
        raise _no_images("IDX")
    for file in images:
        label = _label(names, image)
        others = [] if label is None else [replace(_idx(beside), name=label) for beside in labels_beside(file)]
        yield from _rows(arrays[file.path], others, names=names, image=image, file=file)


def read_npz(file: File, *, names: Sequence[str] | None, image: str) -> Iterator[pa.RecordBatch]:
    """Yield the images of an `.npz` file, as pixels, with what its other arrays say of each.

    Args:
        file: to read.
        names: of the contract's columns; None: those of arrays that go with the images.
        image: the name of the images' column.

    Raises:
        DataError: `source.format`, `table.columns`.
    """
    with reading(file.label), _zipped(file) as arrays:
        images = [array for array in arrays if array.is_images]
        if not images:
            raise _no_images("npz")
        for array in images:
            others = [each for each in arrays if each.is_column and each.shape[0] == array.shape[0]]
            meant = _meant(array, others, names=names, image=image)
            yield from _rows(array, meant, names=names, image=image, file=file)


def _no_images(form: str) -> DataError:
    return refused(
        "source.format",
        f"{form} images are an array of (N, height, width) or (N, height, width, channels) bytes (uint8)",
        "there is none",
        "Check the location; convert other numbers to uint8, 0 to 255",
    )


def _rows(
    images: _Array, others: Sequence[_Array], *, names: Sequence[str] | None, image: str, file: File
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an array of images and of those that go with it.

    Raises:
        DataError: `source.format`, `table.columns`.
    """
    check_columns([image, *(each.name for each in others)], names, shown=True, label=file.label)
    count, height, width, *channels = images.shape
    size = height * width * (channels[0] if channels else 1)
    if not 0 < height * width <= MAXIMUM_PIXELS:
        fact = f"those of {file.label} have {height:,} x {width:,} pixels"
        raise refused("source.format", f"images have up to {MAXIMUM_PIXELS:,} pixels", fact, "Check the file")
    kind = tensor_type(height, width, channels[0] if channels else 1)
    rows = max(1, _BATCH_BYTES // size)
    with ExitStack() as stack:
        streams = [stack.enter_context(each.open()) for each in (images, *others)]
        for start in range(0, count, rows):
            many = min(rows, count - start)
            pixels, *known = (
                _read(stream, each, many, file) for stream, each in zip(streams, (images, *others), strict=True)
            )
            tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(pixels.reshape(many, *kind.shape))
            cells = (pa.array(each.reshape(many)) for each in known)
            yield pa.RecordBatch.from_arrays([tensors, *cells], names=[image, *(each.name for each in others)])


def _read(stream: IO[bytes], array: _Array, rows: int, file: File) -> np.ndarray[Any, Any]:
    """Return the next rows of an array.

    Raises:
        DataError: `source.format`: it ends before.
    """
    wanted = rows * math.prod(array.shape[1:]) * array.dtype.itemsize
    content = stream.read(wanted)
    if len(content) < wanted:
        raise refused("source.format", "a file holds what its header says", f"{file.label} ends before", "Copy it anew")
    values = np.frombuffer(content, array.dtype).reshape(rows, *array.shape[1:])
    return values.astype(values.dtype.newbyteorder("=")) if values.dtype.kind != "S" else values.astype("U")


def _idx(file: File) -> _Array:
    """Return what an IDX file's header says.

    Raises:
        DataError: `source.format`.
    """
    with reading(file.label), open_bytes(file) as stream:
        head = stream.read(4)
        axes = head[3] if len(head) == 4 else 0  # noqa: PLR2004 - the bytes of its first word
        sizes = stream.read(4 * axes)
    if head[:2] != b"\0\0" or head[2:3] == b"" or head[2] not in _IDX_DTYPES or len(sizes) < 4 * axes or not axes:
        raise refused("source.format", "an IDX file begins as one", f"{file.label} does not", "Check the location")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))

    @contextmanager
    def opened() -> Iterator[Any]:
        with reading(file.label), open_bytes(file) as stream:
            stream.read(4 + 4 * axes)
            yield stream

    return _Array("label", np.dtype(_IDX_DTYPES[head[2]]), shape, opened)


def labels_beside(file: File) -> list[File]:
    """Return the file of labels that goes with one of images by its name, where there is one."""
    path = PurePosixPath(file.path)
    named = str(path.with_name(re.sub("images", "labels", re.sub("idx[34]", "idx1", path.name))))
    either = () if named == file.path else (named, named.removesuffix(".gz"), f"{named}.gz")
    return [found for each in dict.fromkeys(either) for found in _there(each, file)][:1]


def _there(path: str, beside: File) -> list[File]:
    """Return the file at a path, where there is one."""
    try:
        if beside.system is not None:
            if not beside.system.exists(path):
                return []
            size, mark = size_and_mark(beside.system.info(path))
            return [replace(beside, path=path, size=size, mark=mark)]
        return find_files(Source(location=path))
    except DataError:
        return []


@contextmanager
def _zipped(file: File) -> Iterator[list[_Array]]:
    """Yield the arrays of an `.npz` file.

    Raises:
        DataError: `source.format`.
    """
    try:
        with open_bytes(file) as stream, zipfile.ZipFile(stream) as archive:
            yield [_member(archive, name) for name in archive.namelist() if name.endswith(".npy")]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise refused("source.format", "an .npz file is whole", f"{file.label} is not", "Copy it anew") from None


def _member(archive: zipfile.ZipFile, name: str) -> _Array:
    """Return what the header of one array says."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        start = stream.tell()
    if fortran and len(shape) > 1:
        raise ValueError(name)

    @contextmanager
    def opened() -> Iterator[Any]:
        with archive.open(name) as stream:
            stream.read(start)
            yield stream

    return _Array(name.removesuffix(".npy"), dtype, shape, opened)


def _meant(images: _Array, others: Sequence[_Array], *, names: Sequence[str] | None, image: str) -> list[_Array]:
    """Return the arrays that go with one of images: named as the contract's columns, or as its labels."""
    if found := [each for each in others if names is not None and each.name in names]:
        return found
    words = [images.name.replace(one, two) for one, two in _LABELS if one in images.name]
    label = next((each for word in words for each in others if each.name == word), None)
    label = others[0] if label is None and len(others) == 1 else label
    name = _label(names, image)
    return [] if label is None or name is None else [replace(label, name=name)]


def _label(names: Sequence[str] | None, image: str) -> str | None:
    """Return the name of the column that labels are of: the contract's other one; None: there is none."""
    if names is None:
        return "label"
    others = [name for name in names if name != image]
    return None if not others else others[0] if len(others) == 1 else "label"
