"""Each measure of images against an independent formula, a library, or a planted truth."""

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from tasks.scoring.images.classes import class_shares
from tasks.scoring.images.hashes import NEAR, hashed, nearest_bits
from tasks.scoring.images.likeness import NEIGHBOURS, frechet, kernel, scaled, supports
from tasks.scoring.images.network import FEATURES, TURNS, learn, turned


def points(rows: int, features: int = 6, *, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, features)) @ rng.normal(size=(features, features)) + shift


def images(rows: int, *, height: int = 8, width: int = 8, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Return blocks: a class is where it is bright, and images of one class differ by noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (rows, height, width, channels))
    for row, label in enumerate(labels(rows)):
        pixels[row, : height // 2, label * 2 : label * 2 + 2] += 150
    return pixels.astype(np.uint8)


def labels(rows: int) -> np.ndarray:
    return np.arange(rows) % 3


def frechet_by_definition(real: np.ndarray, other: np.ndarray) -> float:
    first, second = np.cov(real.T), np.cov(other.T)
    shared = np.trace(sqrtm(first @ second).real)
    return float(((real.mean(0) - other.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * shared)


def kernel_by_sklearn(real: np.ndarray, other: np.ndarray) -> float:
    given = {"degree": 3, "gamma": 1, "coef0": 1}
    inner = [polynomial_kernel(each, **given)[~np.eye(len(each), dtype=bool)].mean() for each in (real, other)]
    return float(sum(inner) - 2 * polynomial_kernel(real, other, **given).mean())


def supports_by_sklearn(real: np.ndarray, other: np.ndarray) -> list[float]:
    """Return precision, recall, density, coverage by one query at a time."""
    reach = {
        name: NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(each).kneighbors(each)[0][:, -1]
        for name, each in (("real", real), ("other", other))
    }
    precise = [np.mean([np.linalg.norm(real - one, axis=1) <= reach["real"]]) * len(real) for one in other]
    recalled = [(np.linalg.norm(other - one, axis=1) <= reach["other"]).any() for one in real]
    covered = NearestNeighbors(n_neighbors=1).fit(other).kneighbors(real)[0][:, 0] <= reach["real"]
    held = np.array(precise)
    return [(held > 0).mean(), np.mean(recalled), held.mean() / NEIGHBOURS, covered.mean()]


@pytest.mark.parametrize(("rows", "shift"), [((200, 150), 0.0), ((60, 200), 0.5), ((20, 20), 3.0)])
def test_the_figures_are_those_of_their_definitions(rows: tuple[int, int], shift: float) -> None:
    real, other = points(rows[0]), points(rows[1], seed=1, shift=shift)

    assert frechet(real, other) == pytest.approx(frechet_by_definition(real, other), rel=1e-6)
    assert kernel(real, other) == pytest.approx(kernel_by_sklearn(real, other), rel=1e-9)
    assert [each.mean() for each in supports(real, other)] == pytest.approx(supports_by_sklearn(real, other))


def test_the_frechet_distance_of_fewer_points_than_features_is_finite_and_of_a_copy_none() -> None:
    few = points(4, 9)

    assert np.isfinite(frechet(few, points(5, 9, seed=1)))
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_without_bias() -> None:
    """Of two draws from one distribution it is 0 on average, and below 0 as often as above."""
    pairs = [
        kernel(*(np.random.default_rng(2 * seed + part).normal(size=(30, 3)) for part in (0, 1))) for seed in range(300)
    ]

    assert abs(np.mean(pairs)) < 4 * np.std(pairs) / np.sqrt(len(pairs))
    assert 0.3 < np.mean(np.array(pairs) < 0) < 0.8


@pytest.mark.parametrize("rows", [50, 400])
def test_real_points_cover_as_many_others_however_many_there_are(rows: int) -> None:
    """Of N points a place is the ball to the fifth of N - 1: as many others find it empty with chance 2^-5."""
    covered = [
        supports(*(np.random.default_rng([seed, part]).normal(size=(rows, 4)) for part in (0, 1)))[3].mean()
        for seed in range(20)
    ]

    assert np.mean(covered) == pytest.approx(1 - 2**-NEIGHBOURS, abs=0.015)


def test_scaled_points_have_their_mean_at_0_and_a_spread_of_1_even_where_nothing_varies() -> None:
    real = points(50, shift=7.0)

    own = scaled(real, by=real)

    assert own.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-12)
    assert own.var(axis=0).sum() == pytest.approx(1)
    assert np.isfinite(scaled(real, by=np.ones((5, 6)))).all()


@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (8, 8, 3), (16, 40, 1)])
def test_a_hash_has_the_signs_of_the_low_frequencies(height: int, width: int, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, height, width, channels), dtype=np.uint8)

    waves = dctn(pixels.mean(3), axes=(1, 2))
    waves = waves[:, : min(12, height), : min(12, width)].reshape(20, -1)[:, 1:]

    assert (hashed(pixels) == (waves > np.median(waves, axis=1, keepdims=True))).mean() > 0.999


