"""Every rule of a contract bites, alone and by its name, and nothing that is written holds a cell."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts import Column, Combination, Comparison, Contract, DataError, odcs
from data_contracts.arrow import arrow_schema
from data_contracts.checks import checks
from data_contracts.random_rows import random_rows
from tasks.references import Reference
from tasks.storage import digest_file
from tasks.validate import validate

ROWS = 60
WIDE = 2**53

CONTRACT = Contract(
    id="shop",
    version="1.2.3",
    name="orders",
    columns=(
        Column(name="order", kind="id", primary_key=True, required=True, pattern="A[0-9]+|B"),
        Column(name="token", kind="id", unique=True, storage="integer"),
        Column(name="items", kind="integer", required=True, minimum=1, maximum=99),
        Column(name="cents", kind="integer", minimum=0, maximum=WIDE + 1),
        Column(name="price", kind="number", minimum=0.0, maximum=10.0, decimals=2),
        Column(name="paid", kind="boolean"),
        Column(name="channel", kind="category", required=True, values=("web", "shop")),
        Column(name="grade", kind="category", values=(1, 2, 3), storage="integer"),
        Column(name="made", kind="date", minimum=date(1000, 1, 1), maximum=date(9999, 12, 31)),
        Column(name="sent", kind="date"),
        Column(name="seen", kind="timestamp", maximum=datetime(2020, 1, 1, tzinfo=UTC), timezone="Europe/Berlin"),
    ),
    rules=(
        Comparison("made_before_sent", "made", "<=", "sent"),
        Comparison("more_cents_than_items", "cents", ">", "items"),
        Comparison("token_is_not_items", "token", "!=", "items"),
        Comparison("grade_is_grade", "grade", "==", "grade"),
        Combination("graded_channels", ("channel", "grade"), (("web", 1), ("shop", 2), ("shop", 3))),
        Combination("learned", ("channel", "paid")),
    ),
)


def good() -> dict[str, list[Any]]:
    """Return columns that keep every rule, with nulls wherever they are allowed."""
    return {
        "order": [f"A{row}" for row in range(ROWS)],
        "token": [None, None, *range(1000, 1000 + ROWS - 2)],
        "items": [1, 99, *[5] * (ROWS - 2)],
        "cents": [WIDE + 1, None, *[WIDE] * (ROWS - 2)],
        "price": [0.0, 10.0, None, 0.3, *[2.34] * (ROWS - 4)],
        "paid": [True, False, None, *[True] * (ROWS - 3)],
        "channel": ["web", "shop", *["shop"] * (ROWS - 2)],
        "grade": [1, 2, None, *[3] * (ROWS - 3)],
        "made": [date(1000, 1, 1), None, *[date(2000, 1, 1)] * (ROWS - 2)],
        "sent": [date(1000, 1, 1), date(1, 1, 1), None, *[date(9999, 12, 31)] * (ROWS - 3)],
        "seen": [datetime(2020, 1, 1, tzinfo=UTC), None, *[datetime(1, 1, 1, tzinfo=UTC)] * (ROWS - 2)],
    }


def table(columns: dict[str, list[Any]], contract: Contract = CONTRACT) -> pa.Table:
    schema = pa.schema([field.with_nullable(nullable=True) for field in arrow_schema(contract)])
    return pa.table(
        {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}, schema=schema
    )


def reference(tmp_path: Path, data: pa.Table) -> Reference:
    path = tmp_path / "data.parquet"
    pq.write_table(data, path)
    return Reference(str(path), digest_file(path), data.num_rows)


def broken(tmp_path: Path, data: pa.Table, contract: Contract = CONTRACT) -> dict[str, int]:
    with pytest.raises(DataError) as caught:
        validate.fn(contract, reference(tmp_path, data), run=str(tmp_path), name="real")
    return {failure.rule: failure.rows for failure in caught.value.failures}


def test_good_data_keeps_every_rule(tmp_path: Path) -> None:
    data = reference(tmp_path, table(good()))

    outcome = validate.fn(CONTRACT, data, run=str(tmp_path), name="real")

    assert outcome.failures == ()
    assert outcome.rows == ROWS
    assert set(outcome.checks) == {check.rule for check in checks(CONTRACT)} - {"learned"}
    assert json.loads(Path(outcome.uri).read_text(encoding="utf-8"))["passed"]
    assert "Every rule is kept" in Path(outcome.uri).with_suffix(".html").read_text(encoding="utf-8")


BITES = [
    ("table.primary_key", {"order": ["A7", "A7", "A7"]}, 4),
    ("table.primary_key", {"order": ["B", "B"]}, 2),
    ("order.pattern", {"order": ["A", "xA1", "A1\n"]}, 3),
    ("token.unique", {"token": [2000, 2000]}, 2),
    ("items.required", {"items": [None]}, 1),
    ("items.range", {"items": [0, 100, -1]}, 3),
    ("cents.range", {"cents": [WIDE + 2]}, 1),
    ("price.range", {"price": [10.01, -0.01]}, 2),
    ("price.precision", {"price": [0.001, 1.005, 9.999]}, 3),
    ("channel.required", {"channel": [None, None]}, 2),
    ("channel.values", {"channel": ["post"], "grade": [None]}, 1),
    ("grade.values", {"grade": [4], "channel": [None]}, 1),
    ("made.range", {"made": [date(999, 12, 31)]}, 1),
    ("seen.range", {"seen": [datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)]}, 1),
    ("made_before_sent", {"made": [date(2000, 1, 2)], "sent": [date(2000, 1, 1)]}, 1),
    ("more_cents_than_items", {"cents": [3, 5], "items": [3, 4]}, 1),
    ("token_is_not_items", {"token": [7], "items": [7]}, 1),
    ("graded_channels", {"channel": ["web"], "grade": [2]}, 1),
]


@pytest.mark.parametrize(
    ("rule", "changes", "rows"), BITES, ids=[f"{rule}-{i}" for i, (rule, _, _) in enumerate(BITES)]
)
def test_each_rule_bites_alone(tmp_path: Path, rule: str, changes: dict[str, list[Any]], rows: int) -> None:
    columns = {name: [*changes.get(name, []), *values[len(changes.get(name, [])) :]] for name, values in good().items()}
    also = {"channel.required"} if rule == "grade.values" else set()  # the combination would bite as well

    found = broken(tmp_path, table(columns))

    assert found.pop(rule) == rows
    assert set(found) == also


def test_equality_between_columns_bites(tmp_path: Path) -> None:
    contract = replace(CONTRACT, rules=(Comparison("equal", "items", "==", "grade"),))
    columns = good() | {"items": [1] * ROWS, "grade": [1, None, 2, *[1] * (ROWS - 3)]}

    assert broken(tmp_path, table(columns), contract) == {"equal": 1}


def test_a_compound_key_bites_and_so_does_a_null_in_it(tmp_path: Path) -> None:
    contract = Contract(
        id="pair",
        version="1.0.0",
        name="pair",
        columns=(Column(name="a", kind="id", primary_key=True), Column(name="b", kind="date", primary_key=True)),
        minimum_rows=1,
    )
    days = [date(2000, 1, day) for day in (1, 2, 1, 1, 5)]
    data = table({"a": ["x", "x", "y", "x", None], "b": days}, contract)

    assert broken(tmp_path, data, contract) == {"table.primary_key": 3}


SHAPES: list[tuple[str, Callable[[pa.Table], pa.Table]]] = [
    ("table.columns", lambda data: data.drop_columns(["paid"])),
    ("table.columns", lambda data: data.append_column("hunter2", data["paid"])),
    ("table.columns", lambda data: data.append_column("paid", data["paid"])),
    ("table.columns", lambda data: data.select(data.column_names[::-1])),
    ("table.rows", lambda data: data.slice(0, 49)),
    ("table.rows", lambda data: data.slice(0, 0)),
    ("items.type", lambda data: data.set_column(2, "items", data["items"].cast(pa.int32()))),
    ("channel.type", lambda data: data.set_column(6, "channel", data["channel"].cast(pa.string()))),
]


@pytest.mark.parametrize(("rule", "change"), SHAPES, ids=[f"{rule}-{i}" for i, (rule, _) in enumerate(SHAPES)])
def test_the_form_bites_alone(tmp_path: Path, rule: str, change: Callable[[pa.Table], pa.Table]) -> None:
    assert set(broken(tmp_path, change(table(good())))) == {rule}


def test_repeats_are_found_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.parquet.BATCH_ROWS", 7)
    path = tmp_path / "data.parquet"
    columns = good()
    columns["order"][-1] = columns["order"][0]
    pq.write_table(table(columns), path, row_group_size=7)

    with pytest.raises(DataError) as caught:
        validate.fn(CONTRACT, Reference(str(path), "", ROWS), run=str(tmp_path), name="real")

    assert [(each.rule, each.rows, each.total) for each in caught.value.failures] == [("table.primary_key", 2, ROWS)]


def test_counts_are_those_of_all_batches(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(table(good() | {"items": [100] * ROWS, "price": [0.001] * ROWS}), path, row_group_size=7)

    with pytest.raises(DataError) as caught:
        validate.fn(CONTRACT, Reference(str(path), "", ROWS), run=str(tmp_path), name="real")

    assert {each.rule: each.rows for each in caught.value.failures} == {"items.range": ROWS, "price.precision": ROWS}


def test_no_cell_is_written_said_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2"  # noqa: S105 - a cell
    caplog.set_level(logging.DEBUG)
    columns = good() | {"order": [secret] * ROWS, "channel": [secret] * ROWS, "items": [424242] * ROWS}

    with pytest.raises(DataError) as caught:
        validate.fn(CONTRACT, reference(tmp_path, table(columns)), run=str(tmp_path), name="real")

    files = sorted([*tmp_path.glob("validation-*.*"), *tmp_path.glob("validation-*/*.json")])
    assert len(files) == 3
    written = [path.read_text(encoding="utf-8") for path in files]
    for text in (*written, str(caught.value), repr(caught.value), caplog.text):
        assert secret not in text
        assert "424242" not in text
        assert "424,242" not in text


def test_what_the_library_says_stays_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    validate.fn(CONTRACT, reference(tmp_path, table(good())), run=str(tmp_path), name="real")

    assert capfd.readouterr() == ("", "")


def test_the_record_counts_shares_and_names_versions(tmp_path: Path) -> None:
    columns = good()
    columns["items"][:3] = [0, 0, 0]

    broken(tmp_path, table(columns))

    record = json.loads((tmp_path / "validation-real.json").read_text(encoding="utf-8"))
    assert record["contract"] == {"id": "shop", "version": "1.2.3"}
    assert not record["passed"]
    [failure] = record["failures"]
    assert failure == {
        "rule": "items.range",
        "columns": ["items"],
        "rows": 3,
        "total": ROWS,
        "share": 0.05,
        "detail": "minimum 1, maximum 99",
    }
    assert set(record["versions"]) == {"great_expectations"}


def test_random_rows_of_a_shipped_contract_keep_it(tmp_path: Path) -> None:
    contract = odcs.load(odcs.find("adult"))
    rows = random_rows(contract, 2000, np.random.default_rng(5))

    outcome = validate.fn(contract, reference(tmp_path, rows), run=str(tmp_path), name="synthetic")

    assert len(outcome.checks) > len(contract.columns)


def test_the_shipped_data_keeps_its_contract(tmp_path: Path) -> None:
    contract = odcs.load(odcs.find("adult"))
    schema = arrow_schema(contract)
    data = pq.read_table(contract.source.location)
    data = pa.table([data[name].cast(schema.field(name).type) for name in contract.names], names=list(contract.names))

    validate.fn(contract, reference(tmp_path, data), run=str(tmp_path), name="real")


def test_repeating_gives_the_same_bytes(tmp_path: Path) -> None:
    data = reference(tmp_path, table(good()))
    outcomes = [validate.fn(CONTRACT, data, run=str(tmp_path / run), name="real") for run in ("first", "second")]

    first, second = (Path(outcome.uri) for outcome in outcomes)

    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".html").read_bytes() == second.with_suffix(".html").read_bytes()
