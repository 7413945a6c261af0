"""Scores of usual rows, kept as means of five: p-values that are never too small."""

import json

import numpy as np
import pytest

from data_contracts import ReleaseError
from tasks.detecting.calibration import Calibration, false_discovery_cut
from tasks.storage import write_json


@pytest.mark.parametrize("rows", [0, 4, 5, 99, 1_000, 12_345])
@pytest.mark.parametrize("draw", ["normal", "cauchy", "tied"])
def test_a_p_value_is_never_below_that_by_all_scores(rows, draw):
    rng = np.random.default_rng(rows)
    make = {"normal": rng.normal, "cauchy": rng.standard_cauchy, "tied": lambda size: rng.integers(9, size=size) / 2}
    scores, new = make[draw](size=rows), make[draw](size=500)

    exact = (1 + (scores[None] >= new[:, None]).sum(1)) / (rows + 1)

    for published in (True, False):
        kept = Calibration.of(scores, on="holdout", by="gmm", published=published)
        assert (kept.p_values(new) >= exact - 1e-12).all()


@pytest.mark.parametrize(("published", "least"), [(True, 0.8), (False, 0.87)])
@pytest.mark.parametrize("level", [0.01, 0.05, 0.3])
def test_false_alarms_over_seeds_are_at_most_the_level_and_near_it(level, published, least):
    shares = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        calibration = Calibration.of(rng.standard_gamma(2, 2_000), on="holdout", by="gmm", published=published)
        shares.append((calibration.p_values(rng.standard_gamma(2, 2_000)) <= level).mean())

    error = np.std(shares) / len(shares) ** 0.5
    assert np.mean(shares) < level + 3 * error
    assert np.mean(shares) > least * level


def test_no_score_of_one_row_is_kept():
    scores = np.random.default_rng(0).normal(size=3_000).round(3)
    kept = Calibration.of(scores, on="holdout", by="gmm")

    falling = np.sort(scores)[::-1]
    assert kept.scores[0] == pytest.approx(falling[:5].mean(), abs=1e-3)
    assert kept.scores[0] < falling[0]
    assert set(np.diff(kept.ranks)) >= {5}
    assert len(kept.ranks) < 120


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_scores_of_every_scale_are_kept_to_a_thousandth_of_their_spread(scale):
    scores = np.random.default_rng(0).normal(size=3_000)

    plain, scaled = (Calibration.of(times * scores, on="holdout", by="gan") for times in (1.0, scale))

    assert np.allclose(scaled.scores / scale, plain.scores, atol=2e-3)
    assert np.abs(scaled.p_values(scale * scores) - plain.p_values(scores)).max() < 0.06
    assert len(json.dumps(scaled.json()["scores"])) < 14 * len(scaled.scores)


def test_the_threshold_is_where_a_row_becomes_an_anomaly():
    kept = Calibration.of(np.random.default_rng(0).normal(size=5_000), on="holdout", by="gmm")
    threshold = kept.threshold(0.01)

    assert kept.p_values(np.array([threshold + 1e-9]))[0] <= 0.01
    assert kept.p_values(np.array([threshold]))[0] > 0.01
    assert kept.threshold(kept.least / 2) is None


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_the_cut_is_that_of_benjamini_and_hochberg(rate):
    rng = np.random.default_rng(1)
    p_values = np.round(np.concatenate([rng.random(800), rng.random(200) * 0.05]), 2) + 0.005
    values, times = np.unique(p_values, return_counts=True)

    cut = false_discovery_cut(dict(zip(values.tolist(), times.tolist(), strict=True)), rate)

    falling = np.sort(p_values)
    within = np.flatnonzero(falling <= rate * np.arange(1, 1_001) / 1_000)
    assert cut == (falling[within[-1]] if len(within) else 0.0)


def test_it_is_read_as_it_was_written_and_refused_otherwise(tmp_path):
    kept = Calibration.of(np.random.default_rng(0).normal(size=700), on="model", by="gmm")
    write_json(tmp_path / "calibration.json", kept.json())

    again = Calibration.read(tmp_path / "calibration.json")
    assert again.json() == kept.json()
    (tmp_path / "calibration.json").write_text('{"rows": 3}')
    with pytest.raises(ReleaseError, match="or none that can be read"):
        Calibration.read(tmp_path / "calibration.json")
