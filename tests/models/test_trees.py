"""Laws of sequential trees: their density, their draws, their honesty; and planted truths."""

import pytest
import torch

from models.encoding import UNKNOWN, Encoded, Span
from models.life import Terms
from models.trees import Trees

SPANS = (Span("word", 0, 3), Span("constant", 1, 1), Span("number", 2, 2, 0, 0), Span("rank", 3, 8, ordered=True))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(count=3_000, *, seed=0):
    """The number is about 1 for the last word, else about -1, and absent with a fifth; the rank leans to the word."""
    generator = seeded(seed)
    word = torch.randint(3, (count,), generator=generator)
    absent = (torch.rand(count, generator=generator) < 0.2).long()
    number = torch.where(word == 2, 1.0, -1.0) + 0.3 * torch.randn(count, generator=generator)
    number[absent == 1] = torch.nan
    rank = (2 * word + torch.randint(4, (count,), generator=generator)).clamp(max=7)
    return Encoded(torch.stack([word, torch.zeros_like(word), absent, rank], 1), number[:, None])


def fitted(x, spans=SPANS, *, seed=1, **limits):
    return Trees().fit(x, spans, generator=seeded(seed), terms=Terms(**limits))


def coded(*columns):
    """Return rows and spans of codes alone."""
    codes = torch.stack(columns, 1)
    spans = tuple(Span(str(place), place, int(column.max()) + 1) for place, column in enumerate(columns))
    return Encoded(codes, torch.zeros(len(codes), 0)), spans


@pytest.fixture(scope="module")
def model():
    return fitted(rows())


def test_the_density_sums_and_integrates_to_one(model):
    grid = torch.linspace(-9, 9, 4_001)
    total = 0.0
    for word in range(3):
        for rank in range(8):
            code = torch.tensor([word, 0, 0, rank]).repeat(len(grid), 1)
            density = model.log_prob(Encoded(code, grid[:, None])).double().exp()
            absent = Encoded(torch.tensor([[word, 0, 1, rank]]), torch.tensor([[torch.nan]]))
            total += float(torch.trapezoid(density, grid.double()) + model.log_prob(absent).exp())

    assert total == pytest.approx(1, abs=0.01)


def test_the_draws_follow_the_density(model):
    drawn = model.sample(40_000, generator=seeded(2))
    words = torch.bincount(drawn.codes[:, 0], minlength=3) / len(drawn)
    blank = torch.full((3, 4), UNKNOWN)
    blank[:, 0] = torch.arange(3)
    expected = model.log_prob(Encoded(blank, torch.full((3, 1), torch.nan))).exp()

    torch.testing.assert_close(words, expected, atol=0.015, rtol=0)
    assert float(model.log_prob(drawn).mean()) == pytest.approx(float(model.log_prob(rows(seed=9)).mean()), abs=0.15)


def test_draws_hold_the_extremes_and_nothing_beyond(model):
    known = rows().values
    drawn = model.sample(len(known), generator=seeded()).values
    known, drawn = known[~known.isnan()], drawn[~drawn.isnan()]

    assert drawn.min() == known.min()
    assert drawn.max() == known.max()


def test_steps_are_columns_and_those_cut_off_keep_their_frequencies():
    cut = fitted(rows(), steps=3)

    assert cut.fitted.cut
    assert cut.fitted.steps == 3
    assert len(cut.factors[2].table) > 1
    assert len(cut.factors[3].table) == 1


def test_a_planted_row_stays_less_likely_than_99_in_100_rows_held_out():
    """A row of a rank and a number that its word never has: a leaf of its own would make it as likely as others."""
    canary = Encoded(torch.tensor([[0, 0, 0, 7]]), torch.tensor([[2.0]]))
    model = fitted(Encoded.join([rows(), canary]))

    assert float(model.log_prob(canary)) < float(model.log_prob(rows(seed=7)).quantile(0.01))


def test_rows_learned_from_are_hardly_more_likely_than_others(model):
    gap = model.log_prob(rows()).mean() - model.log_prob(rows(seed=7)).mean()

    assert float(gap) < 0.1  # nats a row


