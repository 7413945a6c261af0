"""Laws of the adversarial networks: losses, draws, refining; and planted truths that they recover."""

import math
from dataclasses import replace

import pytest
import torch
from interruptions import Interrupted, Memory, same_state

from data_contracts import ModelError
from models.adversarial.conditions import conditions_of
from models.adversarial.drawing import inclusion
from models.adversarial.fitting import Rivals
from models.adversarial.layout import choose, layout_of, pick
from models.adversarial.losses import gradient_penalty, margins_of, pairing_loss
from models.adversarial.table import PLAN, Table
from models.encoding import UNKNOWN, Encoded, Span
from models.gan import Gan
from models.life import Terms

SPANS = (Span("word", 0, 3), Span("constant", 1, 1), Span("number", 2, 2, 0, 0), Span("rank", 3, 8, ordered=True))
NUMBERS = (Span("a", 0, 1, 0, 0, ordered=True), Span("b", 1, 1, 1, 0, ordered=True))
QUICK = replace(
    PLAN,
    hidden=32,
    latent=16,
    batch=64,
    steps=(20, 20),
    round_steps=10,
    refining=20,
    judged_rows=500,
    average=50,
    raked=8_192,
)
ALONE = replace(QUICK, members=1, steps=(10, 10))
LONGER = replace(
    QUICK, hidden=48, batch=128, steps=(250, 250), round_steps=50, refining=50, members=1, average=100, raked=32_768
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(count=2_000, *, seed=0):
    """The number is about 1 for the last word, else about -1, and absent with a fifth; the rank leans to the word."""
    generator = seeded(seed)
    word = torch.randint(3, (count,), generator=generator)
    absent = (torch.rand(count, generator=generator) < 0.2).long()
    number = torch.where(word == 2, 1.0, -1.0) + 0.3 * torch.randn(count, generator=generator)
    number[absent == 1] = torch.nan
    rank = (2 * word + torch.randint(4, (count,), generator=generator)).clamp(max=7)
    return Encoded(torch.stack([word, torch.zeros_like(word), absent, rank], 1), number[:, None])


def words(*codes):
    """Return rows of categories alone."""
    return Encoded(torch.stack(codes, 1), torch.zeros(len(codes[0]), 0))


def fitted(x, spans=SPANS, *, plan=QUICK, seed=1, **limits):
    return Gan(plan).fit(x, spans, generator=seeded(seed), terms=Terms(**limits))


@pytest.fixture(scope="module")
def model():
    return fitted(rows())


@pytest.fixture(scope="module")
def longer():
    return fitted(rows(), plan=LONGER)


def test_the_penalty_of_a_linear_critic_is_the_square_of_its_slope():
    slope = torch.tensor([3.0, -4.0])
    rows = torch.randn(5, 2, generator=seeded())

    assert float(gradient_penalty(lambda features: features @ slope, rows)) == pytest.approx(25)


def test_the_penalty_of_a_curved_critic_is_taken_at_each_row():
    rows = torch.tensor([[1.0], [3.0]])

    assert gradient_penalty(lambda features: features.square().sum(1), rows).item() == pytest.approx((4 + 36) / 2)


def test_the_pairing_loss_is_that_of_the_differences():
    loss = pairing_loss(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0]))

    assert float(loss) == pytest.approx((math.log(1 + math.exp(-1)) + math.log(2)) / 2)


def test_margins_are_apart_from_others_and_not_from_themselves():
    x = rows()
    layout = layout_of(SPANS, x, 8)
    token, scores = layout.tokens_of(x), x.values.nan_to_num(0.0)
    hot = layout.hot(token)
    margins = margins_of(layout, token, scores, torch.full((len(x),), 1 / len(x)))
    own = margins.moments(hot, scores)
    torn = margins.moments(hot[torch.randperm(len(x), generator=seeded())], scores.flip(0))

    assert float(margins.between(own, own)) == pytest.approx(0, abs=1e-9)
    assert float(margins.between(torn, torn)) > 0.01


def test_margins_are_the_same_however_few_rows_are_multiplied_at_a_time(monkeypatch):
    x = rows(100)
    layout = layout_of(SPANS, x, 8)
    token, scores, weight = layout.tokens_of(x), x.values.nan_to_num(0.0), torch.rand(100, generator=seeded())
    whole = margins_of(layout, token, scores, weight)

    monkeypatch.setattr("models.adversarial.losses._CELLS", 7 * layout.width)
    torch.testing.assert_close(margins_of(layout, token, scores, weight).real, whole.real)


