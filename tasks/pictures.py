"""The one door to Pillow: images as the bytes of PNG files, and as pixels.

A column of images is held as `struct<bytes, path>` everywhere outside the models; pixels are decoded in batches, by who
needs them, and are never floats here.  The same pixels give the same bytes, so that equal images are equal cells.
"""

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_contracts import Column, DataError
from data_contracts.arrow import arrow_type
from data_contracts.contract import IMAGE_FORMATS

__all__ = [
    "MAXIMUM_BYTES", "MAXIMUM_PIXELS", "RULES", "Form", "UnfitError", "fitted", "form_of", "measured", "packed",
    "paths", "pixels_of", "png_of", "resized", "struct_of", "through_jpeg",
]  # fmt: skip

Pixels = NDArray[np.uint8]
"""(height, width, channels), or (N, height, width, channels)."""

MAXIMUM_BYTES = 2**26
"""Of an image's file: more are not read."""

MAXIMUM_PIXELS = 50_000_000
"""Of an image, which are 150 MB in colour: a file of a few kilobytes can ask for more (a decompression bomb)."""

RULES = {
    "missing": "not there",
    "oversize": f"of more than {MAXIMUM_BYTES // 2**20} MiB or {MAXIMUM_PIXELS // 10**6} million pixels",
    "format": "in no format that the contract allows",
    "broken": "not to be decoded",
    "truncated": "cut off before the end",
    "animated": "of more than one frame",
    "depth": "of more than 8 bits a channel",
    "mode": "transparent, CMYK, or neither grey nor RGB",
    "channels": "grey where the contract says colour, or in colour where it says grey",
    "size": "of another height or width than the contract's",
}
"""What an image of a source can break, by name: what it then is; the first in this order is told."""

_SIGNATURES = {"png": rb"\x89PNG\r\n\x1a\n", "jpeg": rb"\xff\xd8\xff", "pgm": rb"P[1-6]\s"}
_PLUGINS = {"png": "PNG", "jpeg": "JPEG", "pgm": "PPM"}
_CHANNELS = {"1": 1, "L": 1, "RGB": 3, "P": 3}
_OURS = ("L", "RGB")  # modes of the files that are written here
_ORIENTATION = 0x0112  # of EXIF; from 5 on, height and width are exchanged
_TURNED = 5
_PNG_DEPTH = 24  # where a PNG file says its bits a channel
_PGM_HEADER = re.compile(rb"P[2356](?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_SCAN = 0xDA  # begins what a JPEG file has of its image
_LEVEL = 6  # of zlib: on Fashion-MNIST, level 9 takes a tenth more time for files a five-hundredth smaller


def pixels_of(array: pa.Array | pa.ChunkedArray, column: Column | None = None) -> Pixels:
    """Return the (N, height, width, channels) uint8 pixels of (N,) images.

    Args:
        array: of `struct<bytes, path>`, none of them null.
        column: whose form they must have; None: that of the first.

    Raises:
        DataError: one is no PNG file, or is of another form than the others.
    """
    files = _bytes_of(array)
    shape = column.pixels if column is not None else _decoded(files[0].as_py()).shape if len(files) else (0, 0, 1)
    found = np.empty((len(files), *shape), np.uint8)
    for row, file in enumerate(files):
        one = _decoded(file.as_py())
        if one.shape != shape:
            raise _unlike(shape, f"one of {len(files):,} has {_said(one.shape)}")
        found[row] = one
    return found


def struct_of(pixels: Pixels, names: Iterable[str]) -> pa.Array:
    """Return (N,) images as `struct<bytes, path>`, the bytes those of PNG files.

    Args:
        pixels: (N, height, width, channels) uint8.
        names: N paths.
    """
    return packed([png_of(one) for one in pixels], list(names))


def packed(files: Sequence[bytes | None], names: Sequence[str | None]) -> pa.Array:
    """Return (N,) PNG files and their paths as `struct<bytes, path>`; a file that is None is a null."""
    kind = arrow_type(Column(name="", kind="image"))
    absent = pa.array([file is None for file in files], pa.bool_())
    parts = [pa.array(files, pa.binary()), pa.array(names, pa.string())]
    return pa.StructArray.from_arrays(parts, fields=list(kind), mask=absent)


def paths(first: int, count: int) -> list[str]:
    """Return made-up paths of so many images from a row on."""
    return [f"{row:08}.png" for row in range(first, first + count)]


def png_of(pixels: Pixels) -> bytes:
    """Return (height, width, channels) pixels as a PNG file that holds nothing else."""
    from PIL import Image

    buffer = io.BytesIO()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def through_jpeg(pixels: Pixels, quality: int) -> tuple[int, Pixels]:
    """Return what (height, width, channels) pixels take as JPEG, without header and tables, and what is left of them.

    Args:
        pixels: of an image.
        quality: 1 to 100.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "JPEG", quality=quality)
    file, place = buffer.getvalue(), 2
    while file[place + 1] != _SCAN:
        place += 2 + int.from_bytes(file[place + 2 : place + 4])
    scan = len(file) - place - 2 - int.from_bytes(file[place + 2 : place + 4]) - 2  # and the mark of the end
    with Image.open(buffer) as image:
        return scan, np.asarray(image).reshape(pixels.shape)


def measured(file: bytes | None) -> tuple[Any, ...]:
    """Return the measures of an image's file, as `data_contracts.images.MEASURES` names them."""
    from PIL import Image

    unknown = (None,) * 4
    if file is None:
        return (None, *unknown, *unknown[1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=list(_PLUGINS.values())) as image:
                frames, values = getattr(image, "n_frames", 1), np.asarray(image)
                mode = image.mode + ";16" * (image.format == "PNG" and _deep(file, "png"))
    except Exception:  # noqa: BLE001 - decoders raise nearly anything, with words that may quote the file
        return ("", *unknown, len(file), None, None)
    shape = (image.format, image.height, image.width, mode, frames, len(file))
    return (*shape, float(values.mean()), float(values.var()))


def _bytes_of(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the files of a struct array."""
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return whole.field("bytes")


def _decoded(file: bytes | None) -> Pixels:
    """Return the pixels of one of our own files.

    Raises:
        DataError: it is none.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file or b""), formats=["PNG"]) as image:
            array = np.asarray(image) if image.mode in _OURS else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's words may quote the file
        array = None
    if array is None:
        raise _unlike((), "one cannot be decoded, or is neither grey nor RGB of 8 bits")
    return array[:, :, None] if array.ndim == 2 else array  # noqa: PLR2004 - grey has no axis of channels


def _unlike(shape: Sequence[int], fact: str) -> DataError:
    wanted = f" of {_said(shape)}" if shape else ""
    return DataError(f"images are whole PNG files{wanted}", fact, "Ingest the images anew, or validate the file")


def _said(shape: Sequence[Any]) -> str:
    height, width, channels = shape
    return f"{height} x {width} pixels, {channels} channel{'s' * (channels > 1)}"


class UnfitError(Exception):
    """An image does not fit: the name of the rule, in `RULES`, that it breaks."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


@dataclass(frozen=True, slots=True)
class Form:
    """What a file's header says of its image.

    Args:
        format: one of `data_contracts.contract.IMAGE_FORMATS`.
        height: in pixels, upright.
        width: in pixels, upright.
        channels: 1 or 3.
    """

    format: str
    height: int
    width: int
    channels: int


def form_of(file: bytes | None) -> Form:
    """Return what an image's file says of itself; nothing is decoded.

    Raises:
        UnfitError: it is none, or one that no contract allows.
    """
    with _opened(file, IMAGE_FORMATS) as (form, _):
        return form


def fitted(file: bytes | None, column: Column) -> Pixels:
    """Return the (height, width, channels) pixels of a source's file, in the contract's form.

    What is lossless is done silently: a palette or a bitmap becomes RGB or grey, and a photograph is turned upright as
    its EXIF says.  Only where the contract says so, an image is resized (Lanczos; its proportions are not kept).

    Raises:
        UnfitError: it does not fit, and why.
    """
    from PIL import ImageOps

    height, width, channels = column.pixels
    with _opened(file, column.formats or IMAGE_FORMATS) as (form, image):
        if form.channels != channels:
            raise UnfitError("channels")
        if (form.height, form.width) != (height, width) and not column.resize:
            raise UnfitError("size")
        upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
        return _sized(upright, column)


def resized(pixels: Pixels, column: Column) -> Pixels:
    """Return (height, width, channels) pixels in the contract's height and width."""
    from PIL import Image

    return _sized(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), column)


