"""No byte of a release holds a cell that points to a row: unique cells of every kind are planted and looked for."""

import json
import struct
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from release_making import made
from safetensors import safe_open

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from models import MODELS

ROWS = 600
STEPS = {"gmm": 3, "autoregressive": 30, "trees": 9, "vae": 5, "gan": 2}
CONTRACT = Contract(
    id="canaries",
    version="1.0.0",
    name="canaries",
    minimum_rows=10,
    columns=(
        Column(name="word", kind="category"),
        Column(name="code", kind="category", storage="integer"),
        Column(name="key", kind="id", unique=True),
        Column(name="number", kind="id", unique=True, storage="integer"),
        Column(name="whole", kind="integer"),
        Column(name="cents", kind="number", decimals=2),
        Column(name="real", kind="number"),
        Column(name="day", kind="date"),
        Column(name="at", kind="timestamp", timezone="UTC"),
        Column(name="greatest", kind="integer", sensitivity="restricted"),
        Column(name="spiked", kind="integer"),
        Column(name="sort", kind="category"),
    ),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = datetime(1987, 6, 5, 4, 3, 2, 10_203, tzinfo=UTC)
CANARIES = {
    "word": ["canary-ein-einziger", "canary-quatre-fois"],
    "code": [736_841_129],
    "key": ["canary-0815-4711"],
    "number": [9_182_736_455],
    "whole": [7_368_411_297],
    "cents": [531_800_871.37],
    "real": [2_718_281.8284590453],
    "day": [date(2718, 2, 8)],
    "at": [MOMENT],
    "greatest": [987_654_321_012],
    "spiked": [4_823_917_556],
}
"""By column the cells that are planted, each in one row, but for the second word, which is in four."""


def table():
    rng = np.random.default_rng(7)
    days, micros = rng.integers(-719_000, 2_900_000, ROWS), rng.integers(-(2**55), 2**55, ROWS)
    spiked = np.where(rng.random(ROWS) < 0.5, 0, rng.integers(1, 10**10, ROWS))
    whole = rng.integers(0, 10**10, ROWS)
    columns = {
        "word": rng.choice(["common", "usual"], ROWS).astype(object),
        "code": rng.choice([3, 5], ROWS),
        "key": np.array([f"key-{place}" for place in range(ROWS)], dtype=object),
        "number": rng.permutation(ROWS) + 10**9,
        "whole": whole,
        "cents": np.round(rng.uniform(0, 10**9, ROWS), 2),
        "real": rng.uniform(0, 10**7, ROWS),
        "day": days,
        "at": micros,
        "greatest": rng.integers(0, 10**9, ROWS),
        "spiked": spiked,
        "sort": np.where(whole > 5 * 10**9, "upper", "lower").astype(object),
    }
    for place, (name, cells) in enumerate(CANARIES.items()):
        columns[name][50 + place] = units(name, cells[0])
    columns["word"][[90, 91, 92, 93]] = CANARIES["word"][1]
    arrays = {
        "day": pa.array(columns.pop("day").astype(np.int32)).cast(pa.date32()),
        "at": pa.array(columns.pop("at")).cast(pa.timestamp("us", "UTC")),
    }
    arrays |= {name: pa.array(values.tolist()) for name, values in columns.items()}
    return pa.table({name: arrays[name] for name in CONTRACT.names}).cast(arrow_schema(CONTRACT))


def units(name, cell):
    """Return a cell as the number that Arrow keeps, where it is a date or a moment."""
    if name == "day":
        return (cell - date(1970, 1, 1)).days
    if name == "at":
        return (cell - EPOCH) // (MOMENT.resolution)
    return cell


def numbers(name, cell):
    """Return all numbers that a cell may be kept as."""
    if isinstance(cell, str):
        return []
    if name == "cents":
        return [cell, round(cell * 100)]
    return [units(name, cell)]


def forms(name, cell):
    """Return the bytes that a cell may stand as: text in several codes, whole numbers and floats in both orders."""
    words = [cell] if isinstance(cell, str) else []
    if isinstance(cell, date):
        words = [cell.isoformat(), f"{cell:%d.%m.%Y}", f"{cell:%d/%m/%Y}"]
    if isinstance(cell, datetime):
        words = [cell.isoformat(), f"{cell:%Y-%m-%d %H:%M:%S.%f}", f"{cell:%Y-%m-%dT%H:%M:%S}"]
    found = []
    for number in numbers(name, cell):
        if abs(number) < 10**6:  # days: too short to be no chance
            continue
        words += [f"{number}", f"{number:,}", f"{Decimal(number):f}", f"{number:e}", f"{number!r}"]
        for order in "<>":
            found.append(struct.pack(f"{order}d", number))
            if number == int(number):
                found.append(struct.pack(f"{order}q", int(number)))
    return [*found, *(word.encode(code) for word in words for code in ("utf-8", "utf-16-le", "utf-32-le"))]


def json_numbers(value):
    """Yield every number of a JSON value."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        value = [value] if isinstance(value, int | float) and not isinstance(value, bool) else []
        yield from value
        return
    for each in value:
        yield from json_numbers(each)


def found_in(release):
    """Return by column which canaries are found in a release, and where."""
    files = [path for path in release.rglob("*") if path.is_file()]
    contents = {path.relative_to(release).as_posix(): path.read_bytes() for path in files}
    tensors = [tensor.double() for tensor in kept(release)]
    found = set()
    for name, cells in CANARIES.items():
        for cell in cells:
            for file, content in contents.items():
                known = json_known(file, content)
                if any(form in content for form in forms(name, cell)) or known & set(numbers(name, cell)):
                    found.add((name, file))
            if cell in pq.read_table(release / "data", columns=[name])[name].to_pylist():
                found.add((name, "data/part-00000.parquet"))
            for number in numbers(name, cell):
                # a weight that says it in float64, float32 or bfloat16: none is near a number as great
                if any(bool((tensor - number).abs().le(abs(number) * 2**-8).any()) for tensor in tensors):
                    found.add((name, "model/weights.safetensors"))
    return found


def json_known(file, content):
    return set(json_numbers(json.loads(content))) if file.endswith(".json") else set()


def kept(release):
    with safe_open(release / "model" / "weights.safetensors", "pt") as file:
        return [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 - it is no dict


def release_of(folder, name, contract=CONTRACT, planted=None):
    run = made(folder / "run", planted or table(), contract=contract, model=name, steps=STEPS[name], rows=2_000)
    return Path(run.published(folder / "releases").uri)


@pytest.fixture(scope="module", params=STEPS)
def release(request, tmp_path_factory):
    return release_of(tmp_path_factory.mktemp("canaries"), request.param)


def test_every_model_of_tables_is_looked_at():
    assert set(STEPS) == set(MODELS) - {"auto"}  # which keeps one of them


def test_no_byte_of_a_release_holds_a_canary(release):
    assert found_in(release) == set()


def test_a_planted_canary_is_found_wherever_it_is(tmp_path):
    """What looks for them is not blind: a listed word, an extreme, and a weight are found."""
    listed = replace(CONTRACT.columns[0], values=("common", "usual", *CANARIES["word"]))
    open_ = replace(CONTRACT["greatest"], sensitivity=None)
    columns = tuple({"word": listed, "greatest": open_}.get(c.name, c) for c in CONTRACT.columns)
    release = release_of(tmp_path, "gmm", replace(CONTRACT, columns=columns))

    found = found_in(release)

    assert {("word", "model/model.json"), ("word", "contract.yaml"), ("greatest", "model/model.json")} <= found
    assert {name for name, _ in found} == {"word", "greatest"}
    for kind in (torch.float64, torch.float32, torch.bfloat16):
        from safetensors.torch import save_file

        save_file({"w": torch.tensor([1.0, CANARIES["cents"][0]]).to(kind)}, release / "model" / "weights.safetensors")
        assert ("cents", "model/weights.safetensors") in found_in(release)
    for file, content in {
        "a.json": json.dumps({"knots": [1, units("day", CANARIES["day"][0])]}),
        "b.html": f"<p>{CANARIES['whole'][0]:,}</p>",
    }.items():
        (release / file).write_text(content)
    assert {("day", "a.json"), ("whole", "b.html")} <= found_in(release)
