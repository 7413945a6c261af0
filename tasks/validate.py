"""Hold data to its contract, rule by rule.

Reads: a Parquet file, real or synthetic.  Writes: `<run>/validation-<name>.json` and `.html`.
Fails when: any rule is broken; both files are written first, and every broken rule is named with its count.
Safe to repeat because: it only reads the data and replaces its own two files.

The one door to Great Expectations.  What it finds is turned at once into our own records: its results,
its messages and its logs can quote cells, ours never do.  How its cost is kept down is in
`docs/decisions/0004-great-expectations-in-batches.md`.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Column, Contract, DataError, Failure
from data_contracts.checks import Check, Expectation, checks, expectations, image_expectations
from tasks.parquet import read_batches, read_schema
from tasks.places import there
from tasks.progress import Advance, progress
from tasks.references import Reference
from tasks.reports import pages
from tasks.steps import once
from tasks.storage import write_json, write_text
from tasks.validation.fingerprints import fingerprints
from tasks.validation.frames import frame_of, integers
from tasks.validation.images import borne, measures, noted
from tasks.validation.predicates import EXACT, broken, is_learned, misshapen, sound_types

__all__ = ["Validation", "validate"]

logger = logging.getLogger(__name__)

Types = Mapping[str, pa.DataType]

_WHOLE = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
_FORM = {"columns", "rows", "type"}

# counts only: no cell is collected
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}

Judge = Callable[[Any], Counter[str]]


@dataclass(frozen=True, slots=True)
class Validation:
    """What holding data to its contract came to.

    Args:
        uri: of the JSON record; the page for people lies beside it.
        name: which data: `real`, `synthetic`.
        rows: how many rows were looked at.
        failures: the rules that are broken.
        checks: the names of all rules that were looked at.
    """

    uri: str
    name: str
    rows: int
    failures: tuple[Failure, ...]
    checks: tuple[str, ...]


@task(name="validate", task_run_name="validate-{name}", cache_policy=NO_CACHE)  # its files must be there afterwards
@once("validation-{name}.*")
def validate(contract: Contract, data: Reference, *, run: str, name: str) -> Validation:
    """Hold a Parquet file to the contract and write what came of it.

    Args:
        contract: to hold it to.
        data: the file.
        run: the run's folder.
        name: which data it is, for the files' names: `real`, `synthetic`.

    Raises:
        DataError: a rule is broken; each is listed with its count.
    """
    failures, checks, images = _examine(contract, Path(data.uri), name)
    path = Path(run) / f"validation-{name}.json"
    validation = Validation(str(path), name, data.rows, failures, checks)
    record = _record(contract, data, validation) | ({"images": images} if images else {})
    write_json(path, record)
    write_text(path.with_suffix(".html"), pages.validation(record))
    logger.info("validated %s: %s rows, %d rules, %d broken", name, f"{data.rows:,}", len(checks), len(failures))
    if failures:
        raise DataError(
            f"the {name} data keeps every rule of the contract {contract.id} {contract.version}",
            f"{len(failures)} of {len(checks)} rules are broken",
            f"Read {there(path.with_suffix('.html'))}, then mend the data or the contract",
            failures,
        )
    return validation


def _examine(contract: Contract, path: Path, name: str) -> tuple[tuple[Failure, ...], tuple[str, ...], dict[str, Any]]:
    """Return the broken rules and the names of all rules looked at, in the contract's order, and what images are."""
    schema, rows = read_schema(path)
    asked = checks(contract)
    failures = {failure.rule: failure for failure in misshapen(contract, schema, rows)}
    types = sound_types(contract, schema)
    on_rows = {each.rule: each for each in asked if each.subject not in _FORM and types.keys() >= set(each.columns)}
    suite = [each for each in expectations(contract) if each.rule in on_rows and _exact(each, types)]
    judged = {each.rule for each in suite}
    of_images = {each.rule for each in on_rows.values() if each.subject == "image"}
    plain = [each for each in on_rows.values() if each.rule not in judged | of_images and not is_learned(each)]
    with progress(f"validating {name}", total=rows) as advance:
        counts = _count_rows(path, suite, plain=plain, types=types, advance=advance)
    counts += _count_repeats(path, [each for each in suite if each.type in _WHOLE])
    images: dict[str, Any] = {}
    if of_images and contract.image is not None:
        found, images = _look_at_images(path, contract.image, name, rows=rows)
        counts += found
    failures |= {rule: _failure(on_rows[rule], count, rows) for rule, count in counts.items()}
    looked = {*judged, *of_images, *(each.rule for each in plain)}
    order = [each.rule for each in asked if each.subject in _FORM or each.rule in looked]
    return tuple(failures[rule] for rule in order if rule in failures), tuple(order), images


def _failure(check: Check, count: int, rows: int) -> Failure:
    """Return the record of a broken check; what it asks is the contract's own, and may be shown."""
    asked = {name: value for name, value in check.arguments.items() if name not in ("values", "allowed")}
    detail = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
    return Failure(check.rule, check.columns, count, rows, detail)


def _exact(expectation: Expectation, types: Types) -> bool:
    """Return whether Great Expectations has a word for it and judges it exactly.

    It does not where float64 would round a bound, nor where times of two precisions are compared.
    """
    if not expectation.type.startswith("expect_"):
        return False
    involved = {types[name] for name in expectation.columns}
    if expectation.type == _PAIR and len(involved) > 1 and any(map(pa.types.is_temporal, involved)):
        return False
    return all(abs(each) <= EXACT for each in _arguments(expectation, types).values() if isinstance(each, int))