def test_columns_that_say_nothing_of_each_other_stay_with_their_frequencies():
    generator = seeded()
    x, spans = coded(*(torch.randint(6, (2_000,), generator=generator) for _ in range(2)))

    assert [len(factor.table) for factor in fitted(x, spans).factors] == [1, 1]


def test_the_exclusive_or_of_two_columns_is_learned():
    a, b = torch.randint(2, (2, 3_000), generator=seeded())
    x, spans = coded(a, b, a ^ b)
    drawn = fitted(x, spans).sample(3_000, generator=seeded(2)).codes

    assert ((drawn[:, 0] ^ drawn[:, 1]) == drawn[:, 2]).float().mean() > 0.97


def test_a_number_follows_a_category_and_a_spike_too(model):
    drawn = model.sample(10_000, generator=seeded(3))
    present = drawn.codes[:, 2] == 0
    last = drawn.codes[:, 0] == 2

    assert (drawn.values[present & last, 0] > 0).float().mean() > 0.97
    assert (drawn.values[present & ~last, 0] < 0).float().mean() > 0.97


def test_a_spike_and_a_null_that_depend_on_a_number():
    number = torch.randn(4_000, generator=seeded())
    chance = torch.where(number > 0.5, 0.8, 0.05)
    gone = (torch.rand(4_000, generator=seeded(1)) < chance).long()
    x = Encoded(torch.stack([torch.zeros_like(gone), gone], 1), number[:, None])
    spans = (Span("number", 0, 1, 0, 0), Span("gone", 1, 2))
    drawn = fitted(x, spans).sample(8_000, generator=seeded(2))
    beyond = drawn.values[:, 0] > 0.5

    assert drawn.codes[beyond, 1].float().mean() == pytest.approx(0.8, abs=0.06)
    assert drawn.codes[~beyond, 1].float().mean() == pytest.approx(0.05, abs=0.04)


def test_a_tenth_of_nulls_that_columns_share_stays_a_tenth_down_the_chain():
    """A leaf of few rows believes what stands above it more than a large one does: unbalanced, a half would be left."""
    absent = torch.arange(1_000) % 10 == 9
    values = torch.where(absent[:, None], torch.nan, torch.randn(1_000, 6, generator=seeded()))
    spans = tuple(Span(str(place), place, 2, place, 0, ordered=True, null=1) for place in range(6))
    x = Encoded(absent.long()[:, None].repeat(1, 6), values)
    drawn = fitted(x, spans).sample(10_000, generator=seeded(2)).codes

    assert drawn.float().mean(0).tolist() == pytest.approx([0.1] * 6, abs=0.015)
    assert (drawn[:, 0] == drawn[:, 5]).float().mean() > 0.9


def test_the_order_of_very_many_codes_tells_of_others():
    code = torch.randint(2_000, (6_000,), generator=seeded())
    x, spans = coded(code, (code < 1_000).long())
    drawn = fitted(x, spans).sample(6_000, generator=seeded(2)).codes

    assert ((drawn[:, 0] < 1_000) == drawn[:, 1]).float().mean() > 0.97


def test_very_many_codes_share_tokens():
    many = torch.randint(100_000, (3_000,), generator=seeded())
    many[0] = 99_999
    x, spans = coded(torch.randint(3, (3_000,), generator=seeded(1)), many)
    model = fitted(x, spans)

    assert len(model.sample(3_000, generator=seeded()).codes[:, 1].unique()) > 1_000
    assert model.log_prob(x).isfinite().all()


@pytest.mark.parametrize("count", [2, 250])
def test_few_rows_are_enough_to_begin_with(count):
    x = rows(count)
    model = fitted(x)

    assert len(model.sample(5, generator=seeded())) == 5
    assert model.log_prob(x).isfinite().all()


def test_a_column_without_any_value_works():
    x = Encoded(torch.ones(300, 2, dtype=torch.int64), torch.full((300, 2), torch.nan))
    drawn = fitted(x, (Span("a", 0, 2, 0, 0), Span("b", 1, 2, 1, 0))).sample(50, generator=seeded())

    assert drawn.values.isnan().all()
