"""Held to its contract part by part, data breaks the rules that it breaks as a whole, in as many rows."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import CONTRACT as IMAGES
from image_files import SIDE, pixels, with_image
from test_validate import CONTRACT, ROWS, good, table
from test_validate_images import table as image_table

from data_contracts import Contract, DataError
from data_contracts.images import BLANK
from tasks.examine import examine
from tasks.pictures import png_of
from tasks.references import Reference
from tasks.storage import digest_file, digest_folder
from tasks.validate import validate

BREAKS: dict[str, list[Any]] = {
    "order": ["A7", "B", None],
    "token": [2000, None],
    "items": [None, 0, 100],
    "price": [0.001, 11.0],
    "channel": ["post", None],
    "made": [date(999, 12, 31)],
    "sent": [date(1, 1, 1), None],
}


def written(folder: Path, parts: list[pa.Table]) -> Reference:
    """Return the reference to a folder of parts."""
    folder.mkdir()
    for number, part in enumerate(parts):
        pq.write_table(part, folder / f"part-{number:05}.parquet")
    return Reference(str(folder), digest_folder(folder), sum(part.num_rows for part in parts))


def parted(data: Reference) -> list[Reference]:
    """Return the references to the parts of a folder."""
    paths = sorted(Path(data.uri).glob("*.parquet"))
    return [Reference(str(path), digest_file(path), pq.read_metadata(path).num_rows) for path in paths]


def held(contract: Contract, parts: list[pa.Table], folder: Path) -> dict[str, Any]:
    """Return the record of data whose parts are examined each by itself."""
    folder.mkdir()
    each = parted(written(folder / "data", parts))
    found = tuple(
        examine.fn(contract, part, run=str(folder), name="real", number=number) for number, part in enumerate(each)
    )
    unread = Reference("nowhere", "", sum(part.num_rows for part in parts))
    with suppress(DataError):
        validate.fn(contract, unread, found, run=str(folder), name="real")
    return json.loads((folder / "validation-real.json").read_text(encoding="utf-8"))


def broken(record: dict[str, Any]) -> dict[str, int]:
    return {failure["rule"]: failure["rows"] for failure in record["failures"]}


@pytest.mark.parametrize("seed", range(4))
def test_counts_by_parts_are_those_of_the_whole_wherever_it_is_cut(tmp_path: Path, seed: int) -> None:
    rng, columns = np.random.default_rng(seed), good()
    for name, values in BREAKS.items():
        for row in rng.choice(ROWS, rng.integers(0, 6), replace=False):
            columns[name][row] = values[rng.integers(len(values))]
    whole = table(columns)
    ends = [0, *np.sort(rng.integers(0, ROWS + 1, 3)).tolist(), ROWS]

    found = held(CONTRACT, [whole.slice(low, high - low) for low, high in pairwise(ends)], tmp_path / "parts")

    assert found == held(CONTRACT, [whole], tmp_path / "whole")
    assert not found["passed"]


def test_what_repeats_in_another_part_is_found_and_so_is_a_null_in_a_key(tmp_path: Path) -> None:
    columns = good()
    columns["order"][1], columns["order"][-1] = None, "A0"
    columns["token"][-2] = columns["token"][2]
    whole = table(columns)

    found = held(CONTRACT, [whole.slice(0, 30), whole.slice(30)], tmp_path / "run")

    assert broken(found) == {"table.primary_key": 3, "order.required": 1, "token.unique": 2}


def test_a_part_of_another_form_is_told_and_the_others_are_looked_into(tmp_path: Path) -> None:
    columns = good()
    columns["items"][0] = 0
    columns["order"][ROWS - 1] = columns["order"][0]
    whole = table(columns)
    other = whole.slice(40).set_column(2, "items", whole["items"].slice(40).cast(pa.int32())).drop_columns(["order"])

    found = held(CONTRACT, [whole.slice(0, 40), other], tmp_path / "run")

    assert broken(found) == {"table.columns": 1, "items.type": 20, "items.range": 1}
    assert [failure["detail"] for failure in found["failures"][:2]] == [
        "missing: order, in 1 of 2 parts",
        "is int32, must be int64, in 1 of 2 parts",
    ]
    assert "table.primary_key" not in found["checks"]  # it can only be judged over all parts


def test_parts_without_rows_break_nothing_and_rows_are_counted_over_all(tmp_path: Path) -> None:
    whole = table(good())

    assert held(CONTRACT, [whole.slice(0, 0), whole, whole.slice(0, 0)], tmp_path / "some")["passed"]
    assert broken(held(CONTRACT, [whole.slice(0, 0)] * 2, tmp_path / "none")) == {"table.rows": 1}


def test_images_are_noted_alike_wherever_they_are_cut(tmp_path: Path) -> None:
    files = [png_of(one) for one in pixels(5, count=38)]
    whole = image_table([*files, files[0], None])

    found = held(IMAGES, [whole.slice(0, 7), whole.slice(7, 0), whole.slice(7)], tmp_path / "parts")

    assert found == held(IMAGES, [whole], tmp_path / "whole")
    assert found["images"]["repeated"] == 1
    assert broken(found) == {"image.required": 1}
    assert broken(held(with_image(unique=True), [whole.slice(0, 7), whole.slice(7)], tmp_path / "unique")) == {
        "image.required": 1,
        "image.unique": 2,
    }


def test_how_many_blank_images_are_borne_is_asked_of_all_parts_together(tmp_path: Path) -> None:
    blank, rows = 2, round(2 / BLANK)
    files = [png_of(np.full((SIDE, SIDE, 1), place, np.uint8)) for place in range(blank)]
    whole = image_table([*files, *(png_of(one) for one in pixels(5, count=rows - blank))])

    assert held(IMAGES, [whole.slice(0, 10), whole.slice(10)], tmp_path / "borne")["passed"]
    assert broken(held(IMAGES, [whole.slice(0, 10)], tmp_path / "part")) == {"image.variance": blank}


def test_threads_that_examine_at_once_find_the_same_and_leave_the_library_as_it_was(tmp_path: Path) -> None:
    columns = good()
    columns["items"][::7] = [0] * len(columns["items"][::7])
    data = written(tmp_path / "data", [table(columns).slice(low, 15) for low in range(0, ROWS, 15)])
    theirs = logging.getLogger("great_expectations")
    before = theirs.propagate, list(theirs.handlers)

    def look(run: str, workers: int) -> list[bytes]:
        with ThreadPoolExecutor(workers) as threads:
            asked = [
                threads.submit(examine.fn, CONTRACT, part, run=str(tmp_path / run), name="real", number=number)
                for number, part in enumerate(parted(data))
            ]
        return [Path(each.result().counts.uri).read_bytes() for each in asked]

    assert look("two", 2) == look("one", 1)
    assert (theirs.propagate, theirs.handlers) == before


def test_what_is_left_of_a_part_counts_and_quotes_no_cell(tmp_path: Path) -> None:
    columns = good() | {"order": ["hunter2"] * ROWS, "items": [424242] * ROWS}
    data = written(tmp_path / "data", [table(columns)])

    found = examine.fn(CONTRACT, parted(data)[0], run=str(tmp_path), name="real", number=3)

    assert found.counts.uri == str(tmp_path / "validation-real" / "00003.json")
    text = Path(found.counts.uri).read_text(encoding="utf-8")
    assert json.loads(text)["broken"] | {"items.range": ROWS, "order.pattern": ROWS} == json.loads(text)["broken"]
    assert "hunter2" not in text
    assert "424242" not in text
    prints = pq.read_table(found.prints.uri)
    assert prints.schema == pa.schema([("order", pa.uint64()), ("token", pa.uint64())])
    assert len(set(prints["order"].to_pylist())) == 1
