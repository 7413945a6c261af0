"""Laws of the mixture: its density, its EM, its draws."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.mixture import GaussianMixture as Reference

from data_contracts import ModelError
from models.encoding import UNKNOWN, Encoded, Span
from models.gmm import GaussianMixture
from models.mixture.components import Components, Layout, Shrinkage, Statistics, expect, log_likelihood, maximise
from models.mixture.fitting import PLAN, Size, pruned

NUMERIC = (Span("a", 0, 1, 0, 0), Span("b", 1, 1, 1, 0))
MIXED = (Span("word", 0, 3), Span("number", 1, 2, 0, 0))
NOTHING = Shrinkage(0.0, 0.0, 0.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def plan(*sizes, **changed):
    return replace(PLAN, sizes=tuple(Size(*size) for size in sizes), **changed)


def mixed_rows(count=400, *, seed=0):
    """Word and whether there is a number hang together; the number is about 2 for the last word, else about -1."""
    generator = seeded(seed)
    words = torch.randint(3, (count,), generator=generator)
    absent = (torch.rand(count, generator=generator) < torch.tensor([0.0, 0.9, 0.1])[words]).long()
    numbers = torch.where(words == 2, 2.0, -1.0) + 0.3 * torch.randn(count, generator=generator)
    numbers[absent == 1] = torch.nan
    return Encoded(torch.stack([words, absent], 1), numbers[:, None])


def numeric_rows(count=500):
    numbers = torch.randn(count, 2, generator=seeded(3))
    numbers[:, 1] += torch.where(numbers[:, 0] > 0, 3.0, -1.0) * numbers[:, 0]
    return Encoded(torch.zeros(count, 2, dtype=torch.int64), numbers)


def start(x, spans, components, *, members=1, full=False):
    """Return components that each know a few rows."""
    layout = Layout(spans, full)
    blank = Components(
        layout,
        members,
        torch.arange(members).repeat_interleave(components),
        torch.full((members * components,), -math.log(components)),
        torch.zeros(layout.width + 1, members * components),
        torch.randn(layout.values, members * components, generator=seeded(1)),
        torch.eye(layout.values).repeat(members * components, 1, 1)
        if full
        else torch.ones(layout.values, members * components),
    )
    return maximise(expect(blank, x), blank, shrinkage=NOTHING)


@pytest.mark.parametrize("full", [False, True])
def test_the_density_equals_that_of_a_reference_with_the_same_parameters(full):
    x = numeric_rows()
    reference = Reference(3, covariance_type="full" if full else "diag", random_state=0).fit(x.values.numpy())
    means, weights = (torch.tensor(part).float() for part in (reference.means_, reference.weights_))
    covariances = torch.tensor(reference.covariances_).float()
    scale = torch.linalg.cholesky(covariances) if full else covariances.sqrt().T
    layout = Layout(NUMERIC, full)

    ours = log_likelihood(
        Components(layout, 1, torch.zeros(3).long(), weights.log(), torch.zeros(1, 3), means.T, scale), x
    )

    np.testing.assert_allclose(ours.numpy(), reference.score_samples(x.values.numpy()), atol=1e-3)


def test_the_density_of_a_mixed_row_equals_the_formula():
    layout = Layout(MIXED)
    tables = torch.tensor([[0.2, 0.7], [0.5, 0.2], [0.3, 0.1], [0.6, 0.9], [0.4, 0.1]])
    tables = torch.cat([tables.log(), torch.zeros(1, 2)])
    mean, scale, weights = torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.5, 1.5]]), torch.tensor([0.3, 0.7])
    components = Components(layout, 1, torch.zeros(2).long(), weights.log(), tables, mean, scale)
    nan = float("nan")
    x = Encoded(torch.tensor([[1, 0], [2, 1], [UNKNOWN, 1]]), torch.tensor([[0.4], [nan], [nan]]))

    ours = log_likelihood(components, x).exp()

    first = 0.3 * 0.5 * 0.6 * norm.pdf(0.4, -1, 0.5) + 0.7 * 0.2 * 0.9 * norm.pdf(0.4, 2, 1.5)
    assert ours.tolist() == pytest.approx([first, 0.3 * 0.3 * 0.4 + 0.7 * 0.1 * 0.1, 0.3 * 0.4 + 0.7 * 0.1], rel=1e-5)


def test_the_density_of_a_mixed_table_integrates_to_one():
    x = mixed_rows()
    model = GaussianMixture(plan((2, 6))).fit(x, MIXED, generator=seeded())
    grid = torch.linspace(-12, 12, 4_001)
    total = 0.0

    for word in range(3):
        words = torch.full_like(grid, word).long()
        present = model.log_prob(Encoded(torch.stack([words, words * 0], 1), grid[:, None])).exp()
        total += float(torch.trapezoid(present, grid))
        total += float(model.log_prob(Encoded(torch.tensor([[word, 1]]), torch.tensor([[torch.nan]]))).exp())

    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("x", "spans"), [(numeric_rows(), NUMERIC), (mixed_rows(), MIXED)], ids=["numeric", "mixed"])
def test_each_pass_of_em_raises_the_likelihood_where_nothing_shrinks(x, spans, full):
    if full and spans is MIXED:
        x = Encoded(x.codes[:, :1], torch.nan_to_num(x.values))
        spans = (MIXED[0], Span("number", 0, 1, 0, 0))
    components = start(x, spans, 4, full=full)
    trail = []

    for _ in range(12):
        statistics = expect(components, x)
        components = maximise(statistics, components, shrinkage=NOTHING)
        trail.append(statistics.log_likelihood / len(x))

    assert min(np.diff(trail)) > -1e-3
    assert trail[-1] > trail[0] + 0.05


@pytest.mark.parametrize("members", [1, 3])
def test_statistics_of_parts_add_up_to_those_of_the_whole(members):
    x = mixed_rows()
    components = start(x, MIXED, 4, members=members)

    whole, parts = expect(components, x), expect(components, x[:150]) + expect(components, x[150:])

    assert isinstance(parts, Statistics)
    for name in ("weight", "counts", "moments"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-3)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood)
    assert float(whole.weight.sum()) == pytest.approx(members * len(x), rel=1e-5)


def test_components_shrink_to_their_family_and_dead_ones_are_it():
    x = mixed_rows()
    before = start(x, MIXED, 4)
    statistics = expect(before, x)
    dead = Statistics(*(getattr(statistics, name).clone() for name in ("weight", "counts", "moments")), 0.0)
    for part in (dead.weight, dead.counts, dead.moments):
        part[..., 3] = 0

    weak = maximise(dead, before, shrinkage=Shrinkage(1.0, 1.0, 1.0))
    strong = maximise(dead, before, shrinkage=Shrinkage(1e6, 1e6, 1e6))

    assert all(bool(torch.isfinite(part).all()) for part in (weak.tables, weak.mean, weak.scale, weak.log_weight))
    torch.testing.assert_close(strong.tables[:-1], weak.tables[:-1, 3:].expand(-1, 4), rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(strong.mean, weak.mean[:, 3:].expand(-1, 4), rtol=1e-2, atol=1e-2)
    assert len(pruned(weak).log_weight) == 3


def test_singular_data_has_a_finite_density():
    line = torch.linspace(-2, 2, 200)[:, None]
    x = Encoded(torch.zeros(200, 2, dtype=torch.int64), torch.cat([line, line], 1))

    model = GaussianMixture(plan((1, 4))).fit(x, NUMERIC, generator=seeded())

    assert bool(torch.isfinite(model.log_prob(x)).all())
    assert model.sample(1_000, generator=seeded()).values.T.corrcoef()[0, 1] > 0.98


def test_draws_follow_the_density():
    x = mixed_rows(4_000)
    model = GaussianMixture(plan((2, 8))).fit(x, MIXED, generator=seeded())

    drawn, seen = model.log_prob(model.sample(4_000, generator=seeded(1))).mean(), model.log_prob(x).mean()

    assert float(drawn) == pytest.approx(float(seen), abs=0.1)  # 4,000 rows: 3 standard errors


def test_the_state_of_full_covariances_goes_round():
    x = numeric_rows()
    model = GaussianMixture(plan((1, 4), (2, 8))).fit(x, NUMERIC, generator=seeded())

    again = GaussianMixture.from_state(*model.state())

    assert model.components.layout.full
    assert torch.equal(again.log_prob(x), model.log_prob(x))
    assert torch.equal(again.sample(50, generator=seeded()).values, model.sample(50, generator=seeded()).values)


def test_very_many_codes_share_tokens_and_keep_their_frequencies():
    size = 20_000
    code = torch.where(
        torch.rand(5_000, generator=seeded()) < 0.5, 7, torch.randint(size, (5_000,), generator=seeded(1))
    )
    x, spans = Encoded(code[:, None], torch.zeros(5_000, 0)), (Span("many", 0, size),)

    model = GaussianMixture(plan((1, 2), (1, 4))).fit(x, spans, generator=seeded())
    drawn = model.sample(5_000, generator=seeded()).codes[:, 0]

    assert len(model.state()[0]["tables"]) <= 257  # tokens, and one for what is unknown
    assert (drawn == 7).float().mean() == pytest.approx(0.5, abs=0.05)
    assert len(drawn.unique()) > 1_500
    every = Encoded(torch.arange(size)[:, None], torch.zeros(size, 0))
    assert float(model.log_prob(every).double().exp().sum()) == pytest.approx(1.0, abs=1e-3)


def test_values_that_are_not_finite_are_refused():
    x = mixed_rows()
    x.values[0] = float("inf")

    with pytest.raises(ModelError, match="training keeps a finite likelihood"):
        GaussianMixture(plan((1, 2))).fit(x, MIXED, generator=seeded())


@pytest.mark.gpu
@pytest.mark.parametrize(("rows", "spans"), [(mixed_rows, MIXED), (numeric_rows, NUMERIC)])
def test_a_gpu_learns_what_a_cpu_learns(rows, spans):
    x, judge = rows(4_000) if rows is numeric_rows else rows(4_000, seed=1), rows(500)

    on = {
        device: GaussianMixture(plan((1, 4), (2, 16))).fit(x.to(device), spans, generator=seeded())
        for device in ("cpu", "cuda")
    }

    scores = {device: float(model.log_prob(judge.to(device)).mean()) for device, model in on.items()}
    assert scores["cuda"] == pytest.approx(scores["cpu"], abs=0.05)
    drawn = on["cuda"].sample(1_000, generator=seeded())
    tensors, config = on["cuda"].state()
    again = GaussianMixture.from_state(tensors, config).sample(1_000, generator=seeded())
    assert torch.equal(drawn.codes, again.codes)
