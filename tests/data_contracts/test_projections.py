"""What is derived from a contract, and the forms in which one can be written."""

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from row_predicates import broken

from data_contracts import Column, Combination, Comparison, Contract, ContractError, Failure, Source
from data_contracts.arrow import arrow_schema, empty_table
from data_contracts.checks import checks, expectations
from data_contracts.metadata import sdmetrics_metadata
from data_contracts.odcs import dump, find, load, loads
from data_contracts.odcs.dateformats import from_jdk, reads_dates, to_jdk
from data_contracts.random_rows import random_rows

PARQUET = Path(__file__).parents[2] / "datasets" / "adult.parquet"

START = datetime(2020, 1, 1, tzinfo=UTC)

SHOP = Contract(
    id="shop",
    version="1.0.0",
    name="orders",
    minimum_rows=1,
    columns=(
        Column(name="order", kind="id", primary_key=True, required=True, unique=True, pattern=r"O-\d{6}"),
        Column(name="email", kind="id", unique=True),
        Column(name="paid", kind="number", minimum=0, maximum=90.5, decimals=2),
        Column(name="back", kind="number", minimum=0, decimals=2),
        Column(name="channel", kind="category", values=("web", "shop"), required=True),
        Column(name="code", kind="category", storage="integer", values=(1, 2, 3)),
        Column(name="gift", kind="boolean"),
        Column(name="pieces", kind="integer", minimum=1, maximum=9, required=True),
        Column(name="ordered", kind="date", minimum=date(2020, 1, 1)),
        Column(name="sent", kind="date"),
        Column(name="at", kind="timestamp", unit="ms", timezone="Europe/London", minimum=START),
        Column(name="first", kind="category"),
        Column(name="second", kind="category"),
    ),
    rules=(
        Comparison("no_more_back", "back", "<=", "paid"),
        Comparison("sent_later", "sent", ">", "ordered"),
        Comparison("not_the_same", "first", "!=", "second"),
        Combination("codes", ("channel", "code"), (("web", 1), ("shop", 2), ("shop", 3))),
    ),
)  # fmt: skip


def test_the_schema_has_the_columns_in_order_with_types_and_nulls():
    assert arrow_schema(SHOP).equals(
        pa.schema(
            [
                pa.field("order", pa.string(), nullable=False),
                pa.field("email", pa.string()),
                pa.field("paid", pa.float64()),
                pa.field("back", pa.float64()),
                pa.field("channel", pa.dictionary(pa.int32(), pa.string()), nullable=False),
                pa.field("code", pa.int64()),
                pa.field("gift", pa.bool_()),
                pa.field("pieces", pa.int64(), nullable=False),
                pa.field("ordered", pa.date32()),
                pa.field("sent", pa.date32()),
                pa.field("at", pa.timestamp("ms", "Europe/London")),
                pa.field("first", pa.dictionary(pa.int32(), pa.string())),
                pa.field("second", pa.dictionary(pa.int32(), pa.string())),
            ]
        )
    )
    assert empty_table(SHOP).num_rows == 0


def test_the_checks_follow_the_naming_of_rules():
    names = [check.rule for check in checks(SHOP)]

    assert names[:3] == ["table.columns", "table.rows", "table.primary_key"]
    assert [name for name in names if name.startswith("order.")] == ["order.type", "order.required", "order.pattern"]
    assert [name for name in names if name.startswith("paid.")] == ["paid.type", "paid.precision", "paid.range"]
    assert names[-4:] == ["no_more_back", "sent_later", "not_the_same", "codes"]


def test_expectations_are_in_the_librarys_words():
    found = {each.rule: (each.type, each.arguments) for each in expectations(SHOP)}

    assert found["paid.range"] == (
        "expect_column_values_to_be_between",
        {"column": "paid", "min_value": 0, "max_value": 90.5},
    )
    assert found["order.pattern"][1]["regex"] == r"\A(?:O-\d{6})\Z"
    assert found["channel.values"][1]["value_set"] == ["web", "shop"]
    assert found["no_more_back"][1] == {
        "column_A": "paid",
        "column_B": "back",
        "or_equal": True,
        "ignore_row_if": "either_value_is_missing",
    }
    assert found["sent_later"][1] | {"or_equal": False, "column_A": "sent"} == found["sent_later"][1]
    assert found["not_the_same"] == (
        "likeness_pair_to_compare",
        {"column_A": "first", "operator": "!=", "column_B": "second"},
    )
    assert found["codes"][1]["value_set"] == (("web", 1), ("shop", 2), ("shop", 3))


