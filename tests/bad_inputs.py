"""Tables that must be refused: makers of bad sources, each with the rule that must be named.

`BAD_INPUTS` break at ingest, `BAD_ROWS` at validation.  Each maker writes into a folder and returns the location.
Wherever a cell can be said, it is `SECRET`: no message, log or exception may hold it.
"""

import gzip
import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts import Column, Contract

SECRET = "Rosalind-Q7742"  # noqa: S105 - no password, a name
"""Stands for a person's datum in every bad source."""

CONTRACT = Contract(
    id="members",
    version="1.0.0",
    name="members",
    columns=(
        Column(name="member", kind="id", storage="integer", primary_key=True, required=True, unique=True),
        Column(name="age", kind="integer", minimum=0, maximum=120),
        Column(name="fee", kind="number", minimum=0.0, maximum=1000.0, decimals=2),
        Column(name="town", kind="category", values=("Bath", "Leeds", "York"), required=True),
        Column(name="active", kind="boolean"),
        Column(name="joined", kind="date"),
        Column(name="seen", kind="timestamp", unit="s"),
    ),
    minimum_rows=50,
)

HEADER = "member,age,fee,town,active,joined,seen"
Maker = Callable[[Path], str]


def good_rows(rows: int = 60) -> list[list[str]]:
    """Return rows that fit the contract, as text, some cells empty."""
    day, second = date(2020, 2, 1), datetime(2021, 3, 4, 5, 6, 7)  # noqa: DTZ001 - local time, as the contract says
    return [
        [
            str(1000 + n),
            str(20 + n % 50) if n % 7 else "",
            f"{n * 1.25:.2f}",
            ("Bath", "Leeds", "York")[n % 3],
            ("true", "false", "")[n % 3],
            str(day + timedelta(n)),
            str(second + timedelta(hours=n)),
        ]
        for n in range(rows)
    ]


def lines(rows: list[list[str]], *, header: str = HEADER) -> str:
    """Return rows as the text of a CSV file."""
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


def _file(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def good_csv(folder: Path) -> str:
    """Write a table that fits the contract."""
    return _file(folder, "good.csv", lines(good_rows()))


def _csv(content: str | bytes) -> Maker:
    return lambda folder: _file(folder, "bad.csv", content)


def _cell(column: str, value: str, *, row: int = 30) -> Maker:
    rows = good_rows()
    rows[row][HEADER.split(",").index(column)] = value
    return _csv(lines(rows))


def _with_header(header: str, cells: Callable[[list[str]], list[str]] = list) -> Maker:
    return _csv(lines([cells(row) for row in good_rows()], header=header))


def _ragged(folder: Path) -> str:
    rows = good_rows()
    rows[10] += [SECRET]
    rows[20] = [*rows[20][:3], SECRET]
    return _file(folder, "bad.csv", lines(rows))


def _unclosed(folder: Path) -> str:
    rows = good_rows()
    rows[40][6] = f'"{SECRET}'
    return _file(folder, "bad.csv", lines(rows))


def _secret_last(name: str, cut: Callable[[bytes], bytes]) -> Maker:
    text = lines([*good_rows(4000), [SECRET] * 7])
    return lambda folder: _file(folder, name, cut(text.encode()))


def _parquet(folder: Path, *, change: Callable[[pa.Table], pa.Table] = lambda table: table) -> Path:
    rows = good_rows()
    table = pa.table(
        {
            "member": [int(row[0]) for row in rows],
            "age": pa.array([int(row[1]) if row[1] else None for row in rows], pa.int32()),
            "fee": [float(row[2]) for row in rows],
            "town": [row[3] for row in rows],
            "active": pa.array([row[4] == "true" if row[4] else None for row in rows]),
            "joined": [date.fromisoformat(row[5]) for row in rows],
            "seen": [datetime.fromisoformat(row[6]) for row in rows],
        }
    )
    pq.write_table(change(table), folder / "table.parquet")
    return folder / "table.parquet"


def good_parquet(folder: Path) -> str:
    """Write the same table as Parquet with other types of the same kinds."""
    return str(_parquet(folder))


def _parquet_bytes(change: Callable[[bytes], bytes]) -> Maker:
    return lambda folder: _file(folder, "bad.parquet", change(_parquet(folder).read_bytes()))


def _parquet_table(change: Callable[[pa.Table], pa.Table]) -> Maker:
    return lambda folder: str(_parquet(folder, change=change))


def _replaced(column: str, values: pa.Array) -> Maker:
    return _parquet_table(lambda table: table.set_column(table.schema.get_field_index(column), column, values))


def json_lines(rows: list[list[str]]) -> list[str]:
    """Return rows as JSON objects, one a line."""
    import json

    names = HEADER.split(",")
    makes = (int, int, float, str, lambda cell: cell == "true", str, str)
    return [
        json.dumps({name: make(cell) for name, make, cell in zip(names, makes, row, strict=True) if cell})
        for row in rows
    ]


def _jsonl(change: Callable[[list[str]], list[str]]) -> Maker:
    return lambda folder: _file(folder, "bad.jsonl", "\n".join(change(json_lines(good_rows()))) + "\n")


def sqlite(folder: Path) -> str:
    """Write the table into an SQLite database as table `members` and return its URL."""
    path = folder / "members.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE members (member INT, age INT, fee REAL, town TEXT, active INT, joined, seen)")
        rows = [
            [cell or None for cell in row[:4]] + [int(row[4] == "true") if row[4] else None, *row[5:]]
            for row in good_rows()
        ]
        connection.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE other (a TEXT)")
        connection.execute("INSERT INTO other VALUES (?)", [SECRET])
    connection.close()
    return f"sqlite:///{path}"


