"""A release against the one that `latest.json` names: what changed, and whether it may take its place."""

import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts import Contract, LikenessError, ReleaseError, Threshold, odcs
from data_contracts.changes import changes, require_version
from tasks.references import Challenger, Comparison, Score
from tasks.releases.layout import CONTRACT, pointed
from tasks.releases.manifest import read_manifest
from tasks.reports.words import meaning
from tasks.storage import digest_file

__all__ = ["Champion", "champion", "compared", "require_next_version"]

logger = logging.getLogger(__name__)

_DATA = "data"


@dataclass(frozen=True, slots=True)
class Champion:
    """The release that `latest.json` names: where it lies, its manifest, and its contract."""

    folder: Path
    manifest: dict[str, Any]
    contract: Contract

    @property
    def release(self) -> str:
        """Return its version."""
        return self.folder.name


def champion(folder: Path) -> Champion | None:
    """Return what a contract's folder points to; None: nothing that can be read, and so nothing to compare with."""
    return _readable(folder, rows=True)


def _readable(folder: Path, *, rows: bool) -> Champion | None:
    """Return the champion; with `rows`, only if its data is what was published, for which all of it is read."""
    try:
        pointer = pointed(folder)
        if pointer is None:
            return None
        release = folder / pointer.release
        manifest = read_manifest(release)
        if rows:
            _require_whole(release, manifest)
        return Champion(release, manifest, odcs.load(release / CONTRACT))
    except LikenessError as error:  # a broken release does not keep a sound one from being published
        logger.warning("nothing to compare with under %s: %s", folder, error.fact)
        return None


def _require_whole(release: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse to compare with rows that are not those which were published.

    Raises:
        ReleaseError: a file of data is gone, or has changed.
    """
    for name, known in manifest["files"].items():
        if name.startswith(f"{_DATA}/"):
            path = release / name
            if not path.is_file() or digest_file(path) != known["sha256"]:
                rule, fact = "a release is as it was published", f"{name} of {release.name} is gone or has changed"
                raise ReleaseError(rule, fact, "Look at it with `likeness verify`")


def require_next_version(contract: Contract, folder: Path) -> None:
    """Refuse a contract whose version does not fit what changed since the champion.

    Raises:
        ContractError: see `data_contracts.changes.require_version`.
    """
    if (before := _readable(folder, rows=False)) is not None:
        require_version(before.contract, contract)


def compared(challenger: Challenger, contract: Contract, before: Champion) -> Comparison:
    """Compare a challenger with the champion.

    Scores are compared where the gate judges both, the same metric of the same version gave them, and the same sort of
    rows was asked for. Drift is the distance of the real rows of today from the champion's synthetic ones, which are
    public: so nothing of the source has to be published for it. The champion's own distance stands beside it.

    Args:
        challenger: what was scored, and its verdict.
        contract: of the challenger.
        before: the champion.
    """
    asked = before.manifest["selection"]
    comparable = all(asked[name] == challenger.selection[name] for name in ("where", "share"))
    scores = _scores(challenger, before.manifest) if comparable else []
    worse = tuple(score["name"] for score in scores if score["worse_by"] > score["allowed"])
    return Comparison(
        release=before.release,
        manifest=digest_file(before.folder / "manifest.json"),
        margin=challenger.margin,
        comparable=comparable,
        contract=tuple(map(str, changes(before.contract, contract))),
        scores=tuple(scores),
        drift=tuple(_drift(challenger, contract, before)) if comparable else (),
        worse=worse,
    )


def _drift(challenger: Challenger, contract: Contract, before: Champion) -> list[dict[str, Any]]:
    """Return each column's drift, the worst first."""
    from tasks.releases.drift import distances

    found = distances(contract, Path(challenger.train.uri), before.folder / _DATA)
    floors = before.manifest["columns"]
    drift = [{"column": name, "distance": far, "floor": floors.get(name)} for name, far in found.items()]
    return sorted(drift, key=lambda one: -(one["distance"] - (one["floor"] or 0.0)))


def _scores(challenger: Challenger, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores that can be compared, those first that are worse by most."""
    old = {score["name"]: score for score in manifest["scores"]}
    new = {score.name: score for score in challenger.scores}
    found = []
    for threshold in (judgement.threshold for judgement in challenger.verdict.judgements):
        one, before = new.get(threshold.score), old.get(threshold.score)
        if one is not None and before is not None and _same_kind(one, before):
            by = _badness(threshold, one.value) - _badness(threshold, before["value"])
            allowed = challenger.margin + _chance(one)
            found.append(
                {
                    "name": one.name,
                    "value": one.value,
                    "before": before["value"],
                    "worse_by": round(by, 6),
                    "allowed": round(allowed, 6),
                }
            )
    return sorted(found, key=lambda score: score["allowed"] - score["worse_by"])


def _same_kind(one: Score, before: Mapping[str, Any]) -> bool:
    known = not math.isnan(one.value) and before["value"] is not None
    return known and (one.metric, one.version) == (before["metric"], before["version"])


def _badness(threshold: Threshold, value: float) -> float:
    """Return how bad a value is: along the one bound, or away from the middle of two; none is better than the best."""
    low, high = threshold.minimum, threshold.maximum
    if low is not None and high is not None:
        return abs(value - (low + high) / 2)
    with suppress(ValueError):  # where the best is another score
        best = float(meaning(threshold.score).best)
        value = min(value, best) if low is not None else max(value, best)
    return -value if low is not None else value


def _chance(score: Score) -> float:
    """Return what chance may add: twice the standard error of the difference of two AUCs over so few rows, about."""
    fewest = min(score.rows.values(), default=0)
    return 1 / math.sqrt(fewest) if fewest else 0.0
