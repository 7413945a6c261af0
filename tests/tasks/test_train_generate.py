"""Split, train and generate, from Parquet to Parquet."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts import Column, Combination, Comparison, Contract, DataError, ModelError
from data_contracts.arrow import arrow_schema
from tasks.generate import generate
from tasks.parquet import write_parquet
from tasks.references import Trained
from tasks.shards import Shard
from tasks.split import split
from tasks.train import train

ROWS = 600
CITIES = {"Bonn": "DE", "Köln": "DE", "Graz": "AT", "Linz": "AT"}
CONTRACT = Contract(
    id="trips",
    version="1.0.0",
    name="trips",
    columns=(
        Column(name="trip", kind="id", unique=True, primary_key=True, pattern=r"T-[0-9]{6}"),
        Column(name="city", kind="category", required=True),
        Column(name="country", kind="category", required=True),
        Column(name="start", kind="date"),
        Column(name="end", kind="date"),
        Column(name="price", kind="number", decimals=2, minimum=0),
    ),
    rules=(
        Comparison("start_is_not_after_end", "start", "<=", "end"),
        Combination("city_lies_in_country", ("city", "country")),
    ),
    holdout=0.2,
)


def real_table(contract=CONTRACT, rows=ROWS):
    rng = np.random.default_rng(0)
    cities = rng.choice(list(CITIES), rows, p=[0.4, 0.3, 0.2, 0.1])
    starts = [date(2024, 1, 1) + timedelta(int(days)) for days in rng.integers(0, 300, rows)]
    columns = {
        "trip": [f"T-{place:06}" for place in range(rows)],
        "city": cities,
        "country": [CITIES[city] for city in cities],
        "start": starts,
        "end": [
            None if days == 0 else start + timedelta(int(days))
            for start, days in zip(starts, rng.integers(0, 20, rows), strict=True)
        ],
        "price": np.round(rng.lognormal(3, 1, rows), 2),
    }
    plain = pa.table({name: pa.array(columns[name]) for name in contract.names})
    return plain.cast(arrow_schema(contract))


@pytest.fixture
def data(tmp_path):
    table = real_table()
    return write_parquet(tmp_path / "source.parquet", table.to_batches(100), schema=table.schema)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, table = tmp_path_factory.mktemp("run"), real_table()
    reference = write_parquet(folder / "train.parquet", table.to_batches(), schema=table.schema)
    return train.fn(CONTRACT, reference, run=str(folder), seed=1)


def test_split_parts_the_rows_by_seed_and_share(data, tmp_path):
    parts, again, other = (
        split.fn(CONTRACT, data, run=str(tmp_path / name), seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    ids = [pq.read_table(part.uri)["trip"].to_pylist() for part in (parts.train, parts.holdout)]
    assert [len(part) for part in ids] == [480, 120] == [parts.train.rows, parts.holdout.rows]
    assert sorted(ids[0] + ids[1]) == real_table()["trip"].to_pylist()
    assert pq.read_schema(parts.holdout.uri).equals(arrow_schema(CONTRACT))
    assert parts.train.digest == again.train.digest != other.train.digest


def test_split_refuses_too_few_rows(data, tmp_path):
    with pytest.raises(DataError, match=r"at least 1,000 rows.*however: it has 600") as caught:
        split.fn(replace(CONTRACT, minimum_rows=1_000), data, run=str(tmp_path), seed=1)

    assert [failure.rule for failure in caught.value.failures] == ["table.rows"]
    assert not (tmp_path / "train.parquet").exists()


@pytest.mark.parametrize(("name", "steps"), [("gmm", 20), ("autoregressive", 2), ("gan", 1), ("vae", 2), ("trees", 5)])
def test_training_and_generation_repeat_byte_for_byte(name, steps, data, tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]

    models = [train.fn(CONTRACT, data, run=str(run), model=name, seed=3, steps=steps) for run in runs]
    made = [
        generate.fn(CONTRACT, model, run=str(run), shard=Shard(200), seed=4)
        for model, run in zip(models, runs, strict=True)
    ]

    assert models[0].digest == models[1].digest
    assert (models[0].steps, models[0].cut, models[0].rows, models[0].model) == (steps, True, ROWS, name)
    assert made[0].digest == made[1].digest
    assert generate.fn(CONTRACT, models[0], run=str(tmp_path), shard=Shard(200), seed=5).digest != made[0].digest


def test_training_again_replaces_the_model(data, tmp_path):
    first = train.fn(CONTRACT, data, run=str(tmp_path), seed=3, steps=2)
    second = train.fn(CONTRACT, data, run=str(tmp_path), seed=4, steps=2)

    assert first.uri == second.uri
    assert first.digest != second.digest
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"weights.safetensors", "model.json"}
    assert [path for path in tmp_path.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("rows", [1, 999, 2_500])
def test_generated_rows_are_as_many_as_asked_and_keep_the_contract(trained, tmp_path, rows):
    made = generate.fn(CONTRACT, trained, run=str(tmp_path), shard=Shard(rows), seed=1)

    table = pq.read_table(made.uri)
    frame = table.to_pandas()
    assert made.uri == str(tmp_path / "synthetic" / "part-00000.parquet")
    assert table.num_rows == made.rows == rows
    assert table.schema.equals(arrow_schema(CONTRACT))
    assert frame.trip.is_unique
    assert frame.trip.map(lambda text: bool(re.fullmatch(r"T-[0-9]{6}", text))).all()
    assert (frame.start.isna() | frame.end.isna() | (frame.start <= frame.end)).all()
    assert set(zip(frame.city, frame.country, strict=True)) <= set(CITIES.items())
    assert (frame.price == frame.price.round(2)).all()


def test_the_share_of_nulls_and_values_is_kept(trained, tmp_path):
    made = pq.read_table(generate.fn(CONTRACT, trained, run=str(tmp_path), shard=Shard(3_000), seed=1).uri).to_pandas()
    real = real_table().to_pandas()

    assert made.end.isna().mean() == pytest.approx(real.end.isna().mean(), abs=0.03)
    shares = Counter(made.city)
    for city, count in Counter(real.city).items():
        assert shares[city] / 3_000 == pytest.approx(count / ROWS, abs=0.05)


def test_the_model_holds_no_row(trained):
    described = json.loads((Path(trained.uri) / "model.json").read_text(encoding="utf-8"))

    assert "T-0000" not in json.dumps(described)
    assert len(described["combinations"]["city_lies_in_country"]) == len(CITIES)
    assert described["columns"]["city"]["values"] == sorted(CITIES)


def test_a_combination_of_few_rows_is_not_learned(tmp_path):
    table = real_table().to_pydict()
    table["country"][0] = "AT" if table["city"][0] in ("Bonn", "Köln") else "DE"
    odd = (table["city"][0], table["country"][0])
    plain = pa.table(table, schema=arrow_schema(CONTRACT))
    reference = write_parquet(tmp_path / "train.parquet", plain.to_batches(), schema=plain.schema)

    model = train.fn(CONTRACT, reference, run=str(tmp_path), seed=1, steps=3)
    made = pq.read_table(generate.fn(CONTRACT, model, run=str(tmp_path), shard=Shard(2_000)).uri).to_pandas()

    assert odd not in set(zip(made.city, made.country, strict=True))


def test_listed_combinations_are_kept_to(data, tmp_path):
    allowed = (("Bonn", "DE"), ("Linz", "AT"), ("Rome", "IT"))
    contract = replace(CONTRACT, rules=(Combination("listed", ("city", "country"), allowed),))

    model = train.fn(contract, data, run=str(tmp_path), seed=1, steps=3)
    made = pq.read_table(generate.fn(contract, model, run=str(tmp_path), shard=Shard(500)).uri).to_pandas()

    assert set(zip(made.city, made.country, strict=True)) == set(allowed[:2])


def test_rules_that_no_row_keeps_end_with_the_count_that_is_missing(data, tmp_path):
    contract = replace(CONTRACT, rules=(Comparison("impossible", "start", ">", "start"),))
    model = train.fn(contract, data, run=str(tmp_path), seed=1, steps=1)

    with pytest.raises(ModelError, match=r"however: 50 are missing"):
        generate.fn(contract, model, run=str(tmp_path), shard=Shard(50))
    assert not (tmp_path / "synthetic" / "part-00000.parquet").exists()


def test_a_unique_column_that_is_no_id_repeats_nothing(data, tmp_path):
    columns = tuple(replace(column, unique=column.name == "price") for column in CONTRACT.columns)
    contract = replace(CONTRACT, columns=columns)
    model = train.fn(contract, data, run=str(tmp_path), seed=1, steps=3)

    made = pq.read_table(generate.fn(contract, model, run=str(tmp_path), shard=Shard(400)).uri).to_pandas()

    assert made.price.is_unique


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "oracle"}, r"'oracle' is not. Choose one of: gmm"),
        ({"budget_seconds": 0}, "it is zero or less"),
        ({"steps": 0}, "it is zero or less"),
    ],
)
def test_wrong_use_of_train_is_refused(data, tmp_path, changed, message):
    with pytest.raises(ModelError, match=message):
        train.fn(CONTRACT, data, run=str(tmp_path), **changed)
    assert not (tmp_path / "model").exists()


def test_too_few_rows_to_train_are_refused(data, tmp_path):
    with pytest.raises(ModelError, match=r"at least 10 rows, however: there are 9"):
        train.fn(CONTRACT, replace(data, rows=9), run=str(tmp_path))


def test_a_model_that_was_changed_or_is_not_there_is_refused(data, tmp_path):
    model = train.fn(CONTRACT, data, run=str(tmp_path), seed=1, steps=1)
    description = tmp_path / "model" / "model.json"
    description.write_text(description.read_text(encoding="utf-8") + " ", encoding="utf-8")

    with pytest.raises(ModelError, match="was changed since"):
        generate.fn(CONTRACT, model, run=str(tmp_path), shard=Shard(5))
    with pytest.raises(ModelError, match="has none that can be read"):
        generate.fn(
            CONTRACT,
            Trained(str(tmp_path / "none"), "", 1, "gmm", 0, 1, 0.0, cut=False),
            run=str(tmp_path),
            shard=Shard(5),
        )


def test_a_rule_of_combination_does_not_bend_the_shares_of_its_columns(tmp_path):
    """Every city keeps its share though the model draws cities and countries apart: what is broken is drawn anew."""
    table = real_table(rows=4_000)
    reference = write_parquet(tmp_path / "train.parquet", table.to_batches(), schema=table.schema)

    model = train.fn(CONTRACT, reference, run=str(tmp_path), seed=1, steps=1)  # one component: nothing hangs together
    made = pq.read_table(generate.fn(CONTRACT, model, run=str(tmp_path), shard=Shard(8_000)).uri).to_pandas()

    real = Counter(table["city"].to_pylist())
    assert all(CITIES[city] == country for city, country in zip(made.city, made.country, strict=True))
    for city, count in Counter(made.city).items():
        assert count / 8_000 == pytest.approx(real[city] / 4_000, abs=0.02)
