"""What holding a table to its contract costs, by engine: seconds and peak memory, each in a process of its own.

    python benchmarks/validate.py --rows 1000000
    python benchmarks/validate.py --rows 20000000 --engines batches pyarrow

The table has 15 columns: a text key, five integers (one with nulls), a number, a timestamp, a boolean and
six categories, and no cell that breaks a rule; the contract has some 50 rules.  Engines:

- `batches`: what `tasks.validate` does.
- `whole`: Great Expectations on one pandas frame.
- `sqlite`: Great Expectations on a SQLite table, its loading timed by itself.
- `pyarrow`: the same rules as plain compute functions, a lower bound.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import Column, Comparison, Contract
from data_contracts.arrow import arrow_schema
from data_contracts.checks import checks, expectations
from tasks.parquet import BATCH_ROWS, read_batches, read_table, write_parquet
from tasks.references import Reference

_WITH_NULLS = (2,)  # of the integers
_WIDTHS = (2, 5, 7, 9, 16, 42)  # of Adult's categories

CONTRACT = Contract(
    id="bench",
    version="1.0.0",
    name="bench",
    columns=(
        Column(name="id", kind="id", primary_key=True, required=True, pattern="p[0-9]+"),
        *(Column(name=f"i{i}", kind="integer", required=i not in _WITH_NULLS, minimum=0, maximum=99) for i in range(5)),
        Column(name="x", kind="number", required=True, minimum=0, maximum=1000, decimals=2),
        Column(name="t", kind="timestamp", required=True, minimum=datetime(1970, 1, 1), maximum=datetime(2020, 1, 1)),  # noqa: DTZ001
        *(
            Column(name=f"c{i}", kind="category", required=True, values=tuple(f"v{j}" for j in range(width)))
            for i, width in enumerate(_WIDTHS)
        ),
        Column(name="b", kind="boolean", required=True),
    ),
    rules=(Comparison("i0_not_above_i1", "i0", "<=", "i1"), Comparison("i3_differs_from_i4", "i3", "!=", "i4")),
)


def main() -> None:
    """Measure each engine in a process of its own, or be that process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        _measure(asked.engines[0], asked.measure, asked.rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_parquet(path, _batches(asked.rows), schema=arrow_schema(CONTRACT))
        for engine in asked.engines:
            command = [sys.executable, __file__, "--rows", str(asked.rows), "--engines", engine, "--measure", str(path)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="")


def _share(rng: np.random.Generator, size: int, share: float) -> np.ndarray:
    return rng.random(size) < share


def _batches(rows: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(0)
    for start in range(0, rows, BATCH_ROWS):
        size = min(BATCH_ROWS, rows - start)
        low, high = np.sort(rng.integers(0, 100, (2, size)), axis=0)
        third = rng.integers(0, 50, size)
        columns = [
            pa.array([f"p{start + row}" for row in range(size)]),
            *(pa.array(low), pa.array(high), pa.array(rng.integers(0, 100, size), mask=_share(rng, size, 0.05))),
            *(pa.array(third), pa.array(third + 50)),
            pa.array(np.round(rng.random(size) * 1000, 2)),
            pa.array(rng.integers(0, 10**15, size)).cast(pa.timestamp("us")),
            *(
                pa.DictionaryArray.from_arrays(
                    pa.array(rng.integers(0, width, size, dtype=np.int32)), [f"v{j}" for j in range(width)]
                )
                for width in _WIDTHS
            ),
            pa.array(_share(rng, size, 0.5)),
        ]
        yield pa.record_batch(columns, schema=arrow_schema(CONTRACT))


def _measure(engine: str, path: Path, rows: int) -> None:
    import great_expectations  # noqa: F401 - its 5 to 9 s are the same for all
    import pandas as pd  # noqa: F401

    prepare, run = ENGINES[engine]
    start = time.perf_counter()
    prepared = prepare(path)
    loaded, busy = time.perf_counter(), time.process_time()
    broken = run(prepared, path, rows)
    figures = {
        "engine": engine,
        "rows": rows,
        "load_seconds": round(loaded - start, 1),
        "seconds": round(time.perf_counter() - loaded, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "broken": broken,
    }
    print(json.dumps(figures))


def _nothing(path: Path) -> Path:
    return path


def _run_batches(_: object, path: Path, rows: int) -> int:
    from tasks.validate import validate

    with tempfile.TemporaryDirectory() as run:
        return len(validate.fn(CONTRACT, Reference(str(path), "", rows), run=run, name="bench").failures)


def _run_whole(_: object, path: Path, __: int) -> int:
    import great_expectations as gx

    frame = read_table(path).to_pandas()
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("data")
    batch = asset.add_batch_definition_whole_dataframe("b").get_batch(batch_parameters={"dataframe": frame})
    return _unmet(batch)


def _load_sqlite(path: Path) -> str:
    import sqlite3

    database = path.with_suffix(".sqlite")
    with sqlite3.connect(database) as connection:
        for batch in read_batches(path):
            batch.to_pandas().to_sql("data", connection, if_exists="append", index=False)
    return f"sqlite:///{database}"


def _run_sqlite(url: str, _: Path, __: int) -> int:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_sqlite("sqlite", connection_string=url).add_table_asset("data", table_name="data")
    return _unmet(asset.add_batch_definition_whole_table("b").get_batch())


def _unmet(batch: object) -> int:
    import great_expectations as gx
    from great_expectations.expectations.registry import get_expectation_impl

    theirs = [each for each in expectations(CONTRACT) if each.type.startswith("expect_")]
    built = [get_expectation_impl(each.type)(**each.arguments) for each in theirs]
    counts = {"result_format": "BASIC", "partial_unexpected_count": 0}
    return sum(
        not each.success
        for each in batch.validate(gx.ExpectationSuite(name="bench", expectations=built), result_format=counts).results
    )


def _run_pyarrow(_: object, path: Path, __: int) -> int:
    from tasks.validation.predicates import broken as count

    plain = [each for each in checks(CONTRACT) if each.subject in {"range", "precision", "comparison", "combination"}]
    broken = 0
    keys = []
    for batch in read_batches(path):
        broken += sum(count(each, batch) for each in plain)
        broken += sum(batch.column(each.name).null_count for each in CONTRACT.columns if each.required)
        broken += sum(_strangers(batch, each) for each in CONTRACT.columns if each.kind == "category")
        broken += pc.sum(pc.invert(pc.match_substring_regex(batch.column("id"), r"^(?:p[0-9]+)$"))).as_py()
        keys.append(batch.column("id"))
    keys = pa.chunked_array(keys)
    return broken + len(keys) - pc.count_distinct(keys).as_py()


def _strangers(batch: pa.RecordBatch, column: Column) -> int:
    allowed = pa.array(list(column.values or ()))  # noqa: PD011 - the contract's, not a frame's
    known = pc.is_in(batch.column(column.name).dictionary, value_set=allowed)
    return pc.sum(pc.invert(known.take(batch.column(column.name).indices))).as_py()


Prepare = Callable[[Path], object]
Run = Callable[[object, Path, int], int]
ENGINES: dict[str, tuple[Prepare, Run]] = {
    "batches": (_nothing, _run_batches),
    "whole": (_nothing, _run_whole),
    "sqlite": (_load_sqlite, _run_sqlite),
    "pyarrow": (_nothing, _run_pyarrow),
}


if __name__ == "__main__":
    main()
