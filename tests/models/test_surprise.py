"""How odd a row is, and by which cells: laws of the score beside those of the density."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import Column
from data_contracts.arrow import arrow_type
from models import IMAGE_MODELS, MODELS
from models.encoding import Encoder
from models.gmm import GaussianMixture
from models.surprise import BROKEN, Surprise

COLUMNS = (
    Column(name="word", kind="category"),
    Column(name="size", kind="number", decimals=1),
    Column(name="half", kind="number", decimals=1),
    Column(name="day", kind="date"),
    Column(name="flag", kind="boolean"),
)
ROWS = 1_500


def batch(rows=ROWS, *, seed=0, **cells):
    """Return rows in which `half` is half of `size`; named cells in the place of the first."""
    rng = np.random.default_rng(seed)
    size = np.round(rng.gamma(5, 10, rows), 1)
    columns = {
        "word": rng.choice(["a", "b", "c"], rows).tolist(),
        "size": size.tolist(),
        "half": np.round(size / 2 + rng.normal(0, 0.5, rows), 1).tolist(),
        "day": rng.integers(18_000, 19_000, rows).astype("datetime64[D]").tolist(),
        "flag": (rng.random(rows) < 0.5).tolist(),
    }
    for name, cell in cells.items():
        columns[name][0] = cell
    return pa.record_batch([pa.array(columns[c.name]).cast(arrow_type(c)) for c in COLUMNS], [c.name for c in COLUMNS])


@pytest.fixture(scope="module")
def surprise():
    generator = torch.Generator().manual_seed(0)
    encoder = Encoder.fit(COLUMNS, [batch()])
    model = GaussianMixture().fit(encoder.encode(batch(), generator=generator), encoder.spans, generator=generator)
    return Surprise(model, encoder, rows=ROWS)


@pytest.mark.parametrize("model", [*MODELS.values(), *IMAGE_MODELS.values()], ids=lambda model: model.__name__)
def test_every_model_says_how_odd_a_row_is(model):
    assert hasattr(model, "log_prob") or hasattr(model, "critic_score")


def test_of_usual_rows_the_score_is_the_density_s_alone(surprise):
    odd = surprise.of(batch())

    assert not odd.costs.any()
    assert np.allclose(odd.scores, -surprise.model.log_prob(odd.x).numpy())


def test_a_value_that_was_never_seen_costs_as_much_as_what_did_not_come_once(surprise):
    odd = surprise.of(batch(word="new", flag=None))

    assert odd.costs[0].tolist() == pytest.approx([np.log(ROWS + 1), 0, 0, 0, np.log(ROWS + 1)])


@pytest.mark.parametrize("name", ["size", "day"])
def test_a_number_costs_more_the_further_it_lies_beyond_what_was_learned(surprise, name):
    def cost(times):
        numbers = np.array(batch().column(name).cast(pa.int32() if name == "day" else pa.float64()))
        middle, half = (numbers.max() + numbers.min()) / 2, (numbers.max() - numbers.min()) / 2
        cell = middle + times * half
        cell = np.datetime64(round(cell), "D").item() if name == "day" else round(cell, 1)
        return surprise.of(batch(2, **{name: cell})).costs[0, surprise.encoder.columns.index(column)]

    column = next(each for each in COLUMNS if each.name == name)
    costs = [cost(times) for times in (0.0, 0.99, 2.0, 4.0, -4.0)]

    assert costs[:2] == [0, 0]
    assert costs[2:] == pytest.approx([2 * np.log(2), 2 * np.log(4), 2 * np.log(4)], abs=0.02)


def test_a_cell_at_odds_with_the_contract_is_the_oddest_and_not_weighed(surprise):
    mask = np.zeros((2, len(COLUMNS)), bool)
    mask[0, 1] = True

    plain, odd = surprise.of(batch(2, size=1e9)), surprise.of(batch(2, size=1e9), unfit=mask)
    other = surprise.of(batch(2, size=3.0), unfit=mask)

    assert odd.scores[0] > BROKEN > plain.scores[0]
    assert odd.scores[0] == other.scores[0]
    assert odd.scores[1] == plain.scores[1]


@pytest.mark.parametrize(
    ("cells", "named"),
    [({"half": 80.0, "size": 30.0}, {"half", "size"}), ({"word": "new"}, {"word"}), ({"size": 9e5}, {"size"})],
)
def test_the_part_of_the_cell_that_is_wrong_is_the_greatest(surprise, cells, named):
    odd = surprise.of(batch(50, seed=1, **cells))

    parts = surprise.parts(odd[np.array([0])])

    assert parts.shape == (1, len(COLUMNS))
    assert (parts >= 0).all()
    assert COLUMNS[int(parts.argmax())].name in named
