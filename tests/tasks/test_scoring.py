"""Laws of the scores as a whole, and the planted cheats."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scoring_tasks import UNTOLD, scored

from data_contracts import Column, Contract, DataError
from data_contracts.odcs import find, load
from tasks.parquet import read_table, write_parquet
from tasks.references import Score, Trained
from tasks.reports.words import SCORES
from tasks.scoring import groups, measure
from tasks.scoring.membership import MEMBERSHIP
from tasks.scoring.risks import RISKS

NAMES = [
    *("column_shapes", "column_pair_trends", "data_validity", "data_structure", "two_sample_train"),
    *("two_sample_holdout", "alpha_precision", "beta_recall"),
    *("utility_real", "utility_synthetic", "utility_augmented", "utility_gap"),
    *("dcr_share", "dcr_share_2", "dcr_share_5", *MEMBERSHIP, *RISKS),
    *("copies", "copies_holdout", "copies_excess", "held_out_rows"),
]
TRAIN, HOLDOUT = 2400, 600


@pytest.fixture(scope="module")
def adult() -> dict[str, pa.Table]:
    """Real rows of Adult in three parts that share no row: train, holdout, and a fresh part as large as train."""
    table = read_table(Path("datasets/adult.parquet"))
    order = np.random.default_rng(7).permutation(len(table))
    cuts = {"train": (0, TRAIN), "holdout": (TRAIN, TRAIN + HOLDOUT), "fresh": (5000, 5000 + TRAIN)}
    return {name: table.take(order[slice(*cut)]) for name, cut in cuts.items()}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load(find("adult"))


def shuffled(table: pa.Table) -> pa.Table:
    """Return a table whose every column is shuffled on its own: shapes perfect, relations gone."""
    rng = np.random.default_rng(8)
    columns = [column.combine_chunks().take(pa.array(rng.permutation(len(table)))) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


CHEATS = {
    "fresh": lambda parts: parts["fresh"],
    "copy": lambda parts: parts["train"],
    "shuffle": lambda parts: shuffled(parts["train"]),
    "one row": lambda parts: parts["fresh"].take([0] * TRAIN),
}


@pytest.fixture(scope="module")
def outcomes(adult: dict[str, pa.Table], contract: Contract) -> dict[str, dict[str, Score]]:
    """Return the scores by name of a fresh real sample and of each cheat."""
    return {
        cheat: {
            one.name: one
            for one in measure(
                contract, train=adult["train"], holdout=adult["holdout"], synthetic=make(adult), seed=1
            ).scores
        }
        for cheat, make in CHEATS.items()
    }


def test_all_scores_are_there_in_order_with_their_record(outcomes: dict[str, dict[str, Score]]) -> None:
    scores = outcomes["fresh"]

    assert list(scores) == NAMES
    assert set(SCORES) == {
        *NAMES,
        *(each.name for each in UNTOLD),
        "epsilon",
    }  # what a gate may ask for is what there is, with the model's own, and epsilon where it was spent
    for one in scores.values():
        assert one.metric.count(".") >= 2
        assert one.version.split()[1][0].isdigit()
        assert one.seed == 1
        assert set(one.rows) <= {"train", "holdout", "synthetic"}
        assert not one.note or one.name in RISKS


@pytest.mark.parametrize(
    ("cheat", "name", "least", "most"),
    [
        # a fresh real sample of 2,400 rows is near the floors: the bounds are four standard errors wide
        ("fresh", "column_shapes", 0.97, 1),
        ("fresh", "column_pair_trends", 0.93, 1),
        ("fresh", "two_sample_train", 0.93, 1),
        ("fresh", "two_sample_holdout", 0.88, 1),
        ("fresh", "utility_gap", -0.03, 0.03),
        ("fresh", "membership_auc", 0.447, 0.553),
        ("fresh", "domias_auc", 0.447, 0.553),
        ("fresh", "alpha_precision", 0.93, 1),
        ("fresh", "beta_recall", 0.45, 0.55),
        ("fresh", "membership_tpr", 0, 0.03),
        ("fresh", "copies_excess", -0.01, 0.01),
        ("fresh", "dcr_share", 0.46, 0.54),
        # each cheat is seen by the figure that is there for it
        ("copy", "membership_auc", 0.99, 1),
        ("copy", "membership_tpr", 0.95, 1),
        ("copy", "copies", 1, 1),
        ("copy", "copies_excess", 0.99, 1),
        ("copy", "two_sample_train", 0.99, 1),  # who looks at fidelity alone is fooled
        ("shuffle", "column_shapes", 1, 1),  # and who looks at single columns alone
        ("shuffle", "two_sample_train", 0, 0.1),
        ("shuffle", "two_sample_holdout", 0, 0.2),
        ("shuffle", "utility_gap", 0.3, 1),
        ("one row", "column_shapes", 0, 0.6),
        ("one row", "two_sample_train", 0, 0.02),
        ("one row", "utility_synthetic", 0.5, 0.5),
        ("one row", "beta_recall", 0, 0.1),
    ],
)
def test_a_fresh_sample_passes_and_each_cheat_is_seen(
    outcomes: dict[str, dict[str, Score]], cheat: str, name: str, least: float, most: float
) -> None:
    assert least <= outcomes[cheat][name].value <= most + 1e-9


def test_the_attack_tries_every_row_and_the_share_as_many_of_either_table(
    outcomes: dict[str, dict[str, Score]],
) -> None:
    scores = outcomes["fresh"]

    for name in ("membership_auc", "membership_tpr"):
        assert scores[name].rows == {"train": TRAIN, "holdout": HOLDOUT, "synthetic": TRAIN}
    assert scores["dcr_share"].rows == {"train": HOLDOUT, "holdout": HOLDOUT, "synthetic": TRAIN}


def test_the_floor_is_the_holdouts_own_figure(
    outcomes: dict[str, dict[str, Score]], adult: dict[str, pa.Table], contract: Contract
) -> None:
    """Put the holdout in the synthetic rows' place, and the value is the floor."""
    swapped = {
        one.name: one
        for one in measure(
            contract, train=adult["train"], holdout=adult["holdout"], synthetic=adult["holdout"], seed=1
        ).scores
    }

    for name in ("column_shapes", "column_pair_trends", "data_validity", "two_sample_train", "beta_recall", "copies"):
        assert swapped[name].value == swapped[name].floor == outcomes["fresh"][name].floor


