"""A release as what judges new rows: verified, its model and its calibration at hand."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from data_contracts import Contract, ContractError, ModelError, odcs
from data_contracts.changes import changes
from tasks.detecting.calibration import FILE, Calibration
from tasks.detecting.judging import Judgements
from tasks.detecting.scoring import Scorer
from tasks.releases.layout import CONTRACT
from tasks.verify import locate, verify

__all__ = ["Asked", "Opened", "open_release"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """How rows are to be judged.

    Args:
        contamination: the p-value up to which a row is an anomaly: so many of the usual rows are called one.
        fdr: instead, which share of the anomalies may be false alarms (Benjamini-Hochberg).
        contract: says how the data is written, by name or path; None: as a source is without a further word.
        key: path of the public key that must have signed the release; None: it need not be signed.
    """

    contamination: float = 0.01
    fdr: float | None = None
    contract: str | None = None
    key: str | None = None

    @property
    def level(self) -> float:
        """Return the p-value up to which rows are explained."""
        return self.contamination if self.fdr is None else self.fdr


@dataclass(frozen=True, slots=True)
class Opened:
    """What judges rows by a release.

    Args:
        version: of the release.
        judging: by its model.
        written: the contract that says how new rows are written.
        fdr: which share of the anomalies may be false alarms; None: the level of the judging counts.
    """

    version: str
    judging: Judgements
    written: Contract
    fdr: float | None


def open_release(location: str, asked: Asked) -> Opened:
    """Return what judges rows by a release, which is verified.

    Raises:
        ReleaseError: it is not as its manifest says, is not signed by the key, or has no calibration.
        ModelError: its model has no density.
        ContractError: the contract that is named is not one of the release's columns.
    """
    folder = locate(location)
    manifest = verify(folder, key=None if asked.key is None else Path(asked.key)).manifest
    judging = _judging(folder, asked.level)
    return Opened(manifest["release"], judging, _fitting(judging.contract, asked.contract), asked.fdr)


def _judging(folder: Path, level: float) -> Judgements:
    """Return what judges rows by a release.

    Raises:
        ModelError: its model cannot say how odd a row is.
        ReleaseError: it has no calibration.
    """
    contract = odcs.load(folder / CONTRACT)
    scorer = Scorer.load(contract, folder / "model")
    if isinstance(scorer, str):
        fact, remedy = f"{scorer!r} has neither", "Release with another model"
        raise ModelError("anomalies are told by a density or a critic", fact, remedy)
    calibration = Calibration.read(folder / "model" / FILE)
    if calibration.least > level:
        logger.warning(
            "beside %s rows no p-value is below %.2g: at %.2g, only rows that break the contract are anomalies",
            f"{calibration.rows:,}",
            calibration.least,
            level,
        )
    return Judgements(contract, replace(scorer, weight=calibration.weight), calibration, level)


def _fitting(released: Contract, named: str | None) -> Contract:
    """Return the contract that says how the data is written.

    Raises:
        ContractError: it is another's, or differs in more than words.
    """
    if named is None:
        return released
    given = odcs.load(odcs.find(named))
    other = [each for each in changes(released, given) if each.level != "patch"]
    if given.id == released.id and not other:
        return given
    what = f"{other[0]}" if given.id == released.id else f"it is of {given.id}, not of {released.id}"
    raise ContractError(
        "the contract of new rows is that of the release",
        f"between {released.version} and {given.version} it is not: {what}",
        "Name a release under this version, or release under it first",
    )
