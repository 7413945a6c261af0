"""What is promised under differential privacy: no row has more than its part, and noise enough for epsilon."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from interruptions import Interrupted, Memory, same_state
from test_autoregressive import QUICK, SPANS, rows, same, seeded
from test_vae import QUICK as QUICK_VAE
from torch import nn
from torch.nn.functional import cross_entropy

from data_contracts import Column, ModelError
from models import PRIVATE
from models.autoregressive import Autoregressive
from models.encoding import Encoded, Encoder
from models.latent.networks import Autoencoder, Rows
from models.life import Terms
from models.privacy import PerRow, Privacy, PrivatePlan, noisy_gradient, nonnegative
from models.vae import VariationalAutoencoder

BRIEF = PrivatePlan(passes=3, batches=4, hidden=16)
PROMISE = Privacy(3.0, 1e-4)
MADE = {
    "autoregressive": lambda private: Autoregressive(QUICK, private),
    "vae": lambda private: VariationalAutoencoder(QUICK_VAE, private),
}

every_model = pytest.mark.parametrize("name", PRIVATE)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3, bias=False))


def examples(count=11):
    return torch.randn(count, 7, generator=seeded()), torch.randint(3, (count,), generator=seeded(1))


def per_row(net, x, y):
    return PerRow.of(lambda: cross_entropy(net(x), y, reduction="none"), list(net.parameters()))


def one_by_one(net, x, y):
    losses = cross_entropy(net(x), y, reduction="none")
    gradients = [torch.autograd.grad(one, list(net.parameters()), retain_graph=True) for one in losses]
    return [torch.cat([part.flatten() for part in row]) for row in gradients]


def flat(gradients):
    return torch.cat([one.flatten() for one in gradients])


def fitted(name, x, *, seed=1, privacy=PROMISE, private=BRIEF, **terms):
    terms = Terms(privacy=privacy, checkpoint_seconds=0, **terms)
    return MADE[name](private).fit(x, SPANS, generator=seeded(seed), terms=terms)


def learner(name, x):
    """Return what learns the rows step by step."""
    model = MADE[name](BRIEF)
    begin = {"autoregressive": "_discreet", "vae": "_descent"}[name]
    return getattr(model, begin)(x, SPANS, privacy=PROMISE, generator=seeded())


def test_gradients_of_rows_are_those_of_one_row_after_the_other():
    net, (x, y) = network(), examples()

    found, expected = per_row(net, x, y), torch.stack(one_by_one(net, x, y))

    torch.testing.assert_close(found.squares, expected.square().sum(1))
    torch.testing.assert_close(flat(found.summed(torch.ones(len(x)))), expected.sum(0))


def test_gradients_of_rows_by_masked_weights_are_those_of_one_row_after_the_other():
    model = VariationalAutoencoder(QUICK_VAE, BRIEF)
    model._descent(rows(40), SPANS, privacy=PROMISE, generator=seeded())  # noqa: SLF001
    net, noise = model.model, torch.randn(9, 3, generator=seeded())
    table = Rows.of(net.axes, rows(9), half=False)
    parameters = list(net.parameters())

    found = PerRow.of(lambda: net.losses(table, noise), parameters)
    each = [torch.autograd.grad(one, parameters, retain_graph=True) for one in net.losses(table, noise)]
    expected = torch.stack([flat(one) for one in each])

    assert isinstance(net, Autoencoder)
    torch.testing.assert_close(found.squares, expected.square().sum(1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(flat(found.summed(torch.ones(9))), expected.sum(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bound", [1e-3, 0.3, 1e3])
def test_a_row_that_is_removed_changes_a_step_by_no_more_than_the_bound(bound):
    net, (x, y) = network(), examples()

    def step(keep):
        part = per_row(net, x[keep], y[keep])
        return flat(noisy_gradient([part], bound=bound, noise=0.0, rows=1.0, generator=seeded()))

    whole = step(torch.ones(len(x), dtype=torch.bool))
    moved = [float((whole - step(torch.arange(len(x)) != gone)).norm()) for gone in range(len(x))]
    norms = [float(one.norm()) for one in one_by_one(net, x, y)]

    assert moved == pytest.approx([min(bound, norm) for norm in norms], rel=1e-3)


def test_a_row_is_clipped_by_its_gradient_in_all_parts_together():
    net, (x, y) = network(), examples()

    parts = [per_row(net, x, y), per_row(net, 3 * x, y)]
    alone = [flat(noisy_gradient(parts[:1], bound=0.1, noise=0.0, rows=1.0, generator=seeded()))]
    both = noisy_gradient([PerRow(one.parameters, one.products) for one in parts], bound=0.1, noise=0.0, rows=1.0,
                          generator=seeded())  # fmt: skip

    assert float(flat(both).norm()) <= 0.1 * len(x)
    assert float(flat(both[:3]).norm()) < float(alone[0].norm())


def test_the_noise_has_the_scale_that_was_asked_for():
    net, (x, y) = network(), examples()
    part = per_row(net, x[:0], y[:0])

    noise = flat(
        [
            one
            for seed in range(200)
            for one in noisy_gradient([part], bound=0.5, noise=3.0, rows=10.0, generator=seeded(seed))
        ]
    )

    assert float(noise.std()) == pytest.approx(0.15, rel=0.02)


def test_a_parameter_that_enters_in_another_way_is_not_passed_over():
    net, (x, y) = network(), examples()
    scale = nn.Parameter(torch.ones(7))

    with pytest.raises(KeyError):
        PerRow.of(lambda: cross_entropy(net(x * scale), y, reduction="none"), [*net.parameters(), scale])


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
@pytest.mark.parametrize(("rate", "steps"), [(0.02, 300), (0.2, 40)])
def test_what_is_spent_is_at_most_what_was_asked_and_nearly_all_of_it(epsilon, rate, steps):
    promise = Privacy.over(5_000, epsilon)

    spent = promise.spent(rate, steps, promise.steps_noise(rate, steps))

    assert promise.delta == pytest.approx(1e-4)
    assert 0.95 * epsilon < spent <= epsilon


@pytest.mark.parametrize(("rows_", "delta"), [(9, 0.1), (10, 0.01), (29_305, 1e-5), (10**6, 1e-7)])
def test_delta_is_below_one_over_the_rows(rows_, delta):
    assert Privacy.over(rows_, 1.0).delta == pytest.approx(delta)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.09, 0.1), (-1, 0.1), (math.inf, 0.1), (math.nan, 0.1), (1, 0), (1, 1)]
)
def test_a_promise_of_nothing_is_refused(epsilon, delta):
    with pytest.raises(ModelError, match=r"epsilon is at least 0\.1"):
        Privacy(epsilon, delta)


def test_counts_without_negative_ones_keep_their_total():
    counts = nonnegative(np.array([10.0, -3.0, 5.0, 0.5]), 12.0)

    assert counts.min() >= 0
    assert counts.sum() == pytest.approx(12)
    assert counts[0] - counts[2] == pytest.approx(5)


@every_model
def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(name):
    first, second, other = (fitted(name, rows(400), seed=seed) for seed in (1, 1, 2))

    assert same_state(first, second)
    assert same(first.sample(50, generator=seeded()), second.sample(50, generator=seeded()))
    assert not same_state(first, other)


@every_model
def test_a_private_fit_tells_what_it_spent_and_no_loss(name):
    told = []
    model = fitted(name, rows(400), on_progress=told.append)

    assert 0.9 * PROMISE.epsilon < model.fitted.epsilon <= PROMISE.epsilon
    assert (model.fitted.steps, model.fitted.cut) == (3, False)
    assert all(math.isnan(step.loss) for step in told)


@every_model
def test_a_private_fit_that_is_cut_spends_less(name):
    assert fitted(name, rows(400), steps=1).fitted.epsilon < fitted(name, rows(400)).fitted.epsilon


@every_model
def test_a_private_fit_that_was_interrupted_ends_in_the_same_bytes(name):
    checkpoint = Memory(2)

    with pytest.raises(Interrupted):
        fitted(name, rows(400), checkpoint=checkpoint)

    assert same_state(fitted(name, rows(400), checkpoint=checkpoint), fitted(name, rows(400)))


@every_model
def test_a_row_beyond_all_others_does_not_show_in_what_is_kept_of_the_columns(name):
    x = rows(400)
    values = x.values.clone()
    values[(~values[:, 0].isnan()).nonzero()[0]] = 50.0

    kept, other = fitted(name, x), fitted(name, Encoded(x.codes, values))

    assert kept.state()[1] == other.state()[1]
    assert float(other.sample(2_000, generator=seeded()).values.nan_to_num(0.0).abs().max()) < 5


@every_model
def test_relations_are_learned_where_rows_are_many(name):
    """Planted: the number is 1 for the last word, else -1; under a large epsilon the model finds it."""
    plan = PrivatePlan(hidden=8, passes=5, batches=8, rate=4e-2, average=10)
    if name == "vae":  # what one column says of another passes through latent codes, which take longer
        plan = replace(plan, hidden=16, passes=20)
    drawn = fitted(name, rows(4_000), privacy=Privacy(8.0, 1e-5), private=plan).sample(4_000, generator=seeded())
    known = drawn.codes[:, 2] == 0
    last = drawn.codes[:, 0] == 2

    means = [float(drawn.values[known & side, 0].mean()) for side in (last, ~last)]

    assert means[0] - means[1] > 1.2  # of 2


@every_model
def test_the_step_of_all_networks_is_one_step(name):
    """One noise on one joint gradient: the privacy of many networks is that of one."""
    chain = learner(name, rows(400))

    assert chain.noise == PROMISE.steps_noise(1 / BRIEF.batches, BRIEF.steps)


@every_model
@pytest.mark.parametrize("bound", [1e-3, 1e9])
def test_a_row_moves_a_step_by_its_gradient_in_all_networks_or_the_bound(name, bound):
    chain = learner(name, rows(400))
    parts = chain.gradients(torch.tensor([7]))

    moved = flat(noisy_gradient(parts, bound=bound, noise=0.0, rows=1.0, generator=seeded()))
    whole = flat([one for part in parts for one in part.summed(torch.ones(1))])

    assert len(moved) == sum(one.numel() for one in chain.parameters)
    assert float(moved.norm()) == pytest.approx(min(bound, float(whole.norm())), rel=1e-4)


COLUMNS = (
    Column(name="sex", kind="category", values=("f", "m"), required=True),
    Column(name="town", kind="category"),
    Column(name="age", kind="integer", minimum=0, maximum=100, required=True),
    Column(name="gain", kind="integer", minimum=0, maximum=100_000),
    Column(name="price", kind="number", minimum=0, maximum=1_000, decimals=2, required=True),
)


def table(count=20_000):
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(count) < 0.6, 0, rng.integers(1, 40_000, count))
    town = np.where(rng.random(count) < 0.5, "Bonn", "Graz")
    town[0] = "Atlantis"
    return pa.record_batch(
        {
            "sex": pa.array(rng.choice(["f", "m"], count)),
            "town": pa.array(town),
            "age": pa.array(rng.integers(18, 90, count)),
            "gain": pa.array(gain),
            "price": pa.array(np.round(rng.uniform(10, 200, count), 2)),
        }
    )


def encoder(batch, columns=COLUMNS, *, privacy=PROMISE, seed=0):
    return Encoder.fit(columns, [batch], privacy=privacy, generator=seeded(seed))


def test_a_private_encoding_shows_what_many_rows_hold_and_nothing_that_one_holds():
    state = encoder(table()).state()

    assert state["sex"]["values"] == ["f", "m"]
    assert state["town"]["values"] == ["Bonn", "Graz"]
    assert state["town"]["nulls"]
    assert state["age"]["spikes"] == list(range(101))
    assert state["gain"]["spikes"] == [0]


def test_a_private_encoding_gives_back_the_distribution():
    batch = table()
    kept = encoder(batch)
    back = kept.decode(kept.encode(batch, generator=seeded()), generator=seeded())

    for name in ("age", "gain", "price"):
        real, made = np.array(batch[name]), np.array(back[name])
        cuts = np.quantile(real, np.linspace(0, 1, 9))
        shares = [np.histogram(values, cuts)[0] / len(values) for values in (real, made)]
        assert np.abs(shares[0] - shares[1]).max() < 0.03, name


def test_one_row_more_or_less_changes_a_private_encoding_as_noise_would():
    """The scale of a histogram's noise is that of its accountant: two counts a row for each of two wide columns."""
    batch = table()
    scale = PROMISE.counts_noise * math.sqrt(5)

    towns = [encoder(batch, seed=seed).statistics[1].rows[0] for seed in range(60)]

    assert np.std(towns) == pytest.approx(scale, rel=0.35)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (Column(name="price", kind="number", minimum=0), "Give its minimum and maximum in the contract"),
        (Column(name="day", kind="date"), "Give its minimum and maximum in the contract"),
        (Column(name="word", kind="category"), "List its values in the contract"),
    ],
)
def test_what_would_be_learned_without_noise_is_refused(column, message):
    values = {"number": pa.array([0.5, 1.5]), "date": pa.array([1, 2], pa.date32()), "category": pa.array(["a", "b"])}
    batch = pa.record_batch({column.name: values[column.kind]})

    with pytest.raises(ModelError, match=message) as caught:
        encoder(batch, (column,))

    assert "1.5" not in str(caught.value)
