"""Planted anomalies: usual cell by cell, odd together, and told by the detector that knows what belongs together."""

import math

import pytest
import torch

from models.encoding import Encoded, Span
from models.planting import planted, tells

SPANS = (
    Span("word", 0, 3),
    Span("number", 1, 2, 0, 0, null=1),
    Span("twin", 2, 1, 1, 0),
    Span("alike", 3, 1),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(count=2_000, *, seed=0):
    """Return rows whose last number is nearly the first, with some nulls of which only the first has any."""
    generator = seeded(seed)
    word = torch.multinomial(torch.tensor([0.9, 0.08, 0.02]), count, replacement=True, generator=generator)
    number = torch.randn(count, generator=generator)
    twin = number + 0.1 * torch.randn(count, generator=generator)
    null = torch.rand(count, generator=generator) < 0.1
    zeros = torch.zeros_like(word)
    number = torch.where(null, torch.nan, number)
    return Encoded(torch.stack([word, null.long(), zeros, zeros], 1), torch.stack([number, twin], 1))


def differing(x, y):
    """Return the (N,) numbers of columns in which rows differ."""
    cells = [torch.cat([each.codes[:, :2].float(), each.values.nan_to_num(9.0)], 1) for each in (x, y)]
    word, null, number, twin = (cells[0] != cells[1]).T
    return word.long() + (null | number).long() + twin.long()


@pytest.mark.parametrize(("name", "most"), [("one", 1), ("mixed", 1), ("even", 1)])
def test_so_many_columns_hold_other_cells_and_null_has_no_value(name, most):
    usual = rows()

    odd = planted(usual, SPANS, generator=seeded())[name]

    assert len(odd) == len(usual)
    assert int(differing(usual, odd).max()) == most
    assert float((differing(usual, odd) > 0).float().mean()) > 0.4
    assert torch.equal(odd.values[:, 0].isnan(), odd.codes[:, 1] == 1)


def test_half_of_the_columns_are_one_other_row_s():
    usual = Encoded(torch.zeros(500, 8).long(), torch.arange(500.0)[:, None].expand(-1, 8).clone())
    spans = tuple(Span(str(place), place, 1, place, 0) for place in range(8))

    odd = planted(usual, spans, generator=seeded())["mixed"].values[:500]

    own = odd == torch.arange(500.0)[:, None]
    assert float((own.sum(1) == 4).float().mean()) > 0.95
    assert all(len(row[~mine].unique()) == 1 for row, mine in zip(odd, own, strict=True) if not mine.all())


def test_what_is_drawn_evenly_makes_the_rare_usual_and_stays_within_the_ends():
    usual = rows()

    odd = planted(usual, SPANS, generator=seeded())["even"]

    changed = odd.codes[:, 0] != usual.codes[:, 0]
    assert torch.bincount(odd.codes[changed, 0], minlength=3)[2] > 5 * (usual.codes[:, 0] == 2).sum() / 3
    for place in range(2):
        known, new = (each.values[:, place].nan_to_num(0.0) for each in (usual, odd))
        assert float(new.min()) >= float(known.min())
        assert float(new.max()) <= float(known.max())


def test_equal_generators_plant_equal_rows():
    first, second, other = (planted(rows(50), SPANS, generator=seeded(seed)) for seed in (0, 0, 1))

    assert all(torch.equal(first[name].codes, second[name].codes) for name in first)
    assert all(torch.equal(first[name].values.nan_to_num(), second[name].values.nan_to_num()) for name in first)
    assert not all(torch.equal(first[name].codes, other[name].codes) for name in first)


@pytest.mark.parametrize("usual", [rows(1), rows(3), Encoded(torch.full((2, 4), -1), torch.full((2, 2), torch.nan))])
def test_a_few_rows_are_planted_in_often_and_unknown_cells_are_no_error(usual):
    assert all(len(odd) >= 1_000 for odd in planted(usual, SPANS, generator=seeded()).values())


def joint(x):
    """Return minus the log-density of rows, but for what is the same for all: it knows the twins."""
    number, twin = x.values[:, 0], x.values[:, 1]
    apart = torch.where(number.isnan(), 0.5 * twin**2, 0.5 * number**2 + 50 * (twin - number) ** 2)
    return apart.nan_to_num(0.0) - torch.tensor([0.9, 0.08, 0.02]).log()[x.codes[:, 0]]


def apart(x):
    """Return the same of columns that know nothing of each other."""
    return 0.5 * x.values.nan_to_num(0.0).square().sum(1) - torch.tensor([0.9, 0.08, 0.02]).log()[x.codes[:, 0]]


def test_who_knows_what_belongs_together_tells_more_than_who_knows_the_columns_and_he_more_than_chance():
    usual = rows()
    odd = planted(usual, SPANS, generator=seeded())

    told = {
        name: tells(score, usual, list(odd.values()))
        for name, score in (("joint", joint), ("apart", apart), ("none", lambda x: torch.zeros(len(x))))
    }

    assert told["joint"] > told["apart"] + 0.05
    assert told["apart"] > 0.55
    assert told["none"] == 0.5
    assert tells(apart, usual, [odd["one"]]) == pytest.approx(0.5, abs=0.05)


def test_the_area_is_that_by_hand_and_what_is_not_a_number_is_the_oddest():
    usual, odd = (
        Encoded(torch.zeros(len(numbers), 1).long(), torch.tensor(numbers)[:, None])
        for numbers in ([0.0, 2.0], [1.0, 2.0, math.nan])
    )

    area = tells(lambda x: x.values[:, 0], usual, [odd])

    assert area == pytest.approx((1 + 1.5 + 2) / 6)
