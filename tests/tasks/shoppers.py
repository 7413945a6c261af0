"""Shoppers of three kinds, told apart by no column alone, and shoppers of one kind: for tests of segments."""

import numpy as np
import pyarrow as pa

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema

CONTRACT = Contract(
    id="shoppers",
    version="1.0.0",
    name="shoppers",
    columns=(
        Column(name="shopper", kind="id", unique=True, primary_key=True, required=True, pattern="S-[0-9]{5}"),
        Column(name="income", kind="number", decimals=0, minimum=0),
        Column(name="score", kind="integer"),
        Column(name="channel", kind="category", required=True),
        Column(name="member", kind="boolean"),
        Column(name="since", kind="date"),
    ),
)
KINDS = {
    "income": ([60_000, 60_000, 20_000], [4_000, 4_000, 2_000]),
    "score": ([80, 20, 50], [5, 5, 5]),
    "since": ([19_500, 19_000, 19_250], [40, 40, 40]),
}
CHANNELS = ([0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8])


def three_kinds(rows: int, *, seed: int) -> tuple[pa.Table, np.ndarray]:
    """Return shoppers and the kind of each: half, three tenths and a fifth of them; every tenth income is not known."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    drawn = {name: rng.normal(np.array(mean)[kind], np.array(sd)[kind]) for name, (mean, sd) in KINDS.items()}
    words = [rng.choice(["web", "shop", "phone"], p=CHANNELS[one]) for one in kind]
    return table(drawn, words, rng.random(rows) < np.array([0.9, 0.5, 0.1])[kind], unknown=rng.random(rows) < 0.1), kind


def one_kind(rows: int, *, seed: int) -> pa.Table:
    """Return shoppers whose columns are skewed, spiky and hang together, but who are one cloud."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(rows, 2))
    income = np.exp(10 + 0.6 * drawn[:, 0])
    since = 19_000 + 100 * (0.8 * drawn[:, 0] + 0.6 * drawn[:, 1])
    columns = {"income": income, "score": rng.poisson(1.5, rows), "since": since}
    return table(
        columns, rng.choice(["web", "shop"], rows).tolist(), rng.random(rows) < 0.5, unknown=np.zeros(rows, bool)
    )


def table(columns: dict, channel: list, member: np.ndarray, *, unknown: np.ndarray) -> pa.Table:
    """Return shoppers under the contract."""
    arrays = {
        "shopper": [f"S-{place:05}" for place in range(len(channel))],
        "income": pa.array(np.round(columns["income"]), mask=unknown),
        "score": np.round(columns["score"]).astype(int),
        "channel": [str(each) for each in channel],
        "member": member,
        "since": pa.array(np.round(columns["since"]).astype(np.int32), pa.int32()).cast(pa.date32()),
    }
    return pa.table(arrays).cast(arrow_schema(CONTRACT))
