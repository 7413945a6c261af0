"""Laws of what tells segments apart, of the criterion, of the agreement, and of the choice."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.stats import yeojohnson
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from data_contracts import Column, ModelError
from models.encoding import UNKNOWN, Encoded, Span
from models.mixture.components import Components, Layout
from models.segments import pixels
from models.segments.contest import Candidate, adjusted_rand, choose
from models.segments.features import Features, Names
from models.segments.fitting import bic, fit, responsibilities
from models.segments.scale import Scale, powered

NUMERIC = (Span("a", 0, 1, 0, 0), Span("b", 1, 1, 1, 0))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def blobs(rows=200, *, seed=0, apart=4.0):
    values = torch.randn(rows, 2, generator=seeded(seed))
    values[rows // 2 :] += apart
    return Encoded(torch.zeros(rows, 2, dtype=torch.int64), values)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_power_transformation_is_that_of_a_reference(power):
    numbers = np.linspace(-3, 3, 61)

    np.testing.assert_allclose(powered(numbers, power), yeojohnson(numbers, power), atol=1e-12)


@pytest.mark.parametrize("name", ["lognormal", "exponential", "normal"])
def test_a_scale_makes_numbers_nearly_normal_and_keeps_their_order(name):
    numbers = np.sort(getattr(np.random.default_rng(0), name)(size=2_000)) * 1e6

    values = Scale.of(numbers).values(numbers)

    assert abs(values.mean()) < 1e-9
    assert abs(values.std() - 1) < 1e-9
    assert abs((values**3).mean()) < 0.35
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("full", [False, True])
def test_the_criterion_is_that_of_a_reference(full):
    x = blobs()
    reference = GaussianMixture(3, covariance_type="full" if full else "diag", random_state=0).fit(x.values.numpy())
    means, weights = (torch.tensor(part).float() for part in (reference.means_, reference.weights_))
    covariances = torch.tensor(reference.covariances_).float()
    spread = torch.linalg.cholesky(covariances) if full else covariances.sqrt().T

    ours = bic(
        Components(Layout(NUMERIC, full), 1, torch.zeros(3).long(), weights.log(), torch.zeros(1, 3), means.T, spread),
        x,
    )

    assert ours == pytest.approx(reference.bic(x.values.numpy()), abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_the_agreement_is_that_of_a_reference(seed):
    first, second = torch.randint(4, (2, 300), generator=seeded(seed))
    second = torch.where(torch.rand(300, generator=seeded(seed)) < 0.5, first, second)

    assert adjusted_rand(first, second) == pytest.approx(adjusted_rand_score(first, second))
    assert adjusted_rand(first, (first + 1) % 4) == 1.0


def test_a_fit_finds_blobs_and_its_probabilities_add_up():
    x = blobs()

    found = responsibilities(fit(x, Layout(NUMERIC), count=2, starts=4, generator=seeded()), x)

    np.testing.assert_allclose(found.sum(1), 1.0)
    assert adjusted_rand(found.argmax(1), (torch.arange(200) >= 100).long()) > 0.95


def candidate(segments, criterion, stability):
    return Candidate(segments, criterion, stability, 10, components=None)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([(1, 100.0, 1.0), (2, 50.0, 0.9), (3, 20.0, 0.7)], 2),  # better, but it does not come again
        ([(1, 100.0, 1.0), (2, 50.0, 0.9), (3, 45.0, 0.95)], 3),  # BIC cannot tell them apart: the stabler
        ([(1, 100.0, 1.0), (2, 50.0, 0.95), (3, 20.0, 0.9)], 3),  # BIC can
        ([(1, 100.0, 1.0), (2, 99.0, 1.0)], 1),  # for nothing, the fewest
        ([(1, 100.0, 1.0), (2, 20.0, None)], 1),  # a segment is too small
        ([(4, 20.0, 0.3)], 4),  # it was asked for
    ],
)
def test_the_choice_is_as_the_rule_says(candidates, chosen):
    assert choose([candidate(*each) for each in candidates]).segments == chosen


def column(kind, name="x", **more):
    return Column(name=name, kind=kind, **more)


def features(kind, cells):
    return Features.of([column(kind)], pa.table({"x": cells})).features[0]


def test_a_number_that_many_rows_share_is_a_word_and_others_lie_beside_it():
    told = features("integer", pa.array([0] * 60 + list(range(1, 41)))).told

    assert told.words == (("=", 0.0), (">", 0.0))
    assert told.codes(np.array([-1.0, 0.0, 0.5, 40.0])).tolist() == [0, 0, 1, 1]


def test_few_numbers_are_words_many_are_values_and_nulls_have_a_word():
    few, many = pa.array([1, 2, 3, None] * 20), pa.array([*range(80), None])

    assert features("integer", few).encode(pa.array([3, None, 1]))[0].tolist() == [2, 3, 0]
    code, value = features("integer", many).encode(pa.array([None, 79, 0]))
    assert code.tolist() == [1, 0, 0]
    assert np.isnan(value[0])
    assert value[2] < 0.0 < value[1]
    unseen = features("integer", pa.array(range(80))).encode(pa.array([None], pa.int64()))
    assert (unseen[0].tolist(), unseen[1].tolist()) == ([UNKNOWN], [0.0])


def test_names_of_few_rows_share_one_word_and_none_of_them_is_kept():
    names = Names.of(pa.array(["web"] * 30 + ["shop"] * 20 + [f"Rosalind {place}" for place in range(9)]))

    assert names.kept == ("web", "shop")
    assert names.codes(pa.array(["shop", "Rosalind 1", "never"])).tolist() == [1, 2, 2]
    assert Names(("web",), others=False).codes(pa.array(["never"])).tolist() == [UNKNOWN]


def test_columns_that_tell_nothing_apart_are_refused():
    columns = [column("id", "key"), column("integer", "same"), column("integer", "number", primary_key=True)]
    rows = pa.table({"key": [str(place) for place in range(60)], "same": [1] * 60, "number": range(60)})

    with pytest.raises(ModelError, match="of 3 columns none does"):
        Features.of(columns, rows)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_colours_are_those_of_cielab(colour, expected):
    np.testing.assert_allclose(pixels.lab(np.array([colour], np.uint8))[0], expected, atol=0.1)
