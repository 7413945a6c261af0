"""What tasks hand to one another: references to artefacts and small records, never frames or models."""

from dataclasses import asdict, dataclass, field
from typing import Any

from data_contracts import Threshold

__all__ = [
    "Challenger",
    "Comparison",
    "Findings",
    "Judgement",
    "Reference",
    "Score",
    "Scores",
    "Selected",
    "Split",
    "Standing",
    "Trained",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Reference:
    """An artefact on disk.

    Args:
        uri: where it lies; a file, or a folder (of a model).
        digest: SHA-256 of the file's bytes, or of the sorted digests of a folder's files; hexadecimal.
        rows: how many rows it holds, or was learned from.
    """

    uri: str
    digest: str
    rows: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found when a part of some data was held to its contract by itself.

    Args:
        counts: a JSON file: how many rows there are, how many break each rule, what is wrong with their form.
        prints: a Parquet file: the fingerprints of what must not repeat, to be counted over all parts.
    """

    counts: Reference
    prints: Reference


@dataclass(frozen=True, slots=True)
class Score:
    """One figure about a synthetic dataset, with all that is needed to get it again.

    Args:
        name: by which the gate and the reports know it: `column_shapes`, `membership_auc`, ...
        value: the figure; NaN where it could not be had, and the gate then refuses.
        metric: what computed it, as a dotted name.
        version: of the library that computed it.
        seed: of its subsampling and its models.
        rows: how many rows of each table went in: `{"train": 29305, "synthetic": 29305}`.
        floor: the same figure for the holdout in the place of the synthetic rows, where it makes sense.
        note: for people: why the value is NaN, or what was left out to have it in time; names and counts only.
        interval: the ends between which the true figure lies in 999 of 1,000 draws of the real rows; None: not known.
    """

    name: str
    value: float
    metric: str
    version: str
    seed: int
    rows: dict[str, int] = field(default_factory=dict)
    floor: float | None = None
    note: str = ""
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of a run.

    Args:
        uri: of the JSON file that holds them.
        digest: of that file.
        scores: all of them.
        details: of columns and pairs, another JSON file; empty: there is none.
    """

    uri: str
    digest: str
    scores: tuple[Score, ...]
    details: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """What a model may learn from, and what it never sees."""

    train: Reference
    holdout: Reference


@dataclass(frozen=True, slots=True)
class Selected:
    """The real rows that the synthetic ones are judged by.

    Args:
        whole: what is learned from and what is held out.
        judged: of these, the rows that are asked for; the same where all are.
        words: the conditions and shares that say which, as people write them.
    """

    whole: Split
    judged: Split
    words: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model on disk.

    Args:
        uri: of the folder with its weights and configuration.
        digest: of the folder.
        rows: how many rows it learned from.
        model: its name.
        seed: of its randomness.
        steps: after how many steps training ended; asking for as many gives the same bytes again.
        seconds: how long training took.
        cut: the budget ended training before its plan did.
        epsilon: of differential privacy, as much as was spent; None: none was asked for.
        delta: that goes with it.
        contest: a line for each candidate, where several were trained and one was kept.
        curve: the JSON file with the loss of each step; empty: there is none.
    """

    uri: str
    digest: str
    rows: int
    model: str
    seed: int
    steps: int
    seconds: float
    cut: bool
    epsilon: float | None = None
    delta: float | None = None
    contest: tuple[str, ...] = ()
    curve: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One threshold and what became of it.

    Args:
        threshold: of the contract or of the project.
        value: of the score; None where it is missing or not a number.
        passed: whether it is met.
        interval: of the score, where its luck is known: the end nearest to the bound was judged.
    """

    threshold: Threshold
    value: float | None
    passed: bool
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        """Return one line: score, value, bounds and reason."""
        value = "missing" if self.value is None else f"{self.value:.4f}"
        value += f" ({self.interval[0]:.4f} to {self.interval[1]:.4f})" if self.interval else ""
        return f"{self.threshold.score} is {value}, must be {self.threshold.bounds}: {self.threshold.because}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All thresholds with their outcome."""

    judgements: tuple[Judgement, ...]

    @property
    def passed(self) -> bool:
        """Return whether every threshold is met."""
        return all(judgement.passed for judgement in self.judgements)


@dataclass(frozen=True, slots=True)
class Challenger:
    """What is compared with the release that `latest.json` names.

    Args:
        train: the real rows that were learned from, of the sort that was asked for.
        synthetic: the synthetic rows.
        selection: the conditions and shares that say which rows were asked for.
        scores: of the synthetic rows.
        verdict: of the gate.
        margin: how much worse each score of the gate may be, beside chance.
    """

    train: Reference
    synthetic: Reference
    selection: dict[str, list[str]]
    scores: tuple[Score, ...]
    verdict: Verdict
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A challenger beside the champion.

    Args:
        release: the champion's version.
        manifest: SHA-256 of its manifest.
        margin: how much worse each score of the gate may be, beside chance.
        comparable: the same sort of rows was asked for; else neither scores nor drift are compared.
        contract: what changed in the contract, a line each.
        scores: by score of the gate its value, the champion's, by how much it is worse, and how much is allowed.
        drift: by column the distance of the real rows from the champion's, and the champion's own; the worst first.
        worse: the scores that are worse by more than is allowed.
    """

    release: str
    manifest: str
    margin: float
    comparable: bool
    contract: tuple[str, ...]
    scores: tuple[dict[str, Any], ...]
    drift: tuple[dict[str, Any], ...]
    worse: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line: what is worse, or that nothing is, and the column that drifted most."""
        if not self.comparable:
            return f"beside {self.release}: other rows were asked for, so scores are not compared"
        lines = [f"{one['name']} {one['value']:.4f} after {one['before']:.4f}" for one in self.scores]
        gone = [line for line, one in zip(lines, self.scores, strict=True) if one["name"] in self.worse]
        told = (
            f"worse beyond the margin: {'; '.join(gone)}" if gone else "no score of the gate is worse beyond the margin"
        )
        drift = [f"; the source drifted most in {one['column']}, by {one['distance']:.3f}" for one in self.drift[:1]]
        return f"beside {self.release}: {told}{''.join(drift)}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a release stands.

    Args:
        challenger: the release.
        columns: by column, the distance of its synthetic values from the real ones.
        comparison: with the champion; None: there is none that can be read.
    """

    challenger: Challenger
    columns: dict[str, float]
    comparison: Comparison | None

    @property
    def said(self) -> dict[str, Any] | None:
        """Return the comparison as a manifest holds it."""
        if self.comparison is None:
            return None
        said = asdict(self.comparison)
        return {name: value for name, value in said.items() if name != "manifest"}
