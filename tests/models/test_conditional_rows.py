"""Rows that meet conditions: never too little is allowed, and what is drawn is what the model draws, filtered."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import Column, Contract, ModelError
from data_contracts.arrow import arrow_schema
from data_contracts.selecting import select
from models import truncation
from models.autoregressive import Autoregressive
from models.chain.accepting import Accepted
from models.chain.fitting import PLAN
from models.columns import Head, Restricted, axis_of
from models.encoding import UNKNOWN, Allowed, Encoded, Encoder, Span
from models.gmm import GaussianMixture
from models.life import Terms
from models.mixture.components import Components, Layout
from models.mixture.sampling import Sampler

ROWS = 6_000
LONGER = replace(PLAN, hidden=32, bins=16, gaussians=4, passes=(25, 25), batches=16, rate=6e-3)
CONTRACT = Contract(
    id="planted",
    version="1.0.0",
    name="planted",
    columns=(
        Column(name="x", kind="number"),
        Column(name="group", kind="category"),
        Column(name="cents", kind="number", decimals=2),
        Column(name="count", kind="integer"),
        Column(name="day", kind="date"),
    ),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def planted(rows=ROWS, seed=0):
    """A normal x; the group hangs on its sign, and is `rare` in 0.1 % of the rows; cents are x, and null for some."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    group = np.where(rng.random(rows) < 0.9, np.where(x > 0, "high", "low"), "other").astype(object)
    group[rng.permutation(rows)[: rows // 1000]] = "rare"
    columns = {
        "x": pa.array(x),
        "group": pa.array(group),
        "cents": pa.array(np.round(50 * x + rng.normal(size=rows), 2), mask=(x > 0) & (rng.random(rows) < 0.3)),
        "count": pa.array(np.where(rng.random(rows) < 0.4, 0, rng.integers(1, 100_000, rows))),
        "day": pa.array(rng.integers(0, 3000, rows).astype("datetime64[D]")),
    }
    return pa.table(columns).cast(arrow_schema(CONTRACT)).combine_chunks().to_batches()[0]


@pytest.fixture(scope="module")
def table():
    batch = planted()
    encoder = Encoder.fit(CONTRACT.columns, [batch])
    return encoder, encoder.encode(batch, generator=seeded())


@pytest.fixture(scope="module", params=["gmm", "autoregressive"])
def model(request, table):
    encoder, x = table
    made = GaussianMixture() if request.param == "gmm" else Autoregressive(LONGER)
    return made.fit(x, encoder.spans, generator=seeded(1), terms=Terms(steps=40))  # gmm would take four times as many


def within(x, allowed, spans):
    """Return the (N,) mask of the rows within what is allowed."""
    keeps = torch.ones(len(x), dtype=torch.bool)
    for part, span in zip(allowed, spans, strict=True):
        if part is not None:
            code, (low, high) = x.codes[:, span.code], part.scores
            score = torch.zeros(len(x)) if span.value is None else x.values[:, span.value]
            keeps &= torch.from_numpy(part.codes)[code] & ((code != span.regular) | ((score >= low) & (score <= high)))
    return keeps


def met(where, arrays, rows):
    """Return the (N,) mask of the decoded rows that meet conditions, cell by cell."""
    cells = {name: array.to_pylist() for name, array in arrays.items()}
    return torch.tensor([all(each.met_by(cells[each.column][row]) for each in where) for row in range(rows)])


@pytest.mark.parametrize(
    "texts",
    [
        ["x>0.5"],
        ["x>=-1", "x<=1"],
        ["cents>=10.25"],
        ["cents<10.25"],
        ["cents!=0"],
        ["cents is null"],
        ["cents is not null", "cents<=0"],
        ["count=0"],
        ["count>0"],
        ["count<=50000"],
        ["day>=1975-01-01", "day<1976-01-01"],
        ["group=high"],
        ["group is not high"],
    ],
)
def test_what_is_allowed_is_what_meets_the_conditions(table, texts):
    encoder, x = table
    where = select(CONTRACT, where=texts).where

    allowed = within(x, encoder.allowed(where), encoder.spans)
    meets = met(where, encoder.decode(x, generator=seeded()), len(x))

    assert 0 < meets.sum() < len(x)
    assert not (meets & ~allowed).any()
    assert (allowed & ~meets).sum() <= 0.01 * len(x)  # a point that is forbidden is left to the filter


def test_conditions_that_nothing_learned_meets_are_refused(table):
    encoder, _ = table

    with pytest.raises(ModelError, match=r"of column 'group' none meets group = Rome"):
        encoder.allowed(select(CONTRACT, where=["group=Rome"]).where)
    with pytest.raises(ModelError, match=r"of column 'count' none meets count > 100000"):
        encoder.allowed(select(CONTRACT, where=["count>100000"]).where)


def drawn(model, encoder, texts, *, rows):
    where = select(CONTRACT, where=texts).where
    x = model.sample_where(rows, allowed=encoder.allowed(where), generator=seeded(3))
    arrays = encoder.decode(x, generator=seeded())
    return x, arrays, met(where, arrays, len(x))


@pytest.mark.parametrize(
    ("texts", "share"), [(["group=high"], 0.45), (["cents is null"], 0.15), (["cents>=40", "count=0"], 0.07)]
)
def test_conditional_rows_are_the_models_own_rows_filtered_and_near_the_truth(model, table, texts, share):
    encoder, _ = table
    plain = encoder.decode(model.sample(60_000, generator=seeded(4)), generator=seeded())
    truth = planted(60_000, seed=9)
    where = select(CONTRACT, where=texts).where

    x, arrays, meets = drawn(model, encoder, texts, rows=3_000)

    assert len(x) == 3_000
    assert meets.all()
    own = met(where, plain, 60_000).numpy()
    real = met(where, dict(zip(truth.schema.names, truth.columns, strict=True)), 60_000).numpy()
    assert own.mean() == pytest.approx(share, abs=0.02)
    means = [
        np.asarray(values).mean()
        for values in (arrays["x"], plain["x"].to_numpy()[own], truth.column("x").to_numpy()[real])
    ]
    assert means[0] == pytest.approx(means[1], abs=0.06)  # 3 standard errors of 3,000 rows of spread 1
    assert means[0] == pytest.approx(means[2], abs=0.2)  # and what 6,000 rows could teach: by seeds .12 to .17


def test_one_row_of_a_thousand_is_found(model, table):
    encoder, _ = table

    x, arrays, meets = drawn(model, encoder, ["group=rare"], rows=400)

    assert len(x) == 400
    assert meets.all()
    assert np.asarray(arrays["x"]).std() > 0.6  # six rows were seen: no more is asked than that they do not collapse


def test_the_same_seed_gives_the_same_conditional_rows(model, table):
    encoder, _ = table
    first, again = (drawn(model, encoder, ["group=high"], rows=300)[0] for _ in range(2))

    assert torch.equal(first.codes, again.codes)
    assert torch.equal(first.values.nan_to_num(9), again.values.nan_to_num(9))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 0.5), (1.0, math.inf), (9.0, 9.1), (-math.inf, -8.0)])
