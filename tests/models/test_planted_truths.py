"""Planted truths: relations that are known are learned, through encoding, fit, draw and decoding."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import Column
from data_contracts.arrow import arrow_type
from models.encoding import Encoder
from models.gmm import GaussianMixture

ROWS = 2_000


def learned(columns, values, *, rows=ROWS, seed=0):
    """Return a frame drawn from a model of the given columns."""
    arrays = []
    for column in columns:
        kind = arrow_type(column)
        plain = pa.string() if pa.types.is_dictionary(kind) else kind
        arrays.append(pa.array(values[column.name], plain).cast(kind))
    batch = pa.record_batch(arrays, names=[column.name for column in columns])
    generator = torch.Generator().manual_seed(seed)
    encoder = Encoder.fit(columns, [batch])
    model = GaussianMixture().fit(encoder.encode(batch, generator=generator), encoder.spans, generator=generator)
    drawn = encoder.decode(model.sample(rows, generator=generator), generator=generator)
    assert [array.type for array in drawn.values()] == [array.type for array in arrays]
    return pa.table(drawn).to_pandas()


def test_three_clusters_are_found_with_their_shares_and_places():
    rng = np.random.default_rng(0)
    cluster = rng.choice(3, ROWS, p=[0.6, 0.3, 0.1])
    columns = [Column(name="x", kind="number", decimals=3), Column(name="y", kind="number", decimals=3)]
    x = np.array([0.0, 10.0, 0.0])[cluster] + rng.normal(size=ROWS)
    y = np.array([0.0, 10.0, 20.0])[cluster] + rng.normal(size=ROWS)

    drawn = learned(columns, {"x": np.round(x, 3), "y": np.round(y, 3)})

    found = np.select([drawn.y > 15, drawn.x > 5], [2, 1], 0)
    for place, (share, centre) in enumerate([(0.6, (0, 0)), (0.3, (10, 10)), (0.1, (0, 20))]):
        assert np.mean(found == place) == pytest.approx(share, abs=0.03)
        assert drawn[found == place].median().tolist() == pytest.approx(centre, abs=0.75)  # of clusters 10 and 20 apart


def test_two_categories_of_which_a_third_is_the_exclusive_or():
    rng = np.random.default_rng(1)
    a, b = rng.integers(2, size=(2, ROWS))
    values = {"a": a == 1, "b": b == 1, "c": [["same", "other"][one ^ two] for one, two in zip(a, b, strict=True)]}
    columns = [Column(name="a", kind="boolean"), Column(name="b", kind="boolean"), Column(name="c", kind="category")]

    drawn = learned(columns, values)

    assert np.mean((drawn.a != drawn.b) == (drawn.c == "other")) > 0.97


def test_a_spike_that_depends_on_a_category():
    rng = np.random.default_rng(2)
    group = rng.choice(["idle", "busy"], ROWS)
    amount = np.where(group == "idle", 0, rng.integers(1, 100_000, ROWS))
    columns = [Column(name="group", kind="category"), Column(name="amount", kind="integer")]

    drawn = learned(columns, {"group": group, "amount": amount})

    zero = drawn.amount == 0
    assert zero[drawn.group == "idle"].mean() > 0.95  # what shrinking costs at 2,000 rows
    assert zero[drawn.group == "busy"].mean() < 0.05


def test_nulls_that_depend_on_another_column():
    rng = np.random.default_rng(3)
    age = rng.integers(18, 90, ROWS)
    missing = rng.random(ROWS) < np.where(age > 60, 0.8, 0.05)
    income = [None if gone else float(value) for gone, value in zip(missing, rng.normal(size=ROWS), strict=True)]
    columns = [Column(name="age", kind="integer"), Column(name="income", kind="number")]

    drawn = learned(columns, {"age": age, "income": income})

    assert drawn.income.isna()[drawn.age > 60].mean() == pytest.approx(0.8, abs=0.06)
    assert drawn.income.isna()[drawn.age <= 60].mean() == pytest.approx(0.05, abs=0.04)


def test_correlated_numbers_stay_correlated():
    rng = np.random.default_rng(4)
    x = rng.normal(size=ROWS)
    y = 0.9 * x + np.sqrt(1 - 0.81) * rng.normal(size=ROWS)

    drawn = learned([Column(name=name, kind="number") for name in "xy"], {"x": x, "y": y})

    assert drawn.corr().iloc[0, 1] == pytest.approx(0.9, abs=0.02)
    assert drawn.x.min() >= x.min()
    assert drawn.x.max() <= x.max()


SHAPES = {
    "300 columns": (
        [Column(name=f"n{i}", kind="number") for i in range(150)]
        + [Column(name=f"c{i}", kind="category") for i in range(150)],
        lambda rng, column: rng.normal(size=200) if column.kind == "number" else rng.choice(["a", "b"], 200),
    ),
    "1,000 categories": (
        [Column(name="a", kind="category"), Column(name="b", kind="integer")],
        lambda rng, column: (
            [f"v{i % 1_000}" for i in range(6_000)] if column.name == "a" else rng.integers(9, size=6_000)
        ),
    ),
    "constant": (
        [Column(name="a", kind="integer"), Column(name="b", kind="category")],
        lambda _, c: [1 if c.name == "a" else "x"] * 60,
    ),
    "all null": ([Column(name="a", kind="number"), Column(name="b", kind="date")], lambda _, __: [None] * 60),
    "few rows": (
        [Column(name="a", kind="number"), Column(name="b", kind="boolean")],
        lambda _, c: [0.5, 1.5, 2.5] if c.name == "a" else [True, False, None],
    ),
}


@pytest.mark.parametrize(("columns", "make"), SHAPES.values(), ids=SHAPES)
def test_odd_tables_work(columns, make):
    rng = np.random.default_rng(5)
    values = {column.name: make(rng, column) for column in columns}

    drawn = learned(columns, values, rows=500)

    assert len(drawn) == 500
    for column in columns:
        assert set(drawn[column.name].dropna()) <= set(values[column.name]) or column.kind == "number"
