"""Distance: rows as points, and those that lie off the rows that are known."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import roc_auc_score

from data_contracts import Column
from models.distance import Distance, NoiseLevel, Points
from models.distance.scale import Scale
from models.encoding import Encoder
from models.surprise import BROKEN

COLUMNS = (
    Column(name="x", kind="number", storage="double"),
    Column(name="y", kind="number", storage="double"),
    Column(name="colour", kind="category", storage="string"),
)


def ring(rows, *, seed):
    """Return rows on a circle, each half of its own colour, and some without a colour."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, rows)
    length = 100 + rng.normal(0, 2, rows)
    x, y = length * np.cos(angle), length * np.sin(angle)
    colours = np.where(x > 0, "red", "blue").tolist()
    colours = [None if hidden else colour for hidden, colour in zip(rng.random(rows) < 0.05, colours, strict=True)]
    return rows_of(x, y, colours)


def rows_of(x, y, colours):
    return pa.RecordBatch.from_arrays(
        [pa.array(x, pa.float64()), pa.array(y, pa.float64()), colours], names=["x", "y", "colour"]
    )


@pytest.fixture(scope="module")
def known():
    return ring(1_000, seed=0)


@pytest.fixture(scope="module")
def points(known):
    return Points.fit(Encoder.fit(COLUMNS, [known]), known)


@pytest.fixture(scope="module")
def noise(known, points):
    generator = torch.Generator().manual_seed(0)
    return NoiseLevel.fit(points.of(known), numbers=points.numbers, spans=points.spans, generator=generator)


@pytest.fixture(scope="module")
def distance(known, points, noise):
    return Distance(points, points.of(known), noise, rows=1_000)


def test_a_number_has_spread_one_and_another_category_is_one_away(points, known):
    first, other = points.of(rows_of([0.0, 0.0], [0.0, 0.0], ["red", "blue"]))
    assert float((first - other).norm()) == pytest.approx(1, abs=1e-6)
    numbers = points.of(known)[:, list(points.numbers)]
    assert numbers.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert numbers.std(0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-6)


def mostly(number, others):
    """Return numbers of which more than half are one and the same."""
    return np.array([*others, *[number] * (len(others) + 1)])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("usual", [None, 0.0])
def test_a_greater_number_stands_as_high_or_higher_wherever_it_lies(usual, seed):
    rng = np.random.default_rng(seed)
    known = rng.normal(size=rng.integers(1, 50)) * 10.0 ** rng.integers(-9, 9)
    asked = np.unique(rng.normal(size=50) * 10.0 ** rng.integers(-9, 12, 50))
    places = Scale.fit(known if usual is None else mostly(usual, known)).of(asked)
    assert np.isfinite(places).all()
    assert (np.diff(places) >= -1e-9).all()


def test_what_is_not_the_usual_number_stands_apart_though_a_few_lie_far_out():
    rates = mostly(1.0, [*np.random.default_rng(0).uniform(0, 1, 90), *[1e6] * 10])
    usual, less, far, further = Scale.fit(rates).of(np.array([1.0, 0.9, 1e6, 1e9]))
    assert usual - less > 0.5  # a millionth of a standard deviation
    assert far - usual > 1
    assert further - far > 3  # what lies beyond all known numbers still tells how far


def test_numbers_of_which_none_is_most_count_in_standard_deviations():
    numbers = np.random.default_rng(0).exponential(size=1_000)
    assert Scale.fit(numbers).of(numbers) == pytest.approx((numbers - numbers.mean()) / numbers.std())


def test_numbers_that_never_vary_leave_others_apart_and_none_at_all_have_a_place():
    places = Scale.fit(np.full(5, 7.0)).of(np.array([6.0, 7.0, 8.0]))
    assert places.tolist() == pytest.approx([-np.log(2), 0, np.log(2)])
    assert Scale.fit(np.zeros(0)).of(np.array([3.0])).tolist() == [3.0]


def test_what_lies_beyond_all_measure_still_has_a_place():
    nearly_constant = np.array([1.0, 1.0 + 2**-52, 1.0 - 2**-53] * 9)
    assert np.isfinite(Scale.fit(nearly_constant).of(np.array([1e40, -1e40])).astype(np.float32) ** 2).all()


