"""Training under epsilon: what is refused before it begins, what is recorded, and what the noise hangs on."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from test_train_generate import CITIES, CONTRACT, real_table

from data_contracts import Column, Combination, ModelError
from tasks.generate import generate
from tasks.learning.secrets import secret_generator
from tasks.parquet import write_parquet
from tasks.references import Trained
from tasks.report import _privacy, _promise
from tasks.shards import Shard
from tasks.train import train

BOUNDED = {
    "city": {"values": tuple(CITIES)},
    "country": {"values": ("AT", "DE")},
    "price": {"minimum": 0, "maximum": 500},
}
PRIVATE = replace(
    CONTRACT,
    columns=tuple(
        replace(column, **BOUNDED.get(column.name, {})) for column in CONTRACT.columns if column.kind != "date"
    ),
    rules=(Combination("city_lies_in_country", ("city", "country"), tuple(CITIES.items())),),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    real = real_table(PRIVATE)
    return write_parquet(tmp_path_factory.mktemp("data") / "train.parquet", real.to_batches(), schema=real.schema)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return train.fn(PRIVATE, data, run=str(tmp_path_factory.mktemp("run")), model="autoregressive", epsilon=5, steps=2)


def test_what_was_spent_is_recorded_with_the_model(trained):
    described = json.loads((Path(trained.uri) / "model.json").read_text(encoding="utf-8"))

    assert 0 < trained.epsilon <= 5
    assert trained.delta == pytest.approx(1e-3)
    assert described["privacy"] == {"epsilon": trained.epsilon, "delta": trained.delta}


def test_the_manifest_and_the_page_say_what_was_spent_and_what_it_covers(trained):
    recorded = _privacy(trained)

    assert recorded["epsilon"] == trained.epsilon
    assert "not the contract" in recorded["covers"]
    assert f"epsilon {trained.epsilon:.2f}, delta 1e-03" in _promise(recorded)


def test_nothing_is_said_of_a_promise_that_was_not_asked_for():
    assert _privacy(Trained("", "", 1, "gmm", 0, 1, 0.0, cut=False)) is None
    assert _promise(None) == "none was asked for"


def test_a_private_model_draws_rows_that_keep_the_contract(trained, tmp_path):
    made = pq.read_table(generate.fn(PRIVATE, trained, run=str(tmp_path), shard=Shard(300)).uri).to_pandas()

    assert set(zip(made.city, made.country, strict=True)) <= set(CITIES.items())
    assert made.price.dropna().between(0, 500).all()  # the noise may make a null or two


def test_a_private_model_counts_no_combination(trained):
    described = json.loads((Path(trained.uri) / "model.json").read_text(encoding="utf-8"))

    assert {entry[-1] for entry in described["combinations"]["city_lies_in_country"]} == {1}


def test_the_secret_stays_in_the_run(trained):
    run = Path(trained.uri).parent

    assert {path.name for path in Path(trained.uri).iterdir()} == {"weights.safetensors", "model.json"}
    assert (run / "secret").stat().st_mode & 0o077 == 0


def test_noise_repeats_within_a_run_and_in_no_other(tmp_path):
    def drawn(run, seed):
        return torch.randn(1_000, generator=secret_generator(tmp_path / run, seed))

    first, again, other_seed, other_run = drawn("a", 1), drawn("a", 1), drawn("a", 2), drawn("b", 1)

    assert torch.equal(first, again)
    assert not torch.equal(first, other_seed)
    assert not torch.equal(first, other_run)
    assert not torch.equal(first, torch.randn(1_000, generator=torch.Generator().manual_seed(1)))
    assert abs(float(first.mean())) < 0.15
    assert float(first.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("contract", "model", "epsilon", "message"),
    [
        (PRIVATE, "gmm", 1.0, r"'gmm' may\. Choose one of: vae, autoregressive"),
        (PRIVATE, "autoregressive", 0.0, "epsilon is at least 0.1"),
        (CONTRACT, "autoregressive", 1.0, "'city_lies_in_country' is learned from the rows. List them"),
        (
            replace(PRIVATE, columns=(*PRIVATE.columns[:-1], Column(name="price", kind="number"))),
            "autoregressive",
            1.0,
            "column 'price' has no least and greatest value. Give its minimum and maximum",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused_before_training(data, tmp_path, contract, model, epsilon, message):
    with pytest.raises(ModelError, match=message):
        train.fn(contract, data, run=str(tmp_path), model=model, epsilon=epsilon)

    assert not (tmp_path / "model").exists()