@pytest.fixture(scope="module")
def rows():
    return random_rows(SHOP, 300, np.random.default_rng(3))


def test_random_rows_reach_both_ends_and_have_nulls(rows):
    assert rows.num_rows == 300
    assert pc.min_max(rows["pieces"]).as_py() == {"min": 1, "max": 9}
    assert pc.max(rows["paid"]).as_py() == 90.5
    assert {column.name for column in SHOP.columns if rows[column.name].null_count} == {
        column.name for column in SHOP.columns if not column.required
    }


def changed(table, column, **cells):
    """Return a table with other cells in its first rows."""
    values = table[column].to_pylist()
    values[: len(cells["to"])] = cells["to"]
    field = table.schema.field(column)
    array = pa.array(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(field.type) else values
    place = table.column_names.index(column)
    return table.set_column(place, field.name, pa.array(array, field.type) if isinstance(array, list) else array)


@pytest.mark.parametrize(
    ("column", "cells", "rule", "count"),
    [
        ("order", ["O-1"], "order.pattern", 1),
        ("order", [None], "order.required", 1),
        ("order", ["O-000001", "O-000001"], "table.primary_key", 2),
        ("email", ["a", "a", "a"], "email.unique", 3),
        ("email", [None, None, None], None, 0),
        ("paid", [90.51], "paid.range", 1),
        ("paid", [50.123], "paid.precision", 1),
        ("channel", ["door"], "channel.values", 1),
        ("code", [4, 9], "code.values", 2),
        ("pieces", [0, 10, None], "pieces.range", 2),
        ("ordered", [date(2019, 12, 31)], "ordered.range", 1),
        ("back", [9999.0, None], "no_more_back", 1),
        ("sent", [date(1999, 1, 1)], "sent_later", 1),
    ],
)
def test_an_expectation_bites_on_exactly_its_rows(rows, column, cells, rule, count):
    # the first two rows hold no null: a rule between columns sees both of its cells
    assert broken(expectations(SHOP), rows) == {}

    assert broken(expectations(SHOP), changed(rows, column, to=cells)).get(rule, 0) == count


@pytest.mark.parametrize(
    ("left", "right", "operator"),
    [
        (left, right, operator)
        for left, right in pairwise(["a", "b", "c", "d", "e"])
        for operator in ("<", ">=", "==", "!=")
    ],
)
def test_compared_columns_are_drawn_along_their_rules(left, right, operator):
    columns = (
        Column(name="a", kind="integer", minimum=0, maximum=5),
        Column(name="b", kind="number", minimum=-1, maximum=3, decimals=1),
        Column(name="c", kind="integer", maximum=10**12, required=True),
        Column(name="d", kind="number", minimum=0),
        Column(name="e", kind="integer", minimum=-5, maximum=5),
    )
    rules = (Comparison("r", left, operator, right), Comparison("s", "a", "<=", "c"))
    contract = Contract(id="x", version="1.0.0", name="x", columns=columns, rules=rules, minimum_rows=1)

    assert broken(expectations(contract), random_rows(contract, 100, np.random.default_rng(0))) == {}


def test_a_tight_unique_column_is_dealt_out():
    column = Column(name="a", kind="integer", minimum=1, maximum=50, unique=True, required=True)
    contract = Contract(id="x", version="1.0.0", name="x", columns=(column,))

    rows = random_rows(contract, 50, np.random.default_rng(0))

    assert sorted(rows["a"].to_pylist()) == list(range(1, 51))
    with pytest.raises(ContractError, match="51 such rows were asked for, and 50 found"):
        random_rows(contract, 51, np.random.default_rng(0))


def test_a_rule_that_cannot_hold_leaves_no_rows():
    columns = tuple(Column(name=name, kind="integer", required=True) for name in "abc")
    rules = tuple(Comparison(f"{one}_{two}", one, "<", two) for one, two in ("ab", "bc", "ca"))

    with pytest.raises(ContractError, match="leave rows that keep them all"):
        random_rows(
            Contract(id="x", version="1.0.0", name="x", columns=columns, rules=rules), 5, np.random.default_rng(0)
        )


def test_the_metadata_is_in_the_librarys_words():
    table = sdmetrics_metadata(SHOP)["tables"]["orders"]

    assert table["primary_key"] == "order"
    assert {name: column["sdtype"] for name, column in table["columns"].items()} == {
        "order": "id", "email": "id", "paid": "numerical", "back": "numerical", "channel": "categorical",
        "code": "categorical", "gift": "boolean", "pieces": "numerical", "ordered": "datetime", "sent": "datetime",
        "at": "datetime", "first": "categorical", "second": "categorical",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("letters", "form"),
    [
        ("yyyy-MM-dd", "%Y-%m-%d"),
        ("d/M/yy H:mm:ss.SSS", "%d/%m/%y %H:%M:%S.%f"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "%Y-%m-%dT%H:%M:%S%z"),
        ("MMM d, yyyy h 'o''clock' a", "%b %d, %Y %I o'clock %p"),
        ("''yyyy''DDD%", "'%Y'%j%%"),
        ("'open yyyy", None),
        ("QQQ yyyy", None),
    ],
)
def test_the_standards_letters_for_dates_are_read(letters, form):
    assert from_jdk(letters) == form
    assert form is None or (reads_dates(form) and from_jdk(to_jdk(form)) == form)


def test_a_format_without_letters_in_the_standard_is_refused_when_written():
    column = Column(name="day", kind="date", format="%c")

    with pytest.raises(ContractError, match=r"contract\.format"):
        dump(Contract(id="x", version="1.0.0", name="x", columns=(column,)))


def test_enum_says_the_same_as_valid_values():
    text = dump(SHOP)
    check = (
        "    quality:\n    - metric: invalidValues\n      mustBe: 0\n"
        "      arguments:\n        validValues: [web, shop]\n"
    )
    assert check in text

    other = text.replace(check, "    enum: [{value: web}, {value: shop}]\n")

    assert loads(other) == SHOP


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("data/*.csv", "/base/data/*.csv"),
        ("../a.csv", "/a.csv"),
        ("/abs/a.csv", "/abs/a.csv"),
        ("s3://bucket/a.parquet", "s3://bucket/a.parquet"),
        ("sqlite:///shop.db", "sqlite:////base/shop.db"),
        ("sqlite:////abs/shop.db", "sqlite:////abs/shop.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
    ],
)
def test_relative_sources_start_at_the_contracts_folder(place, expected):
    text = dump(SHOP) + f"servers: [{{server: source, type: custom, location: '{place}'}}]\n"

    assert loads(text, "x", Path("/base")).source.location == expected


