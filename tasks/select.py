"""Select the real rows that a run with conditions or shares is judged by: like with like.

Reads: ``<run>/train.parquet`` and ``<run>/holdout.parquet``.  Writes: ``<run>/selected/``, files of the same names.
Fails when: no real row is of the sort that is asked for.
Safe to repeat because: a row is taken by its cells, the seed and its number alone, and both files are replaced whole.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import DataError
from data_contracts.conditions import Selection
from tasks.parquet import read_batches, read_masked, read_schema, write_parquet
from tasks.references import Reference, Selected, Split
from tasks.steps import once
from tasks.validation.predicates import meets

__all__ = ["select"]

logger = logging.getLogger(__name__)


@task(name="select", cache_policy=NO_CACHE)  # its files must be there afterwards
@once("selected/*.parquet")
def select(parts: Split, selection: Selection, *, run: str, seed: int) -> Selected:
    """Take the rows that meet the conditions, of each stratum as many as leave the shares that are asked for.

    Nothing is copied to reach a share: of the strata that have too many rows some are left out.

    Raises:
        DataError: a stratum has no real row.
        ReleaseError: the run's folder cannot be written.
    """
    if not selection:
        return Selected(parts, parts, selection.words)
    places = {
        name: _strata(Path(part.uri), selection) for name, part in (("train", parts.train), ("holdout", parts.holdout))
    }
    _require_rows(np.concatenate(list(places.values())), selection)
    written = {
        name: _write(part, _chosen(places[name], selection, rng=np.random.default_rng(seed)), run=run, name=name)
        for name, part in (("train", parts.train), ("holdout", parts.holdout))
    }
    logger.info("judging by %s and %s rows", f"{written['train'].rows:,}", f"{written['holdout'].rows:,}")
    return Selected(parts, Split(**written), selection.words)


def _strata(path: Path, selection: Selection) -> NDArray[np.int64]:
    """Return the stratum of each of a file's (N,) rows, -1 for none."""
    names = sorted({condition.column for where, _ in selection.strata for condition in where})
    places = [np.zeros(0, np.int64)]
    for batch in read_batches(path, names):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        place = np.full(batch.num_rows, -1)
        for stratum, (where, _) in enumerate(selection.strata):
            place[meets(where, columns, batch.num_rows)] = stratum
        places.append(place)
    return np.concatenate(places)


def _require_rows(places: NDArray[np.int64], selection: Selection) -> None:
    """Refuse what no real row shows: there is nothing to learn it from, and nothing to judge it by."""
    for stratum, (where, _) in enumerate(selection.strata):
        if not (places == stratum).any():
            raise DataError(
                "rows that are asked for are of a sort that the real table has",
                f"none of its {len(places):,} rows meets {' and '.join(map(str, where))}",
                "Loosen the conditions, or bring such rows",
            )


def _chosen(places: NDArray[np.int64], selection: Selection, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the (N,) mask of the most rows that have the shares asked for."""
    shares = [share for _, share in selection.strata]
    there = np.bincount(places[places >= 0], minlength=len(shares))
    total = min(count / share for count, share in zip(there, shares, strict=True))
    chosen = np.zeros(len(places), dtype=bool)
    for stratum, share in enumerate(shares):
        rows = np.flatnonzero(places == stratum)
        chosen[rng.permutation(rows)[: round(total * share)]] = True
    return chosen


def _write(part: Reference, chosen: NDArray[np.bool_], *, run: str, name: str) -> Reference:
    """Write the rows of a (rows,) mask."""
    path = Path(part.uri)
    return write_parquet(
        Path(run) / "selected" / f"{name}.parquet", read_masked(path, chosen), schema=read_schema(path)[0]
    )