def test_tokens_are_drawn_by_their_probabilities_relaxed_or_not():
    chance = torch.tensor([0.2, 0.8, 0.5, 0.1, 0.4])
    logits = chance.log().repeat(20_000, 1)
    relaxed = choose(logits, [2, 3], warmth=0.7, generator=seeded())
    plain = pick(logits, [2, 3], generator=seeded())

    torch.testing.assert_close(relaxed.mean(0), chance, atol=0.015, rtol=0)
    assert set(relaxed.unique().round(decimals=5).tolist()) == {0.0, 1.0}
    torch.testing.assert_close(torch.bincount(plain.flatten(), minlength=5) / 20_000, chance, atol=0.015, rtol=0)


def test_given_tokens_are_had_by_the_rows_drawn_with_them():
    token = torch.tensor([[0, 2], [1, 2], [1, 3], [UNKNOWN, 3]])
    conditions = conditions_of(token, torch.tensor([0, 0, 1, 1]), 0.5)
    given, chosen = conditions.draw(500, generator=seeded())

    assert (token[chosen] == given[:, None]).any(1).all()
    assert set(given.tolist()) == {0, 1, 2, 3}


def test_evenness_gives_rare_tokens_more_often_and_weighs_their_rows_so():
    token = torch.cat([torch.zeros(90, 1), torch.ones(10, 1)]).long()
    often, even = (conditions_of(token, torch.tensor([0, 0]), evenness) for evenness in (0.0, 1.0))

    assert often.chance.tolist() == pytest.approx([0.9, 0.1])
    assert even.chance.tolist() == pytest.approx([0.5, 0.5])
    assert even.weight(token).unique().tolist() == pytest.approx([0.5 / 90, 0.5 / 10])


def test_chances_are_in_proportion_and_add_up():
    score = torch.tensor([0.0, 1.0, 2.0, 50.0])
    chance = inclusion(score, 2)

    assert float(chance.sum()) == pytest.approx(2)
    assert chance[3] == pytest.approx(1)
    assert float(chance[1] / chance[0]) == pytest.approx(math.e, rel=1e-4)


def test_gradients_reach_every_parameter():
    x = rows(300)
    one = Rivals(Table(layout_of(SPANS, x, 8), x, QUICK), QUICK, seed=0, half=False)
    before = {name: tensor.clone() for name, tensor in one.state().items()}
    one.compete()
    after = one.state()

    for name, tensor in before.items():
        if name.startswith(("generator.", "critic.")):
            assert not torch.equal(tensor, after[name]), name


def test_a_fit_interrupted_while_refining_ends_in_the_same_bytes(model):
    memory = Memory(3)
    with pytest.raises(Interrupted):
        fitted(rows(), checkpoint=memory, checkpoint_seconds=0)
    again = fitted(rows(), checkpoint=memory, checkpoint_seconds=0)

    assert same_state(again, model)
    assert again.fitted.steps == model.fitted.steps
    assert again.fitted.history == model.fitted.history


def test_draws_hold_the_extremes_and_nothing_beyond(model):
    x = rows()
    drawn = model.sample(len(x), generator=seeded()).values
    known, made = x.values[~x.values.isnan()], drawn[~drawn.isnan()]

    assert made.min() == known.min()
    assert made.max() == known.max()


def test_marginals_are_right_even_where_little_was_learned(model):
    x = rows()
    drawn = model.sample(5_000, generator=seeded())

    for span in SPANS:
        real, made = (torch.bincount(one.codes[:, span.code], minlength=span.size) / len(one) for one in (x, drawn))
        assert float((real - made).abs().sum() / 2) < 0.03, span.column


def test_the_critic_scores_real_rows_above_shuffled_ones(longer):
    x = rows(seed=5)
    codes = x.codes.clone()
    codes[:, 0] = codes[torch.randperm(len(x), generator=seeded()), 0]
    real, shuffled = longer.critic_score(x), longer.critic_score(Encoded(codes, x.values))

    assert real.shape == (len(x),)
    assert float((real > shuffled).float().mean() + (real == shuffled).float().mean() / 2) > 0.6


