"""Codes as numbers of a few bits: near what they stand for, and who has them."""

import pytest
import torch
from bars import bars, fit, seeded

from models.images.codes import BITS, Coder, Grid


def spread_of(bits, scale=3.0):
    z = scale * torch.randn(4_000, 5, generator=seeded()) - 7
    grid = Grid(bits, torch.full((5,), -7.0).double(), torch.full((5,), scale * 8 / 2**bits).double())
    return z, grid, grid.valued(grid.numbered(z))


@pytest.mark.parametrize("bits", range(BITS[0], BITS[1] + 1))
def test_a_code_is_within_half_a_step_and_beyond_the_ends_it_is_the_last(bits):
    z, grid, restored = spread_of(bits)
    within = (z - grid.centre).abs() < grid.step * 2 ** (bits - 1)

    assert within.float().mean() > 0.999
    assert ((z - restored).abs() <= grid.step * 0.5001)[within].all()
    far = torch.full((2, 5), 1e6) * torch.tensor([[1.0], [-1.0]])
    assert grid.numbered(far).tolist() == [[2**bits - 1] * 5, [0] * 5]


def test_a_number_again_is_the_same_number():
    z, grid, restored = spread_of(4)

    assert torch.equal(grid.numbered(restored), grid.numbered(z))


def test_each_bit_more_keeps_more():
    lost = [float((spread_of(bits)[0] - spread_of(bits)[2]).square().mean()) for bits in (2, 4, 6, 8)]

    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < lost[0] / 1_000


def test_the_grid_of_a_model_spans_its_codes():
    x = bars(200)
    model = fit("vae", x, steps=20)
    grid = Grid.of(model, 6)
    numbers = grid.numbered(model.encode(x)[0])

    assert isinstance(model, Coder)
    assert ((numbers == 0) | (numbers == 63)).float().mean() < 0.05
    assert len(numbers.unique()) > 20
    assert all(torch.equal(a, b) for a, b in zip(model.code_scale(), model.code_scale(), strict=True))


@pytest.mark.parametrize("name", ["flow_matching", "gmm"])
def test_other_models_have_none(name):
    assert not isinstance(fit(name, bars(40), steps=1), Coder)
