"""Publish a release: complete or absent, `latest.json` last, and only moved to a release that is not worse.

Reads: the run's folder, the release that `latest.json` names. Writes: `<root>/<contract id>/<version>/`, then
`<root>/<contract id>/latest.json`.
Fails when: the root cannot be written, the disk is full, the signing key cannot be read, or the contract's version does
not fit what changed since the latest release.
Safe to repeat because: everything is written beside its final name and renamed; a version is never written twice, and
what is published already is not published again.
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract, ReleaseError, odcs
from tasks.parquet import cut_parts
from tasks.references import Comparison, Reference, Standing, Trained
from tasks.releases.champion import Champion, champion, compared, require_next_version
from tasks.releases.layout import MANIFEST, Pointer, next_release, point, pointed, releases
from tasks.releases.manifest import FORMAT, digests, read_manifest, write_manifest
from tasks.releases.origin import code
from tasks.releases.signing import Signer, signer
from tasks.report import Evidence
from tasks.storage import atomic, digest_file, locked, storage_errors, write_json, write_text

__all__ = ["Release", "publish"]

logger = logging.getLogger(__name__)

PART_BYTES = 400_000_000
"""Of a part of a release of images: Hugging Face's hub asks for parts of less than 500 MB."""

_CONTRACT = "contract.yaml"


@dataclass(frozen=True, slots=True)
class Release:
    """A published release: `uri` is its folder, `version` the contract's version and a running number.

    Args:
        contract: its id.
        version: of the release.
        uri: of its folder.
        rows: how many it holds.
        champion: `latest.json` names it.
        comparison: with the one that `latest.json` named before; None: with none.
    """

    contract: str
    version: str
    uri: str
    rows: int
    champion: bool
    comparison: Comparison | None


@task(cache_policy=NO_CACHE)  # a version per call
def publish(
    contract: Contract,
    evidence: Evidence,
    *,
    trained: Trained,
    standing: Standing,
    parameters: dict[str, Any],
    root: str,
) -> Release:
    """Lay out the release beside its final name, rename it, and move the pointer to it if it is not worse.

    Raises:
        ReleaseError: the root cannot be written, the disk is full, or there is no signing key where one is named.
        ContractError: a release was published meanwhile, from which the contract's version does not follow.
    """
    folder, key, synthetic = Path(root) / contract.id, signer(), standing.challenger.synthetic
    said = {"parameters": parameters, "signature": None if key is None else key.stated()}
    logger.info("publishing %s rows under %s", f"{synthetic.rows:,}", folder)
    with storage_errors(folder), locked(folder):
        if (
            before := _published(folder, contract, evidence, trained=trained, standing=standing, said=said)
        ) is not None:
            return before
        require_next_version(contract, folder)
        standing = _current(standing, contract, champion(folder))
        version, wins = next_release(folder, contract.version), not (standing.comparison and standing.comparison.worse)
        manifest = {
            **_head(version, standing, wins=wins),
            **_facts(evidence),
            **said,
            "comparison": standing.said,
            "code": code(),
        }
        with atomic(folder / version) as staging:
            _copy(staging, contract, evidence, synthetic=synthetic, trained=trained)
            _describe(staging, contract, manifest, key=key)
        if wins:
            point(folder, Pointer(version, digest_file(folder / version / MANIFEST)))
    return Release(contract.id, version, str(folder / version), synthetic.rows, wins, standing.comparison)


def _published(
    folder: Path,
    contract: Contract,
    evidence: Evidence,
    *,
    trained: Trained,
    standing: Standing,
    said: dict[str, Any],
) -> Release | None:
    """Return the newest release, if it is this one: nothing changed since, or a run was killed that had published it.

    It may have been killed before the pointer moved, which is done now.
    """
    version, synthetic = (releases(folder) or [""])[-1], standing.challenger.synthetic
    content = {name: digest_file(path) for name, path in _content(contract, synthetic, trained).items()}
    try:
        manifest = read_manifest(folder / version)
        stated = (folder / version / _CONTRACT).read_text(encoding="utf-8")
        files = {name: digest_file(folder / version / name) for name in content}
    except (ReleaseError, OSError):
        return None
    now = {"scores": _facts(evidence)["scores"], **said}
    same = files == content and stated == odcs.dump(replace(contract, source=None))
    if not same or {name: manifest[name] for name in now} != now:
        return None
    logger.info("nothing has changed since %s: it stands", version)
    if manifest["champion"] and ((named := pointed(folder)) is None or named.release != version):
        point(folder, Pointer(version, digest_file(folder / version / MANIFEST)))
    return Release(
        contract.id, version, str(folder / version), synthetic.rows, manifest["champion"], standing.comparison
    )


def _facts(evidence: Evidence) -> dict[str, Any]:
    return dict(json.loads(Path(evidence.facts).read_text(encoding="utf-8")))


def _content(contract: Contract, synthetic: Reference, trained: Trained) -> dict[str, Path]:
    """Return what a release is made of, by its name there."""
    model = {f"model/{path.name}": path for path in sorted(Path(trained.uri).iterdir())}
    return {**_data(contract, synthetic), **model}


def _data(contract: Contract, synthetic: Reference) -> dict[str, Path]:
    """Return the files of data; those of many images are cut into parts, in a folder of the run."""
    whole = Path(synthetic.uri)
    if contract.image is None or whole.stat().st_size <= PART_BYTES:
        return {"data/part-00000.parquet": whole}
    folder = whole.parent / f"parts-{synthetic.digest[:16]}"
    if not folder.is_dir():
        with atomic(folder) as partial:
            partial.mkdir()
            cut_parts(whole, partial, part_bytes=PART_BYTES)
    return {f"data/{part.name}": part for part in sorted(folder.iterdir())}


def _current(standing: Standing, contract: Contract, now: Champion | None) -> Standing:
    """Return how the release stands against the champion of this moment: another run may have published meanwhile."""
    known = None if standing.comparison is None else standing.comparison.release
    if (None if now is None else now.release) == known:
        return standing
    return replace(standing, comparison=None if now is None else compared(standing.challenger, contract, now))


def _head(version: str, standing: Standing, *, wins: bool) -> dict[str, Any]:
    """Return what a manifest begins with: what it is, since when, and how it stands."""
    before = standing.comparison
    return {
        "format": FORMAT,
        "release": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": None if before is None else asdict(Pointer(before.release, before.manifest)),
        "champion": wins,
        "columns": standing.columns,
    }


def _copy(staging: Path, contract: Contract, evidence: Evidence, *, synthetic: Reference, trained: Trained) -> None:
    for name, path in {**_content(contract, synthetic, trained), "report.html": Path(evidence.page)}.items():
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, staging / name)


def _describe(staging: Path, contract: Contract, manifest: dict[str, Any], *, key: Signer | None) -> None:
    """Write the contract, the documents, and the manifest last: it holds the digest of every other file."""
    from tasks.reports.card import card
    from tasks.reports.croissant import croissant

    # where the real data lies is nobody's business downstream
    write_text(staging / _CONTRACT, odcs.dump(replace(contract, source=None)))
    write_json(staging / "report.json", {"scores": manifest["scores"], "verdict": manifest["verdict"]})
    manifest = {**manifest, "files": digests(staging)}
    write_text(staging / "README.md", card(contract, manifest))
    write_json(staging / "croissant.json", croissant(contract, manifest))
    write_manifest(staging, {**manifest, "files": digests(staging)}, signer=key)
