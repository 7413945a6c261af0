"""Hold data to its contract, rule by rule.

Reads: what `examine` found in each part of the data; where nobody examined them, the parts.
Writes: `<run>/validation-<name>.json` and `.html`.
Fails when: any rule is broken; both files are written first, and every broken rule is named with its count.
Safe to repeat because: it only reads, and replaces its own two files.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, DataError, Failure
from data_contracts.checks import Check, checks, expectations
from tasks.parquet import parts_of, read_schema
from tasks.places import there
from tasks.references import Findings, Reference
from tasks.reports import pages
from tasks.steps import once
from tasks.storage import write_json, write_text
from tasks.validation.examining import FORM, examined
from tasks.validation.expectations import WHOLE, judging
from tasks.validation.fingerprints import read_prints
from tasks.validation.images import borne, summary, together

__all__ = ["Validation", "validate"]

logger = logging.getLogger(__name__)

Part = Mapping[str, Any]
"""What `tasks.validation.examining` wrote of one part."""


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
def validate(
    contract: Contract, data: Reference, found: tuple[Findings, ...] = (), *, run: str, name: str
) -> Validation:
    """Hold a Parquet file, or a folder of parts, to the contract and write what came of it.

    Args:
        contract: to hold it to.
        data: the file or the folder.
        found: in each of its parts, by `examine`; none: they are looked at here, one after the other.
        run: the run's folder.
        name: which data it is, for the files' names: `source`, `synthetic`.

    Raises:
        DataError: a rule is broken; each is listed with its count.
    """
    path = Path(run) / f"validation-{name}.json"
    found = found or tuple(
        examined(contract, part, to=path.with_suffix("") / f"{number:05}", name=name)
        for number, part in enumerate(parts_of(Path(data.uri)))
    )
    failures, looked, images = _judged(contract, found)
    validation = Validation(str(path), name, data.rows, failures, looked)
    record = _record(contract, data, validation) | ({"images": images} if images else {})
    write_json(path, record)
    write_text(path.with_suffix(".html"), pages.validation(record))
    logger.info("validated %s: %s rows, %d rules, %d broken", name, f"{data.rows:,}", len(looked), len(failures))
    if failures:
        raise DataError(
            f"the {name} data keeps every rule of the contract {contract.id} {contract.version}",
            f"{len(failures)} of {len(looked)} rules are broken",
            f"Read {there(path.with_suffix('.html'))}, then mend the data or the contract",
            failures,
        )
    return validation


def _judged(
    contract: Contract, found: Sequence[Findings]
) -> tuple[tuple[Failure, ...], tuple[str, ...], dict[str, Any]]:
    """Return the broken rules and the names of all rules looked at, in the contract's order, and what images are."""
    parts: list[Part] = [json.loads(Path(each.counts.uri).read_bytes()) for each in found]
    prints, image = [Path(each.prints.uri) for each in found], contract.image
    printed = set(contract.names).intersection(*(read_schema(path)[0].names for path in prints))
    counts, images = Counter[str](_repeats(contract, prints, printed)), dict[str, Any]()
    for part in parts:
        counts.update(part["broken"])
    looked = [each for each in checks(contract) if each.subject in FORM or each.rule in counts]
    if image is not None:
        counts = borne(image, counts, sum(part["rows"] for part in parts))
    if image is not None and image.name in printed:
        repeated = int(read_prints(prints, image.name).duplicated().sum())
        images = {**summary(together(part["images"] for part in parts)), "repeated": repeated}
    return tuple(_failures(contract, looked, parts, counts)), tuple(each.rule for each in looked), images


def _repeats(contract: Contract, prints: Sequence[Path], printed: set[str]) -> dict[str, int]:
    """Return how many rows of all parts share what must be unique, judged on fingerprints, by rule.

    Args:
        contract: says what.
        prints: the fingerprints of each part.
        printed: the columns of which every part has them.
    """
    import pandas as pd

    suite = [each for each in expectations(contract) if each.type in WHOLE and printed >= set(each.columns)]
    names = sorted({name for each in suite for name in each.columns})
    frame = pd.DataFrame({name: read_prints(prints, name) for name in names}, copy=False)
    with judging(suite, {}) as judge:
        counts = judge(frame)
    for each in suite:
        if each.rule == "table.primary_key":  # a key with a null in it is none
            counts[each.rule] += int(frame[list(each.columns)].isna().any(axis=1).sum())
    return {each.rule: counts[each.rule] for each in suite}


def _failures(
    contract: Contract, looked: Sequence[Check], parts: Sequence[Part], counts: Counter[str]
) -> Iterator[Failure]:
    """Yield the rules that are broken."""
    rows = sum(part["rows"] for part in parts)
    for check in looked:
        if those := [part for part in parts if check.rule in part["form"]]:
            broken, total = (1, 1) if check.subject == "columns" else (sum(part["rows"] for part in those), rows)
            yield Failure(check.rule, check.columns, broken, total, _misshapen(check, those, len(parts)))
        elif check.subject == "rows" and rows < contract.minimum_rows:
            yield Failure(check.rule, (), 1, 1, f"{rows:,} rows, at least {contract.minimum_rows:,} needed")
        elif counts[check.rule]:
            yield Failure(check.rule, check.columns, counts[check.rule], rows, _asked(check))


def _misshapen(check: Check, those: Sequence[Part], parts: int) -> str:
    """Return what is wrong with the form of some parts, and of how many where there are several."""
    detail = "; ".join(dict.fromkeys(part["form"][check.rule] for part in those))
    return detail if parts == 1 else f"{detail}, in {len(those):,} of {parts:,} parts"


def _asked(check: Check) -> str:
    """Return what a check asks: it is the contract's own, and may be shown."""
    asked = {name: value for name, value in check.arguments.items() if name not in ("values", "allowed")}
    return ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)


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
