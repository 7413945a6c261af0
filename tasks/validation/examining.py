"""One part of some data beside a contract: all that can be said of it without the other parts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from data_contracts import Column, Contract
from data_contracts.checks import Check, Expectation, checks, expectations, image_expectations
from tasks.parquet import read_batches, read_schema
from tasks.progress import Advance, progress
from tasks.references import Findings, Reference
from tasks.storage import digest_file, write_json
from tasks.validation.expectations import WHOLE, Types, exact, judging, unjudged
from tasks.validation.fingerprints import write_prints
from tasks.validation.frames import frame_of
from tasks.validation.images import Note, measures, note, together
from tasks.validation.predicates import broken, is_learned, misshapen, sound_types

__all__ = ["FORM", "examined"]

FORM = {"columns", "rows", "type"}
"""What a check is about that is told by a part's schema and its number of rows."""


def examined(contract: Contract, part: Path, *, to: Path, name: str) -> Findings:
    """Look at one part, and write what was found of it: counts as JSON, fingerprints as Parquet.

    Args:
        contract: that it is held to.
        part: a Parquet file.
        to: where to write, without an ending.
        name: of the data, for people.
    """
    schema, rows = read_schema(part)
    types, image = sound_types(contract, schema), contract.image
    asked = [each for each in checks(contract) if each.subject not in FORM and types.keys() >= set(each.columns)]
    with progress(f"validating {name}", total=rows) as advance:
        counts = _count_rows(part, contract, asked, types=types, advance=advance)
    noted: Note = {}
    if image is not None and image.name in types:
        with progress(f"looking at {name} images", total=rows) as advance:
            found, noted = _look_at_images(part, image, advance)
        counts |= {each.rule: found[each.rule] for each in asked if each.subject == "image"}
    record = {"rows": rows, "form": misshapen(contract, schema), "broken": counts, "images": noted}
    path = to.with_suffix(".json")
    write_json(path, record)
    prints = write_prints(part, _printed(contract, types), to.with_suffix(".parquet"))
    return Findings(Reference(str(path), digest_file(path), rows), prints)


def _printed(contract: Contract, types: Types) -> list[str]:
    """Return the columns whose repeats are counted: of what must be unique, and of images."""
    whole = {name for each in expectations(contract) if each.type in WHOLE for name in each.columns}
    return [
        each.name for each in contract.columns if each.name in types and (each.name in whole or each.kind == "image")
    ]


def _count_rows(
    path: Path, contract: Contract, asked: Sequence[Check], *, types: Types, advance: Advance
) -> dict[str, int]:
    """Return how many rows break each rule that a row breaks by itself, but for those of images; 0 where none does."""
    sound = {each.rule for each in asked}
    suite = [each for each in expectations(contract) if each.rule in sound and exact(each, types)]
    judged = {each.rule for each in suite}
    suite = [each for each in suite if each.type not in WHOLE]
    plain = [each for each in asked if each.rule not in judged and each.subject != "image" and not is_learned(each)]
    counts = _counted(path, suite, plain=plain, types=types, advance=advance)
    return {rule: counts[rule] for rule in [*(each.rule for each in suite), *(each.rule for each in plain)]}


def _counted(
    path: Path, suite: Sequence[Expectation], *, plain: Sequence[Check], types: Types, advance: Advance
) -> Counter[str]:
    judged = sorted({name for each in suite for name in each.columns})
    names = sorted({*judged, *(name for each in plain for name in each.columns)})
    counts: Counter[str] = Counter()
    with judging(suite, types) as judge:
        for batch in read_batches(path, names) if names else ():
            counts += judge(frame_of(batch, judged))
            counts += Counter({each.rule: _broken(each, batch) for each in plain})
            advance(batch.num_rows, "")
    return counts


def _broken(check: Check, batch: pa.RecordBatch) -> int:
    try:
        return broken(check, batch)
    except (KeyError, pa.ArrowException):  # Arrow's message can quote a cell
        raise unjudged(check.rule) from None


def _look_at_images(path: Path, column: Column, advance: Advance) -> tuple[Counter[str], Note]:
    """Return how many images break each rule, and what is noted of them: they are judged by what is measured."""
    counts, notes = Counter[str](), list[Note]()
    with judging(image_expectations(column), {}) as judge:
        for frame in measures(path, column, advance):
            counts += judge(frame)
            notes.append(note(frame))
    return counts, together(notes)
