"""A release as what judges new rows, verified, its model and its calibration at hand; or a run, by its own rows."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from data_contracts import Contract, ModelError, ReleaseError, odcs
from tasks.detecting.calibration import FILE, Calibration
from tasks.detecting.distance import by_rows, is_run
from tasks.detecting.judging import Judgements
from tasks.detecting.scoring import Scorer
from tasks.places import here, is_remote
from tasks.releases.fitting import fitting
from tasks.releases.layout import CONTRACT
from tasks.verify import locate, verify

__all__ = ["Asked", "Opened", "open_judge"]

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
    """What judges rows by a release or a run.

    Args:
        version: of the release; the name of the run.
        judging: by the release's model, or the run's rows.
        written: the contract that says how new rows are written.
        fdr: which share of the anomalies may be false alarms; None: the level of the judging counts.
    """

    version: str
    judging: Judgements
    written: Contract
    fdr: float | None


def open_judge(location: str, asked: Asked) -> Opened:
    """Return what judges rows by a release, which is verified, or by the folder of a run on this machine.

    Raises:
        ReleaseError: it is not as its manifest says, is not signed by the key, or has no calibration.
        ModelError: the release's model cannot be read, or the run is of images or has no model.
        ContractError: the contract that is named is not one of the same columns.
        DataError: the run's rows cannot be read.
    """
    run = None if is_remote(location) else here(location)
    version, judging = _of_run(run, asked) if run and is_run(run) else _of_release(location, asked)
    if judging.calibration.least > asked.level:
        logger.warning(
            "beside %s rows no p-value is below %.2g: at %.2g, only rows that break the contract are anomalies",
            f"{judging.calibration.rows:,}",
            judging.calibration.least,
            asked.level,
        )
    return Opened(version, judging, fitting(judging.contract, asked.contract), asked.fdr)


def _of_run(run: Path, asked: Asked) -> tuple[str, Judgements]:
    """Return a run's name, and what judges rows by its own.

    Raises:
        ModelError: it is of images, or has no model.
        DataError: its rows cannot be read.
        ReleaseError: it is to be signed, or its folder cannot be written.
    """
    contract = odcs.load(run / CONTRACT)
    if contract.image is not None:
        rule, remedy = "rows are held against those of a run where they are a table", "Name the run's release"
        raise ModelError(rule, "the run is of images", remedy)
    if asked.key is not None:
        raise ReleaseError("a key is that of a release", "a run is not signed", "Leave it out, or name the release")
    distance, calibration = by_rows(contract, run)
    return run.name, Judgements(contract, Scorer(contract, distance, "rows"), calibration, asked.level)


def _of_release(location: str, asked: Asked) -> tuple[str, Judgements]:
    """Return a release's version, and what judges rows by its model.

    Raises:
        ReleaseError: it is not as its manifest says, is not signed by the key, or has no calibration.
        ModelError: its model cannot be read.
    """
    folder = locate(location)
    version = verify(folder, key=None if asked.key is None else Path(asked.key)).manifest["release"]
    contract = odcs.load(folder / CONTRACT)
    scorer, calibration = Scorer.load(contract, folder / "model"), Calibration.read(folder / "model" / FILE)
    return version, Judgements(contract, replace(scorer, weight=calibration.weight), calibration, asked.level)
