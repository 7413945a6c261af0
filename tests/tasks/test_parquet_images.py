"""Batches of images are bound by bytes, and steps that move rows move images as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import CONTRACT, with_image

from data_contracts import selecting
from data_contracts.arrow import arrow_schema
from data_contracts.random_rows import random_rows
from tasks import parquet
from tasks.parquet import BATCH_ROWS, batch_rows, read_batches, write_parquet
from tasks.references import Split
from tasks.select import select
from tasks.split import split


@pytest.mark.parametrize(("side", "channels", "rows"), [(28, 1, 85_598), (128, 3, 1_365), (8, 1, BATCH_ROWS)])
def test_a_batch_of_pixels_takes_64_mebibytes_at_most(side, channels, rows):
    assert batch_rows(with_image(height=side, width=side, channels=channels)) == rows
    assert rows * side * side * channels <= 2**26


def test_a_batch_of_a_table_is_as_it_was():
    assert batch_rows(replace(CONTRACT, columns=CONTRACT.columns[1:])) == BATCH_ROWS


@pytest.fixture
def written(tmp_path):
    rows = random_rows(CONTRACT, 500, np.random.default_rng(0))
    return write_parquet(tmp_path / "source.parquet", rows.to_batches(), schema=arrow_schema(CONTRACT))


def test_files_are_read_by_bytes_whatever_rows_are_asked_for(written, monkeypatch):
    monkeypatch.setattr(parquet, "_FILE_BYTES", 20_000)

    batches = list(read_batches(Path(written.uri)))

    assert len(batches) > 5
    assert max(sum(len(row["bytes"]) for row in batch.column("image").to_pylist()) for batch in batches) < 30_000
    assert pa.Table.from_batches(batches).equals(pq.read_table(written.uri))
    assert len(list(read_batches(Path(written.uri), ["label"]))) == 1


def test_images_are_split_and_selected_as_they_are(written, tmp_path):
    contract = replace(CONTRACT, holdout=0.2)

    parts = split.fn(contract, written, run=str(tmp_path), seed=1)
    chosen = select.fn(parts, selecting.select(contract, where=["label=coat"]), run=str(tmp_path), seed=1)

    assert isinstance(parts, Split)
    assert (parts.train.rows, parts.holdout.rows) == (400, 100)
    both = [row for part in (parts.train, parts.holdout) for row in pq.read_table(part.uri).to_pylist()]
    assert sorted(both, key=str) == sorted(pq.read_table(written.uri).to_pylist(), key=str)
    coats = pq.read_table(chosen.judged.train.uri)
    assert coats.equals(pq.read_table(parts.train.uri, filters=[("label", "==", "coat")]))
