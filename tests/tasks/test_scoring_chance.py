"""Intervals: equal to reference implementations, and true as often as they say."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score, roc_curve

from tasks.scoring import chance
from tasks.scoring.membership import FALSE_POSITIVES, attack

DRAWS = 200


def covered(draw: Callable[[np.random.Generator], chance.Estimate], truth: float) -> float:
    """Return in what share of draws the interval holds the truth."""
    estimates = [draw(np.random.default_rng(seed)) for seed in range(DRAWS)]
    return float(np.mean([each.low <= truth <= each.high for each in estimates]))


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (3, 17), (500, 2000)])
def test_shares_have_the_interval_of_scipy(successes: int, trials: int) -> None:
    found = chance.wilson(successes, trials)

    expected = binomtest(successes, trials).proportion_ci(chance.CONFIDENCE, method="wilson")
    assert found.value == successes / trials
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_area_is_that_of_scikit_learn_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    positives, negatives = rng.integers(0, 9, 70) + 0.5, rng.integers(0, 8, 110) + 0.5

    found = chance.area(positives, negatives)

    truth = np.repeat([1, 0], [70, 110])
    assert found.value == pytest.approx(roc_auc_score(truth, np.concatenate([positives, negatives])), abs=1e-12)


def test_the_areas_variance_is_delongs() -> None:
    rng = np.random.default_rng(1)
    positives, negatives = rng.exponential(size=60) * 4, rng.exponential(size=90)
    above = (positives[:, None] > negatives) + (positives[:, None] == negatives) / 2  # every pair, by definition

    found = chance.area(positives, negatives)

    variance = above.mean(axis=1).var(ddof=1) / 60 + above.mean(axis=0).var(ddof=1) / 90
    variance = max(variance, (1 / 60 + 1 / 90) / 12)
    assert found.high - found.value == pytest.approx(
        norm.ppf(1 - (1 - chance.CONFIDENCE) / 2) * np.sqrt(variance), abs=1e-12
    )


@pytest.mark.parametrize("at", [0.01, 0.1, 0.37])
def test_a_rate_is_read_off_the_curve_of_scikit_learn(at: float) -> None:
    rng = np.random.default_rng(2)
    positives, negatives = rng.integers(0, 40, 300) * 1.0, rng.integers(0, 30, 300) * 1.0
    truth = np.repeat([1, 0], 300)

    found = chance.rate(positives, negatives, at)

    false, true, _ = roc_curve(truth, np.concatenate([positives, negatives]), drop_intermediate=False)
    assert found.value == pytest.approx(np.interp(at, false, true), abs=1e-12)  # no point lies at `at` itself


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(("positives", "negatives"), [(300, 40), (40, 300), (2, 30), (2000, 1000)])
def test_intervals_of_areas_hold_the_truth(shift: float, positives: int, negatives: int) -> None:
    truth = float(norm.cdf(shift / np.sqrt(2)))

    share = covered(lambda rng: chance.area(rng.normal(shift, size=positives), rng.normal(size=negatives)), truth)

    assert share > 0.97  # 99.9 %, less more than three standard errors of 200 draws


@pytest.mark.parametrize("at", [0.01, 0.1])
@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("negatives", [7, 150, 3000])
def test_intervals_of_rates_hold_the_truth_with_few_negatives_too(at: float, shift: float, negatives: int) -> None:
    truth = float(norm.sf(norm.isf(at) - shift))

    share = covered(lambda rng: chance.rate(rng.normal(shift, size=400), rng.normal(size=negatives), at), truth)

    assert share > 0.97


def test_intervals_of_clustered_values_hold_the_truth_where_those_of_independent_ones_do_not() -> None:
    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        clusters = rng.integers(0, 60, 3000)
        return (rng.random(60) < 0.5)[clusters] * 1.0, clusters

    assert covered(lambda rng: chance.clustered(*draw(rng)), 0.5) > 0.95
    assert covered(lambda rng: chance.clustered(draw(rng)[0], np.arange(3000)), 0.5) < 0.6


def test_intervals_of_means_hold_the_truth() -> None:
    assert covered(lambda rng: chance.mean(rng.beta(2, 5, size=50)), 2 / 7) > 0.96


def test_one_cluster_says_nothing() -> None:
    found = chance.clustered(np.ones(1000), np.zeros(1000, np.int64))

    assert found.value == 1
    assert found.low < 0.15


def test_the_interval_of_a_difference_holds_the_truth() -> None:
    def draw(rng: np.random.Generator) -> chance.Estimate:
        return chance.difference(chance.wilson(rng.binomial(900, 0.02), 900), chance.wilson(rng.binomial(60, 0.01), 60))

    assert covered(draw, 0.01) > 0.97


@pytest.mark.parametrize(
    ("members", "others", "auc", "rate"),
    [
        (lambda _: np.zeros(200), lambda rng: rng.random(200) + 1, 1.0, 1.0),  # told apart
        (lambda _: np.ones(200), lambda _: np.ones(200), 0.5, 0.01),  # equal: a coin, at the rate of its throws
        (
            lambda _: np.repeat([0.0, 1.0], 100),
            lambda _: np.repeat([0.0, 1.0], [10, 190]),
            None,
            0.1,
        ),  # on the diagonal's way
    ],
)
def test_the_attack_on_cases_done_by_hand(
    members: Callable[..., np.ndarray], others: Callable[..., np.ndarray], auc: float | None, rate: float
) -> None:
    rng = np.random.default_rng(0)
    inside, outside = -members(rng), -others(rng)

    found = attack(inside, outside)

    expected = roc_auc_score(np.repeat([1, 0], 200), np.concatenate([inside, outside])) if auc is None else auc
    assert list(found) == ["auc", *FALSE_POSITIVES]
    assert found["auc"].value == pytest.approx(expected)
    assert found["tpr"].value == pytest.approx(rate)


@pytest.mark.parametrize("sides", [([], [1.0]), ([1.0], [])])
def test_without_rows_there_is_no_figure(sides: tuple[list[float], list[float]]) -> None:
    for found in attack(*map(np.array, sides)).values():
        assert np.isnan(found.value)
        assert found.interval is None