def test_null_is_a_category_and_a_number_that_is_null_lies_in_the_middle():
    holed = rows_of([1.0, 3.0, *[None] * 12], [0.0] * 14, ["red", None] * 7)
    points = Points.fit(Encoder.fit(COLUMNS, [holed]), holed)
    x = points.of(holed)
    assert x[2, points.spans[0]].tolist() == pytest.approx([0, 2**-0.5])
    assert float((x[2] - x[3])[points.spans[2]].norm()) == pytest.approx(1, abs=1e-6)


def test_of_very_many_categories_the_rare_ones_lie_together():
    words = [str(place) for place in range(300) for _ in range(5)] + ["0"] * 10
    column = (Column(name="word", kind="category", storage="string"),)
    batch = pa.RecordBatch.from_arrays([pa.array(words)], names=["word"])
    x = Points.fit(Encoder.fit(column, [batch]), batch).of(batch)
    assert x.shape == (1_510, 64)
    assert set((x > 0).sum(1).tolist()) == {1}
    assert int((x[:, 0] > 0).sum()) == 15  # the most usual has a place of its own


def test_more_noise_looks_like_more_noise(points, noise):
    fresh = points.of(ring(500, seed=1))
    told = []
    for level in (0.0, 0.3, 1.0, 3.0):
        moved = fresh.clone()
        moved[:, list(points.numbers)] += level * torch.randn(500, 2, generator=torch.Generator().manual_seed(2))
        told.append(noise.log_levels(moved).mean())
    assert told == sorted(told)
    assert told[-1] > np.log(1.0)
    assert told[0] < np.log(0.3)


def test_the_same_seed_gives_the_same_bytes_and_what_is_kept_tells_the_same(points, known, noise):
    place = points.of(known)
    again = NoiseLevel.fit(
        place, numbers=points.numbers, spans=points.spans, generator=torch.Generator().manual_seed(0)
    )
    assert all(
        torch.equal(one, other) for one, other in zip(noise.state().values(), again.state().values(), strict=True)
    )
    kept = NoiseLevel.from_state(noise.state())
    assert np.array_equal(kept.log_levels(place), noise.log_levels(place))


def test_what_lies_off_the_rows_is_odd_though_each_column_is_usual(distance):
    usual = ring(1_000, seed=3)
    rng = np.random.default_rng(4)
    inside = rows_of(rng.uniform(-60, 60, 300), rng.uniform(-60, 60, 300), ["red"] * 300)
    scores = np.concatenate([distance.of(usual).scores, distance.of(inside).scores])
    assert roc_auc_score([0] * 1_000 + [1] * 300, scores) > 0.98


def test_the_other_half_s_colour_is_odd_and_the_column_that_fits_is_not_blamed(distance):
    rng = np.random.default_rng(5)
    angle = rng.uniform(-1, 1, 200)  # well within the red half
    wrong = rows_of(100 * np.cos(angle), 100 * np.sin(angle), ["blue"] * 200)
    right = rows_of(100 * np.cos(angle), 100 * np.sin(angle), ["red"] * 200)
    odd = distance.of(wrong)
    assert roc_auc_score([1] * 200 + [0] * 200, np.concatenate([odd.scores, distance.of(right).scores])) > 0.95
    assert set(distance.parts(odd).argmax(1)) <= {0, 2}  # mirrored, x would be right; y is not to blame


def test_cells_without_a_place_cost_and_broken_ones_most(distance):
    batch = rows_of([100.0, 100.0, 100.0], [0.0, 0.0, 0.0], ["red", "green", "red"])
    unfit = np.zeros((3, 3), bool)
    unfit[2, 1] = True
    odd = distance.of(batch, unfit=unfit)
    assert odd.costs[0].sum() == 0
    assert odd.costs[1, 2] == pytest.approx(np.log(1_001))
    assert odd.scores[2] > BROKEN / 2
    assert distance.parts(odd).argmax(1)[1:].tolist() == [2, 1]


def test_no_rows_have_no_scores(distance):
    none = ring(10, seed=6).slice(0, 0)
    odd = distance.of(none)
    assert odd.scores.shape == (0,)
    assert distance.parts(odd).shape == (0, 3)
