"""What the peers for images have in common: their rows as pixels, and pixels as rows."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

__all__ = ["pixels", "write"]


def pixels(path: Path) -> NDArray[np.uint8]:
    """Return the images of a Parquet file: (N, channels, height, width)."""
    stored = pq.read_table(path, columns=["image"]).column("image")
    images = [np.atleast_3d(np.asarray(Image.open(io.BytesIO(each["bytes"])))) for each in stored.to_pylist()]
    return np.stack(images).transpose(0, 3, 1, 2)


def write(images: NDArray[np.float32], path: Path) -> None:
    """Write images with values from 0 to 1, (N, channels, height, width), which have no label."""
    whole = (images.clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1).squeeze()
    rows = [{"bytes": _png(each), "path": f"{place:08}.png"} for place, each in enumerate(whole)]
    pq.write_table(pa.table({"image": rows, "label": pa.nulls(len(rows), pa.int64())}), path)


def _png(image: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(image).save(written, format="PNG")
    return written.getvalue()
