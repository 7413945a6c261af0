"""The walk of docs/quickstart.md, every command of it, with a file as a reader may have it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.parquet import read_table
from tasks.pictures import pixels_of

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "quickstart.md").read_text(), re.DOTALL)


def orders(rows, *, seed):
    """Return orders in two channels: by telephone fewer and larger, and nobody has a coupon."""
    rng = np.random.default_rng(seed)
    phone = rng.random(rows) < 0.25
    pieces = 1 + rng.poisson(np.where(phone, 9, 2))
    price = np.exp(rng.normal(np.where(phone, 4.2, 3.6), 0.4))
    return pd.DataFrame(
        {
            "order": [f"O-{seed}{place:06d}" for place in range(rows)],
            "channel": np.where(phone, "phone", "web"),
            "pieces": pieces,
            "amount": (pieces * price).round(2),
            "coupon": np.where(phone | (rng.random(rows) < 0.6), None, "SPRING"),
        }
    )


def shrunk(images, by):
    """Return (N, H, W) images, averaged over squares."""
    rows, height, width = images.shape
    return images.reshape(rows, height // by, by, width // by, by).mean((2, 4)).round().astype(np.uint8)


def pictures(folder):
    """Write pictures of 8 x 8 made of those that we ship, class by class; new ones, and some that are smaller."""
    table = read_table(ROOT / "datasets" / "fashion_mnist.parquet").slice(0, 1_550)
    images = shrunk(pixels_of(table["image"])[:, 2:26, 2:26, 0], 3)
    for row, label in enumerate(table["label"].to_pylist()):
        place = folder / ("photos" if row < 1_500 else "new-photos") / label.replace("/", " or ")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[row]).save(place / f"{row:04}.png")
    (folder / "thumbnails").mkdir()
    for row, image in enumerate(shrunk(images[-20:], 2)):
        Image.fromarray(image).save(folder / "thumbnails" / f"{row:02}.png")


@pytest.fixture
def desk(tmp_path):
    """A folder with a reader's files: among the new orders, five cost ten times what they should."""
    pictures(tmp_path)
    orders(6_000, seed=1).to_csv(tmp_path / "orders.csv", index=False)
    new = orders(200, seed=2)
    new.loc[:4, "amount"] *= 10
    new.to_csv(tmp_path / "new-orders.csv", index=False)
    (tmp_path / "inbox").mkdir()
    for day in (3, 4):
        orders(100, seed=day).to_csv(tmp_path / "inbox" / f"day-{day}.csv", index=False)
    return tmp_path


@pytest.mark.slow  # four releases, and what they are good for: six to ten minutes
@pytest.mark.timeout(1_800)
def test_the_walk_of_the_quickstart_ends_as_it_says(desk):
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": paths}
    script = "set -euo pipefail\n" + "\n".join(BLOCKS)
    ended = subprocess.run(  # noqa: S603 - our own page
        ["/bin/bash", "-c", script],
        cwd=desk,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_700,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert len(list((desk / "releases" / "orders").glob("0.1.0-*"))) == 3
    for name in ("odd", "odder"):
        judged = pq.read_table(desk / f"{name}.parquet").to_pylist()
        assert sum(row["is_anomaly"] for row in judged[:5]) >= 4
        assert sum(row["is_anomaly"] for row in judged[5:]) <= 10
    assert sorted(path.name for path in (desk / "judged").iterdir()) == ["day-3.csv.parquet", "day-4.csv.parquet"]
    assert (desk / "segments" / "segments.html").exists()
    assert len(pq.read_table(desk / "codes.parquet")) == len(pq.read_table(desk / "again.parquet")) == 50
    assert pixels_of(read_table(desk / "again.parquet")["image"]).shape == (50, 8, 8, 1)
    assert pixels_of(read_table(desk / "larger.parquet")["image"]).shape == (20, 8, 8, 1)
