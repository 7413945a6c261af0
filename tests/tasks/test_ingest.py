import gzip
import json
import zipfile
from datetime import date, datetime

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from bad_inputs import CONTRACT, HEADER, good_csv, good_parquet, good_rows, json_lines, lines, sqlite
from fsspec.implementations.memory import MemoryFileSystem
from prefect.states import Failed

from data_contracts import Column, Contract, DataError, Source
from data_contracts.arrow import arrow_schema
from data_contracts.random_rows import random_rows
from tasks.ingest import ingest
from tasks.readers import read
from tasks.readers.problems import UnreachableError
from tasks.readers.values import batch_rows
from tasks.references import Reference
from tasks.storage import digest_file

NAMES = HEADER.split(",")


def contract(*columns, minimum_rows=1, **source):
    return Contract(
        id="t", version="1.0.0", name="t", columns=columns, minimum_rows=minimum_rows, source=Source(**source)
    )


def ingested(given_contract, run, **options):
    return pq.read_table(ingest.fn(given_contract, run=str(run), **options).uri)


@pytest.fixture
def expected():
    """The good table, made by hand with Python's own parsers."""
    kinds = (int, int, float, str, lambda cell: cell == "true", date.fromisoformat, datetime.fromisoformat)
    columns = [
        [make(cell) if cell else None for cell in cells]
        for make, cells in zip(kinds, zip(*good_rows(), strict=True), strict=True)
    ]
    return [dict(zip(NAMES, row, strict=True)) for row in zip(*columns, strict=True)]