def test_the_nearest_hash_is_the_one_that_differs_in_the_fewest_bits() -> None:
    rng = np.random.default_rng(0)
    some, others = rng.random((30, 143)) < 0.5, rng.random((70, 143)) < 0.5
    others[5] = some[3]

    found = nearest_bits(some, others)

    assert found.tolist() == (some[:, None] != others).sum(-1).min(1).tolist()
    assert found[3] == 0


@pytest.mark.parametrize("change", ["noise", "brighter", "blur"])
def test_a_changed_copy_has_a_near_hash_and_another_image_has_not(change: str) -> None:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(rng.normal(size=(40, 28, 28, 1)), axis=1), axis=2)
    low, high = smooth.min(axis=(1, 2, 3), keepdims=True), smooth.max(axis=(1, 2, 3), keepdims=True)
    pixels = (smooth - low) / (high - low) * 200
    around = gaussian_filter(pixels, (0, 0.7, 0.7, 0))
    changed = {"noise": pixels + rng.normal(size=pixels.shape), "brighter": pixels + 40, "blur": around}[change]
    hashes, theirs = (hashed(each.clip(0, 255).astype(np.uint8)) for each in (pixels, changed))

    differing = (hashes[:, None] != theirs).mean(-1)

    assert np.median(np.diag(differing)) <= 2 * NEAR
    assert np.median(differing[~np.eye(40, dtype=bool)]) > 4 * NEAR


def test_shares_and_missing_classes_by_hand() -> None:
    train, holdout = np.repeat([0, 1, 2, -1], [50, 30, 20, 7]), np.repeat([0, 1, 2], [5, 3, 2])
    synthetic = np.repeat([0, 1], [80, 20])

    shares, missing = class_shares(train, holdout, synthetic, count=4, seed=3)

    assert (shares.value, shares.floor) == (pytest.approx(0.7), pytest.approx(1.0))
    assert shares.rows == {"train": 100, "holdout": 10, "synthetic": 100}
    assert missing.value == 1
    assert missing.note.startswith("of 3 classes")


def test_a_class_of_which_none_is_to_be_expected_is_not_missing() -> None:
    train, synthetic = np.repeat([0, 1], [999, 1]), np.zeros(500, np.int64)

    assert class_shares(train, train, synthetic, count=2, seed=0)[1].value == 0


def test_a_class_share_of_real_rows_is_within_luck() -> None:
    drawn = [np.random.default_rng(seed).integers(0, 10, (2, 400)) for seed in range(50)]

    found = [class_shares(train, train, synthetic, count=10, seed=0)[0] for train, synthetic in drawn]

    lost = [1 - each.value for each in found]
    assert np.mean(lost) == pytest.approx(10 * np.sqrt(2 / np.pi * 0.1 * 0.9 * 2 / 400) / 2, rel=0.1)
    assert np.mean([each.interval[1] for each in found]) == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 1), (16, 12, 3), (40, 80, 1)])
def test_a_network_learns_what_classes_look_like(height: int, width: int, channels: int) -> None:
    given = {"height": height, "width": width, "channels": channels}
    judge = learn(images(200, **given), labels(200), classes=3, seed=0)

    fresh = images(90, **given, seed=1)

    assert (judge.classified(fresh) == labels(90)).mean() > 0.95
    assert judge.features(fresh).shape == (90, FEATURES)


def test_the_same_images_and_seed_give_the_same_network_bit_for_bit() -> None:
    pixels = images(60)

    one, again, other = (learn(pixels, labels(60), classes=3, seed=seed) for seed in (4, 4, 5))

    assert one.digest == again.digest != other.digest
    assert np.array_equal(one.features(pixels), again.features(pixels))


@pytest.mark.parametrize("width", [8, 12])
def test_without_classes_it_learns_which_way_up_images_are(width: int) -> None:
    pixels = images(300, width=width)

    judge = learn(pixels, None, classes=TURNS, seed=0)

    said = [(judge.classified(turned(images(60, width=width, seed=1), turn)) == turn).mean() for turn in range(TURNS)]
    assert np.mean(said) > 0.6  # the blocks of one class lie in the middle: mirrored, they are the same


@pytest.mark.parametrize("width", [8, 12])
def test_turns_are_all_different_and_the_first_is_none(width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, width, 3), dtype=np.uint8)

    found = {turned(pixels, turn).tobytes() for turn in range(TURNS)}

    assert len(found) == TURNS
    assert np.array_equal(turned(pixels, 0), pixels)
