"""Of large tables a sample is learned from, held out and scored: drawn by the seed, and said."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring_tasks import scored

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from tasks import measure as measuring
from tasks import split as splitting
from tasks.parquet import read_masked, read_sample, read_table, write_parquet

ROWS = 1_000
CONTRACT = Contract(
    id="sums",
    version="1.0.0",
    name="sums",
    columns=(
        Column(name="number", kind="integer", minimum=0),
        Column(name="side", kind="category", values=("left", "right")),
    ),
    holdout=0.2,
)


@pytest.fixture
def table(tmp_path):
    """Rows that can be told apart, as a folder of two parts."""
    schema = arrow_schema(CONTRACT)
    numbers = np.arange(ROWS)
    whole = pa.table({"number": numbers, "side": np.where(numbers % 3, "left", "right")}).cast(schema)
    for number, low in enumerate((0, 600)):
        part = whole.slice(low, 600 if low == 0 else None)
        write_parquet(tmp_path / "rows" / f"part-{number:05}.parquet", part.to_batches(), schema=schema)
    return tmp_path / "rows"


def numbers(found):
    return found.column("number").to_pylist()


def test_a_sample_is_of_so_many_different_rows_in_their_order_and_follows_from_the_seed(table):
    first, again, other = (read_sample(table, rows=300, seed=seed) for seed in (0, 0, 1))

    assert first.num_rows == 300
    assert numbers(first) == sorted(set(numbers(first)))
    assert first.equals(again)
    assert numbers(first) != numbers(other)
    assert np.mean(numbers(first)) == pytest.approx(ROWS / 2, abs=60)
    assert read_sample(table, ["side"], rows=300, seed=0).column_names == ["side"]


def test_of_no_more_rows_than_asked_all_are_read(table):
    assert read_sample(table, rows=ROWS, seed=0).equals(read_table(table))


def test_a_mask_goes_over_the_parts_as_one(table):
    mask = np.zeros(ROWS, dtype=bool)
    mask[[3, 599, 600, 999]] = True

    assert numbers(pa.Table.from_batches(read_masked(table, mask))) == [3, 599, 600, 999]


def test_a_large_table_is_split_as_a_sample_of_its_rows(tmp_path, table, monkeypatch):
    whole = write_parquet(tmp_path / "source.parquet", read_table(table).to_batches(), schema=arrow_schema(CONTRACT))
    monkeypatch.setattr(splitting, "MOST_ROWS", 500)

    parts = splitting.split.fn(CONTRACT, whole, run=str(tmp_path), seed=0)

    learned, held = (set(numbers(pq.read_table(part.uri))) for part in (parts.train, parts.holdout))
    assert (parts.train.rows, parts.holdout.rows) == (len(learned), len(held)) == (400, 100)
    assert not learned & held
    assert np.mean(list(learned)) == pytest.approx(ROWS / 2, abs=60)


def test_a_score_says_of_how_many_rows_it_is(tmp_path, table, monkeypatch):
    schema = arrow_schema(CONTRACT)
    whole = write_parquet(tmp_path / "source.parquet", read_table(table).to_batches(), schema=schema)
    monkeypatch.setattr(measuring, "MOST_ROWS", 400)
    parts = splitting.split.fn(CONTRACT, whole, run=str(tmp_path), seed=0)

    scores = scored(CONTRACT, train=parts.train, holdout=parts.holdout, synthetic=whole, run=str(tmp_path), seed=0)

    (shapes,) = (score for score in scores.scores if score.name == "column_shapes")
    assert shapes.rows["synthetic"] == 400
    told = json.loads((tmp_path / "scores.json").read_text())
    assert all(score["rows"].get("synthetic", 400) <= 400 for score in told)
