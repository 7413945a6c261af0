"""The one door to Great Expectations: how many rows of a frame break each rule.

What it finds is turned at once into counts of our own: its results, its messages and its logs can quote cells, ours
never do.  How its cost is kept down is in `docs/decisions/0004-great-expectations-in-batches.md`.
"""

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from threading import Lock
from typing import Any

import pyarrow as pa

from data_contracts import DataError
from data_contracts.checks import Expectation
from tasks.validation.frames import integers
from tasks.validation.predicates import EXACT

__all__ = ["WHOLE", "Types", "exact", "judging", "unjudged"]

WHOLE = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
"""The types of expectation that no row breaks by itself."""

_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"

# counts only: no cell is collected
_COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}

_alone = Lock()  # the library's context and its logger are one for all threads of a process

Judge = Callable[[Any], Counter[str]]
Types = Mapping[str, pa.DataType]
"""Of columns, by name."""


def exact(expectation: Expectation, types: Types) -> bool:
    """Return whether Great Expectations has a word for it and judges it exactly.

    It does not where float64 would round a bound, nor where times of two precisions are compared.
    """
    if not expectation.type.startswith("expect_"):
        return False
    involved = {types[name] for name in expectation.columns}
    if expectation.type == _PAIR and len(involved) > 1 and any(map(pa.types.is_temporal, involved)):
        return False
    return all(abs(each) <= EXACT for each in _arguments(expectation, types).values() if isinstance(each, int))


@contextmanager
def judging(suite: Sequence[Expectation], types: Types) -> Iterator[Judge]:
    """Yield the function that counts the rows of a frame which break each expectation; one thread at a time.

    Args:
        suite: of what the library judges exactly.
        types: of the columns, where dates and times are among them.
    """
    if not suite:
        yield lambda _frame: Counter()
        return
    with _alone, _quiet():
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


def unjudged(rule: str) -> DataError:
    """Return the error of a rule that nobody could judge."""
    return DataError(
        "every rule of the contract can be judged on the data",
        f"{rule} could not be",
        "Compare the rule with the kinds of its columns",
    )


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
            raise unjudged(rule)
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