def write(path, text, *, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return {"location": str(path)}


def hive(folder):
    table = pq.read_table(good_parquet(folder))
    ds.write_dataset(table, folder / "parts", format="parquet", partitioning=["town"], partitioning_flavor="hive")
    return {"location": str(folder / "parts")}


def parts(folder, *, location):
    (folder / "parts").mkdir()
    for start in (0, 25, 50):
        pq.write_table(pq.read_table(good_parquet(folder)).slice(start, 25), folder / "parts" / f"p{start:02}.parquet")
    (folder / "parts" / "_SUCCESS").touch()
    return {"location": str(folder / location)}


def remote(content, name):
    with fsspec.open(f"memory://ingest/{name}", "wb") as file:
        file.write(content)
    return {"location": f"memory://ingest/{name}"}


def remote_parts(folder, name, pattern=""):
    for part in sorted((folder / parts(folder, location="parts")["location"]).glob("*.parquet")):
        remote(part.read_bytes(), f"{name}/{part.name}")
    return {"location": f"memory://ingest/{name}{pattern}", "format": "parquet"}


def shuffled(folder):
    order = [6, 2, 0, 5, 3, 1, 4]
    text = lines([[row[i] for i in order] for row in good_rows()], header=" , ".join(NAMES[i] for i in order))
    return write(folder / "t.csv", text)


def german(folder):
    text = lines(good_rows()).replace(",", ";").replace(".", ",").replace(";;", ";unbekannt;")
    options = {"separator": ";", "decimal": ",", "unknown": ("unbekannt",), "encoding": "latin-1"}
    return write(folder / "t.csv", text, encoding="latin-1") | options


def archived(folder):
    with zipfile.ZipFile(folder / "t.zip", "w") as archive:
        archive.writestr("t.csv", lines(good_rows()))
    return {"location": f"zip://t.csv::{folder}/t.zip"}


FORMS = {
    "CSV": lambda folder: {"location": good_csv(folder)},
    "CSV with carriage returns": lambda folder: write(folder / "t.csv", lines(good_rows()).replace("\n", "\r\n")),
    "CSV with a byte order mark": lambda folder: write(folder / "t.csv", lines(good_rows()), encoding="utf-8-sig"),
    "CSV with empty lines": lambda folder: write(folder / "t.csv", "\n\n" + lines(good_rows()).replace("\n", "\n\n")),
    "CSV in UTF-16": lambda f: write(f / "t.csv", lines(good_rows()), encoding="utf-16") | {"encoding": "utf-16"},
    "CSV without a header": lambda f: write(f / "t", lines(good_rows()).partition("\n")[2]) | {"header": False},
    "CSV with columns in another order": shuffled,
    "CSV with semicolons and decimal commas": german,
    "CSV with spaces after the commas": lambda f: (
        write(f / "t.csv", lines(good_rows()).replace(",", ",  ")) | {"separator": ", "}
    ),
    "CSV under gzip": lambda f: {"location": str(zipped(f / "t.csv.gz", lines(good_rows())))},
    "TSV": lambda folder: write(folder / "t.tsv", lines(good_rows()).replace(",", "\t")),
    "TSV under gzip": lambda f: {"location": str(zipped(f / "t.tsv.gz", lines(good_rows()).replace(",", "\t")))},
    "CSV at a file's URI": lambda folder: {"location": f"file://{good_csv(folder)}"},
    "Parquet": lambda folder: {"location": good_parquet(folder)},
    "Parquet in a folder": lambda folder: parts(folder, location="parts"),
    "Parquet by a glob": lambda folder: parts(folder, location="parts/*.parquet"),
    "Parquet in Hive partitions": hive,
    "JSON lines": lambda folder: write(folder / "t.jsonl", "\n".join(json_lines(good_rows()))),
    "JSON lines under gzip": lambda f: {"location": str(zipped(f / "t.jsonl.gz", "\n".join(json_lines(good_rows()))))},
    "a table of a database": lambda folder: {"location": sqlite(folder), "table": "members"},
    "a query of a database": lambda folder: {"location": sqlite(folder), "query": "SELECT * FROM members"},
    "CSV on another filesystem": lambda _: remote(lines(good_rows()).encode(), "t.csv"),
    "CSV under gzip on another filesystem": lambda _: remote(gzip.compress(lines(good_rows()).encode()), "t.csv.gz"),
    "Parquet on another filesystem": lambda f: remote((f / good_parquet(f)).read_bytes(), "t.parquet"),
    "Parquet in a folder of another filesystem": lambda f: remote_parts(f, "folder"),
    "CSV in an archive": archived,
    "Parquet by a glob on another filesystem": lambda f: remote_parts(f, "glob", "/p*.parquet"),
}


def zipped(path, text):
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_rows_with_the_contracts_types(form, expected, tmp_path):
    given_contract = Contract(**{**_fields(CONTRACT), "source": Source(**FORMS[form](tmp_path))})

    table = ingested(given_contract, tmp_path / "run")

    assert sorted(table.to_pylist(), key=lambda row: row["member"]) == expected
    stored = [kind if str(kind) != "timestamp[s]" else pa.timestamp("ms") for kind in arrow_schema(CONTRACT).types]
    assert table.schema.types == stored  # Parquet has no seconds
    assert table.schema.names == NAMES


@pytest.mark.parametrize(
    ("stated", "other"),
    [
        ("csv", "TSV"),
        ("csv", "Parquet in a folder"),
        ("tsv", "JSON lines"),
        ("parquet", "CSV"),
        ("jsonl", "CSV under gzip"),
        ("sql", "CSV"),
    ],
)
def test_another_source_is_read_as_its_name_says_whatever_form_the_contract_states(stated, other, expected, tmp_path):
    source = FORMS[other](tmp_path)
    given_contract = Contract(**{**_fields(CONTRACT), "source": Source(location="elsewhere", format=stated)})

    table = ingested(given_contract, tmp_path / "run", source=source["location"])

    assert sorted(table.to_pylist(), key=lambda row: row["member"]) == expected


def _fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__ if name != "_by_name"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_what_a_contract_allows_comes_back_unchanged(suffix, tmp_path):
    columns = (
        Column(name="i", kind="integer"),
        Column(name="n", kind="number"),
        Column(name="money", kind="number", decimals=2, minimum=-1e6, maximum=1e6),
        Column(name="b", kind="boolean"),
        Column(name="c", kind="category", values=("a", "b, c", 'say "d"', "é\n🙂")),
        Column(name="k", kind="category", storage="integer", values=(-1, 2**62)),
        Column(name="d", kind="date"),
        Column(name="t", kind="timestamp", unit="us"),
        Column(name="z", kind="timestamp", unit="ns", timezone="Europe/London"),
    )
    written = contract(*columns, location=str(tmp_path / f"t.{suffix}"))
    table = random_rows(written, 500, np.random.default_rng(7))
    _write_as(table, tmp_path / f"t.{suffix}")

    read_back = ingested(written, tmp_path / "run")

    assert read_back.cast(table.schema).equals(table)


def _write_as(table, path):
    plain = table.set_column(4, "c", table["c"].cast(pa.string()))
    zoned = pc.strftime(plain["z"], format="%Y-%m-%dT%H:%M:%S%z")
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pacsv.write_csv(plain.set_column(8, "z", zoned), path)
    else:
        path.write_text("\n".join(json.dumps(row, default=str) for row in plain.set_column(8, "z", zoned).to_pylist()))


def test_the_reference_says_what_lies_on_disk(tmp_path):
    reference = ingest.fn(CONTRACT, run=str(tmp_path / "run"), source=good_csv(tmp_path))

    path = tmp_path / "run" / "source.parquet"
    assert reference == Reference(str(path), digest_file(path), 60)


def test_the_same_source_gives_the_same_bytes(tmp_path):
    digests = {ingest.fn(CONTRACT, run=str(tmp_path / run), source=good_csv(tmp_path)).digest for run in "ab"}

    assert len(digests) == 1


def test_a_long_source_is_read_whole_in_order_and_in_batches(tmp_path):
    rows = 250_000
    numbers = np.arange(rows)
    pacsv.write_csv(
        pa.table({"i": numbers, "text": pa.array([f"cell {n % 977}" for n in numbers])}), tmp_path / "t.csv"
    )
    long = contract(
        Column(name="i", kind="integer"), Column(name="text", kind="category"), location=str(tmp_path / "t.csv")
    )

    sizes = [batch.num_rows for batch in read(long.source, names=long.names, failures=[])]
    table = ingested(long, tmp_path / "run")

    assert max(sizes) <= batch_rows(2)
    assert table["i"].to_pylist() == list(range(rows))
    assert table["text"][976].as_py() == "cell 976"


def test_wide_tables_are_held_in_fewer_rows():
    assert batch_rows(300) * 300 <= batch_rows(30) * 30 <= 3_000_000


@pytest.mark.parametrize("columns", [1, 300])
def test_narrow_wide_constant_and_empty_columns_are_no_errors(columns, tmp_path):
    cells = ["7", "", "x"] * columns
    spec = [Column(name=f"c{n}", kind=("integer", "integer", "category")[n % 3]) for n in range(columns)]
    text = lines([cells[:columns]] * 60, header=",".join(column.name for column in spec))
    wide = contract(*spec, **write(tmp_path / "t.csv", text))

    table = ingested(wide, tmp_path / "run")

    assert table.shape == (60, columns)
    assert table.column(columns - 1).null_count == 0


def test_columns_may_have_any_name(tmp_path):
    names = ["a,b", 'say "c"', "Annual Income (k$)", "é", "0", "1", "x\ty"]
    header = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names)
    odd = contract(
        *[Column(name=name, kind="integer") for name in names],
        **write(tmp_path / "t.csv", lines([list("1234567")] * 2, header=header)),
    )

    assert ingested(odd, tmp_path / "run").to_pylist()[0] == dict(zip(names, range(1, 8), strict=True))


