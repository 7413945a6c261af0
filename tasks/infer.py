"""Drafts a contract from data: kinds, nulls, ranges, keys, marks for "not known", and a first gate.

Reads: the whole source once, in batches.
Writes: nothing; the draft is for a person to read and correct.
Fails when: the source cannot be read.
Keeps private: see `tasks.inference.draft`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from data_contracts import Column, Contract, DataError, Failure, LikenessError, Source, Threshold
from tasks.inference.draft import draft_columns
from tasks.inference.images import ImageProfile, as_classes, holds_images
from tasks.inference.profile import MARKS, Profile
from tasks.inference.sniff import ENCODINGS, sniff
from tasks.progress import progress
from tasks.readers import TEXTS, read, spelling_of
from tasks.readers.locate import find_files, format_of

__all__ = ["infer"]

AnyProfile = Profile | ImageProfile


def infer(location: str, *, name: str | None = None, table: str | None = None, query: str | None = None) -> Contract:
    """Return a drafted contract.

    Args:
        location: path, folder, glob, fsspec URI or SQLAlchemy URL.
        name: of the table; None: from the location or the table.
        table: of a database.
        query: of a database, instead of a table.

    Raises:
        DataError: the source cannot be read, or holds columns that no kind fits.
    """
    try:
        source = Source(location=_absolute(location), table=table, query=query)
        source, profiles = _profiled(replace(source, format=format_of(source)))  # type: ignore[arg-type]
    except LikenessError as error:
        error.__context__ = error.__cause__ = None  # what a library said of the cells it read goes no further
        raise
    tables = [profile for profile in profiles if isinstance(profile, Profile)]
    images = [profile for profile in profiles if isinstance(profile, ImageProfile)]
    marks = _adopted(tables)
    name = name or table or _stem(location)
    drafted = dict(zip((each.name for each in tables), draft_columns(tables, marks), strict=True))
    if images:
        drafted = {each.name: as_classes(drafted[each.name], each, alone=len(tables) == 1) for each in tables}
        drafted |= {each.name: each.column() for each in images}
    return Contract(
        id=_slug(name),
        version="0.1.0",
        name=name,
        purpose=_purpose(max((profile.rows for profile in profiles), default=0)),
        source=replace(source, location=_without_password(source.location), unknown=marks),
        columns=tuple(drafted[profile.name] for profile in profiles),
        **_of_images(list(drafted.values())) if images else {"gate": _gate()},
    )


def _of_images(columns: Sequence[Column]) -> dict[str, Any]:
    """Return what a contract of images says beside its columns: its model, and the one class as the target."""
    classes = [column.name for column in columns if column.kind == "category"]
    return {"model": "flow_matching", "target": classes[0] if len(classes) == 1 else None}


def _absolute(location: str) -> str:
    return location if "://" in location else str(Path(location).absolute())


def _without_password(location: str) -> str:
    """Return a location whose password must come from elsewhere: a contract is handed on."""
    return re.sub(r"(://[^:/@]*):[^/]*@", r"\1@", location)


def _stem(location: str) -> str:
    path = PurePosixPath(re.sub(r"\.gz$", "", location.rstrip("/").partition("?")[0]))
    return (path.stem if path.suffix else path.name).strip("*.") or "table"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "table"


def _purpose(rows: int) -> str:
    return (
        f"A draft, inferred from {rows:,} rows. Read it and correct it: describe the columns, check kinds, ranges and "
        "sensitivity, add rules, name a target, and set the gate to what the release must reach."
    )


def _profiled(source: Source) -> tuple[Source, list[AnyProfile]]:
    """Return the source as it turned out to be written, and its columns' profiles."""
    if source.format not in ("csv", "tsv"):
        return source, _profiles(source)
    file = find_files(source)[0]
    for encoding in ENCODINGS:
        try:
            guess = sniff(file, replace(source, encoding=encoding))
            return guess, _profiles(guess)
        except DataError as error:
            if "table.encoding" not in {failure.rule for failure in error.failures} or encoding == ENCODINGS[-1]:
                raise
    raise AssertionError


def _profiles(source: Source) -> list[AnyProfile]:
    profiles: dict[str, AnyProfile] = {}
    failures: list[Failure] = []
    spelling, parse = spelling_of(source), source.format in TEXTS
    with progress("reading source") as advance:
        for batch in read(source, names=None, failures=failures):
            for name, cells in zip(batch.schema.names, batch.columns, strict=True):
                if name not in profiles:
                    images = holds_images(cells)
                    profiles[name] = ImageProfile(name) if images else Profile(name, spelling, parse)
                if isinstance(profiles[name], Profile):
                    _readable(name, cells.type)
                profiles[name].add(cells)
            advance(batch.num_rows, "")
    if not profiles:
        failures.append(Failure("table.rows", (), 0, 0, "no rows"))
    if sum(isinstance(each, ImageProfile) for each in profiles.values()) > 1:
        failures.append(Failure("table.columns", (), 0, 0, "more than one of images"))
    if failures:
        sentence = "the source can be read whole"
        raise DataError(sentence, "rules are broken", "Correct it, or state how it is written in a contract", failures)
    return list(profiles.values())


def _readable(name: str, kind: pa.DataType) -> None:
    if pa.types.is_union(kind) or not any(
        is_kind(kind)
        for is_kind in (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary,
                        pa.types.is_time, pa.types.is_duration)
    ):  # fmt: skip
        return
    raise DataError(
        "every column is of a kind that a contract has",
        f"{name} is of none",
        "Leave the column out, by a query or a copy without it",
        [Failure(f"{name}.type", (name,), 0, 0, "no kind fits")],
    )


def _adopted(profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Return the marks to take as null: certain ones wherever they stand, others where they stand among numbers."""
    found = Counter[str]()
    for profile in profiles:
        found.update({m: n for m, n in profile.marks.items() if n and (m in MARKS or not _is_words(profile))})
    return tuple(sorted(found))


def _is_words(profile: Profile) -> bool:
    return not profile.candidates


def _gate() -> tuple[Threshold, ...]:
    """Return a first gate: what any useful release reaches; of privacy, the project's own thresholds hold."""
    return (
        Threshold("column_shapes", "a first draft: below this, single columns are visibly wrong", minimum=0.85),
        Threshold(
            "column_pair_trends",
            "a first draft: one missing extreme of a heavy tail brings even real rows to .66; else raise it",
            minimum=0.60,
        ),
        Threshold("two_sample_train", "reported, not judged, until a person sets what is needed", minimum=0.0),
    )
