"""Publish a release: complete or absent, `latest.json` last.

Reads: the run's folder. Writes: `<root>/<contract id>/<version>/`, then `<root>/<contract id>/latest.json`.
Fails when: the root cannot be written, or the disk is full.
Safe to repeat because: everything is written beside its final name and renamed; a version is never written twice.
"""

import fcntl
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, odcs
from tasks.references import Reference, Trained
from tasks.report import Evidence
from tasks.storage import atomic, digest_file, storage_errors, write_json, write_text

__all__ = ["MANIFEST", "POINTER", "Release", "publish"]

MANIFEST = "manifest.json"
POINTER = "latest.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """A published release: `uri` is its folder, `version` the contract's version and a running number."""

    contract: str
    version: str
    uri: str
    rows: int


@task(cache_policy=NO_CACHE)  # a version per call
def publish(contract: Contract, evidence: Evidence, *, synthetic: Reference, trained: Trained, root: str) -> Release:
    """Lay out the release beside its final name, rename it, and move the pointer to it.

    Raises:
        ReleaseError: the root cannot be written, or the disk is full.
    """
    folder = Path(root) / contract.id
    logger.info("publishing %s rows under %s", f"{synthetic.rows:,}", folder)
    with storage_errors(folder), _locked(folder):
        version = f"{contract.version}-{_next_number(folder, contract.version)}"
        with atomic(folder / version) as staging:
            _copy(staging, evidence, synthetic=synthetic, trained=trained)
            _describe(staging, contract, facts=json.loads(Path(evidence.facts).read_text()), version=version)
        pointer = {"release": version, "manifest": digest_file(folder / version / MANIFEST)}
        write_json(folder / POINTER, pointer)
    return Release(contract.id, version, str(folder / version), synthetic.rows)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one run at a time publish under this contract; leave no empty folder behind."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            folder.rmdir()


def _next_number(folder: Path, version: str) -> int:
    found = (re.fullmatch(rf"{re.escape(version)}-(\d+)", path.name) for path in folder.iterdir())
    return max((int(match[1]) for match in found if match), default=0) + 1


def _copy(staging: Path, evidence: Evidence, *, synthetic: Reference, trained: Trained) -> None:
    files = {"data/part-00000.parquet": Path(synthetic.uri), "report.html": Path(evidence.page)}
    files |= {f"model/{path.name}": path for path in sorted(Path(trained.uri).iterdir())}
    for name, path in files.items():
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, staging / name)


def _describe(staging: Path, contract: Contract, *, facts: dict[str, Any], version: str) -> None:
    """Write the contract, the documents, and the manifest last: it holds the digest of every other file."""
    from tasks.reports.card import card
    from tasks.reports.croissant import croissant

    # where the real data lies is nobody's business downstream
    write_text(staging / "contract.yaml", odcs.dump(replace(contract, source=None)))
    write_json(staging / "report.json", {"scores": facts["scores"], "verdict": facts["verdict"]})
    manifest = {"release": version, "created": datetime.now(UTC).isoformat(timespec="seconds"), **facts}
    manifest["files"] = _files(staging)
    write_text(staging / "README.md", card(contract, manifest))
    write_json(staging / "croissant.json", croissant(contract, manifest))
    write_json(staging / MANIFEST, {**manifest, "files": _files(staging)})


def _files(folder: Path) -> dict[str, dict[str, str | int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"sha256": digest_file(path), "bytes": path.stat().st_size}
        for path in files
    }
