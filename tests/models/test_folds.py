"""Laws of folds: where the columns before name the rows, a row is read by a network that never saw it."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from models.autoregressive import Autoregressive
from models.chain.fitting import PLAN
from models.chain.folds import Folds
from models.chain.making import learned_from
from models.columns import axis_of
from models.encoding import UNKNOWN, Encoded, Span
from models.life import Terms

DAYS, HOURS = 100, 24
SPANS = (
    Span("day", 0, DAYS),
    Span("hour", 1, HOURS, ordered=True),
    Span("heat", 2, 1, 0, 0, ordered=True),
    Span("rain", 3, 2),
)
SMALL = replace(PLAN, hidden=48, bins=16)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def weather():
    """Return one row for each hour, in random order: warm or cold by the day, and by chance; warm hours are dry."""
    cell = torch.randperm(DAYS * HOURS, generator=seeded())
    day, hour = cell // HOURS, cell % HOURS
    by_day, chance = torch.randn(DAYS, generator=seeded(1)), torch.randn(len(cell), generator=seeded(2))
    heat = (0.7 * by_day[day] + 0.7 * chance)[:, None]
    rain = (heat[:, 0] + 0.5 * torch.randn(len(cell), generator=seeded(3)) < 0).long()
    return Encoded(torch.stack([day, hour, torch.zeros_like(day), rain], 1), heat)


def axes_of(x, spans=SPANS):
    return [axis_of(span, x, 16 * (span.value is not None), 0, 8) for span in spans]


def fitted(x, *, folds, steps=None, passes=PLAN.passes):
    plan = replace(SMALL, folds=folds, holdin=0.2, passes=passes)
    return Autoregressive(plan).fit(x, SPANS, generator=seeded(4), terms=Terms(steps=steps))


def test_the_columns_that_name_the_rows_are_the_key():
    x = weather()

    assert Folds.of(axes_of(x), x, count=3) == Folds((0, 1), 1, 3)


@pytest.mark.parametrize(
    ("x", "count"),
    [
        (weather()[:1_000], 3),  # too few to spare a fold
        (weather(), 1),
        (Encoded.join([weather(), weather()]), 3),  # each key twice
    ],
)
def test_without_a_key_there_are_no_folds(x, count):
    assert Folds.of(axes_of(x), x, count=count) is None


def test_a_value_names_no_rows_that_come_again():
    x = weather()
    first = (Span("heat", 2, 1, 0, 0, ordered=True), Span("rain", 3, 2))

    assert Folds.of(axes_of(x, first), x, count=3) is None


def test_a_fold_hangs_on_the_key_alone_and_has_its_share_of_the_rows():
    x, folds = weather(), Folds((0, 1), 1, 3)
    other = Encoded(x.codes.clone(), -x.values)
    other.codes[:, 3] = 1 - other.codes[:, 3]

    assert torch.equal(folds(x), folds(other))
    unknown = Encoded(torch.full((5, 4), UNKNOWN), torch.zeros(5, 1))
    assert folds(unknown).unique().numel() == 1
    assert folds(x).bincount().float().div(len(x)).sub(1 / 3).abs().max() < 0.03


def test_no_network_learns_from_rows_of_its_fold_and_each_learns_from_all_others():
    x = weather()
    model = fitted(x, folds=3, steps=1)

    assert [len(network.parts) for network in model.chain.networks] == [1, 1, 3, 3]
    for network in model.chain.networks[2:]:
        own = network.folds(x)
        for fold, among in enumerate(learned_from(network, x)):
            assert torch.equal(among, (own != fold).nonzero()[:, 0])


def test_rows_learned_from_are_no_likelier_than_others_where_there_are_folds():
    x = weather()
    seen, unseen = x[:2_000], x[2_000:]

    def gap(folds):
        model = fitted(seen, folds=folds, steps=30)
        return float(model.log_prob(seen).mean() - model.log_prob(unseen).mean())

    assert abs(gap(3)) < 0.12 < gap(1)  # 400 rows: a mean to .05 nats


def test_the_state_holds_the_folds_and_their_trees():
    model = fitted(weather(), folds=3, passes=(1, 2))
    tensors, config = model.state()
    again = Autoregressive.from_state(load(save(tensors)), json.loads(json.dumps(config)))

    assert again.chain.folds == Folds((0, 1), 1, 3)
    assert save(again.state()[0]) == save(tensors)
    drawn, same = (one.sample(500, generator=seeded(5)) for one in (model, again))
    assert torch.equal(drawn.codes, same.codes)
    assert torch.equal(drawn.values, same.values)
    assert torch.equal(again.log_prob(drawn), model.log_prob(drawn))


def test_conditions_and_what_is_given_hold_with_folds():
    model = fitted(weather(), folds=3, steps=3)
    given = Encoded(torch.tensor([[7, 3, UNKNOWN, UNKNOWN]]), torch.full((1, 1), torch.nan))

    drawn = model.sample(200, generator=seeded(6), given=given)

    assert set(map(tuple, drawn.codes[:, :2].tolist())) == {(7, 3)}
    assert drawn.values.isfinite().all()
