import re
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from bad_inputs import CONTRACT, good_csv, good_parquet, good_rows, json_lines, sqlite

from data_contracts import DataError
from data_contracts.odcs import dump, loads
from data_contracts.random_rows import random_rows
from tasks.infer import infer
from tasks.ingest import ingest

ROWS = 600
RNG = np.random.default_rng(11)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TITLES = ("Mr", "Mrs", "Dr", "Miss", "Rev")
NAMES = [f"{a}{b.lower()}, {title}. {a}" for a in LETTERS for b in "AEIOU" for title in TITLES]


def pick(*values, shares=None):
    return RNG.choice(np.array(values, dtype=object), ROWS, p=shares)


def text(path, columns, *, separator=",", header=True, encoding="utf-8"):
    """Write columns of texts as a file, quoting where it is needed, and return where it is."""
    quoted = [
        [f'"{cell}"' if separator[0] in str(cell) else str(cell) for cell in column] for column in columns.values()
    ]
    rows = [separator.join(row) for row in zip(*quoted, strict=True)]
    path.write_bytes(("\n".join([separator.join(columns)] * header + rows) + "\n").encode(encoding))
    return str(path)


def passengers(folder):
    columns = {
        "PassengerId": range(1, ROWS + 1),
        "Survived": pick(0, 1),
        "Name": NAMES[:ROWS],
        "Age": [f"{age:g}" if age > 5 else "" for age in np.round(RNG.uniform(0, 80, ROWS) * 2) / 2],
        "Ticket": [f"A/5 {n}" for n in RNG.integers(10_000, 99_999, ROWS)],
        "Fare": [f"{fare:.4f}" for fare in RNG.gamma(2, 15, ROWS)],
        "Embarked": pick("S", "C", "Q", ""),
    }
    return text(folder / "passengers.csv", columns)


def customers(folder):
    columns = {
        "CustomerID": [f"{n:04}" for n in range(1, ROWS + 1)],
        "Genre": pick("Male", "Female"),
        "Annual Income (k$)": RNG.integers(15, 138, ROWS),
        "Zip": pick("01234", "04567", "98765"),
    }
    return text(folder / "customers.csv", columns)


def weather(folder):
    columns = {
        "No": range(1, ROWS + 1),
        "year": pick(2010, 2011),
        "pm2.5": ["NA" if n % 9 == 0 else n for n in RNG.integers(0, 500, ROWS)],
        "TEMP": [f"{t:.1f}" for t in RNG.normal(10, 10, ROWS)],
        "cbwd": pick("NW", "NE", "SE", "cv"),
        "flag": pick("unknown", "seen"),
        "level": pick("-", "3", "4", "5"),
    }
    return text(folder / "PRSA_data_2010.1.1.csv", columns)


def census(folder):
    columns = {
        "age": RNG.integers(17, 90, ROWS),
        "work": pick("Private", "?", "State-gov"),
        "gain": pick(0, 0, 0, 99999),
        "income": pick("<=50K", ">50K"),
    }
    return text(folder / "census.data", columns, separator=", ", header=False)


def trips(folder):
    start = np.datetime64("2019-03-02T01:02:03") + RNG.integers(0, 10**6, ROWS)
    columns = {
        "pickup": [str(t).replace("T", " ") for t in start],
        "day": [f"{d.astype('M8[D]').item():%d/%m/%Y}" for d in start],
        "stamp": [f"{t}.250Z" for t in start],
        "fare": [f"{fare:.2f}" for fare in RNG.gamma(2, 8, ROWS)],
        "zone": [f"Zone {n}" for n in RNG.zipf(1.5, ROWS) % 40],
        "Weekend": pick("TRUE", "FALSE"),
    }
    return text(folder / "trips.csv", columns)


def german(folder):
    columns = {
        "Größe": [f"{h:.1f}".replace(".", ",") for h in RNG.normal(170, 10, ROWS)],
        "Ort": pick("München", "Köln"),
    }
    return text(folder / "groessen.csv", columns, separator=";", encoding="cp1252")


def retail(folder):
    customer = RNG.integers(12_346, 18_287, ROWS).astype(float)
    table = pa.table(
        {
            "InvoiceNo": pa.array([f"{'C' * (n % 9 == 0)}{536_365 + n // 2}" for n in range(ROWS)], pa.large_string()),
            "Quantity": RNG.integers(-10, 200, ROWS).astype(float),
            "InvoiceDate": pa.array(RNG.integers(0, 10**5, ROWS) * 60 * 10**6, pa.timestamp("us")),
            "CustomerID": pa.array(np.where(customer % 5 == 0, np.nan, customer), from_pandas=True),
            "UnitPrice": np.round(RNG.gamma(2, 3, ROWS), 2),
            "Country": pa.array(pick("France", "Spain").tolist()).dictionary_encode(),
            "digits": pa.array(pick("12", "34").tolist()),
            "gone": pa.nulls(ROWS),
        }
    )
    pq.write_table(table, folder / "retail.parquet")
    return str(folder / "retail.parquet")


