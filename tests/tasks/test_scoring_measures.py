"""Each measure against a reference implementation, and on the tables that are hard to measure."""

import warnings
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from sdmetrics.reports import QualityReport

from data_contracts import Column, Contract
from tasks.scoring import fidelity, measure
from tasks.scoring.frames import Tables, frames
from tasks.scoring.membership import MEMBERSHIP
from tasks.scoring.neighbours import nearest
from tasks.scoring.privacy import QUANTILES, copies
from tasks.scoring.support import SUPPORT
from tasks.scoring.utility import utility

KINDS = {
    "key": "integer",
    "id": "id",
    "count": "integer",
    "size": "number",
    "flag": "boolean",
    "town": "category",
    "code": "category",
    "day": "date",
    "moment": "timestamp",
    "old": "timestamp",
    "nothing": "number",
    "no_town": "category",
    "constant": "number",
    "one_town": "category",
}


def contract_of(kinds: dict[str, str], target: str | None = None) -> Contract:
    columns = tuple(Column(name=name, kind=kind, primary_key=name == "key") for name, kind in kinds.items())
    return Contract(id="t", version="1.0.0", name="t", columns=columns, target=target)


def table_of(rows: int, seed: int, *, nulls: float = 0.1) -> pa.Table:
    """Return a table of every kind; `size` follows `count`, and `flag` follows `size`."""
    rng = np.random.default_rng(seed)

    def with_nulls(values: object, kind: pa.DataType | None = None) -> pa.Array:
        return pa.array(values, kind, mask=rng.random(rows) < nulls)

    count = rng.integers(0, 50, rows)
    size = count + rng.normal(size=rows)
    return pa.table(
        {
            "key": rng.permutation(rows),
            "id": [f"u{number}" for number in rng.integers(0, 10**9, rows)],
            "count": with_nulls(count),
            "size": with_nulls(size),
            "flag": with_nulls(size > 25),
            "town": with_nulls(rng.choice(["Ulm", "Bonn", "Kiel"], rows)).dictionary_encode(),
            "code": with_nulls(rng.integers(1, 4, rows)),
            "day": with_nulls(rng.integers(-200_000, 20_000, rows).astype("int32")).cast(pa.date32()),
            "moment": with_nulls(rng.integers(0, 10**15, rows)).cast(pa.timestamp("us", tz="Europe/Berlin")),
            "old": with_nulls(rng.integers(-2 * 10**10, -(10**10), rows)).cast(pa.timestamp("s")),
            "nothing": pa.nulls(rows, pa.float64()),
            "no_town": pa.nulls(rows, pa.string()).dictionary_encode(),
            "constant": np.full(rows, 7.0),
            "one_town": pa.array(["Ulm"] * rows).dictionary_encode(),
        }
    )


def parts_of(kinds: dict[str, str], rows: tuple[int, int, int] = (240, 60, 200)) -> tuple[pa.Table, pa.Table, pa.Table]:
    train, holdout, synthetic = (table_of(count, seed).select(list(kinds)) for seed, count in enumerate(rows))
    return train, holdout, synthetic


def framed(kinds: dict[str, str]) -> Tables:
    train, holdout, synthetic = parts_of(kinds)
    return frames(contract_of(kinds), train=train, holdout=holdout, synthetic=synthetic)


@pytest.mark.parametrize("target", ["flag", "one_town", None])
def test_every_kind_can_be_measured(target: str | None) -> None:
    train, holdout, synthetic = parts_of(KINDS, (90, 40, 80))

    scores = {
        one.name: one
        for one in measure(contract_of(KINDS, target), train=train, holdout=holdout, synthetic=synthetic, seed=0).scores
    }

    undefined = {name for name, one in scores.items() if np.isnan(one.value)}
    assert undefined == ({name for name in scores if name.startswith("utility")} if target == "one_town" else set())
    assert all(scores[name].note for name in undefined)
    assert ("utility_gap" in scores) == (target is not None)


@pytest.mark.parametrize(
    "target", ["flag", "town", "code", "size", "count", "day", "moment", "nothing", "constant", "id"]
)
def test_every_kind_can_be_the_target_where_it_varies(target: str) -> None:
    train, holdout, synthetic = parts_of(KINDS)

    scores = utility(frames(contract_of(KINDS), train=train, holdout=holdout, synthetic=synthetic), target, seed=0)

    assert all(np.isnan(one.value) == (target in ("nothing", "constant", "id")) for one in scores)


def test_rare_classes_of_a_target_of_many_are_joined() -> None:
    rng = np.random.default_rng(0)
    kinds = {"code": "category", "size": "number"}
    codes = rng.zipf(1.5, 900) % 300
    train = pa.table({"code": codes, "size": codes + rng.normal(size=900)})

    real, _, _, gap = utility(frames(contract_of(kinds), train=train, holdout=train, synthetic=train), "code", seed=0)

    assert real.value > 0.9
    assert gap.value == 0


