"""Segment: tell the rows of a table apart into a few segments, and describe each.

Reads: a release or a contract, and rows wherever they are.
Writes: `segments.parquet`, a row for each; `segments.json` and `segments.html`, what the segments are.
Fails when: the release is not what its manifest says, it is of images, the rows cannot be read or are too few, nothing
tells them apart, or the folder cannot be written.
Safe to repeat because: the same rows give the same bytes, and each file appears when it is complete.
"""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.parquet import read_sample
from tasks.places import here, send, there
from tasks.segmenting.asking import Asked, asked_of
from tasks.segmenting.finding import LOOKED_AT, Segments, contested, seek
from tasks.segmenting.page import page_of
from tasks.segmenting.profile import Portrait, portraits
from tasks.segmenting.rows import Assigned, Kept
from tasks.segmenting.said import RECORD, Segmented
from tasks.storage import write_json, write_text

__all__ = ["segment"]

logger = logging.getLogger(__name__)


@task(cache_policy=NO_CACHE)  # the data may have changed under the same name
def segment(
    of: str,
    data: str | None = None,
    *,
    to: str | None = None,
    segments: int | None = None,
    most: int = 12,
    by: list[str] | None = None,
    seed: int = 0,
) -> Segmented:
    """Tell rows apart.

    Args:
        of: a release, its contract's folder, or a contract by name or path.
        data: path, folder, glob, fsspec URI or SQLAlchemy URL of the rows; None: the release's own, or the contract's.
        to: the folder that is written, a path or an fsspec URI; None: `segments/<contract>`.
        segments: how many; None: as many as there are.
        most: segments that are sought.
        by: names of the columns that tell rows apart; None: all but keys.
        seed: of all randomness.

    Raises:
        ContractError: there is no such contract or column, or no source.
        ModelError: the contract is of images, or nothing tells the rows apart.
        ReleaseError: the release is not as its manifest says, or the folder cannot be written.
        DataError: the data cannot be read as rows of the contract's columns, or there are too few.
    """
    asked = asked_of(of, data, by=by or [])
    folder = here(to or f"segments/{asked.contract.id}")
    with tempfile.TemporaryDirectory(prefix="likeness-segment-") as beside:
        kept = Kept.of(asked, Path(beside) / "rows.parquet")
        sample = read_sample(kept.path, rows=LOOKED_AT, seed=seed)
        found = seek(sample, asked.columns, number=segments, most=most, seed=seed)
        assigned = Assigned(found, asked.contract)
        assigned.write(kept.path, folder / "segments.parquet")
    sizes = [int(each) for each in assigned.sizes]
    told = portraits(found, sizes)
    facts = _facts(asked, found, unfit=kept.unfit, seed=seed)
    write_json(folder / RECORD, {**facts, **_record(found, told)})
    page = page_of(asked.contract.name, found, told, facts=_labelled(facts), synthetic=asked.synthetic)
    write_text(folder / "segments.html", page)
    send(folder)
    logger.info("told %s rows apart: %s segments", f"{sum(sizes):,}", len(sizes))
    chosen = found.chosen
    return Segmented(
        there(folder),
        asked.contract.id,
        asked.release,
        sum(sizes),
        kept.unfit,
        tuple(sizes),
        chosen.bic,
        chosen.stability,
    )


def _facts(asked: Asked, found: Segments, *, unfit: int, seed: int) -> dict[str, Any]:
    """Return where the segments come from."""
    return {
        "contract": {"id": asked.contract.id, "version": asked.contract.version},
        "release": asked.release,
        "synthetic": asked.synthetic,
        "looked_at": found.rows.num_rows,
        "unfit": unfit,
        "columns": [each.column.name for each in found.features.features],
        "seed": seed,
    }


def _labelled(facts: dict[str, Any]) -> dict[str, object]:
    """Return the facts as labels and figures for the page."""
    return {
        "Contract": f"{facts['contract']['id']} {facts['contract']['version']}",
        **({"Release": facts["release"]} if facts["release"] else {}),
        "Told apart by": ", ".join(facts["columns"]),
        "Sought and described in": f"{facts['looked_at']:,} rows",
        "Rows at odds with the contract": f"{facts['unfit']:,}",
        "Seed": facts["seed"],
    }


def _record(found: Segments, told: Sequence[Portrait]) -> dict[str, Any]:
    """Return the contest and the segments, as JSON holds them."""
    return {
        "chosen": found.chosen.segments,
        "contest": [contested(each) for each in found.contest],
        "segments": [
            {
                "segment": each.segment,
                "rows": each.rows,
                "share": each.share,
                "words": each.words,
                "traits": [asdict(trait) for trait in each.traits if each.told],
            }
            for each in told
        ],
    }
