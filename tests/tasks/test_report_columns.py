"""What is shown of real columns, pairs and rows: right, and nothing that stands for few."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LinearRegression
from test_reports import CONTRACT

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from tasks.reports import drawings
from tasks.reports.landscapes import landscape
from tasks.reports.marginals import Marginal, marginals
from tasks.reports.pairs import pairs
from tasks.reports.suppression import FEWEST, shown


def table(rows: int = 100) -> pa.Table:
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - pyarrow takes it as UTC
    columns = {
        "order": [f"A{row}" for row in range(rows)],
        "items": [row % 7 for row in range(rows)],
        "price": [None if row % 10 == 0 else row / 7 for row in range(rows)],
        "paid": [row % 2 == 0 for row in range(rows)],
        "channel": ["web" if row % 3 else "shop" for row in range(rows)],
        "grade": [1 + row % 3 for row in range(rows)],
        "made": [date(2020, 1, 1) + timedelta(days=row) for row in range(rows)],
        "seen": [start + timedelta(hours=row) for row in range(rows)],
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in arrow_schema(CONTRACT)})


def of(*columns: Column) -> Contract:
    return Contract(id="some", version="1.0.0", name="some", columns=columns)


def one(column: Column, real: pa.Array, synthetic: pa.Array) -> Marginal:
    [found] = marginals(of(column), train=pa.table({"x": real}), synthetic=pa.table({"x": synthetic}))
    return found


def labels(found: Marginal) -> list[str]:
    return [bar.label for bar in found.bars]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_no_count_below_the_fewest_is_shown_nor_given_away_by_the_others(counts):
    visible = shown(counts)

    hidden = sum(count for count, seen in zip(counts, visible, strict=True) if not seen)
    assert all(count >= FEWEST for count, seen in zip(counts, visible, strict=True) if seen)
    assert hidden == 0 or hidden >= FEWEST or not any(visible)


def test_what_needs_no_hiding_is_shown():
    assert shown([10, 11, 500]) == [True] * 3
    assert shown([0, 11, 500]) == [False, True, True]
    assert shown([3, 7, 500]) == [False, False, True]
    assert shown([3, 11, 500]) == [False, False, True]


def test_every_column_but_the_key_is_there_and_its_shares_are_of_all_rows():
    found = marginals(CONTRACT, train=table(), synthetic=table(), holdout=table(50))

    assert [each.column for each in found] == list(CONTRACT.names[1:])
    assert all(each.distance == 0 for each in found)
    assert all(each.floor is not None for each in found)
    for each in found:
        assert sum(bar.synthetic for bar in (*each.bars, each.nulls)) == pytest.approx(1)


def test_the_distance_is_total_variation():
    found = one(
        Column(name="x", kind="category"), pa.array(["a"] * 75 + ["b"] * 25), pa.array(["a"] * 50 + [None] * 50)
    )

    assert found.distance == pytest.approx(0.5)  # half of |.75 - .5| + |.25 - 0| + |0 - .5|


@pytest.mark.parametrize(("count", "seen"), [(0, False), (FEWEST - 1, False), (FEWEST, True)])
@pytest.mark.parametrize("kind", ["integer", "number", "date"])
def test_a_bar_of_few_real_rows_is_not_shown(kind: Any, count: int, seen: bool) -> None:  # noqa: FBT001 - a parameter
    def array(counts: Iterable[tuple[int, int]]) -> pa.Array:
        values = [value for value, times in counts for _ in range(times)]
        return pa.array([date(2000, 1, 1) + timedelta(days=value) for value in values] if kind == "date" else values)

    found = one(
        Column(name="x", kind=kind), array([(0, 200), (25, count), (50, 200)]), array([(0, 200), (25, 50), (50, 200)])
    )

    [middle] = [bar for bar in found.bars if bar.synthetic == pytest.approx(1 / 9)]
    assert (middle.real is not None) is seen


def test_a_rare_real_category_is_not_named_unless_the_contract_names_it():
    values = pa.array(["common"] * 200 + ["usual"] * 50 + ["hunter2"] * (FEWEST - 1))

    learned = one(Column(name="x", kind="category"), values, values)
    listed = one(Column(name="x", kind="category", values=("common", "hunter2", "usual")), values, values)

    assert labels(learned) == ["common", "usual", "all others"]
    assert [bar.real is None for bar in learned.bars] == [False, True, True]  # usual would give hunter2 away
    assert labels(listed) == ["common", "usual", "hunter2"]
    assert [bar.real is None for bar in listed.bars] == [False, True, True]


def test_few_rows_of_a_category_have_no_order():
    values = ["common"] * 200 + ["b"] * 9 + ["a"] * 2

    found = one(Column(name="x", kind="category", values=("a", "b", "common")), pa.array(values), pa.array(values))

    assert labels(found) == ["common", "a", "b"]


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize("far", [1_000, 123_456, -77_777])
def test_no_extreme_moves_an_axis(kind: Any, far: int) -> None:
    usual = pa.array([*range(500), *range(400, 500)], pa.int64())
    with_far = pa.concat_arrays([usual, pa.array([far] * (FEWEST - 1), pa.int64())])

    found = one(Column(name="x", kind=kind), with_far, usual)

    assert labels(found) == labels(one(Column(name="x", kind=kind), usual, usual))


@pytest.mark.parametrize("span", [0.003, 1.0, 73.37, 12_345.678, 9.9e9])
def test_borders_are_round_and_each_bar_has_a_label_of_its_own(span: float) -> None:
    values = pa.array([1.2345678 * span + span * row / 99 for row in range(100)])

    found = one(Column(name="x", kind="number"), values, values)

    borders = [float(tick.replace(",", "")) for tick in found.ticks or ()]
    width = f"{borders[1] - borders[0]:e}"
    assert width[0] in "125"
    assert set(width[1:8]) <= {".", "0"}
    assert 5 <= len(found.bars) <= 30
    assert len(set(labels(found))) == len(found.bars)


def test_a_value_on_a_border_belongs_to_the_bar_above_it():
    values = pa.array([each / 10 for each in range(20) for _ in range(20)])

    found = one(Column(name="x", kind="number", decimals=1), values, values)

    assert [bar.real for bar in found.bars if bar.label == "0.3 to 0.4"] == [pytest.approx(0.05)]


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "category", "date", "timestamp"])
@pytest.mark.parametrize("values", [[], [None, None], [1], [1] * 40])
def test_empty_null_and_constant_columns_are_drawn(kind: Any, values: list[int | None]) -> None:
    type_ = arrow_schema(of(Column(name="x", kind=kind))).field("x").type
    plain = pa.array(values, pa.int64())
    array = plain.cast({"date": pa.int32(), "category": pa.string()}.get(kind, type_)).cast(type_)

    found = one(Column(name="x", kind=kind), array, array)

    assert drawings.marginal(found).startswith("<svg")
    assert (len(values) >= FEWEST) is any(bar.real for bar in found.bars)


def test_the_extremes_of_dates_are_drawn():
    values = pa.array([date(1, 1, 1), date(9999, 12, 31)] * 10)

    assert one(Column(name="x", kind="date"), values, values).distance == 0


def test_names_that_are_no_xml_and_no_formula_are_drawn_as_they_are():
    values = pa.array(["$a_b^c$", "<b>&\x00", "日本"] * 40)

    drawn = drawings.marginal(one(Column(name="x", kind="category"), values, values))

    assert "$a_b^c$" in drawn
    assert "&lt;b&gt;&amp;�" in drawn
    assert "日本" in drawn


NUMBERS = np.random.default_rng(0).normal(size=(2_000, 2))
LEFT = NUMBERS[:, 0]
RIGHT = 0.6 * NUMBERS[:, 0] + 0.8 * NUMBERS[:, 1]
LETTERS = np.array(list("abcd"))[np.digitize(LEFT, (-1, 0, 1))]
COLOURS = np.array(["red", "blue"])[(RIGHT + NUMBERS[:, 1] > 0).astype(int)]
MIXED = of(
    Column(name="letter", kind="category"),
    Column(name="left", kind="number"),
    Column(name="right", kind="number"),
    Column(name="colour", kind="category"),
)
REAL = pa.table({"letter": LETTERS, "left": LEFT, "right": RIGHT, "colour": COLOURS})


def strength(left: str, right: str, real: pa.Table = REAL) -> float | None:
    found = pairs(MIXED, train=real, synthetic=REAL)
    [pair] = [each for each in found.pairs if {each.left, each.right} == {left, right}]
    return pair.real


def test_numbers_go_together_as_spearman_says():
    assert strength("left", "right") == pytest.approx(stats.spearmanr(LEFT, RIGHT).statistic)


def test_a_number_and_a_category_go_together_as_a_regression_on_the_category_says():
    marks, ranks = LETTERS[:, None] == np.unique(LETTERS), stats.rankdata(RIGHT)

    explained = LinearRegression().fit(marks, ranks).score(marks, ranks)
    assert strength("letter", "right") == pytest.approx(math.sqrt(explained))


def test_categories_go_together_as_cramer_and_bergsma_say():
    counts = np.array([[((a == LETTERS) & (b == COLOURS)).sum() for b in ("red", "blue")] for a in "abcd"])
    n = counts.sum()

    phi = stats.chi2_contingency(counts, correction=False).statistic / n - 3 / (n - 1)
    assert strength("letter", "colour") == pytest.approx(math.sqrt(phi / (2 - 1 / (n - 1) - 1)))


def test_what_is_independent_or_null_or_rare_has_no_strength():
    shuffled = np.random.default_rng(1).permutation(LETTERS)
    few = pa.array([*LEFT[: FEWEST - 1], *[None] * (2_000 - FEWEST + 1)])

    assert strength("letter", "colour", REAL.set_column(0, "letter", [shuffled])) == pytest.approx(0, abs=0.1)
    assert strength("left", "right", REAL.set_column(1, "left", few)) is None
    assert strength("left", "colour", REAL.set_column(1, "left", [np.ones(2_000)])) is None


def test_a_far_row_moves_no_strength():
    far, farther = (REAL.set_column(1, "left", [np.append(end, LEFT[1:])]) for end in (1e3, 1e12))

    assert strength("left", "right", far) == strength("left", "right", farther)
    assert strength("left", "right", far) == pytest.approx(strength("left", "right"), abs=0.01)


def test_rows_lie_where_they_lie_and_no_square_of_few_is_shown():
    shifted = REAL.set_column(1, "left", [LEFT + 4])

    same = landscape(MIXED, train=REAL, synthetic=REAL, holdout=REAL.slice(0, 700))
    other = landscape(MIXED, train=REAL, synthetic=shifted, holdout=REAL.slice(0, 700))

    assert same is not None
    assert other is not None
    assert same.apart == 0
    assert other.apart > 0.5
    assert other.floor < 0.2
    for view in (*same.views, *other.views):
        counts = [share * view.rows for row in view.shares for share in row if share is not None]
        assert counts
        assert min(counts) >= FEWEST - 1e-9
        assert sum(counts) == pytest.approx(view.rows) or sum(counts) <= view.rows - FEWEST + 1e-9


def test_too_few_rows_are_not_seen_on_a_plane():
    assert landscape(MIXED, train=REAL, synthetic=REAL, holdout=REAL.slice(0, 100)) is None
    lonely = replace(MIXED, columns=MIXED.columns[1:2])
    assert landscape(lonely, train=REAL, synthetic=REAL, holdout=REAL) is None


def test_the_plane_is_the_same_each_time():
    tables = {"train": REAL, "synthetic": REAL.slice(0, 1_500), "holdout": REAL.slice(0, 700)}

    assert landscape(MIXED, **tables) == landscape(MIXED, **tables)
