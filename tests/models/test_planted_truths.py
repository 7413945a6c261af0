"""Planted truths: relations that are known are learned by every model, through encoding, fit, draw and decoding."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from data_contracts import Column
from data_contracts.arrow import arrow_type
from models import MODELS
from models.encoding import Encoder
from models.life import FREELY, Terms

ROWS = 2_000  # to learn from
DRAWN = 8_000  # to measure on: a share of a half is then known to 0.01 at two standard errors


def learned(name, columns, values, *, rows=DRAWN, terms=FREELY):
    """Return a frame drawn from a model of the given columns."""
    arrays = []
    for column in columns:
        kind = arrow_type(column)
        plain = pa.string() if pa.types.is_dictionary(kind) else kind
        arrays.append(pa.array(values[column.name], plain, from_pandas=True).cast(kind))
    batch = pa.record_batch(arrays, names=[column.name for column in columns])
    generator = torch.Generator().manual_seed(0)
    encoder = Encoder.fit(columns, [batch])
    x = encoder.encode(batch, generator=generator)
    model = MODELS[name]().fit(x, encoder.spans, generator=generator, terms=terms)
    drawn = encoder.decode(model.sample(rows, generator=generator), generator=generator)
    assert [array.type for array in drawn.values()] == [array.type for array in arrays]
    return pa.table(drawn).to_pandas()


@dataclass(frozen=True)
class Truth:
    """A table whose dependence is known, and how far off drawn rows are.

    Args:
        columns: of the table.
        make: its values by column, given a NumPy generator.
        errors: of drawn rows beside the real ones, by name.
        tolerances: the most that each error may be, for every model ...
        weaker: ... but for those that are weak at this, with the reason.
    """

    columns: list[Column]
    make: Callable[[np.random.Generator], dict]
    errors: Callable[[pd.DataFrame, pd.DataFrame], dict[str, float]]
    tolerances: dict[str, float]
    weaker: dict[str, dict[str, float]] = field(default_factory=dict)


def exclusive_or(rng):
    a, b = rng.integers(2, size=(2, ROWS))
    return {"a": a == 1, "b": b == 1, "c": np.where(a == b, "same", "other")}


def exclusive_or_errors(drawn, _):
    broken = (drawn.a != drawn.b) != (drawn.c == "other")
    return {"broken": broken.mean(), "share": abs(drawn.a.mean() - 0.5)}


def total(rng):
    a, b = rng.normal(size=(2, ROWS))
    return {"a": a, "b": b, "c": a + b + 0.1 * rng.normal(size=ROWS)}


def total_errors(drawn, _):
    off = (drawn.c - drawn.a - drawn.b).abs()
    return {"median": off.median(), "correlation": abs(drawn.corr().loc["a", "c"] - np.sqrt(1 / 2.01))}


CENTRES = np.array([(0, 0), (10, 10), (0, 20)])
SHARES = (0.6, 0.3, 0.1)


def clusters(rng):
    which = rng.choice(3, ROWS, p=SHARES)
    x, y = np.round(CENTRES[which].T + rng.normal(size=(2, ROWS)), 3)
    return {"x": x, "y": y, "which": np.array(["a", "b", "c"])[which]}


def cluster_errors(drawn, _):
    place = drawn[["x", "y"]].to_numpy()[:, None] - CENTRES
    distance = np.sqrt((place**2).sum(2))
    found = distance.argmin(1)
    named = drawn.which.map({"a": 0, "b": 1, "c": 2}).to_numpy()
    return {
        "share": max(abs(np.mean(found == k) - share) for k, share in enumerate(SHARES)),
        "centre": max(np.abs(np.median(place[found == k, k], axis=0)).max() for k in range(3)),
        "between": np.mean(distance.min(1) > 4),  # of its centre no real row is as far, but for one in 3,000
        "misnamed": np.mean(found != named),
    }


def spike(rng):
    group = rng.choice(["idle", "busy"], ROWS)
    return {"group": group, "amount": np.where(group == "idle", 0, rng.integers(1, 100_000, ROWS))}


def spike_errors(drawn, real):
    zero, busy = drawn.amount == 0, drawn.group == "busy"
    median, known = (frame[frame.group == "busy"].amount.median() for frame in (drawn, real))
    return {"idle": 1 - zero[~busy].mean(), "busy": zero[busy].mean(), "median": abs(median / known - 1)}


def tail(rng):
    group = rng.choice(["small", "large"], ROWS, p=[0.9, 0.1])
    pareto = (1 - rng.random(ROWS)) ** (-1 / 1.5) * np.where(group == "large", 20, 1)
    return {"group": group, "loss": np.round(pareto, 2), "delay": np.round(rng.lognormal(2, 1.5, ROWS), 3)}


def tail_errors(drawn, real):
    errors = {}
    for share in (0.5, 0.9, 0.95, 0.99, 0.999):
        ratios = [drawn[name].quantile(share) / real[name].quantile(share) for name in ("loss", "delay")]
        errors[f"{share:.1%}"] = max(abs(np.log(ratios)))
    medians = [frame.groupby("group", observed=True).loss.median() for frame in (drawn, real)]
    errors["by group"] = float(np.log(medians[0] / medians[1]).abs().max())
    ends = [frame[["loss", "delay"]].agg(["min", "max"]) for frame in (drawn, real)]
    errors["extremes"] = float((ends[0] != ends[1]).sum().sum())
    return errors


def missing(rng):
    age, noise = rng.integers(18, 90, ROWS), rng.normal(size=ROWS)
    chance = 0.05 + 0.5 * (age > 60) + 0.4 * (noise > 1)
    return {"age": age, "income": np.where(rng.random(ROWS) < chance, np.nan, noise + 2 * (age > 60))}


def missing_errors(drawn, real):
    old = [frame[frame.age > 60].income for frame in (drawn, real)]
    young = [frame[frame.age <= 60].income for frame in (drawn, real)]
    return {
        "old": abs(old[0].isna().mean() - old[1].isna().mean()),
        "young": abs(young[0].isna().mean() - young[1].isna().mean()),
        "mean of the old": abs(old[0].mean() - old[1].mean()),
        "high and young": abs((young[0] > 1).mean() - (young[1] > 1).mean()),  # two in five of them are not told
    }


TRUTHS = {
    "the exclusive or of two columns": Truth(
        [Column(name="a", kind="boolean"), Column(name="b", kind="boolean"), Column(name="c", kind="category")],
        exclusive_or,
        exclusive_or_errors,
        {"broken": 0.03, "share": 0.04},
    ),
    "a sum": Truth(
        [Column(name=name, kind="number") for name in "abc"],
        total,
        total_errors,
        {"median": 0.2, "correlation": 0.04},  # the noise's own median is 0.07, the sum's spread 1.4
        weaker={
            "trees": {"median": 0.5, "correlation": 0.12},  # a leaf is a staircase, as fine as its rows allow
            "autoregressive": {"correlation": 0.055},  # it is 0.045 over 400,000 draws of one fit
        },
    ),
    "clusters": Truth(
        [Column(name=name, kind="number", decimals=3) for name in "xy"] + [Column(name="which", kind="category")],
        clusters,
        cluster_errors,
        {"share": 0.03, "centre": 0.3, "between": 0.05, "misnamed": 0.03},
        # ranks squeeze the space between clusters into nothing, and Gaussians on ranks reach across (decision 0002)
        weaker={"gmm": {"share": 0.04, "centre": 0.75, "between": 0.2, "misnamed": 0.1}},
    ),
    "a spike by category": Truth(
        [Column(name="group", kind="category"), Column(name="amount", kind="integer")],
        spike,
        spike_errors,
        {"idle": 0.05, "busy": 0.05, "median": 0.1},
    ),
    "heavy tails": Truth(
        [Column(name="group", kind="category"), *(Column(name=name, kind="number") for name in ("loss", "delay"))],
        tail,
        tail_errors,
        {"50.0%": 0.1, "90.0%": 0.15, "95.0%": 0.25, "99.0%": 0.3, "99.9%": 0.7, "by group": 0.3, "extremes": 0},
        # of the outer 30 rows a fifth is the extreme itself, and Gaussians that reach beyond it end there: up to 1 %
        weaker={
            "autoregressive": {"99.0%": 0.5, "99.9%": 2.5},
            **{name: {"99.9%": 2.5} for name in ("trees", "vae", "gan")},
        },
    ),
    "nulls by another column and by the value": Truth(
        [Column(name="age", kind="integer"), Column(name="income", kind="number")],
        missing,
        missing_errors,
        {"old": 0.05, "young": 0.04, "mean of the old": 0.15, "high and young": 0.04},
        # a few components cut a column of ranks into few pieces, and age 60 lies inside one; a smooth network, and more
        # so a latent code, blurs the cut
        weaker={
            name: {"mean of the old": most} for name, most in (("gmm", 0.25), ("autoregressive", 0.25), ("vae", 0.4))
        },
    ),
}


# 5 and 20 seconds of CPU for each truth: what they find is in their own tests too, by smaller plans
LONG = [pytest.param(name, marks=pytest.mark.slow) for name in ("vae", "gan")]
QUICK = [name for name in MODELS if name not in ("vae", "gan", "auto")]  # auto keeps one of these


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_what_was_planted_is_found(name, truth):
    planted = TRUTHS[truth]
    real = pd.DataFrame(planted.make(np.random.default_rng(0)))

    errors = planted.errors(learned(name, planted.columns, real), real)

    tolerances = planted.tolerances | planted.weaker.get(name, {})
    assert errors.keys() == tolerances.keys()
    assert {key: error for key, error in errors.items() if not error <= tolerances[key]} == {}


SHAPES = {
    "40 columns": (
        [Column(name=f"n{i}", kind="number") for i in range(20)]
        + [Column(name=f"c{i}", kind="category") for i in range(20)],
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
@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_odd_tables_work(name, columns, make):
    rng = np.random.default_rng(5)
    values = {column.name: make(rng, column) for column in columns}

    drawn = learned(name, columns, values, rows=500, terms=Terms(steps=2))

    assert len(drawn) == 500
    for column in columns:
        assert set(drawn[column.name].dropna()) <= set(values[column.name]) or column.kind == "number"
