"""Flats to let, whose columns hang together, and what can be wrong with one: for tests of detection."""

from datetime import date

import numpy as np
import pyarrow as pa

from data_contracts import Column, Comparison, Contract
from data_contracts.arrow import arrow_schema

TOWNS = {"Bonn": "DE", "Graz": "AT", "Linz": "AT", "Rome": "IT", "Pisa": "IT"}
CONTRACT = Contract(
    id="flats",
    version="1.0.0",
    name="flats",
    columns=(
        Column(name="flat", kind="id", unique=True, primary_key=True, required=True, pattern="F-[0-9]{6}"),
        Column(name="town", kind="category", required=True),
        Column(name="country", kind="category", required=True, values=("AT", "DE", "IT")),
        Column(name="area", kind="number", decimals=1, minimum=0),
        Column(name="rooms", kind="integer", minimum=1, maximum=40),
        Column(name="price", kind="number", decimals=0),
        Column(name="free", kind="date"),
        Column(name="until", kind="date"),
    ),
    rules=(Comparison("free_before_until", "free", "<=", "until"),),
)


PLANTED = {
    "a broken correlation that no column shows": ({"area": 120.0, "rooms": 5, "price": 1_500.0}, {"price"}),
    "a combination of values that are usual alone": ({"town": "Bonn", "country": "IT"}, {"town", "country"}),
    "an extreme": ({"price": 900_000.0}, {"price"}),
    "one column off against three": ({"area": 15.0, "rooms": 6, "price": 6_000.0}, {"area"}),
    "a category that was never seen": ({"town": "Oslo"}, {"town"}),
    "none of the values": ({"country": "NO"}, {"country"}),
    "null where none may be": ({"country": None}, {"country"}),
    "out of range": ({"rooms": 41}, {"rooms"}),
    "not a number": ({"area": "large"}, {"area"}),
    "another pattern": ({"flat": "G-1"}, {"flat"}),
    "a rule between columns": ({"free": date(2023, 5, 2), "until": date(2023, 5, 1)}, {"free", "until"}),
}
"""What is wrong with a flat: its cells, and the columns that may be named for it."""


def columns(rows: int, *, seed: int) -> dict[str, list]:
    """Return the columns of flats as plain lists."""
    rng = np.random.default_rng(seed)
    town = rng.choice(5, rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    area = np.round(rng.gamma(6, 12, rows) + 15, 1)
    price = np.round(area * np.array([30, 40, 35, 50, 45])[town] * rng.lognormal(0, 0.05, rows))
    free = rng.integers(19_000, 19_700, rows)
    names = list(TOWNS)
    return {
        "flat": [f"F-{place:06}" for place in range(rows)],
        "town": [names[one] for one in town],
        "country": [TOWNS[names[one]] for one in town],
        "area": area.tolist(),
        "rooms": np.clip(np.round(area / 25 + rng.normal(0, 0.4, rows)), 1, 12).astype(int).tolist(),
        "price": price.tolist(),
        "free": free.astype("datetime64[D]").tolist(),
        "until": (free + rng.integers(30, 400, rows)).astype("datetime64[D]").tolist(),
    }


def flats(rows: int, *, seed: int) -> pa.Table:
    """Return flats under the contract."""
    return pa.table(columns(rows, seed=seed)).cast(arrow_schema(CONTRACT))


def odd_first(rows: int, *, seed: int) -> dict[str, list]:
    """Return the columns of flats, of which the first are wrong in one way each."""
    data = columns(rows, seed=seed)
    data["area"] = [str(one) for one in data["area"]]
    for row, (cells, _) in enumerate(PLANTED.values()):
        for name, cell in cells.items():
            data[name][row] = str(cell) if name == "area" else cell
    return data
