"""Attacks and supports against independent references, on real rows of Adult, and on planted leaks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from data_contracts import Column, Contract
from data_contracts.odcs import find, load
from tasks.parquet import read_table
from tasks.references import Score
from tasks.scoring import chance
from tasks.scoring.frames import Frame, Tables, frames, generator
from tasks.scoring.membership import membership
from tasks.scoring.neighbours import nearest
from tasks.scoring.predicates import Predicate, isolated, singling_out
from tasks.scoring.privacy import distances, search
from tasks.scoring.risks import attacked, residual, risks
from tasks.scoring.support import precision_and_recall, support

ROWS = {"train": 1200, "holdout": 300, "synthetic": 1100}


@pytest.fixture(scope="module")
def adult() -> Tables:
    """Real rows in three parts; a fifth of the synthetic ones are train's, with other numbers of hours."""
    table = read_table(Path("datasets/adult.parquet"))
    order = np.random.default_rng(3).permutation(len(table))
    ends = np.cumsum(list(ROWS.values()))
    parts = dict(zip(ROWS, (table.take(rows) for rows in np.split(order, ends)[:3]), strict=True))
    place = table.schema.get_field_index("hours_per_week")
    near = parts["train"].slice(0, 220)
    near = near.set_column(place, table.schema.field(place), pa.array(near.column(place).to_numpy() + 1))
    made = pa.concat_tables([parts["synthetic"].slice(220), near])
    return frames(load(find("adult")), **{**parts, "synthetic": made})


def points(frame: Frame) -> np.ndarray:
    """Return rows as points, written out: numbers, and one-hot categories over the square root of 2."""
    numbers = frame.standardised
    one_hot = [
        codes[:, None] == np.arange(-1, size) for codes, size in zip(frame.codes.T, frame.features.sizes, strict=True)
    ]
    return np.hstack([numbers, np.hstack(one_hot) / np.sqrt(2)])


def neighbours(queries: Frame, references: Frame, count: int) -> tuple[np.ndarray, np.ndarray]:
    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points(references))
    distance, position = found.kneighbors(points(queries))
    return distance, position


def by_name(scores: tuple[Score, ...]) -> dict[str, Score]:
    return {one.name: one for one in scores}


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_nearest_few_are_those_of_scikit_learn(adult: Tables, count: int) -> None:
    found = nearest(adult.holdout, adult.synthetic, count=count)

    assert found.few == pytest.approx(neighbours(adult.holdout, adult.synthetic, count)[0], abs=1e-6)
    assert (found.few[:, 0] == found.of_queries).all()


def test_no_row_is_its_own_neighbour_where_that_is_asked(adult: Tables) -> None:
    found = nearest(adult.train, adult.train, themselves=True)

    assert found.of_queries == pytest.approx(neighbours(adult.train, adult.train, 2)[0][:, 1], abs=1e-6)