def test_a_truncated_normal_lies_between_its_bounds_with_its_mean(low, high):
    bounds = [torch.full((20_000,), bound, dtype=torch.float64) for bound in (low, high)]
    draws = truncation.draw(*bounds, generator=seeded())
    grid = torch.linspace(max(low, -12), min(high, 12), 100_001, dtype=torch.float64)
    density = torch.exp(-0.5 * grid**2) / math.sqrt(2 * math.pi)
    mass = torch.trapezoid(density, grid)

    assert ((draws >= low) & (draws <= high)).all()
    assert float(truncation.mass(*bounds)[0]) == pytest.approx(float(mass), rel=1e-4)
    assert float(draws.mean()) == pytest.approx(float(torch.trapezoid(density * grid, grid) / mass), abs=0.02)


def test_correlated_gaussians_are_cut_in_one_column_and_follow_in_the_others():
    scale = torch.linalg.cholesky(torch.tensor([[[1.0, 0.8], [0.8, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]))
    spans = tuple(Span(name, place, 1, place, 0, ordered=True) for place, name in enumerate("ab"))
    mean, weight = torch.tensor([[0.0, 5.0], [0.0, -9.0]]), torch.tensor([0.5, 0.5]).log()
    components = Components(
        Layout(spans, full=True), 1, torch.zeros(2, dtype=torch.int64), weight, torch.zeros(1, 2), mean, scale
    )
    allowed = (None, Allowed(np.array([True]), (1.0, math.inf)))

    values = Sampler(components, allowed).draw(20_000, generator=seeded()).values

    tail = math.exp(-0.5) / math.sqrt(2 * math.pi) / (0.5 * math.erfc(1 / math.sqrt(2)))
    assert values[:, 1].min() >= 1
    assert float(values[:, 1].mean()) == pytest.approx(tail, abs=0.02)
    assert float(values[:, 0].mean()) == pytest.approx(0.8 * tail, abs=0.03)  # none of the component that lies below


@pytest.mark.parametrize("scores", [(-0.4, 0.9), (1.6, math.inf), (-math.inf, -1.6), (-9.0, 9.0)])
def test_a_restricted_head_draws_as_the_whole_one_filtered(scores):
    span, rows = Span("x", 0, 4, 0, 2, ordered=True, null=3), 30_000
    codes = torch.randint(4, (2_000, 1), generator=seeded())
    x = Encoded(codes, torch.where(codes == 2, torch.randn(2_000, 1, generator=seeded(1)), torch.nan))
    axis = replace(axis_of(span, x, 8, 3, 4), outer=(-1.8, 1.8))
    head = Head(axis)
    out = torch.randn(1, head.outputs, generator=seeded(2)).repeat(rows, 1)
    restricted = Restricted.of(head, Allowed(np.array([False, True, True, False]), scores))

    code, score = head.draw(out, generator=seeded(3))
    own, value = restricted.draw(out, generator=seeded(4))
    kept, held = restricted.holds(code, score), restricted.holds(own, value)

    assert kept.float().mean() == pytest.approx(
        float(restricted.log_mass(out[:1]).exp()) * float(held.float().mean()), abs=0.01
    )
    assert (own[held] == 2).float().mean() == pytest.approx(float((code[kept] == 2).float().mean()), abs=0.03)
    for name in (torch.nanmean, lambda each: each[~each.isnan()].std()):
        assert float(name(value[held])) == pytest.approx(float(name(score[kept])), abs=0.03)


def test_proposals_are_accepted_in_proportion_to_their_weights():
    accepted, weights, generator = Accepted(20_000), torch.tensor([0.0, 1.0, 2.0, 5.0]), seeded()
    while accepted.more:
        code = torch.randint(4, (1_000, 1), generator=generator)
        accepted.add(Encoded(code, torch.zeros(1_000, 0)), weights[code[:, 0]].log(), generator=generator)

    shares = torch.bincount(accepted.rows.codes[:, 0], minlength=4) / 20_000

    torch.testing.assert_close(shares, weights / weights.sum(), atol=0.015, rtol=0)


def test_proposals_of_which_none_has_a_weight_end_with_the_count_that_is_missing():
    accepted, none = Accepted(7), Encoded(torch.zeros(2_000_000, 1, dtype=torch.int64), torch.zeros(2_000_000, 0))
    accepted.add(none, torch.full((2_000_000,), -math.inf), generator=seeded())

    with pytest.raises(ModelError, match=r"however: 7 are missing"):
        _ = accepted.more


@pytest.mark.parametrize("place", [0, 2])
def test_nulls_are_imputed_with_what_the_other_columns_say(place):
    code = torch.randint(3, (3_000, 2), generator=seeded())
    truth = code.sum(1) % 3
    gone = torch.rand(3_000, generator=seeded(1)) < 0.3
    column = torch.where(gone, 3, truth)[:, None]
    codes = torch.cat([code[:, :place], column, code[:, place:]], 1)
    spans = tuple(
        Span(name, at, 4 if at == place else 3, null=3 if at == place else None) for at, name in enumerate("abc")
    )
    model = Autoregressive(LONGER).fit(Encoded(codes, torch.zeros(3_000, 0)), spans, generator=seeded(2))
    asked = codes.clone()
    asked[:5, place] = UNKNOWN

    imputed = model.impute(Encoded(asked, torch.zeros(3_000, 0)), generator=seeded(3)).codes

    others = [at for at in range(3) if at != place]
    assert torch.equal(imputed[:, others], codes[:, others])
    assert torch.equal(imputed[5:][~gone[5:]], codes[5:][~gone[5:]])
    assert (imputed[:, place] < 3).all()
    assert (imputed[gone, place] == truth[gone]).float().mean() > 0.95


def test_numbers_that_are_null_are_imputed_near_the_sum_that_they_were():
    """The null column comes first: what tells its cells is drawn after it, and only weighs."""
    parts, rows = torch.randn(4_000, 2, generator=seeded()), 4_000
    truth, gone = parts.sum(1, keepdim=True) / math.sqrt(2), torch.rand(rows, generator=seeded(1)) < 0.3
    values = torch.cat([torch.where(gone[:, None], torch.nan, truth), parts], 1)
    codes = torch.zeros(rows, 3, dtype=torch.int64)
    codes[gone, 0] = 1
    spans = (Span("sum", 0, 2, 0, 0, null=1), Span("a", 1, 1, 1, 0), Span("b", 2, 1, 2, 0))
    model = Autoregressive(LONGER).fit(Encoded(codes, values), spans, generator=seeded(2))

    imputed = model.impute(Encoded(codes, values), generator=seeded(3)).values[:, 0]

    assert not imputed.isnan().any()
    assert torch.equal(imputed[~gone], truth[~gone, 0])
    assert torch.corrcoef(torch.stack([imputed[gone], truth[gone, 0]]))[0, 1] > 0.9


def test_a_column_of_nothing_but_nulls_cannot_be_imputed():
    spans = (Span("a", 0, 3), Span("b", 1, 1, null=0))
    x = Encoded(
        torch.cat([torch.randint(3, (200, 1), generator=seeded()), torch.zeros(200, 1, dtype=torch.int64)], 1),
        torch.zeros(200, 0),
    )
    model = Autoregressive(replace(LONGER, passes=(1, 1))).fit(x, spans, generator=seeded())

    with pytest.raises(ModelError, match="column 'b' has none"):
        model.impute(x, generator=seeded())
