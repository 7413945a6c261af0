"""The five real tables of the benchmark, in the literature's splits.

Adult has its own test set.  The others are cut 90 to 10 by the rule of TabSyn (Zhang et al.: Mixed-Type Tabular Data
Synthesis with Score-based Diffusion in Latent Space, 2024, https://arxiv.org/abs/2310.09656): the row numbers are
shuffled with seed 1234; while train lacks a category, they are shuffled once more with the next seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema

__all__ = ["TABLES", "Dataset", "arrow", "contract", "cut", "find"]

_ADULT = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,capital_gain,"
    "capital_loss,hours_per_week,native_country,income"
)
_FIRST_SEED = 1234  # TabSyn's
_TRIES = 1_000  # the five tables need one to three
_SHOPPERS_CATEGORIES = 8  # the last seven features and the target


@dataclass(frozen=True)
class Dataset:
    """Two frames, and the column that utility is measured on; columns of texts are categories.

    Args:
        train: what a contender learns from.
        test: what no contender sees.
        target: the column to predict.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    target: str

    def head(self, rows: int) -> "Dataset":
        """Return the first rows of train, and half as many of test."""
        return Dataset(self.train.head(rows), self.test.head(rows // 2), self.target)


def find(folder: Path) -> Path:
    """Return the folder of the tables: the one that is named, or `tabular` in it.

    Raises:
        FileNotFoundError: neither holds them.
    """
    for place in (folder, folder / "tabular"):
        if (place / "adult").is_dir():
            return place
    raise FileNotFoundError(f"the tables lie in {folder}, however: it has no folder adult. Name the one that has.")


def arrow(frame: pd.DataFrame, terms: Contract) -> pa.Table:
    """Return a frame as the contract's types."""
    return pa.Table.from_pandas(frame, preserve_index=False).cast(arrow_schema(terms))


def contract(name: str, dataset: Dataset) -> Contract:
    """Return the contract of a table: what the columns' types say, and the target."""
    kinds = {"i": "integer", "f": "number"}
    columns = [Column(name=key, kind=kinds.get(kind.kind, "category")) for key, kind in dataset.train.dtypes.items()]
    return Contract(id=name, version="1.0.0", name=name, columns=tuple(columns), target=dataset.target)


def adult(folder: Path) -> Dataset:
    """Return Adult in its own split, `?` as null."""
    options = {"header": None, "names": _ADULT.split(","), "skipinitialspace": True, "na_values": "?"}
    train = pd.read_csv(folder / "adult" / "adult.data", **options)
    test = pd.read_csv(folder / "adult" / "adult.test", skiprows=1, **options)
    return Dataset(train, test.assign(income=test.income.str.rstrip(".")), "income")


def default(folder: Path) -> Dataset:
    """Return the default of credit card clients: codes are categories, whole numbers are whole."""
    frame = pd.read_csv(folder / "default" / "UCI_Credit_Card.csv").drop(columns="ID")
    codes = [
        name for name in frame if name.startswith(("SEX", "EDUC", "MARR", "PAY_", "default")) and "AMT" not in name
    ]
    others = {name: "int64" for name in frame if name not in codes and (frame[name] % 1 == 0).all()}
    frame = frame.astype(others).astype(dict.fromkeys(codes, "int64")).astype(dict.fromkeys(codes, "str"))
    return cut(frame, codes[-1])


def shoppers(folder: Path) -> Dataset:
    """Return the online shoppers' intention."""
    frame = pd.read_csv(folder / "shoppers" / "online_shoppers_intention.csv")
    return cut(frame.astype(dict.fromkeys(frame.columns[-_SHOPPERS_CATEGORIES:], "str")), "Revenue")


def magic(folder: Path) -> Dataset:
    """Return the gamma telescope."""
    names = [*(f"c{place}" for place in range(10)), "label"]
    return cut(pd.read_csv(folder / "magic" / "magic04.data", header=None, names=names), "label")


def beijing(folder: Path) -> Dataset:
    """Return Beijing's PM2.5 where it is known; the calendar is of categories."""
    frame = pd.read_csv(next((folder / "beijing").glob("PRSA*.csv"))).drop(columns="No").dropna(subset=["pm2.5"])
    calendar = ["year", "month", "day", "hour", "cbwd"]
    return cut(frame.astype({"pm2.5": "int64"}).astype(dict.fromkeys(calendar, "str")), "pm2.5")


TABLES: dict[str, Callable[[Path], Dataset]] = {
    "adult": adult,
    "default": default,
    "shoppers": shoppers,
    "magic": magic,
    "beijing": beijing,
}
"""Each table's reader; it takes the folder that `find` gives."""


def cut(frame: pd.DataFrame, target: str) -> Dataset:
    """Return a frame cut 90 to 10 so that train holds every category.

    Raises:
        ValueError: no order that was tried does so.
    """
    words = [name for name in frame if frame[name].dtype == object]
    wanted = frame[words].nunique()
    order, end = np.arange(len(frame)), int(len(frame) * 0.9)
    for seed in range(_FIRST_SEED, _FIRST_SEED + _TRIES):
        np.random.RandomState(seed).shuffle(order)  # what the last seed left: the rule does not begin anew
        train, test = (frame.iloc[rows].reset_index(drop=True) for rows in (order[:end], order[end:]))
        if (train[words].nunique() == wanted).all():
            return Dataset(train, test, target)
    raise ValueError(f"train holds every category, however: in none of {_TRIES} orders. Join rare categories.")
