"""A source that is read in pieces gives what it gives as a whole: the same rows, the same words where it is refused."""

import gzip
import json
import pickle
from dataclasses import replace
from itertools import chain
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from bad_inputs import CONTRACT, SECRET, good_parquet, good_rows, json_lines, lines, sqlite
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import CONTRACT as CLOTHES
from image_files import good
from pydantic import TypeAdapter

from data_contracts import DataError, Source
from data_contracts.arrow import arrow_type
from tasks.ingest import ingest
from tasks.ingest_piece import ingest_piece
from tasks.ingesting import pieces
from tasks.ingesting.pieces import Part, layout_of
from tasks.ingesting.tally import Tally
from tasks.join_pieces import join_pieces
from tasks.lay_out import lay_out
from tasks.parquet import read_batches
from tasks.readers.problems import UnreachableError
from tasks.readers.spelling import Spelling
from tasks.split import split

EACH, PAIRS = 1, 3 * pieces.FILE_BYTES // 2
"""Bytes of a piece by which each small file, or each pair of them, is one."""


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", EACH)


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def members(location, **options):
    return replace(CONTRACT, source=Source(location=str(location), **options))


def texts(folder, name, make):
    """Write 60 rows as five files."""
    for start in range(0, 60, 12):
        write(folder, name.format(start), make(good_rows()[start : start + 12]))
    return folder


def csv(folder):
    return members(texts(folder, "{:02}.csv", lines))


def headless(folder):
    return members(texts(folder, "{:02}.txt", lambda rows: lines(rows).partition("\n")[2]), header=False)


def zipped(folder):
    return members(texts(folder, "{:02}.tsv.gz", lambda rows: gzip.compress(lines(rows).replace(",", "\t").encode())))


def jsonl(folder):
    return members(f"{texts(folder, '{:02}.jsonl', lambda rows: chr(10).join(json_lines(rows)))}/*.jsonl")


def parquet(folder):
    (folder / "parts").mkdir(parents=True)
    for start in range(0, 60, 12):
        pq.write_table(pq.read_table(good_parquet(folder)).slice(start, 12), folder / "parts" / f"{start:02}.parquet")
    return members(folder / "parts")


def hive(folder):
    folder.mkdir()
    table = pq.read_table(good_parquet(folder))
    ds.write_dataset(table, folder / "parts", format="parquet", partitioning=["town"], partitioning_flavor="hive")
    return members(folder / "parts")


def remote(folder):
    for path in Path(csv(folder).source.location).iterdir():
        fsspec.filesystem("memory").pipe(f"/{folder.parent.name}/{path.name}", path.read_bytes())
    return members(f"memory://{folder.parent.name}")


def classes(folder):
    for place in range(5):
        write(folder, f"{CLOTHES.columns[1].values[place % 2]}/{place}.png", good(place))
    write(folder, "README.md", "What these images are.")
    return replace(CLOTHES, source=Source(location=str(folder)))


FORMS = {
    "CSV": csv,
    "CSV without headers": headless,
    "TSV under gzip": zipped,
    "JSON lines by a glob": jsonl,
    "Parquet": parquet,
    "Parquet in Hive partitions": hive,
    "CSV on another filesystem": remote,
    "images in a folder of classes": classes,
}


def whole(contract, run):
    return ingest.fn(contract, run=str(run))


def read(contract, run):
    """Read the pieces of a source, and return how it was cut and the parts."""
    layout = lay_out.fn(contract)
    return layout, tuple(ingest_piece.fn(contract, run=str(run), piece=piece) for piece in layout.pieces)


def cut(contract, run):
    layout, parts = read(contract, run)
    assert len(parts) > 1
    return join_pieces.fn(contract, parts, run=str(run), stamp=layout.stamp)


def rows(reference):
    return pa.Table.from_batches(read_batches(Path(reference.uri))).unify_dictionaries()