def _sized(image: Any, column: Column) -> Pixels:  # noqa: ANN401 - Pillow's
    from PIL import Image

    height, width, channels = column.pixels
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(height, width, channels)


@contextmanager
def _opened(file: bytes | None, formats: Sequence[str]) -> Iterator[tuple[Form, Any]]:
    """Yield the form and Pillow's image of a file in one of some formats; whatever Pillow raises is a rule's name here.

    Raises:
        UnfitError: see `form_of`; within the block too.
    """
    from PIL import Image

    if not file:
        raise UnfitError("missing")
    kind = next((name for name in formats if re.match(_SIGNATURES[name], file)), None)
    if kind is None or len(file) > MAXIMUM_BYTES:
        raise UnfitError("format" if kind is None else "oversize")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which are left behind
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=[_PLUGINS[kind]]) as image:
                yield _form(file, kind, image), image
    except UnfitError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnfitError("oversize") from None
    except Exception as error:  # noqa: BLE001 - decoders raise nearly anything, with words that may quote the file
        raise UnfitError("truncated" if re.search("truncat|EOF", str(error), re.IGNORECASE) else "broken") from None


def _form(file: bytes, kind: str, image: Any) -> Form:  # noqa: ANN401 - Pillow's
    """Return the form that a header tells, where it is one that can be taken."""
    if image.width * image.height > MAXIMUM_PIXELS:
        raise UnfitError("oversize")
    if getattr(image, "is_animated", False):
        raise UnfitError("animated")
    if _deep(file, kind) or image.mode.startswith(("I", "F")):
        raise UnfitError("depth")
    if image.mode not in _CHANNELS or "transparency" in image.info:
        raise UnfitError("mode")
    turned = image.getexif().get(_ORIENTATION, 1) >= _TURNED
    height, width = (image.width, image.height) if turned else (image.height, image.width)
    return Form(kind, height, width, _CHANNELS[image.mode])


def _deep(file: bytes, kind: str) -> bool:
    """Return whether a file has more than 8 bits a channel, which Pillow would cut in colour without a word."""
    if kind == "png":
        return len(file) > _PNG_DEPTH and file[_PNG_DEPTH] > 8  # noqa: PLR2004 - bits
    header = _PGM_HEADER.match(file) if kind == "pgm" else None
    return header is not None and int(header[1]) > 255  # noqa: PLR2004 - of 8 bits