def _count_rows(
    path: Path, suite: Sequence[Expectation], *, plain: Sequence[Check], types: Types, advance: Advance
) -> Counter[str]:
    """Return how many rows break each rule that a row breaks by itself."""
    suite = [each for each in suite if each.type not in _WHOLE]
    judged = sorted({name for each in suite for name in each.columns})
    names = sorted({*judged, *(name for each in plain for name in each.columns)})
    counts: Counter[str] = Counter()
    with _great_expectations(suite, types) as judge:
        for batch in read_batches(path, names) if names else ():
            counts += judge(frame_of(batch, judged))
            counts += Counter({each.rule: _broken(each, batch) for each in plain})
            advance(batch.num_rows, "")
    return counts


def _broken(check: Check, batch: pa.RecordBatch) -> int:
    try:
        return broken(check, batch)
    except (KeyError, pa.ArrowException):  # Arrow's message can quote a cell
        raise _unjudged(check.rule) from None


def _unjudged(rule: str) -> DataError:
    return DataError(
        "every rule of the contract can be judged on the data",
        f"{rule} could not be",
        "Compare the rule with the kinds of its columns",
    )


def _count_repeats(path: Path, suite: Sequence[Expectation]) -> Counter[str]:
    """Return how many rows share what must be unique, over all batches: judged on fingerprints of the columns."""
    if not suite:
        return Counter()
    import pandas as pd

    names = sorted({name for each in suite for name in each.columns})
    frame = pd.DataFrame({name: fingerprints(path, name) for name in names}, copy=False)
    with _great_expectations(suite, {}) as judge:
        counts = judge(frame)
    keys = [each for each in suite if each.rule == "table.primary_key"]  # a key with a null in it is none
    return counts + Counter({each.rule: int(frame[list(each.columns)].isna().any(axis=1).sum()) for each in keys})


def _look_at_images(path: Path, column: Column, name: str, *, rows: int) -> tuple[Counter[str], dict[str, Any]]:
    """Return how many images break each rule, and what was noted of them: they are judged by what is measured."""
    counts: Counter[str] = Counter()
    suite = image_expectations(column)
    with progress(f"looking at {name} images", total=rows) as advance, _great_expectations(suite, {}) as judge:
        found = noted(path, column, measures(path, column, advance), lambda frame: counts.update(judge(frame)))
    return borne(column, counts, rows), found


@contextmanager
def _great_expectations(suite: Sequence[Expectation], types: Types) -> Iterator[Judge]:
    """Yield the function that counts the rows of a frame which break each expectation."""
    if not suite:
        yield lambda _frame: Counter()
        return
    with _quiet():
        import great_expectations as gx
        from great_expectations.data_context.types import base

        settings = base.DataContextConfig(
            store_backend_defaults=base.InMemoryStoreBackendDefaults(),
            progress_bars=base.ProgressBarsConfig(globally=False),
        )
        context = gx.get_context(mode="ephemeral", project_config=settings)
        asset = context.data_sources.add_pandas("memory").add_dataframe_asset("data")
        whole = asset.add_batch_definition_whole_dataframe("batch")
        suites = [
            (list(columns), gx.ExpectationSuite(name="contract", expectations=[_built(each, types) for each in group]))
            for columns, group in _by_columns(suite).items()
        ]

        def judge(frame: Any) -> Counter[str]:  # noqa: ANN401 - a pandas frame
            counts: Counter[str] = Counter()
            for columns, group in suites:
                batch = whole.get_batch(batch_parameters={"dataframe": frame[columns]})
                counts += _counts(batch.validate(group, result_format=_COUNTS).results)
            return counts

        yield judge


def _by_columns(suite: Sequence[Expectation]) -> dict[tuple[str, ...], list[Expectation]]:
    """Group expectations that read the same columns: the library copies the whole frame for each expectation."""
    groups: dict[tuple[str, ...], list[Expectation]] = {}
    for each in suite:
        groups.setdefault(each.columns, []).append(each)
    return groups


def _built(expectation: Expectation, types: Types) -> Any:  # noqa: ANN401 - the library's object
    from great_expectations.expectations.registry import get_expectation_impl

    arguments = _arguments(expectation, types)
    return get_expectation_impl(expectation.type)(**arguments, meta={"rule": expectation.rule})


def _arguments(expectation: Expectation, types: Types) -> dict[str, Any]:
    """Return the arguments, with dates and times as the integers that `frame_of` gives."""
    return {
        name: integers(pa.array([value], types[expectation.columns[0]]))[0].as_py()
        if isinstance(value, date)
        else value
        for name, value in expectation.arguments.items()
    }


def _counts(results: Iterable[Any]) -> Counter[str]:
    """Return the rows that break each rule; the results' cells and messages are left where they are."""
    counts: Counter[str] = Counter()
    for result in results:
        rule = result.expectation_config.meta["rule"]
        if "unexpected_count" not in result.result:
            raise _unjudged(rule)
        counts[rule] += result.result["unexpected_count"]
    return counts


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's deprecations, and what it logs (which can quote cells), to itself."""
    theirs = logging.getLogger("great_expectations")
    propagate, silence = theirs.propagate, logging.NullHandler()
    theirs.propagate = False
    theirs.addHandler(silence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.removeHandler(silence)
        theirs.propagate = propagate


def _record(contract: Contract, data: Reference, validation: Validation) -> dict[str, Any]:
    """Return the record for machines."""
    return {
        "name": validation.name,
        "contract": {"id": contract.id, "version": contract.version},
        "data": asdict(data),
        "passed": not validation.failures,
        "failures": [{**asdict(failure), "share": failure.share} for failure in validation.failures],
        "checks": list(validation.checks),
        "versions": {"great_expectations": version("great_expectations")},
    }
