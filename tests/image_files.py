"""Image files of every sort, good and bad, made in memory; each bad one has the rule that must be named."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
from PIL import Image

from data_contracts import Column, Contract

SIDE = 12
LABELS = ("boot", "coat")
CONTRACT = Contract(
    id="clothes",
    version="1.0.0",
    name="clothes",
    columns=(
        Column(name="image", kind="image", required=True, height=SIDE, width=SIDE, channels=1),
        Column(name="label", kind="category", values=LABELS, required=True),
    ),
    target="label",
    minimum_rows=1,
)
IMAGE = CONTRACT.columns[0]


def with_image(**changed):
    """Return the contract with other words on its images."""
    return replace(CONTRACT, columns=(replace(IMAGE, **changed), *CONTRACT.columns[1:]))


def pixels(seed=0, *, side=SIDE, channels=1, count=None):
    """Return random pixels: (side, side, channels), or so many of them."""
    shape = (side, side, channels) if count is None else (count, side, side, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def picture(array):
    """Return Pillow's image of (height, width, channels) pixels."""
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def file_of(image, form="PNG", **options):
    """Return an image as a file of a form."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def good(seed=0, form="PNG", **options):
    """Return a file that fits the contract."""
    return file_of(picture(pixels(seed)), form, **options)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(side=30_000):
    """Return a PNG file of a few hundred bytes that asks for 900 million pixels, or for others."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(side + 1) * 20, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def deep(mode):
    """Return a PNG file of 16 bits a channel, grey or in colour."""
    colour, channels = (0, 1) if mode == "grey" else (2, 3)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, colour, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(range(SIDE)) * 2 * channels for _ in range(SIDE))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*part) for part in ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    )


def animated(form):
    """Return a file of two frames."""
    frames = [picture(pixels(seed)) for seed in (1, 2)]
    return file_of(frames[0], form, save_all=True, append_images=frames[1:])


def damaged(file, place):
    """Return a file with some bytes changed."""
    return file[:place] + bytes(255 - byte for byte in file[place : place + 8]) + file[place + 8 :]


def transparent():
    """Return a grey PNG file with a transparent colour."""
    return file_of(picture(pixels()), transparency=0)


_COLOUR = picture(pixels(channels=3))

BAD = {
    "nothing": (b"", "missing"),
    "a bomb": (bomb(), "oversize"),
    "a smaller bomb": (bomb(8_000), "oversize"),
    "a text": (b"this is a text, and its name ends in .png", "format"),
    "a web picture": (file_of(picture(pixels()), "GIF"), "format"),
    "another web picture": (file_of(picture(pixels()), "WEBP"), "format"),
    "a scan": (file_of(picture(pixels()), "TIFF"), "format"),
    "a header alone": (good()[:8] + b"garbage", "broken"),
    "a png with changed bytes": (damaged(good(), 60), "broken"),
    "a png of which half came": (good()[: len(good()) // 2], "truncated"),
    "a jpeg of which half came": (good(form="JPEG")[: len(good(form="JPEG")) * 2 // 3], "truncated"),
    "a pgm of which half came": (good(form="PPM")[:40], "truncated"),
    "a moving png": (animated("PNG"), "animated"),
    "a jpeg of two frames": (animated("MPO"), "animated"),
    "sixteen bits of grey": (deep("grey"), "depth"),
    "sixteen bits of colour": (deep("colour"), "depth"),
    "sixteen bits as pgm": (b"P5 12 12 65535\n" + bytes(288), "depth"),
    "sixteen bits as ppm": (b"P6\n# a remark\n12 12\n65535\n" + bytes(864), "depth"),
    "for the printer": (file_of(_COLOUR.convert("CMYK"), "JPEG"), "mode"),
    "with transparency": (file_of(_COLOUR.convert("RGBA")), "mode"),
    "with a transparent colour": (transparent(), "mode"),
    "grey with transparency": (file_of(picture(pixels()).convert("LA")), "mode"),
    "colour": (file_of(_COLOUR), "channels"),
    "colour as jpeg": (file_of(_COLOUR, "JPEG"), "channels"),
    "a palette": (file_of(_COLOUR.convert("P")), "channels"),
    "a larger one": (file_of(picture(pixels(side=SIDE + 1))), "size"),
}
"""Name, file, and the rule that it breaks under `CONTRACT`."""