@pytest.mark.parametrize("size", [EACH, PAIRS])
@pytest.mark.parametrize("form", FORMS)
def test_a_source_in_pieces_holds_the_same_rows_as_one(form, size, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", size)
    contract = FORMS[form](tmp_path / "source")

    one, parts = whole(contract, tmp_path / "one"), cut(contract, tmp_path / "cut")

    assert parts.uri == str(tmp_path / "cut" / "source")
    assert (rows(parts).schema, parts.rows) == (rows(one).schema, one.rows)
    assert rows(parts).to_pylist() == rows(one).to_pylist()
    schemas = {pq.read_schema(path).remove_metadata() for path in Path(parts.uri).iterdir()}
    assert schemas == {pq.read_schema(one.uri).remove_metadata()}


def test_what_is_held_out_of_a_source_is_the_same_however_it_is_cut(tmp_path):
    contract = csv(tmp_path / "source")

    halves = [
        split.fn(contract, take(contract, tmp_path / name), run=str(tmp_path / name), seed=3)
        for take, name in ((whole, "one"), (cut, "cut"))
    ]

    for side in ("train", "holdout"):
        one, parts = (rows(getattr(each, side)).to_pylist() for each in halves)
        assert one == parts
        assert one


def damaged(name, change):
    def make(folder):
        contract = csv(folder)
        (folder / name).write_text(change((folder / name).read_text()))
        return contract

    return make


def some_wrong_images(folder):
    contract = classes(folder)
    for name in ("boot/2.png", "coat/3.png"):
        write(folder, name, b"no image")
    return contract


def few(folder):
    return replace(csv(folder), minimum_rows=61)


def wrong_in_two(folder):
    contract = damaged("24.csv", lambda text: text.replace("1025,", f"{SECRET},").replace("33.75", "33.755"))(folder)
    (folder / "48.csv").write_text((folder / "48.csv").read_text().replace("1050,", "1050.5,"))
    return contract


REFUSED = {
    "a cell in the third file": (
        damaged("24.csv", lambda text: text.replace("1025,", f"{SECRET},")),
        "member.type: 1 of 60 rows",
        "the first in row 26",
    ),
    "cells in two files": (wrong_in_two, "2 of 60 rows", "2 rules are broken"),
    "rows that are no rows": (
        damaged("36.csv", lambda text: text.replace("true", "true,true")),
        "table.ragged: 4 of 12 rows",
        "the first in line",
    ),
    "columns that are others": (
        damaged("12.csv", lambda text: text.replace("fee", "fees")),
        "file 2 of 5",
        "1 missing",
    ),
    "a file that is empty": (damaged("48.csv", lambda _: ""), "file 5 of 5", "is empty"),
    "too few rows": (few, "table.rows", "60 rows, at least 61 are needed"),
    "images that do not fit": (some_wrong_images, "2 of 5 rows", "2.png, 3.png"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_source_in_pieces_is_refused_in_the_same_words(name, tmp_path):
    make, *said = REFUSED[name]
    contract = make(tmp_path / "source")

    with pytest.raises(DataError) as one:
        whole(contract, tmp_path / "one")
    with pytest.raises(DataError) as parts:
        cut(contract, tmp_path / "cut")

    assert str(parts.value) == str(one.value)
    assert parts.value.failures == one.value.failures
    assert all(words in str(one.value) for words in said)
    assert SECRET not in str(parts.value)


def test_images_that_are_left_out_are_listed_over_all_pieces(tmp_path):
    contract = some_wrong_images(tmp_path / "source")
    contract = replace(contract, source=replace(contract.source, leave_out=0.4))

    one, parts = whole(contract, tmp_path / "one"), cut(contract, tmp_path / "cut")

    assert one.rows == parts.rows == 3
    told = [json.loads((tmp_path / run / "left-out.json").read_text()) for run in ("one", "cut")]
    assert told[0] == told[1]
    assert told[0]["left_out"] == 2


@pytest.mark.parametrize("change", ["added", "taken away", "written to"])
def test_a_source_that_changes_between_its_pieces_is_refused(change, tmp_path):
    contract = csv(tmp_path / "source")
    layout, parts = read(contract, tmp_path / "run")
    name = "99.csv" if change == "added" else "12.csv"
    if change == "taken away":
        (tmp_path / "source" / name).unlink()
    else:
        (tmp_path / "source" / name).write_text(lines(good_rows(3)))

    with pytest.raises(DataError, match="the source stays as it is while it is read"):
        join_pieces.fn(contract, parts, run=str(tmp_path / "run"), stamp=layout.stamp)


def test_a_file_that_changes_while_its_piece_is_read_leaves_no_part(tmp_path, monkeypatch):
    contract = csv(tmp_path / "source")
    piece = lay_out.fn(contract).pieces[1]

    def read_and_change(*args, **options):
        yield from read_(*args, **options)
        (tmp_path / "source" / "12.csv").write_text(lines(good_rows(3)))

    from tasks.ingesting.rows import read as read_

    monkeypatch.setattr("tasks.ingesting.rows.read", read_and_change)

    with pytest.raises(DataError, match="the source stays as it is while it is read"):
        ingest_piece.fn(contract, run=str(tmp_path / "run"), piece=piece)

    assert not list((tmp_path / "run").rglob("*part*"))


def test_what_an_attempt_before_left_is_no_part_of_the_source(tmp_path, monkeypatch):
    contract = csv(tmp_path / "source")
    assert cut(contract, tmp_path / "run").rows == 60
    monkeypatch.setattr(pieces, "BYTES", PAIRS)

    again = cut(contract, tmp_path / "run")

    assert len(list(Path(again.uri).iterdir())) == 3
    assert rows(again).num_rows == 60


def sized(folder, sizes):
    for place, size in enumerate(sizes):
        write(folder, f"{place:04}.csv", b"x" * size)
    return members(folder)


def test_pieces_are_cut_by_sizes_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", 1_000)
    monkeypatch.setattr(pieces, "FILE_BYTES", 10)
    contract = sized(tmp_path / "source", [500, 400, 80, 2_000, 300, 989, 5])

    layout = layout_of(contract, contract.source)

    assert [[Path(path).stem for path in piece.paths] for piece in layout.pieces] == [
        ["0000", "0001", "0002"],
        ["0003"],
        ["0004", "0005"],
        ["0006"],
    ]
    assert [piece.number for piece in layout.pieces] == [0, 1, 2, 3]


def test_a_file_that_is_added_at_the_end_leaves_the_pieces_before_it_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "BYTES", PAIRS)
    contract = csv(tmp_path / "source")
    before = layout_of(contract, contract.source)
    write(tmp_path / "source", "60.csv", lines(good_rows(3)))

    assert layout_of(contract, contract.source).pieces[:2] == before.pieces[:2]


def test_thousands_of_small_files_are_few_pieces(tmp_path, monkeypatch):
    monkeypatch.undo()
    contract = sized(tmp_path / "source", [100] * 3_000)

    assert 1 < len(layout_of(contract, contract.source).pieces) < 5


def listed(folder):
    contract = classes(folder)
    write(folder, "metadata.csv", "file_name,label\nboot/0.png,boot\n")
    return contract


def tabled(folder):
    for name in "ab":
        images = pa.array([{"bytes": good(0), "path": None}], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
        (folder).mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": images, "label": ["boot"]}), folder / f"{name}.parquet")
    return replace(CLOTHES, source=Source(location=str(folder)))


def database(folder):
    folder.mkdir()
    return replace(CONTRACT, source=Source(location=sqlite(folder), table="members"))


def single(folder):
    write(folder, "t.csv", lines(good_rows()))
    return members(folder / "t.csv")


@pytest.mark.parametrize("make", [listed, tabled, database, single])
def test_what_hangs_together_is_one_piece(make, tmp_path):
    contract = make(tmp_path / "source")

    assert len(layout_of(contract, contract.source).pieces) == 1
    assert whole(contract, tmp_path / "run").rows


CELLS = st.lists(st.lists(st.sampled_from(["1", "x", "", "2.5"]), min_size=1, max_size=4), max_size=6)


def counted(some):
    """Count the cells of files, each read by itself."""
    whole = Tally()
    for place, cells in enumerate(some):
        one = Tally()
        one.cast(pa.array(cells), CONTRACT["age"], Spelling(("",)))
        files = [{"bytes": good() if cell == "1" else cell.encode(), "path": f"{place}-{cell}"} for cell in cells]
        one.cast(pa.array(files, arrow_type(CLOTHES.image)), CLOTHES.image, Spelling())
        one.rows = len(cells)
        whole.add(one)
    return whole


@settings(max_examples=30, deadline=None)  # images are looked into
@given(CELLS, st.integers(0, 6))
def test_tallies_add_up_however_a_source_is_cut(files, at):
    halves, whole = counted(files[:at]), counted([list(chain(*files))])
    halves.add(counted(files[at:]))

    told = [each.failures(CONTRACT, leave_out=0) for each in (halves, whole)]
    assert told[0] == told[1]
    assert [halves.rows, halves.images.rows, halves.images.counts] == [
        whole.rows,
        whole.images.rows,
        whole.images.counts,
    ]


def test_what_a_piece_counted_is_kept_as_it_was(tmp_path):
    record = TypeAdapter(Part)
    for number, make in enumerate((some_wrong_images, wrong_in_two, REFUSED["rows that are no rows"][0])):
        for part in read(make(tmp_path / f"source-{number}"), tmp_path / f"run-{number}")[1]:
            assert record.validate_python(json.loads(json.dumps(record.dump_python(part, mode="json")))) == part


def test_a_connection_that_failed_in_another_process_is_told_as_it_was():
    error = pickle.loads(pickle.dumps(UnreachableError("TimeoutError")))  # noqa: S301 - our own

    assert isinstance(error, UnreachableError)
    assert str(error) == str(UnreachableError("TimeoutError"))
