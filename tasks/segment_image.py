"""Segment an image: tell its pixels apart by colour and place.

Reads: one image's file.
Writes: `labels.png`, each pixel's segment, from 1, as its grey level; `segments.png`, each pixel in the mean colour of
its segment; `segments.json`, what the segments are.
Fails when: it is no image of 8 bits, or has too few pixels for the segments, or the folder cannot be written.
Safe to repeat because: the same image gives the same bytes, and each file appears when it is complete.
"""

import logging
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Column, DataError
from tasks.pictures import RULES, UnfitError, fitted, form_of, png_of
from tasks.places import here, read, send, there
from tasks.segmenting.finding import LOOKED_AT, contested, require_rows, seek_in
from tasks.segmenting.said import RECORD, Segmented
from tasks.storage import write_bytes, write_json

if TYPE_CHECKING:
    from models.mixture.components import Components

__all__ = ["is_image", "segment_image"]

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

_SUFFIXES = frozenset(
    {
        ".png",
        ".jpg",
        ".jpeg",
        ".pgm",
        ".ppm",
        ".pbm",
        ".pnm",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".heic",
        ".avif",
    }
)
_BATCH_PIXELS = 2**18  # told apart at a time: some 100 MB of features


def is_image(location: str) -> bool:
    """Return whether a location is that of an image by its name."""
    return PurePosixPath(location).suffix.lower() in _SUFFIXES


@task(cache_policy=NO_CACHE)  # the image may have changed under the same name
def segment_image(
    image: str, *, to: str | None = None, segments: int | None = None, most: int = 12, seed: int = 0
) -> Segmented:
    """Tell an image's pixels apart.

    Args:
        image: path or fsspec URI of its file: PNG, JPEG or a portable anymap.
        to: the folder that is written, a path or an fsspec URI; None: `segments/<name of the image>`.
        segments: how many; None: as many as there are.
        most: segments that are sought.
        seed: of all randomness.

    Raises:
        DataError: it is no image, or too small a one.
        ReleaseError: the storage cannot be reached, or the folder cannot be written.
    """
    from models.segments.pixels import encode, spans_of

    name, pixels = PurePosixPath(image).stem, _pixels(image)
    height, width, channels = pixels.shape
    flat = pixels.reshape(-1, channels)
    require_rows(len(flat), segments, unit="pixels")
    numbers = np.sort(np.random.default_rng(seed).permutation(len(flat))[:LOOKED_AT])
    sample = encode(flat[numbers], numbers, height=height, width=width)
    contest, chosen, _ = seek_in(sample, spans_of(channels), number=segments, most=most, seed=seed)
    labels = np.concatenate(list(_labels(chosen.components, flat, height=height, width=width)))
    sizes, colours = _means(flat, labels, count=chosen.segments)
    folder = here(to or f"segments/{name}")
    write_bytes(folder / "labels.png", png_of((labels + 1).astype(np.uint8).reshape(height, width, 1)))
    write_bytes(folder / "segments.png", png_of(colours[labels].reshape(height, width, channels)))
    told: dict[str, Any] = {
        "image": {"height": height, "width": width, "channels": channels},
        "looked_at": len(numbers),
        "seed": seed,
        "chosen": chosen.segments,
        "contest": [contested(each) for each in contest],
        "segments": [
            {"segment": place + 1, "pixels": size, "share": size / len(flat), "colour": colours[place].tolist()}
            for place, size in enumerate(sizes)
        ],
    }
    write_json(folder / RECORD, told)
    send(folder)
    logger.info("told %s pixels apart: %s segments", f"{len(flat):,}", chosen.segments)
    return Segmented(there(folder), name, None, len(flat), 0, tuple(sizes), chosen.bic, chosen.stability)


def _pixels(image: str) -> Pixels:
    """Return the (height, width, channels) pixels of an image's file, upright.

    Raises:
        DataError: it is none that can be taken.
    """
    file = read(image)
    try:
        form = form_of(file)
        own = Column(name="image", kind="image", height=form.height, width=form.width, channels=form.channels)
        return fitted(file, own)
    except UnfitError as error:
        fact = f"it is {RULES[error.rule]}".replace("in no format that the contract allows", "none of these")
        rule = "an image is a file that can be decoded: PNG, JPEG or a portable anymap, of 8 bits a channel"
        raise DataError(
            rule, fact, "Name such a file, or convert it: grey or RGB, one frame, not transparent"
        ) from None


def _labels(components: "Components", flat: Pixels, *, height: int, width: int) -> Iterator[NDArray[np.int64]]:
    """Yield the segments, from 0, of an image's (P, channels) pixels in batches."""
    from models.segments.fitting import responsibilities
    from models.segments.pixels import encode

    for low in range(0, len(flat), _BATCH_PIXELS):
        part = flat[low : low + _BATCH_PIXELS]
        x = encode(part, np.arange(low, low + len(part)), height=height, width=width)
        yield responsibilities(components, x).argmax(1).numpy()


def _means(flat: Pixels, labels: NDArray[np.int64], *, count: int) -> tuple[list[int], Pixels]:
    """Return the sizes of the segments of (P, channels) pixels, and their (K, channels) mean colours."""
    sizes = np.bincount(labels, minlength=count)
    sums = [np.bincount(labels, weights=channel, minlength=count) for channel in flat.T]
    means = np.stack(sums, 1) / np.maximum(sizes, 1)[:, None]
    return sizes.tolist(), np.rint(means).astype(np.uint8)
