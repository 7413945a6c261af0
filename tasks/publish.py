"""Publish a release: complete or absent, `latest.json` last, and only moved to a release that is not worse.

Reads: the run's folder, the release that `latest.json` names. Writes: `<root>/<contract id>/<version>/`, then
`<root>/<contract id>/latest.json`.
Fails when: the root cannot be written or reached, the disk is full, the signing key cannot be read, or the contract's
version does not fit what changed since the latest release.
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
from tasks.parquet import parts_of
from tasks.places import child, there
from tasks.references import Comparison, Reference, Standing, Trained
from tasks.releases.champion import Champion, champion, compared, require_next_version
from tasks.releases.layout import CONTRACT, MANIFEST, Pointer, pointed, releases
from tasks.releases.manifest import FORMAT, digests, read_manifest, write_manifest
from tasks.releases.origin import code
from tasks.releases.shelf import OvertakenError, Shelf, shelf
from tasks.releases.signing import Signer, signer
from tasks.report import Evidence
from tasks.steps import carried
from tasks.storage import atomic, digest_file, storage_errors, write_json, write_text

__all__ = ["Release", "publish"]

logger = logging.getLogger(__name__)

_TRIES = 10  # each lost to another run of the same contract that published in these seconds


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
@carried()
def publish(
    contract: Contract,
    evidence: Evidence,
    *,
    run: str,  # noqa: ARG001 - tells where the evidence lies
    trained: Trained,
    standing: Standing,
    parameters: dict[str, Any],
    root: str,
    beside: tuple[Reference, ...] = (),
) -> Release:
    """Lay out the release beside its final name, rename it, and move the pointer to it if it is not worse.

    Args:
        contract: of the release.
        evidence: of the run.
        run: its folder.
        trained: the model.
        standing: the rows, and how they stand.
        parameters: of the run, as far as they are told.
        root: folder of all releases.
        beside: files that go beside the model's own.

    Raises:
        ReleaseError: the root cannot be written or reached, the disk is full, or there is no signing key where one is
            named.
        ContractError: a release was published meanwhile, from which the contract's version does not follow.
    """
    key, synthetic = signer(), standing.challenger.synthetic
    edition = _Edition(contract, evidence, trained, standing, parameters, key, beside)
    logger.info("publishing %s rows under %s", f"{synthetic.rows:,}", child(root, contract.id))
    for _ in range(_TRIES):
        try:
            with storage_errors(Path(root) / contract.id), shelf(root, contract.id, rows=True) as place:
                return _standing_already(place, edition) or _published(place, edition)
        except OvertakenError:
            logger.info("another run published meanwhile: looking again at what this one is compared with")
    raise ReleaseError(
        "a release is published when nobody else publishes one of its contract",
        f"{_TRIES} others did, one after the other",
        "Run again, and fewer at once",
    )


@dataclass(frozen=True, slots=True)
class _Edition:
    """All that a release is made of, and the key that signs it."""

    contract: Contract
    evidence: Evidence
    trained: Trained
    standing: Standing
    parameters: dict[str, Any]
    key: Signer | None
    beside: tuple[Reference, ...]

    @property
    def said(self) -> dict[str, Any]:
        """Return what its manifest says of how it was asked for and is signed."""
        return {"parameters": self.parameters, "signature": None if self.key is None else self.key.stated()}

    @property
    def text(self) -> str:
        """Return its contract's text: where the real data lies is nobody's business downstream."""
        return odcs.dump(replace(self.contract, source=None))

    @property
    def content(self) -> dict[str, Path]:
        """Return its rows, its model and what goes beside that, by their names there."""
        parts = parts_of(Path(self.standing.challenger.synthetic.uri))
        data = {f"data/part-{number:05}.parquet": part for number, part in enumerate(parts)}
        model = [*sorted(Path(self.trained.uri).iterdir()), *(Path(each.uri) for each in self.beside)]
        return data | {f"model/{path.name}": path for path in model}

    def released(self, folder: Path, *, champion: bool, comparison: Comparison | None) -> Release:
        """Return it as the release in a folder."""
        rows = self.standing.challenger.synthetic.rows
        return Release(self.contract.id, folder.name, there(folder), rows, champion, comparison)


def _published(place: Shelf, edition: _Edition) -> Release:
    """Write the release in the folder of its contract's releases, and let it be found."""
    contract, folder = edition.contract, place.folder
    require_next_version(contract, folder)
    standing = _current(edition.standing, contract, champion(folder))
    version, wins = place.claim(contract.version, edition.text), not (standing.comparison and standing.comparison.worse)
    manifest = {
        **_head(version, standing, wins=wins),
        **_facts(edition.evidence),
        **edition.said,
        "comparison": standing.said,
        "code": code(),
    }
    with atomic(folder / version) as staging:
        _copy(staging, edition)
        _describe(staging, edition, manifest)
    place.publish(version, Pointer(version, digest_file(folder / version / MANIFEST)) if wins else None)
    return edition.released(folder / version, champion=wins, comparison=standing.comparison)


def _standing_already(place: Shelf, edition: _Edition) -> Release | None:
    """Return the newest release, if it is this one: nothing changed since, or a run was killed that had published it.

    It may have been killed before the pointer moved, which is done now.
    """
    folder = place.folder
    version = (releases(folder) or [""])[-1]
    content = {name: digest_file(path) for name, path in edition.content.items()}
    try:
        manifest = read_manifest(folder / version)
        stated = (folder / version / CONTRACT).read_text(encoding="utf-8")
        files = {name: digest_file(folder / version / name) for name in content}
    except (ReleaseError, OSError):
        return None
    now = {"scores": _facts(edition.evidence)["scores"], **edition.said}
    if files != content or stated != edition.text or {name: manifest[name] for name in now} != now:
        return None
    logger.info("nothing has changed since %s: it stands", version)
    if manifest["champion"] and ((named := pointed(folder)) is None or named.release != version):
        place.point(Pointer(version, digest_file(folder / version / MANIFEST)))
    return edition.released(folder / version, champion=manifest["champion"], comparison=edition.standing.comparison)


def _facts(evidence: Evidence) -> dict[str, Any]:
    return dict(json.loads(Path(evidence.facts).read_text(encoding="utf-8")))


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


def _copy(staging: Path, edition: _Edition) -> None:
    for name, path in {**edition.content, "report.html": Path(edition.evidence.page)}.items():
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, staging / name)


def _describe(staging: Path, edition: _Edition, manifest: dict[str, Any]) -> None:
    """Write the contract, the documents, and the manifest last: it holds the digest of every other file."""
    from tasks.reports.card import card
    from tasks.reports.croissant import croissant

    contract = edition.contract
    write_text(staging / CONTRACT, edition.text)
    write_json(staging / "report.json", {"scores": manifest["scores"], "verdict": manifest["verdict"]})
    manifest = {**manifest, "files": digests(staging)}
    write_text(staging / "README.md", card(contract, manifest))
    write_json(staging / "croissant.json", croissant(contract, manifest))
    write_manifest(staging, {**manifest, "files": digests(staging)}, signer=edition.key)