def test_a_number_follows_the_category_that_it_depends_on(longer):
    drawn = longer.sample(3_000, generator=seeded())
    high = drawn.values[drawn.codes[:, 0] == 2, 0]
    low = drawn.values[drawn.codes[:, 0] != 2, 0]

    assert float(high[~high.isnan()].median()) == pytest.approx(1, abs=0.25)
    assert float(low[~low.isnan()].median()) == pytest.approx(-1, abs=0.25)


def test_no_cluster_is_lost():
    generator, count = seeded(), 2_000
    share = torch.tensor([0.4, 0.3, 0.2, 0.1])
    cluster = torch.multinomial(share, count, replacement=True, generator=generator)
    centre = torch.tensor([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])
    number = centre[cluster] + 0.3 * torch.randn(count, 2, generator=generator)
    scores = torch.special.ndtri((number.argsort(0).argsort(0) + 0.5) / count)  # by rank, as the encoder does
    places = torch.stack([scores[cluster == one].mean(0) for one in range(4)])
    x = Encoded(torch.zeros(count, 2, dtype=torch.int64), scores)
    drawn = fitted(x, NUMBERS, plan=LONGER).sample(count, generator=seeded(2)).values

    found = torch.bincount(torch.cdist(drawn, places).argmin(1), minlength=4) / count
    torch.testing.assert_close(found, share, atol=0.1, rtol=0)  # of so few steps
    assert (found > share / 2).all()


def test_a_rare_category_keeps_its_share_and_what_goes_with_it():
    generator, count = seeded(), 3_000
    rare = (torch.rand(count, generator=generator) < 0.02).long()
    other = torch.where(rare == 1, 2, torch.randint(2, (count,), generator=generator))
    drawn = fitted(words(rare, other), (Span("rare", 0, 2), Span("other", 1, 3)), plan=LONGER)
    codes = drawn.sample(10_000, generator=seeded(2)).codes

    assert float(codes[:, 0].float().mean()) == pytest.approx(float(rare.float().mean()), abs=0.005)
    assert (codes[codes[:, 0] == 1, 1] == 2).float().mean() > 0.8


def _many():
    generator = seeded()
    often = torch.rand(2_000, generator=generator) < 0.5
    return torch.where(often, 7, torch.randint(100_000, (2_000,), generator=generator))


ODD = {
    "one row": (rows(1), SPANS),
    "two rows": (rows(2), SPANS),
    "constants": (words(torch.zeros(40).long(), torch.zeros(40).long()), (Span("a", 0, 1), Span("b", 1, 1))),
    "all null": (
        Encoded(torch.ones(40, 1).long(), torch.full((40, 1), torch.nan)),
        (Span("null", 0, 2, 0, 0, ordered=True),),
    ),
    "very many codes": (words(_many(), _many() % 2), (Span("many", 0, 100_000), Span("odd", 1, 2))),
    "numbers": (
        Encoded(torch.zeros(90, 2).long(), torch.randn(90, 2, generator=seeded())),
        NUMBERS,
    ),
    "unknown cells": (
        Encoded(rows(90).codes.masked_fill(torch.arange(90)[:, None] % 3 == 0, UNKNOWN), rows(90).values),
        SPANS,
    ),
}


@pytest.mark.parametrize(("x", "spans"), ODD.values(), ids=ODD)
def test_odd_tables_work(x, spans):
    model = fitted(x, spans, plan=ALONE)
    drawn = model.sample(300, generator=seeded())

    for span in spans:
        code = drawn.codes[:, span.code]
        assert ((code >= 0) & (code < span.size)).all()
        if span.value is not None:
            assert torch.equal(drawn.values[:, span.value].isnan(), code != span.regular)
    assert model.critic_score(x).isfinite().all()


def test_very_many_codes_keep_their_frequencies():
    drawn = fitted(*ODD["very many codes"], plan=ALONE).sample(2_000, generator=seeded()).codes[:, 0]

    assert (drawn == 7).float().mean() == pytest.approx(0.5, abs=0.05)
    assert len(drawn.unique()) > 400


def test_rows_of_which_nothing_is_known_are_refused():
    blank = Encoded(torch.full((5, 4), UNKNOWN), torch.full((5, 1), torch.nan))

    with pytest.raises(ModelError, match="unknown"):
        fitted(blank)