def test_the_task_writes_the_same_bytes_twice_and_null_for_nan(tmp_path: Path) -> None:
    contract = Contract(id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"),))
    rng = np.random.default_rng(2)
    tables = {
        name: write_parquet(tmp_path / name, table.to_batches(), schema=table.schema)
        for name, rows in (("train", 300), ("holdout", 60), ("synthetic", 300))
        for table in [pa.table({"x": rng.normal(size=rows)})]
    }

    first, second = (scored(contract, **tables, run=str(tmp_path / run), seed=5) for run in ("a", "b"))

    assert first.digest == second.digest
    details, again = ((tmp_path / run / "details.json").read_bytes() for run in ("a", "b"))
    assert details == again
    written = {one["name"]: one for one in json.loads(Path(first.uri).read_text())}
    assert list(written) == [name for name in NAMES if not name.startswith("utility")]  # no target, no utility
    assert written["column_pair_trends"]["value"] is None  # one column has no pair
    assert written["column_pair_trends"]["note"]
    assert written["two_sample_train"]["value"] == first.scores[4].value


@pytest.mark.parametrize("rows", [None, 600, 20], ids=["all rows", "rows that meet conditions", "too few that do"])
def test_groups_of_families_measured_apart_come_to_the_same_bytes(
    adult: dict[str, pa.Table], contract: Contract, tmp_path: Path, rows: int | None
) -> None:
    tables = {"train": adult["train"].slice(0, rows), "holdout": adult["holdout"].slice(0, rows)}
    tables |= {"synthetic": adult["fresh"]} | ({"learned": adult["train"]} if rows else {})
    written = {
        name: write_parquet(tmp_path / name, each.to_batches(), schema=each.schema) for name, each in tables.items()
    }

    for run in ("whole", "apart"):
        scored(contract, **written, run=str(tmp_path / run), seed=4, apart=run == "apart")

    assert len(groups(contract, apart=True)) > 1
    for name in ("scores.json", "details.json"):
        assert (tmp_path / "apart" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_epsilon_is_a_score_where_it_was_spent_and_only_there(tmp_path: Path) -> None:
    contract = Contract(id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"),))
    table = pa.table({"x": np.random.default_rng(0).normal(size=60)})
    rows = write_parquet(tmp_path / "rows", table.to_batches(), schema=table.schema)
    private = Trained("model", "0", 60, "vae", seed=0, steps=1, seconds=1.0, cut=False, epsilon=2.5, delta=1e-3)

    with_it, without = (
        scored(contract, train=rows, holdout=rows, synthetic=rows, run=str(tmp_path), seed=0, trained=trained).scores
        for trained in (private, replace(private, epsilon=None, delta=None))
    )

    assert [(one.value, one.rows) for one in with_it if one.name == "epsilon"] == [(2.5, {"train": 60})]
    assert "epsilon" not in {one.name for one in without}


def test_each_column_and_pair_is_told_with_its_floor_and_the_ten_worst_are_named(
    adult: dict[str, pa.Table], contract: Contract
) -> None:
    place = adult["fresh"].schema.get_field_index("age")
    ages = pa.array(np.zeros(TRAIN, int) + 30, adult["fresh"].schema.field(place).type)
    made = adult["fresh"].set_column(place, adult["fresh"].schema.field(place), ages)

    measured = measure(contract, train=adult["train"], holdout=adult["holdout"], synthetic=made, seed=1)

    told = measured.details.json()
    scores = {one.name: one for one in measured.scores}
    assert [each["name"] for each in told["columns"]] == list(contract.names)
    assert [each["kind"] for each in told["columns"]] == [column.kind for column in contract.columns]
    assert len(told["pairs"]) == 15 * 14 // 2
    assert np.mean([each["value"] for each in told["columns"]]) == pytest.approx(scores["column_shapes"].value)
    assert np.mean([each["floor"] for each in told["pairs"]]) == pytest.approx(scores["column_pair_trends"].floor)
    assert told["worst_columns"][0]["name"] == "age"
    assert [len(told[part]) for part in ("worst_columns", "worst_pairs")] == [10, 10]
    values = [each["value"] for each in told["worst_pairs"]]
    assert values == sorted(values)
    assert all("age" in (each["left"], each["right"]) for each in told["worst_pairs"][:5])


@pytest.mark.parametrize("lacking", ["train", "holdout", "synthetic"])
@pytest.mark.parametrize("fault", ["rows", "column"])
def test_a_table_without_rows_or_without_a_column_is_refused(lacking: str, fault: str) -> None:
    contract = Contract(id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"),))
    table = pa.table({"x": [1.0, 2.0]})
    broken = table.slice(0, 0) if fault == "rows" else table.rename_columns(["y"])

    with pytest.raises(DataError, match=lacking):
        measure(contract, **{**dict.fromkeys(("train", "holdout", "synthetic"), table), lacking: broken}, seed=0)


def test_no_value_is_told_when_a_column_changes_type() -> None:
    contract = Contract(id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"),))
    numbers, texts = pa.table({"x": [1.0]}), pa.table({"x": ["secret"]})

    with pytest.raises(DataError, match="one type") as raised:
        measure(contract, train=numbers, holdout=numbers, synthetic=texts, seed=0)

    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