def test_line_breaks_within_quotes_belong_to_the_cell(tmp_path):
    text = 'a,b\n"one\ntwo","say ""hi"", then"\n'
    quoted = contract(
        Column(name="a", kind="category"), Column(name="b", kind="category"), **write(tmp_path / "t.csv", text)
    )

    assert ingested(quoted, tmp_path / "run").to_pylist() == [{"a": "one\ntwo", "b": 'say "hi", then'}]


def test_another_location_is_read_as_what_it_is(tmp_path):
    stated = Contract(**{**_fields(CONTRACT), "source": Source(location="gone.csv", format="csv")})

    assert ingest.fn(stated, run=str(tmp_path / "run"), source=good_parquet(tmp_path)).rows == 60


def test_a_null_in_a_required_column_waits_for_validation(tmp_path):
    required = contract(
        Column(name="a", kind="integer", required=True),
        Column(name="b", kind="integer"),
        **write(tmp_path / "t.csv", "a,b\n1,2\n,3\n"),
    )

    assert ingested(required, tmp_path / "run")["a"].to_pylist() == [1, None]


class _Broken(MemoryFileSystem):
    """A filesystem whose connection breaks."""

    protocol = "broken"

    def exists(self, path, **kwargs):  # noqa: ARG002 - fsspec's signature
        raise ConnectionResetError(path)


def test_a_broken_connection_is_worth_another_try_and_bad_data_is_not(tmp_path):
    fsspec.register_implementation("broken", _Broken, clobber=True)

    with pytest.raises(UnreachableError) as broken:
        ingest.fn(CONTRACT, run=str(tmp_path), source="broken://host/t.csv")
    with pytest.raises(DataError) as bad:
        ingest.fn(CONTRACT, run=str(tmp_path), source=str(tmp_path / "nowhere.csv"))

    again = ingest.retry_condition_fn
    assert again(ingest, None, Failed(data=broken.value))
    assert not again(ingest, None, Failed(data=bad.value))


def test_an_interrupted_ingest_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.ingesting.tally.cast", interrupted)

    with pytest.raises(KeyboardInterrupt):
        ingest.fn(CONTRACT, run=str(tmp_path / "run"), source=good_csv(tmp_path))

    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("change", ["written to", "added", "taken away"])
def test_a_source_that_changes_while_it_is_read_is_refused_and_nothing_is_written(tmp_path, monkeypatch, change):
    folder = tmp_path / "source"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.csv").write_text("a\n1\n2\n")

    def read_and_change(*args, **options):
        yield from read(*args, **options)
        if change == "taken away":
            (folder / "a.csv").unlink()
        else:
            (folder / f"{'b' if change == 'written to' else 'c'}.csv").write_text("a\n1\n3\n")

    monkeypatch.setattr("tasks.ingesting.rows.read", read_and_change)

    with pytest.raises(DataError, match="the source stays as it is while it is read") as refused:
        ingest.fn(contract(Column(name="a", kind="integer"), location=str(folder)), run=str(tmp_path / "run"))

    assert [failure.rule for failure in refused.value.failures] == ["source.changed"]
    assert not (tmp_path / "run" / "source.parquet").exists()