TABLES = {each.__name__: each for each in (passengers, customers, weather, census, trips, german, retail)}


@pytest.fixture(scope="module")
def drafts(tmp_path_factory):
    """Each table's draft, made once, in one order, so that the tables are the same whichever tests are chosen."""
    folder = tmp_path_factory.mktemp("tables")
    return {make: infer(make(folder)) for make in TABLES.values()}


def fits(column, cells):
    """Return whether every cell keeps what the draft says of its column; written without the project's own checks."""
    known = [cell for cell in cells if cell is not None]
    return (
        not (column.required and len(known) < len(cells))
        and not (column.unique and len(set(known)) < len(known))
        and (column.minimum is None or min(known) >= column.minimum)
        and (column.maximum is None or max(known) <= column.maximum)
        and (column.values is None or set(known) <= set(column.values))
        and (column.pattern is None or all(re.fullmatch(column.pattern, cell) for cell in known))
    )


@pytest.mark.parametrize("name", TABLES)
def test_a_draft_is_written_read_and_kept_by_the_data_it_was_drafted_from(name, drafts, tmp_path):
    contract = drafts[TABLES[name]]

    loaded = loads(dump(contract), "draft", tmp_path)
    table = pq.read_table(ingest.fn(loaded, run=str(tmp_path / "run")).uri)

    assert loaded == contract
    assert table.num_rows == ROWS
    cells = {column.name: table[column.name].to_pylist() for column in contract.columns}
    assert [column.name for column in contract.columns if not fits(column, cells[column.name])] == []


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        (passengers, "PassengerId", {"kind": "id", "primary_key": True, "storage": "integer", "required": True}),
        (passengers, "Survived", {"kind": "category", "storage": "integer", "values": (0, 1)}),
        (passengers, "Name", {"kind": "id", "unique": True, "primary_key": False, "sensitivity": "confidential"}),
        (passengers, "Age", {"kind": "number", "decimals": 1, "required": False, "minimum": 0.0}),
        (passengers, "Ticket", {"kind": "id", "values": None, "pattern": "[A-Z0-9 /]{9}"}),
        (passengers, "Fare", {"kind": "number", "decimals": 4}),
        (passengers, "Embarked", {"kind": "category", "values": ("C", "Q", "S"), "required": False}),
        (customers, "CustomerID", {"kind": "id", "pattern": "[0-9]{4}", "primary_key": True, "storage": "string"}),
        (customers, "Annual Income (k$)", {"kind": "integer", "minimum": 10}),
        (customers, "Zip", {"kind": "category", "storage": "string", "values": ("01234", "04567", "98765")}),
        (weather, "No", {"kind": "id", "primary_key": True}),
        (weather, "pm2.5", {"kind": "integer", "required": False}),
        (weather, "TEMP", {"kind": "number", "decimals": 1}),
        (weather, "cbwd", {"values": ("NE", "NW", "SE", "cv")}),
        (weather, "flag", {"values": ("seen", "unknown"), "required": True}),
        (weather, "level", {"kind": "integer", "minimum": 3, "maximum": 5, "required": False}),
        (census, "column_2", {"kind": "category", "values": ("Private", "State-gov"), "required": False}),
        (census, "column_3", {"kind": "category", "values": (0, 99999), "storage": "integer"}),
        (trips, "pickup", {"kind": "timestamp", "unit": "s", "timezone": None, "minimum": datetime(2019, 3, 1)}),  # noqa: DTZ001
        (
            trips,
            "day",
            {"kind": "date", "format": "%d/%m/%Y", "minimum": date(2019, 3, 1), "maximum": date(2019, 4, 1)},
        ),
        (trips, "stamp", {"kind": "timestamp", "unit": "ms", "timezone": "UTC"}),
        (trips, "zone", {"kind": "category", "values": None}),
        (trips, "Weekend", {"kind": "boolean"}),
        (german, "Größe", {"kind": "number", "decimals": 1}),
        (german, "Ort", {"values": ("Köln", "München")}),
        (retail, "InvoiceNo", {"kind": "id", "pattern": "[A-Z0-9]{1,10}", "unique": False}),
        (retail, "Quantity", {"kind": "integer"}),
        (retail, "InvoiceDate", {"kind": "timestamp", "unit": "s"}),
        (retail, "CustomerID", {"kind": "id", "storage": "integer", "required": False}),
        (retail, "digits", {"kind": "category", "storage": "string", "values": ("12", "34")}),
        (retail, "gone", {"kind": "category", "values": None, "required": False}),
    ],
)
def test_a_column_is_drafted_as_what_it_is(table, column, expected, drafts):
    drafted = drafts[table][column]

    assert {name: getattr(drafted, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (passengers, {"format": "csv", "separator": ",", "header": True, "unknown": ()}),
        (weather, {"unknown": ("-", "NA")}),
        (census, {"separator": ", ", "header": False, "unknown": ("?",)}),
        (german, {"separator": ";", "decimal": ",", "encoding": "cp1252"}),
        (retail, {"format": "parquet"}),
    ],
)
def test_how_a_source_is_written_is_found_out(table, expected, drafts):
    source = drafts[table].source

    assert {name: getattr(source, name) for name in expected} == expected