@pytest.mark.parametrize(
    "location",
    [
        "postgresql://ann:s3cret@host/db",
        "postgresql+psycopg://ann:s3/c@s3cret@host:5432/db?sslmode=require",
        "https://host/data.csv?token=s3cret&x=1",
        "mysql://host/db?user=a&password=s3cret",
    ],
)
def test_a_sources_password_is_never_shown(location):
    source = Source(location=location, table="t")
    text = dump(Contract(id="x", version="1.0.0", name="x", columns=SHOP.columns, source=source))

    assert "s3cret" not in repr(source) + str(source) + source.shown + repr(loads(text))
    assert loads(text).source == source
    with pytest.raises(ContractError) as caught:
        loads(text.replace("table", "tabel").replace("id: x", "id: /x").replace("type: custom", "type: kafka"))
    assert "s3cret" not in repr(caught.value) + str(caught.value)


def test_a_failure_about_the_contract_counts_no_rows():
    assert str(Failure("contract.id", (), 0, 0, "x.yaml: id: wrong")) == "contract.id: x.yaml: id: wrong"
    assert str(Failure("table.rows", (), 1, 9, "at least 50")) == "table.rows: 1 of 9 rows (at least 50)"


def test_adult_ships_as_its_contract_says(adult):
    table = pq.read_table(PARQUET)

    assert table.num_rows == 32_561
    assert table.schema.equals(arrow_schema(adult))
    assert adult.source.location == str(PARQUET.resolve())
    assert PARQUET.stat().st_size < 400_000
    assert broken(expectations(adult), table) == {}
    assert {name for name in table.column_names if table[name].null_count} == {
        "workclass", "occupation", "native_country",
    }  # fmt: skip


def test_every_shipped_contract_is_its_own_round_trip():
    for path in find("adult").parent.glob("*.yaml"):
        assert loads(dump(load(path))) == load(path)
        assert find(path) == path
