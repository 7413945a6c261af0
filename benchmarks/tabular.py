"""The models on five real tables: split, train, generate and score, as the flow does it.

    python -m benchmarks.tabular --data DIR [--models gmm autoregressive] [--only adult] [--seeds 3] [--budget 60]

DIR holds adult/, default/, shoppers/, magic/ and beijing/ with the files of the UCI repository.  Adult has its own test
set; the others are cut 90 to 10 by a shuffle with seed 1234, raised by one until train holds every category.
Prints a line for each model, table and seed, and the means.  Figures with their date stand in LOG.md.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import Column, Contract
from data_contracts.arrow import arrow_schema
from models import MODELS
from tasks.generate import generate
from tasks.parquet import write_parquet
from tasks.score import score
from tasks.train import train

_ADULT = (
    "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,capital_gain,"
    "capital_loss,hours_per_week,native_country,income"
)


@dataclass(frozen=True)
class Dataset:
    """Two frames, and the column that utility is measured on."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: str


def adult(folder: Path) -> Dataset:
    """Return Adult in its own split, `?` as null."""
    options = {"header": None, "names": _ADULT.split(","), "skipinitialspace": True, "na_values": "?"}
    train_rows = pd.read_csv(folder / "adult" / "adult.data", **options)
    test_rows = pd.read_csv(folder / "adult" / "adult.test", skiprows=1, **options)
    return Dataset(train_rows, test_rows.assign(income=test_rows.income.str.rstrip(".")), "income")


def default(folder: Path) -> Dataset:
    """Return the default of credit card clients; codes are categories, whole numbers are whole."""
    frame = pd.read_csv(folder / "default" / "UCI_Credit_Card.csv").drop(columns="ID")
    codes = [
        name for name in frame if name.startswith(("SEX", "EDUC", "MARR", "PAY_", "default")) and "AMT" not in name
    ]
    others = {name: "int64" for name in frame if name not in codes and (frame[name] % 1 == 0).all()}
    return _cut(
        frame.astype(others).astype(dict.fromkeys(codes, "int64")).astype(dict.fromkeys(codes, "str")), codes[-1]
    )


def shoppers(folder: Path) -> Dataset:
    """Return the online shoppers' intention; its last eight columns are categories."""
    frame = pd.read_csv(folder / "shoppers" / "online_shoppers_intention.csv")
    return _cut(frame.astype(dict.fromkeys(frame.columns[-8:], "str")), "Revenue")


def magic(folder: Path) -> Dataset:
    """Return the gamma telescope."""
    names = [*(f"c{place}" for place in range(10)), "label"]
    return _cut(pd.read_csv(folder / "magic" / "magic04.data", header=None, names=names), "label")


def beijing(folder: Path) -> Dataset:
    """Return Beijing's PM2.5 where it is known; the calendar is of categories."""
    frame = pd.read_csv(next((folder / "beijing").glob("PRSA*.csv"))).drop(columns="No").dropna(subset=["pm2.5"])
    calendar = ["year", "month", "day", "hour", "cbwd"]
    return _cut(frame.astype({"pm2.5": "int64"}).astype(dict.fromkeys(calendar, "str")), "pm2.5")


TABLES = {"adult": adult, "magic": magic, "shoppers": shoppers, "beijing": beijing, "default": default}


def _cut(frame: pd.DataFrame, target: str) -> Dataset:
    """Return a frame cut 90 to 10 so that train holds every category."""
    frame = frame.reset_index(drop=True)
    words = [name for name in frame if frame[name].dtype == object]
    for seed in range(1234, 1334):
        order = np.random.RandomState(seed).permutation(len(frame))
        end = len(frame) - len(frame) // 10
        parts = [frame.iloc[rows].reset_index(drop=True) for rows in (order[:end], order[end:])]
        if all(parts[0][name].nunique() == frame[name].nunique() for name in words):
            return Dataset(parts[0], parts[1], target)
    raise ValueError(target)


def _contract(name: str, dataset: Dataset) -> Contract:
    kinds = {"i": "integer", "f": "number"}
    columns = [Column(name=key, kind=kinds.get(kind.kind, "category")) for key, kind in dataset.train.dtypes.items()]
    return Contract(id=name, version="1.0.0", name=name, columns=tuple(columns), target=dataset.target)


def measure(name: str, dataset: Dataset, *, model: str, seed: int, asked: argparse.Namespace) -> dict[str, float]:
    """Return the figures of one table, model and seed."""
    contract = _contract(name, dataset)
    schema = arrow_schema(contract)
    with TemporaryDirectory() as run:
        parts = {}
        for part, frame in (("train", dataset.train), ("holdout", dataset.test)):
            table = pa.Table.from_pandas(frame, preserve_index=False).cast(schema)
            parts[part] = write_parquet(Path(run) / f"{part}.parquet", table.to_batches(100_000), schema=schema)
        started, used = time.monotonic(), time.process_time()
        trained = train.fn(contract, parts["train"], run=run, model=model, seed=seed, budget_seconds=asked.budget)
        fit, fit_cpu = time.monotonic() - started, time.process_time() - used
        generate.fn(contract, trained, run=run, rows=1_000, seed=seed)  # imports
        started = time.monotonic()
        generate.fn(contract, trained, run=run, rows=asked.rate_rows, seed=seed)
        rate = asked.rate_rows / (time.monotonic() - started)
        made = generate.fn(contract, trained, run=run, rows=len(dataset.train), seed=seed)
        scores = score.fn(contract, **parts, synthetic=made, run=run, seed=0)
        figures = {one.name: one.value for one in scores.scores}
    return {"fit_seconds": fit, "fit_cpu_seconds": fit_cpu, "steps": trained.steps, "rows_per_second": rate, **figures}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", choices=MODELS, nargs="*", default=list(MODELS))
    parser.add_argument("--budget", type=float, help="seconds of training at most; default: none")
    parser.add_argument("--only", choices=TABLES, nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rate-rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in asked.only:
        dataset = TABLES[name](asked.data)
        for model in asked.models:
            runs = []
            for seed in range(asked.seeds):
                runs.append(measure(name, dataset, model=model, seed=seed, asked=asked))
                _tell(f"{model} {name} seed {seed}", runs[-1])
            _tell(f"{model} {name} mean", dict(pd.DataFrame(runs).mean()))
            _tell(f"{model} {name} spread", dict(pd.DataFrame(runs).std()))


def _tell(what: str, figures: dict[str, float]) -> None:
    print(what, *(f"{key}={value:.4g}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