@pytest.mark.parametrize(
    ("columns", "undefined"),
    [
        (["town", "code", "flag"], set()),
        (["count", "size"], set()),
        (["size"], {"column_pair_trends"}),
        (["nothing"], {"column_shapes", "column_pair_trends", "data_validity"}),
        (["constant", "one_town"], set()),
        (
            ["key", "id"],
            {"column_shapes", "column_pair_trends", "two_sample_train", "two_sample_holdout", *SUPPORT, *MEMBERSHIP}
            | {"dcr_share", *QUANTILES, "copies", "copies_holdout", "copies_excess"},
        ),
    ],
)
def test_what_a_table_does_not_allow_is_nan_with_a_note_and_the_rest_is_there(
    columns: list[str], undefined: set[str]
) -> None:
    kinds = {name: KINDS[name] for name in columns}
    train, holdout, synthetic = parts_of(kinds)

    scores = measure(contract_of(kinds), train=train, holdout=holdout, synthetic=synthetic, seed=0).scores

    assert {one.name for one in scores if np.isnan(one.value)} == undefined
    assert undefined <= {one.name for one in scores if one.note}


def test_tables_of_one_row_are_measured() -> None:
    train, holdout, synthetic = parts_of(KINDS, (1, 1, 1))

    scores = measure(contract_of(KINDS, "flag"), train=train, holdout=holdout, synthetic=synthetic, seed=0).scores

    assert np.isnan(next(one.value for one in scores if one.name == "two_sample_train"))


