"""Every rule of images bites, alone and by its name, on a file that anyone may have written."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import CONTRACT, IMAGE, SIDE, animated, bomb, deep, file_of, picture, pixels, with_image

from data_contracts import DataError
from data_contracts.arrow import arrow_schema
from data_contracts.images import BLANK, largest
from data_contracts.random_rows import random_rows
from tasks.pictures import png_of
from tasks.references import Reference
from tasks.storage import digest_file
from tasks.validate import validate

ROWS = 200


def table(files, contract=CONTRACT):
    cells = [None if file is None else {"bytes": file, "path": "x.png"} for file in files]
    labels = ["boot"] * len(files)
    return pa.table([pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])), labels],
                    names=list(contract.names)).cast(arrow_schema(contract))  # fmt: skip


def held(contract, rows, folder):
    """Return the rules that a table breaks with their counts, and what was noted of its images."""
    path = folder / "data.parquet"
    pq.write_table(rows, path)
    reference = Reference(str(path), digest_file(path), rows.num_rows)
    try:
        validate.fn(contract, reference, run=str(folder), name="source")
        failures = ()
    except DataError as error:
        failures = error.failures
    record = json.loads((folder / "validation-source.json").read_text())
    return {failure.rule: failure.rows for failure in failures}, record


def good_files(count=ROWS):
    return [png_of(one) for one in pixels(5, count=count)]


@pytest.mark.parametrize("channels", [1, 3])
def test_random_images_keep_every_rule(channels, tmp_path):
    contract = with_image(channels=channels, unique=True)

    broken, record = held(contract, random_rows(contract, ROWS, np.random.default_rng(0)), tmp_path)

    assert broken == {}
    rules = ["required", "format", "height", "width", "mode", "frames", "bytes", "variance", "unique"]
    assert {f"image.{rule}" for rule in rules} <= set(record["checks"])
    assert record["images"]["repeated"] == 0
    assert record["images"]["mean"]["least"] > 100
    assert record["images"]["variance"]["greatest"] < 128**2


BAD = {
    "a null": (None, ["required"]),
    "no bytes": (b"", ["format"]),
    "a text": (b"no image", ["format"]),
    "half a file": (good_files(1)[0][:90], ["format"]),
    "a bomb": (bomb(), ["format"]),
    "a photograph": (file_of(picture(pixels()), "JPEG"), ["format"]),
    "a higher one": (png_of(np.concatenate([pixels(), pixels()[:1]])), ["height"]),
    "a narrower one": (png_of(pixels()[:, 1:]), ["width"]),
    "colour": (png_of(pixels(channels=3)), ["mode"]),
    "sixteen bits": (deep("grey"), ["mode"]),
    "transparency": (file_of(picture(pixels()).convert("LA")), ["mode"]),
    "two frames": (animated("PNG"), ["frames"]),
    "more than pixels": (good_files(1)[0] + bytes(largest(IMAGE)), ["bytes"]),
}


@pytest.mark.parametrize(("file", "rules"), BAD.values(), ids=BAD)
def test_each_rule_bites_alone(file, rules, tmp_path):
    broken, record = held(CONTRACT, table([file, *good_files(ROWS - 1)]), tmp_path)

    assert broken == {f"image.{rule}": 1 for rule in rules}
    assert not record["passed"]


def test_sixteen_bits_of_colour_are_no_colour_of_eight(tmp_path):
    contract = with_image(channels=3)
    files = [png_of(one) for one in pixels(5, channels=3, count=ROWS - 1)]

    broken, _ = held(contract, table([deep("colour"), *files], contract), tmp_path)

    assert broken == {"image.mode": 1}


@pytest.mark.parametrize("file", [None, b"no image"], ids=["nulls", "texts"])
def test_a_file_without_one_image_is_judged_too(file, tmp_path):
    broken, record = held(CONTRACT, table([file] * ROWS), tmp_path)

    assert set(broken.values()) == {ROWS}
    assert record["images"]["mean"]["average"] is None


@pytest.mark.parametrize(("blank", "borne"), [(round(BLANK * ROWS), True), (round(BLANK * ROWS) + 1, False)])
def test_a_few_blank_images_are_borne(blank, borne, tmp_path):
    files = [png_of(np.full((SIDE, SIDE, 1), place, np.uint8)) for place in range(blank)]

    broken, _ = held(CONTRACT, table([*files, *good_files(ROWS - blank)]), tmp_path)

    assert broken == ({} if borne else {"image.variance": blank})


def test_images_that_repeat_are_noted_and_refused_where_they_are_unique(tmp_path):
    files = good_files(ROWS - 3)
    rows = table([*files, *files[:3]])

    broken, record = held(CONTRACT, rows, tmp_path)
    unique, _ = held(with_image(unique=True), rows, tmp_path)

    assert broken == {}
    assert record["images"]["repeated"] == 3
    assert unique == {"image.unique": 6}


def test_another_type_is_told_and_not_looked_into(tmp_path):
    rows = pa.table({"image": pa.array(good_files()), "label": pa.array(["boot"] * ROWS).dictionary_encode()})

    broken, record = held(replace(CONTRACT), rows, tmp_path)

    assert broken == {"image.type": ROWS}
    assert "images" not in record
