"""Shards: cut by rows alone, exact in their counts, and one table to whoever reads them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import CONTRACT as IMAGES
from test_train_generate import CITIES, CONTRACT, real_table

from data_contracts import Column, DataError
from data_contracts.conditions import EVERY, Selection, Share
from tasks import shards
from tasks.generate import generate
from tasks.parquet import read_batches, read_schema, read_table, write_parquet
from tasks.releases.drift import distances
from tasks.shards import Shard, cut, joined
from tasks.train import train
from tasks.validate import validate

ROWS = 1_000
SIZE = 400
HALF = Selection(shares=(Share("city", "Bonn", 0.5),))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, table = tmp_path_factory.mktemp("run"), real_table()
    reference = write_parquet(folder / "train.parquet", table.to_batches(), schema=table.schema)
    return train.fn(CONTRACT, reference, run=str(folder), seed=1, steps=4)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(shards, "ROWS", SIZE)


def drawn(trained, run, *, selection=EVERY, order=1):
    """Return the reference to all shards, drawn in order or the other way round."""
    parts = cut(CONTRACT, rows=ROWS, selection=selection)
    made = [
        generate.fn(CONTRACT, trained, run=str(run), shard=each, seed=7, selection=selection) for each in parts[::order]
    ]
    return joined(made[::order])


@given(rows=st.integers(1, 5_000), size=st.integers(1, 700), parts=st.lists(st.integers(1, 100), max_size=4))
def test_the_counts_of_all_strata_add_up_over_the_shards_and_each_shard_is_full(rows, size, parts):
    cities = zip(CITIES, parts, strict=False)
    selection = Selection(shares=tuple(Share("city", city, part / 500) for city, part in cities))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROWS", size)
        found = np.array([each.counts for each in cut(CONTRACT, rows=rows, selection=selection)])

    assert found.sum(0).tolist() == list(selection.counts(rows))
    assert found.min() >= 0
    assert found.sum(1).tolist() == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    alike = found.sum(0) / rows * found.sum(1)[:, None]
    assert np.abs(found - alike).max() <= found.shape[1]  # no stratum is left to the last


def test_shards_are_cut_by_rows_and_kind_of_data_alone():
    assert [(each.rows, each.first_row) for each in cut(CONTRACT, rows=2_300_000)] == [
        (1_000_000, 0),
        (1_000_000, 1_000_000),
        (300_000, 2_000_000),
    ]
    assert [each.rows for each in cut(IMAGES, rows=25_000)] == [10_000, 10_000, 5_000]
    large = replace(
        IMAGES,
        columns=tuple(
            replace(each, height=128, width=128, channels=3) if each.kind == "image" else each
            for each in IMAGES.columns
        ),
    )
    assert max(each.rows for each in cut(large, rows=25_000)) * 128 * 128 * 3 < 500_000_000


def test_what_must_differ_in_what_is_drawn_is_drawn_at_once():
    unique = replace(CONTRACT, columns=(*CONTRACT.columns, Column(name="phone", kind="category", unique=True)))

    assert cut(unique, rows=5_000_000) == (Shard(5_000_000, counts=(5_000_000,)),)


def test_every_shard_has_a_seed_of_its_own_and_the_first_that_of_the_run():
    seeds = [Shard(1, number).seed(seed) for seed in (0, 1, 2**63 - 1) for number in range(50)]

    assert len(set(seeds)) == len(seeds)
    assert (seeds[0], seeds[50], max(seeds)) == (0, 1, 2**63 - 1)


@pytest.mark.usefixtures("small")
def test_the_rows_are_the_same_in_whatever_order_shards_are_drawn(trained, tmp_path):
    forth, back = (drawn(trained, tmp_path / str(order), order=order) for order in (1, -1))

    assert (forth.digest, forth.rows) == (back.digest, ROWS)
    assert forth.uri == str(tmp_path / "1" / "synthetic")
    assert [part.name for part in sorted(Path(forth.uri).iterdir())] == [f"part-0000{n}.parquet" for n in range(3)]


@pytest.mark.usefixtures("small")
def test_a_first_shard_is_drawn_as_if_there_were_no_others(trained, tmp_path):
    many = drawn(trained, tmp_path / "many")
    alone = generate.fn(CONTRACT, trained, run=str(tmp_path / "one"), shard=Shard(SIZE), seed=7)

    assert Path(alone.uri).read_bytes() == (Path(many.uri) / "part-00000.parquet").read_bytes()


@pytest.mark.usefixtures("small")
def test_ids_are_unique_over_all_shards_and_other_rows_are_not_drawn_again(trained, tmp_path):
    whole = read_table(Path(drawn(trained, tmp_path).uri)).to_pandas()

    assert whole.trip.is_unique
    rest = whole.drop(columns="trip").astype(str)
    assert not rest[:SIZE].reset_index(drop=True).equals(rest[SIZE : 2 * SIZE].reset_index(drop=True))


@pytest.mark.usefixtures("small")
def test_shares_are_met_to_the_row_over_all_shards_and_mixed_in_each(trained, tmp_path):
    made = drawn(trained, tmp_path, selection=HALF)

    parts = [Counter(batch.to_pandas().city)["Bonn"] for batch in read_batches(Path(made.uri))]
    assert parts == [200, 200, 100]
    assert Counter(read_table(Path(made.uri)).to_pandas().city[:200])["Bonn"] == pytest.approx(100, abs=40)


@pytest.mark.usefixtures("small")
def test_a_folder_of_parts_is_one_dataset_to_all_that_read(trained, tmp_path):
    made = drawn(trained, tmp_path)
    folder = Path(made.uri)

    whole = read_table(folder)
    assert whole.num_rows == sum(batch.num_rows for batch in read_batches(folder)) == read_schema(folder)[1] == ROWS
    assert whole.combine_chunks().equals(pq.read_table(folder).unify_dictionaries().combine_chunks())
    one = write_parquet(tmp_path / "one.parquet", whole.to_batches(), schema=whole.schema)
    assert set(distances(CONTRACT, folder, Path(one.uri)).values()) == {0.0}
    assert validate.fn(CONTRACT, made, run=str(tmp_path), name="synthetic").failures == ()


@pytest.mark.usefixtures("small")
def test_a_key_that_repeats_in_another_part_is_found(trained, tmp_path):
    made = drawn(trained, tmp_path)
    folder = Path(made.uri)
    copied = pq.read_table(folder / "part-00000.parquet")
    write_parquet(folder / "part-00001.parquet", copied.to_batches(), schema=copied.schema)

    with pytest.raises(DataError, match=r"table.primary_key: 800 of 1,000 rows"):
        validate.fn(CONTRACT, made, run=str(tmp_path), name="synthetic")