@pytest.mark.parametrize("name", TABLES)
def test_a_draft_tells_nothing_that_few_rows_share(name, drafts, tmp_path):
    contract = drafts[TABLES[name]]

    table = pq.read_table(ingest.fn(contract, run=str(tmp_path / "run")).uri)
    for column in contract.columns:
        counts = {str(each["values"]): each["counts"] for each in pc.value_counts(table[column.name]).to_pylist()}
        rare = {value for value, count in counts.items() if count < 20 and value not in {"0", "0.0", "None"}}
        said = {str(bound) for bound in (column.minimum, column.maximum, *(column.values or ())) if bound is not None}
        assert not said & rare
        assert not any(len(value) > 3 and value in (column.pattern or "") for value in rare)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "sqlite"])
def test_every_form_gives_the_same_kinds(form, tmp_path):
    lines = tmp_path / "good.jsonl"
    lines.write_text("\n".join(json_lines(good_rows())))
    locations = {"csv": good_csv, "parquet": good_parquet, "jsonl": lambda _: str(lines), "sqlite": sqlite}

    contract = infer(locations[form](tmp_path), table="members" if form == "sqlite" else None)

    kinds = {column.name: column.kind for column in contract.columns}
    truth = {column.name: column.kind for column in CONTRACT.columns}
    truth["active"] = "category" if form == "sqlite" else "boolean"  # there it is 0 and 1
    kinds["active"] = kinds["active"] if kinds["active"] != "integer" else "category"
    assert kinds == truth


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_a_contract_are_drafted_as_a_contract_that_they_keep(seed, tmp_path):
    table = random_rows(CONTRACT, 400, np.random.default_rng(seed))
    pacsv.write_csv(table.set_column(3, "town", table["town"].cast(pa.string())), tmp_path / "t.csv")

    contract = infer(str(tmp_path / "t.csv"))

    assert [column.kind for column in contract.columns] == [column.kind for column in CONTRACT.columns]
    assert contract["town"].values == CONTRACT["town"].values
    assert contract["fee"].decimals == 2


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("name,age\nA,1\nB,2\n", True), ("A,1\nB,2\nC,3\n", False), ("x,y\na,b\nc,d\n", True),
        ("a,b\na,d\nc,b\n", False),
        ("1,5;2,5\n3,5;4,5\n", False), ("a;b\n3,5;4,5\n", True),
        ("1990,1991\n5,6\n7,8\n", False), ("id,\n1,2\n3,4\n", True),
    ],
)  # fmt: skip
def test_a_header_is_told_from_data(first, header, tmp_path):
    (tmp_path / "t.csv").write_text(first)

    assert infer(str(tmp_path / "t.csv")).source.header is header


def test_a_column_without_a_name_goes_by_its_place(tmp_path):
    (tmp_path / "t.csv").write_text(",b\n" + "".join(f"{n},x\n" for n in range(60)))

    contract = infer(str(tmp_path / "t.csv"))

    assert contract.names == ("column_1", "b")
    assert contract.primary_key == ("column_1",)
    assert ingest.fn(contract, run=str(tmp_path / "run")).rows == 60


def test_the_drafted_gate_loosens_no_threshold_of_privacy_and_says_why(drafts):
    small = {each.score: each for each in drafts[passengers].gate}

    assert set(small) == {"column_shapes", "column_pair_trends", "two_sample_train"}
    assert all(each.because for each in small.values())


def test_the_draft_is_named_after_its_source(drafts):
    contract = drafts[weather]

    assert (contract.id, contract.version) == ("prsa-data-2010-1-1", "0.1.0")
    assert "draft" in contract.purpose.lower()
    assert infer(contract.source.location, name="Air").id == "air"


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}])
def test_a_column_that_no_kind_fits_is_refused_by_name(cell, tmp_path):
    pq.write_table(pa.table({"nested": [cell]}), tmp_path / "t.parquet")

    with pytest.raises(DataError, match="nested is of none"):
        infer(str(tmp_path / "t.parquet"))