def reference_support(real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Return alpha-precision and beta-recall by their definition, share by share, written for this test."""
    shares = np.linspace(0, 1, 30)
    centre, middle = real.mean(0), made.mean(0)
    far, theirs = np.linalg.norm(real - centre, axis=1), np.linalg.norm(made - centre, axis=1)
    own = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(real).kneighbors(real)[0][:, 1]
    near, which = (each[:, 0] for each in NearestNeighbors(n_neighbors=1, algorithm="brute").fit(made).kneighbors(real))
    depth = np.linalg.norm(made[which] - middle, axis=1)
    off = np.zeros(2)
    for share in shares:
        inside = sum(one <= np.quantile(far, share) for one in theirs) / len(theirs)
        covered = sum(a <= b and d <= np.quantile(depth, share) for a, b, d in zip(near, own, depth, strict=True))
        off += np.abs([share - inside, share - covered / len(real)])
    precision, recall = 1 - off / shares.sum()
    return precision, recall


def test_alpha_precision_and_beta_recall_are_those_of_their_definition(adult: Tables) -> None:
    real, made = adult.train.take(np.arange(400)), adult.synthetic.take(np.arange(400))

    found = precision_and_recall(real, made)

    # a distance that both round differently moves one row in 400 over a bound, at one share of 30
    assert found == pytest.approx(reference_support(points(real), points(made)), abs=2e-3)


@pytest.mark.parametrize(
    ("made", "score", "least", "most"),
    [
        ("fresh", "beta_recall", 0.45, 0.55),
        ("middle", "alpha_precision", 0, 0.6),  # only the innermost rows: too many near the mean
        ("middle", "beta_recall", 0, 0.4),
        ("one", "beta_recall", 0, 0.06),
    ],
)
def test_rows_of_one_place_are_told_from_rows_of_all(made: str, score: str, least: float, most: float) -> None:
    rng = np.random.default_rng(0)
    contract = Contract(
        id="t", version="1.0.0", name="t", columns=tuple(Column(name=name, kind="number") for name in "xy")
    )
    real, held, fresh = (pa.table(dict(zip("xy", rng.normal(size=(2, 2000)), strict=True))) for _ in range(3))
    inner = fresh.take(np.argsort(np.hypot(*(fresh.column(name).to_numpy() for name in "xy")))[:500])
    tables = {"fresh": fresh, "middle": inner, "one": fresh.take([0] * 2000)}

    found = by_name(support(frames(contract, train=real, holdout=held, synthetic=tables[made]), 0))

    assert least <= found[score].value <= most


def test_shares_very_near_to_train_are_those_of_their_definition(adult: Tables) -> None:
    found = by_name(distances(search(adult, 0), 0))

    made = neighbours(adult.synthetic, adult.train, 1)[0][:, 0]
    held = neighbours(adult.holdout, adult.train, 1)[0][:, 0]
    for name, share in (("dcr_share_2", 0.02), ("dcr_share_5", 0.05)):
        assert found[name].value == pytest.approx((made < np.quantile(held, share)).mean(), abs=0.01)
        assert found[name].interval is not None
        assert found[name].interval[0] <= found[name].value <= found[name].interval[1]
    assert found["dcr_share_2"].value > 0.1  # a fifth of the rows are train's with one number moved


def test_the_share_nearer_to_train_is_that_of_its_definition(adult: Tables) -> None:
    searched = search(adult, 0)

    (found,) = (one for one in distances(searched, 0) if one.name == "dcr_share")

    near, far = (
        neighbours(adult.synthetic, frame, 1)[0][:, 0]
        for frame in (searched.members.take(np.arange(ROWS["holdout"])), searched.others)
    )
    ties = np.isclose(near, far, atol=1e-6)
    assert found.value == pytest.approx(np.mean(np.where(ties, 0.5, near < far)), abs=1e-9)


def test_the_attack_by_density_is_the_ratio_of_both_densities(adult: Tables) -> None:
    searched = search(adult, 5)

    found = by_name(membership(searched, 5))["domias_auc"].value

    rng = generator(5, "membership")
    half, turn = (rng.permutation(len(frame)) % 2 for frame in (searched.others, searched.members))
    scores = {}
    for name, frame, side in (("in", searched.members, turn), ("out", searched.others, 1 - half)):
        made = neighbours(frame, searched.synthetic, 3)[0].mean(1)
        real = np.zeros(len(frame))
        for which in (0, 1):
            attackers = searched.others.take(half == which)
            real[side == which] = neighbours(frame.take(side == which), attackers, 20)[0].mean(1)
        scores[name] = (real + 1e-3) / (made + 1e-3)
    truth = np.repeat([1, 0], [len(scores["in"]), len(scores["out"])])
    assert found == pytest.approx(roc_auc_score(truth, np.concatenate([scores["in"], scores["out"]])), abs=1e-4)
    assert found > 0.53  # a fifth of the rows leak


def attacked_rows(train: np.ndarray, holdout: np.ndarray, made: np.ndarray) -> dict[str, Score]:
    """Return what both attacks find in tables of (N, C) numbers."""
    names = "abcd"[: train.shape[1]]
    columns = tuple(Column(name=name, kind="number") for name in names)
    parts = {"train": train, "holdout": holdout, "synthetic": made}
    tables = {part: pa.table(dict(zip(names, values.T, strict=True))) for part, values in parts.items()}
    framed = frames(Contract(id="t", version="1.0.0", name="t", columns=columns), **tables)
    return by_name(membership(search(framed, 0), 0))


def test_density_finds_members_that_nearness_does_not() -> None:
    """Members in a sparse place come back moved; rows of a dense place are nearer than those to some synthetic row."""
    rng = np.random.default_rng(0)

    def rows(count: int) -> np.ndarray:
        dense = rng.random((count, 1)) < 0.8
        return np.where(dense, rng.normal(scale=0.01, size=(count, 2)), rng.uniform(10, 100, (count, 2)))

    train, holdout = rows(2000), rows(2000)
    moved, others = train + rng.normal(scale=0.2, size=(2000, 2)), rng.normal(scale=0.01, size=(2000, 2))

    found = attacked_rows(train, holdout, np.where(train > 5, moved, others))

    assert found["membership_tpr"].value < 0.015
    assert found["domias_tpr"].value > 0.04


def test_a_leak_of_outliers_alone_is_found_among_outliers() -> None:
    rng = np.random.default_rng(1)
    train, holdout, made = (rng.standard_t(3, size=(3000, 4)) for _ in range(3))
    far = np.argsort(-np.linalg.norm(train, axis=1))[:150]
    made[:150] = train[far] + rng.normal(scale=0.01, size=(150, 4))

    found = attacked_rows(train, holdout, made)

    assert found["membership_auc"].value < 0.55
    assert found["membership_outliers_auc"].value > 0.85
    assert found["domias_outliers_auc"].interval is not None
    assert found["domias_outliers_auc"].interval[0] > 0.7


def test_where_no_held_out_row_is_outlying_nothing_is_known_and_nothing_refused() -> None:
    rng = np.random.default_rng(2)
    train, made = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    train[:30] += 50

    found = attacked_rows(train, rng.normal(size=(40, 2)), made)

    assert found["membership_outliers_auc"].value == 0.5
    assert found["membership_outliers_auc"].interval == (0, 1)
    assert found["membership_outliers_auc"].note


@pytest.mark.parametrize("successes", [(300, 100), (20, 20), (2000, 0), (0, 0), (7, 90)])
def test_the_risk_is_what_an_attack_has_beyond_the_control(successes: tuple[int, int]) -> None:
    """Giomi et al., 2023, section 3: R = (r - r') / (1 - r'), rates by Wilson, errors propagated; by hand."""
    attacks, z = 2000, norm.ppf(1 - (1 - chance.CONFIDENCE) / 2)
    attack, control = (chance.wilson(count, attacks) for count in successes)

    found = residual(attack, control)

    rates, errors = [], []
    for count in successes:
        rates.append((count + z**2 / 2) / (attacks + z**2))
        errors.append(z / (attacks + z**2) * np.sqrt(count * (attacks - count) / attacks + z**2 / 4))
    risk = (rates[0] - rates[1]) / (1 - rates[1])
    error = np.hypot(errors[0] / (1 - rates[1]), errors[1] * (rates[0] - 1) / (1 - rates[1]) ** 2)
    assert found == pytest.approx(np.clip([risk, risk - error, risk + error], 0, 1), abs=1e-9)


def _queried(frame: pd.DataFrame, predicate: Predicate) -> int:
    """Return how many different rows a predicate fits, by pandas."""
    fits = pd.Series(data=True, index=frame.index)
    for column, value, sign in zip(*predicate, strict=True):
        compared = {1: frame[column].ge, -1: frame[column].le, 0: frame[column].eq}[sign]
        fits &= frame[column].isna() if np.isnan(value) else compared(value)
    return int(fits.sum())


def test_predicates_fit_one_synthetic_row_and_one_real_row_as_pandas_has_it(adult: Tables) -> None:
    predicates = singling_out(adult.synthetic, np.random.default_rng(0))[:150]
    train, holdout, made = (pd.DataFrame(np.hstack([frame.numbers, frame.codes])).drop_duplicates() for frame in adult)
    both = Frame(
        adult.train.features,
        *(np.concatenate([getattr(adult[part], name) for part in (0, 1)]) for name in ("numbers", "codes", "keys")),
    )

    found = isolated(both, predicates, first=len(adult.train))

    assert len(predicates) == 150
    for predicate, member in zip(predicates, found, strict=True):
        assert _queried(made, predicate) == 1
        fits = (_queried(train, predicate), _queried(holdout, predicate))
        assert member == {(1, 0): 1, (0, 1): 0}.get(fits, -1)


def _gower(left: Frame, right: Frame) -> np.ndarray:
    """Return Gower's distance in each column (C, N, M), written out."""
    parts: list[Any] = []
    for one, other in zip(left.numbers.T, right.numbers.T, strict=True):
        spread = np.ptp(np.concatenate([one, other])) or 1
        parts.append(np.abs(one[:, None] - other) / spread)
    parts += [one[:, None] != other for one, other in zip(left.codes.T, right.codes.T, strict=True)]
    return np.array(parts, float)


def test_linking_and_guessing_are_those_of_gowers_distance(adult: Tables) -> None:
    targets, made = adult.train.take(np.arange(150)), adult.synthetic
    halves = np.arange(len(targets.features.names)) % 2
    secrets = np.array([0, 3, 8, 14])

    found = attacked(targets, made, halves, secrets)

    parts = _gower(targets, made)
    by_half = [parts[halves == half].sum(0) for half in (0, 1)]
    alone = [(distance <= distance.min(1, keepdims=True) + 1e-5).sum(1) == 1 for distance in by_half]
    sure = alone[0] & alone[1]  # of equally near rows, either may be taken
    linked = by_half[0].argmin(1) == by_half[1].argmin(1)
    assert sure.sum() > 10
    assert (found.linked[sure] == linked[sure]).all()
    columns = np.hstack([made.standardised, made.codes])
    truth = np.hstack([targets.standardised, targets.codes])
    for place, secret in enumerate(secrets):
        distance = np.delete(parts, secret, axis=0).sum(0)
        sure = (distance <= distance.min(1, keepdims=True) + 1e-5).sum(1) == 1
        off = np.abs(columns[distance.argmin(1), secret] - truth[:, secret])
        right = off <= 0.05 if secret < len(made.features.numbers) else off == 0
        assert sure.sum() > 50
        assert (found.guessed[sure, place] == right[sure]).all()


def test_risks_are_none_where_nothing_leaks_and_plain_where_train_comes_back(adult: Tables) -> None:
    fresh = adult._replace(synthetic=adult.synthetic.take(np.arange(880)))  # without the rows of train
    copied = adult._replace(synthetic=adult.train)

    none, all_of_it = (by_name(risks(tables, 0)) for tables in (fresh, copied))

    for name, threshold in (("singling_out_risk", 0.05), ("linkability_risk", 0.02), ("inference_risk", 0.02)):
        clear, plain = none[name].interval, all_of_it[name].interval
        assert clear is not None
        assert plain is not None
        assert clear[0] <= threshold < plain[0]
        assert "on the holdout" in none[name].note


def test_nulls_are_near_nulls_alone_and_one_column_is_no_risk() -> None:
    columns = (Column(name="x", kind="number"), Column(name="y", kind="category"))
    contract = Contract(id="t", version="1.0.0", name="t", columns=columns)
    table = pa.table({"x": [1.0, None, 3.0, None], "y": ["a", "b", None, "d"]})
    tables = frames(contract, train=table, holdout=table, synthetic=table)
    alone = Contract(id="t", version="1.0.0", name="t", columns=columns[:1])

    found = attacked(tables.train, tables.synthetic, np.array([0, 1]), np.array([0, 1]))
    single = by_name(risks(frames(alone, train=table, holdout=table, synthetic=table), 0))

    assert found.linked.tolist() == [True, True, True, False]  # of two nulls the first is taken
    assert [single[name].value for name in ("linkability_risk", "inference_risk")] == [0, 0]
    assert all(single[name].note for name in ("linkability_risk", "inference_risk"))