BAD_INPUTS: dict[str, tuple[Maker, str]] = {
    "missing file": (lambda folder: str(folder / "nowhere.csv"), "source.missing"),
    "empty folder": (str, "source.missing"),
    "glob that matches nothing": (lambda folder: str(folder / "*.parquet"), "source.missing"),
    "empty file": (_csv(""), "source.empty"),
    "blank file": (_csv("\n\n \n"), "source.empty"),
    "header only": (_csv(HEADER + "\n"), "table.rows"),
    "one row": (_csv(lines(good_rows(1))), "table.rows"),
    "wrong columns": (_csv(f"{SECRET},b\n1,2\n"), "table.columns"),
    "missing column": (_with_header(HEADER.removesuffix(",seen"), lambda row: row[:-1]), "table.columns"),
    "extra column": (_with_header(f"{HEADER},{SECRET}", lambda row: [*row, "1"]), "table.columns"),
    "duplicate column": (_with_header(HEADER.replace("fee", "age")), "table.columns"),
    "no header": (_csv(",".join([SECRET] * 7) + "\n" + lines(good_rows()).partition("\n")[2]), "table.columns"),
    "another separator": (_csv(lines(good_rows()).replace(",", ";")), "table.columns"),
    "ragged lines": (_ragged, "table.ragged"),
    "quote never closed": (_unclosed, "table.ragged"),
    "text in an integer": (_cell("age", SECRET), "age.type"),
    "fraction in an integer": (_cell("age", "12.5"), "age.type"),
    "integer beyond 64 bits": (_cell("age", "9223372036854775808"), "age.type"),
    "text in a number": (_cell("fee", SECRET), "fee.type"),
    "number beyond float64": (_cell("fee", "1e400"), "fee.type"),
    "not a number": (_cell("fee", "NaN"), "fee.type"),
    "infinite number": (_cell("fee", "-inf"), "fee.type"),
    "number too fine": (_cell("fee", "12.345"), "fee.precision"),
    "word for a boolean": (_cell("active", "yes"), "active.type"),
    "day that is not": (_cell("joined", "2021-02-29"), "joined.type"),
    "another date form": (_cell("joined", "03/04/2021"), "joined.type"),
    "timestamp with an offset": (_cell("seen", "2021-03-04 05:06:07+01:00"), "seen.type"),
    "timestamp too fine": (_cell("seen", "2021-03-04 05:06:07.5"), "seen.precision"),
    "text in an integer id": (_cell("member", SECRET), "member.type"),
    "not UTF-8": (_csv(lines(good_rows()).encode() + f"1,1,1,{SECRET}\xff,,,\n".encode("latin-1")), "table.encoding"),
    "UTF-16": (_csv((lines(good_rows()) + SECRET).encode("utf-16")), "table.encoding"),
    "binary named .csv": (_csv(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + SECRET.encode() + bytes(200)), "source.format"),
    "binary further on": (_csv(lines(good_rows()).encode() + SECRET.encode() + b",\0\0\n"), "source.format"),
    "Parquet named .csv": (_csv(b"PAR1" + SECRET.encode() + bytes(40) + b"PAR1"), "source.format"),
    "truncated gzip": (_secret_last("bad.csv.gz", lambda text: gzip.compress(text)[:-2000]), "source.format"),
    "text named .gz": (_secret_last("bad.csv.gz", lambda text: text), "source.format"),
    "truncated Parquet": (_parquet_bytes(lambda content: content[: len(content) // 2]), "source.format"),
    "damaged Parquet": (_parquet_bytes(lambda content: content[:4] + b"\xff" * 400 + content[404:]), "source.format"),
    "text named .parquet": (_parquet_bytes(lambda _: lines(good_rows()).encode() + SECRET.encode()), "source.format"),
    "empty Parquet": (_parquet_bytes(lambda _: b""), "source.empty"),
    "Parquet of other columns": (_parquet_table(lambda table: table.drop_columns(["fee"])), "table.columns"),
    "fractions in an integer": (_replaced("age", pa.array([0.5] * 60)), "age.type"),
    "texts in an integer": (_replaced("age", pa.array([SECRET] * 60)), "age.type"),
    "integers in a text category": (_replaced("town", pa.array([1] * 60)), "town.type"),
    "bytes in a text category": (_replaced("town", pa.array([SECRET.encode()] * 60)), "town.type"),
    "not a number in floats": (_replaced("fee", pa.array([float("nan")] * 60)), "fee.type"),
    "zone where none belongs": (
        _replaced("seen", pa.array([datetime(2020, 1, 1)] * 60, pa.timestamp("us", "UTC"))),  # noqa: DTZ001 - Arrow's
        "seen.type",
    ),
    "finer than seconds": (_replaced("seen", pa.array([1] * 60, pa.timestamp("us"))), "seen.precision"),
    "hour in a date": (_replaced("joined", pa.array([3600] * 60, pa.timestamp("s"))), "joined.type"),
    "line that is no object": (_jsonl(lambda rows: [*rows, f'["{SECRET}"]']), "table.objects"),
    "line that is no JSON": (_jsonl(lambda rows: [*rows, f'{{"town": "{SECRET}']), "table.objects"),
    "foreign key in JSON": (_jsonl(lambda rows: [*rows, f'{{"{SECRET}": 1}}']), "table.columns"),
    "key twice in JSON": (_jsonl(lambda rows: [*rows, '{"age": 1, "age": 2}']), "table.columns"),
    "object in a JSON cell": (_jsonl(lambda rows: [*rows, f'{{"town": {{"x": "{SECRET}"}}}}']), "town.type"),
    "large integer in JSON": (_jsonl(lambda rows: [*rows, '{"age": 9223372036854775808}']), "age.type"),
    "NaN in JSON": (_jsonl(lambda rows: [*rows, '{"fee": NaN}']), "fee.type"),
    "missing database": (lambda folder: f"sqlite:///{folder}/nowhere.sqlite", "source.missing"),
    "unknown scheme": (lambda _: f"nonsense://user:{SECRET}@host/x", "source.url"),
    "malformed URL": (lambda _: f"postgresql+nonsense://user:{SECRET}@host:port/x", "source.url"),
}
"""Sources that ingest refuses: name → (maker, rule)."""

BAD_TABLES: dict[str, tuple[str | None, str | None, str]] = {
    "unknown table": ("nowhere", None, "source.table"),
    "table of other columns": ("other", None, "table.columns"),
    "query that fails": (None, f"SELECT '{SECRET}' FROM nowhere", "source.query"),  # noqa: S608 - a test's own
    "wrong type in a query": (
        None,
        f"SELECT member, '{SECRET}' AS age, fee, town, active, joined, seen FROM members",  # noqa: S608 - a test's own
        "age.type",
    ),
}
"""What is asked of `sqlite`'s database and refused: name → (table, query, rule)."""

BAD_ROWS: dict[str, tuple[Maker, str]] = {
    "value out of range": (_cell("age", "131"), "age.range"),
    "unknown category": (_cell("town", SECRET), "town.values"),
    "null in a required column": (_cell("town", ""), "town.required"),
    "duplicate primary key": (_cell("member", "1001"), "table.primary_key"),
}
"""Sources that ingest takes and validation refuses: name → (maker, rule)."""