def test_shapes_and_trends_are_those_of_sdmetrics() -> None:
    kinds = {name: KINDS[name] for name in ("count", "size", "flag", "town")}
    train, _, synthetic = (table.to_pandas() for table in parts_of(kinds))
    sdtypes = {"count": "numerical", "size": "numerical", "flag": "boolean", "town": "categorical"}
    report = QualityReport()
    report.real_correlation_threshold = report.real_association_threshold = 0
    report.num_rows_subsample = None
    metadata = {"tables": {"t": {"columns": {name: {"sdtype": kind} for name, kind in sdtypes.items()}}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        as_text = {"town": object}
        report.generate(
            {"t": train.astype(as_text)},
            {"t": synthetic.astype(as_text)},
            {**metadata, "relationships": []},
            verbose=False,
        )

    ours = fidelity.quality(fidelity.compare(framed(kinds), 0), 0)

    assert [one.value for one in ours] == pytest.approx(report.get_properties()["Score"].tolist(), abs=1e-12)


def test_few_real_rows_cost_a_perfect_model_as_much_as_the_interval_says() -> None:
    """Real rows of one distribution on both sides: what they miss of 1 is luck, and the more so the fewer they are."""
    rng = np.random.default_rng(3)
    rows = {name: pa.table({"x": rng.normal(size=n), "y": rng.normal(size=n)}) for name, n in (("a", 90), ("b", 5_000))}
    contract, luck = contract_of({"x": "number", "y": "number"}), {}

    for name, train in rows.items():
        shapes, trends = fidelity.quality(
            fidelity.compare(frames(contract, train=train, holdout=train, synthetic=rows["b"]), 0), 0
        )
        luck[name] = [score.interval[1] - score.value for score in (shapes, trends)]
        assert shapes.interval[0] == shapes.value
        assert name == "b" or shapes.interval[1] == pytest.approx(1.0, abs=0.05)

    assert all(few > 3 * many for few, many in zip(luck["a"], luck["b"], strict=True))


def test_a_column_that_only_the_synthetic_table_lost_counts_as_zero() -> None:
    kinds = {name: KINDS[name] for name in ("count", "size")}
    train, holdout, synthetic = parts_of(kinds)
    lost = synthetic.set_column(1, "size", pa.nulls(len(synthetic), pa.float64()))

    shapes, trends = fidelity.quality(
        fidelity.compare(frames(contract_of(kinds), train=train, holdout=holdout, synthetic=lost), 0), 0
    )

    assert shapes.value < 0.5  # SDMetrics leaves the lost column out, and would say more than .9
    assert trends.value == 0.0


def test_with_too_many_pairs_every_column_still_meets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    kinds = {f"x{number}": "number" for number in range(30)}
    tables = [pa.table({name: rng.normal(size=50) for name in kinds}) for _ in range(3)]
    train, holdout, synthetic = tables
    monkeypatch.setattr(fidelity, "_MOST_PAIRS", 60)

    shapes, trends = fidelity.quality(
        fidelity.compare(frames(contract_of(kinds), train=train, holdout=holdout, synthetic=synthetic), 0), 0
    )

    assert trends.note == "60 of 435 pairs of columns, drawn at random"
    assert not shapes.note
    assert 0 < trends.value <= 1


def test_nearest_distances_are_those_of_brute_force() -> None:
    kinds = {name: kind for name, kind in KINDS.items() if name not in ("key", "id")}
    tables = framed(kinds)
    left, right = tables.holdout, tables.synthetic

    def points(frame: object) -> np.ndarray:
        numbers = frame.standardised
        one_hots = [
            codes[:, None] == np.arange(-1, size)
            for codes, size in zip(frame.codes.T, frame.features.sizes, strict=True)
        ]
        unknown = np.isnan(numbers)
        binary = np.hstack([*one_hots, unknown, ~unknown]) / np.sqrt(2)
        return np.hstack([np.nan_to_num(numbers), binary])

    expected = np.sqrt(((points(left)[:, None] - points(right)) ** 2).sum(axis=2))

    found = nearest(left, right)

    assert found.of_queries == pytest.approx(expected.min(axis=1), abs=1e-8)
    assert found.of_references == pytest.approx(expected.min(axis=0), abs=1e-8)


def test_categories_of_many_values_are_compared_as_those_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = framed({name: KINDS[name] for name in ("size", "town", "code", "flag")})
    as_products = nearest(tables.holdout, tables.synthetic)
    monkeypatch.setattr("tasks.scoring.neighbours._WIDE", 0)

    by_comparison = nearest(tables.holdout, tables.synthetic)

    assert (as_products.of_queries == by_comparison.of_queries).all()
    assert (as_products.of_references == by_comparison.of_references).all()


def test_a_copy_is_at_distance_zero_whatever_its_size() -> None:
    kinds = {name: KINDS[name] for name in ("moment", "size", "town")}
    tables = framed(kinds)

    assert (nearest(tables.train, tables.train).of_queries == 0).all()


def test_copies_are_counted_over_all_columns_but_ids_and_keys() -> None:
    kinds = {"key": "integer", "size": "number", "town": "category"}
    train = pa.table({"key": [1, 2, 3], "size": [1.0, None, 3.0], "town": ["a", "b", None]})
    synthetic = pa.table({"key": [9, 8, 7, 6], "size": [1.0, None, 3.0, None], "town": ["a", "b", "b", None]})
    holdout = pa.table({"key": [5, 4], "size": [3.0, 1.0], "town": [None, "b"]})

    found = copies(frames(contract_of(kinds), train=train, holdout=holdout, synthetic=synthetic), 0)

    assert [one.value for one in found] == [0.5, 0.5, 0.0]


def test_integers_beyond_the_precision_of_floats_are_no_copies() -> None:
    kinds = {"size": "integer"}
    train, other = pa.table({"size": [2**60, 5]}), pa.table({"size": [2**60 + 1, 5]})

    found = copies(frames(contract_of(kinds), train=train, holdout=other, synthetic=other), 0)

    assert found[0].value == 0.5


@pytest.mark.parametrize(("target", "least"), [("flag", 0.97), ("size", 0.9), ("count", 0.9)])
def test_utility_finds_what_is_planted_and_sees_it_gone(target: str, least: float) -> None:
    kinds = {name: KINDS[name] for name in ("count", "size", "flag")}
    train, holdout, synthetic = parts_of(kinds, (600, 200, 600))
    rng = np.random.default_rng(0)
    position = synthetic.column_names.index(target)
    lost = synthetic.set_column(position, target, synthetic.column(target).take(pa.array(rng.permutation(600))))
    contract = contract_of(kinds, target)

    kept, gone = (
        utility(frames(contract, train=train, holdout=holdout, synthetic=made), target, seed=0)
        for made in (synthetic, lost)
    )

    real, fake, both, gap = (one.value for one in kept)
    assert real > least
    assert gap == real - fake
    assert abs(gap) < 0.05
    assert both > least
    assert gone[3].value > 0.3


def test_dates_are_numbers_in_their_order() -> None:
    kinds = {"day": "date", "moment": "timestamp"}
    table = pa.table({"day": [date(1500, 1, 1), date(2020, 1, 2)], "moment": [datetime(2020, 1, 1, tzinfo=UTC), None]})

    frame = frames(contract_of(kinds), train=table, holdout=table, synthetic=table).train

    assert frame.numbers[:, 0].tolist() == [-171664.0, 18263.0]
    assert frame.numbers[0, 1] == datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1e6
    assert np.isnan(frame.numbers[1, 1])


def test_a_sample_of_a_large_table_spans_what_the_table_spans():
    """One extreme among many rows moves every bin of the trends: it must not hang on the draw whether it is seen."""
    rng = np.random.default_rng(0)
    rows = 150_000
    amounts, groups = rng.exponential(size=rows), rng.choice(["a", "b"], rows)
    amounts[77] = 1e6
    contract = Contract(
        id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"), Column(name="g", kind="category"))
    )
    table = pa.table({"x": amounts, "g": pa.array(groups).dictionary_encode()})

    scores = {
        one.name: one.value
        for one in fidelity.quality(
            fidelity.compare(frames(contract, train=table, holdout=table, synthetic=table), 0), 0
        )
    }

    assert scores["column_pair_trends"] > 0.99
