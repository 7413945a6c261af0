"""The gate by itself: bounds, luck, what is missing, and whose thresholds hold."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts import Column, Contract, ReleaseRefusedError, Threshold
from flows.cli import main
from flows.defaults import DEFAULTS, IMAGES
from flows.gate import judge, require
from tasks.references import Score
from tasks.reports.words import SCORES

BEST = {
    "held_out_rows": 1000.0,
    "copies_excess": 0.0,
    "membership_auc": 0.5,
    "membership_tpr": 0.01,
    "membership_outliers_auc": 0.5,
    "domias_auc": 0.5,
    "domias_tpr": 0.01,
    "domias_outliers_auc": 0.5,
    "model_membership_auc": 0.5,
    "model_membership_tpr": 0.01,
    "singling_out_risk": 0.0,
    "linkability_risk": 0.0,
    "inference_risk": 0.0,
}
"""What real rows would score; 1 for all others."""


def contract_of(*gate: Threshold) -> Contract:
    return Contract(id="t", version="1.0.0", name="t", columns=(Column(name="x", kind="number"),), gate=gate)


def scores_of(**changed: Score | float | None) -> list[Score]:
    """Return a score for each of the project's thresholds that is met, but for those named; None: it is not there."""
    values: dict[str, Score | float | None] = {each.score: BEST.get(each.score, 1.0) for each in DEFAULTS}
    return [
        value if isinstance(value, Score) else Score(name, value, "tasks.scoring.made", "likeness 0", 0)
        for name, value in {**values, **changed}.items()
        if value is not None
    ]


def score_of(name: str, value: float, low: float, high: float) -> Score:
    return Score(name, value, "tasks.scoring.made", "likeness 0", 0, interval=(low, high))


def refused(contract: Contract, scores: list[Score]) -> list[str]:
    return [each.threshold.score for each in judge(contract, scores).judgements if not each.passed]


def test_the_defaults_are_scores_that_there_are_each_with_a_reason_and_one_bound() -> None:
    assert len({each.score for each in DEFAULTS}) == len(DEFAULTS)
    for each in DEFAULTS:
        assert each.score in SCORES
        assert len(each.because.split()) > 3
        assert (each.minimum is None) != (each.maximum is None)


def test_what_real_rows_would_score_passes() -> None:
    verdict = judge(contract_of(), scores_of())

    assert verdict.passed
    require(verdict, "report.html")


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda each: each.score)
@pytest.mark.parametrize("fault", ["missing", "nan", "inf", "beyond"])
def test_each_default_refuses_alone(default: Threshold, fault: str) -> None:
    step = -1e-6 if default.minimum is not None else 1e-6
    bound = default.minimum if default.minimum is not None else default.maximum
    assert bound is not None
    value = {"missing": None, "nan": math.nan, "inf": math.inf, "beyond": bound + step}[fault]

    assert refused(contract_of(), scores_of(**{default.score: value})) == [default.score]
    assert refused(contract_of(), scores_of(**{default.score: bound})) == []


def test_a_contract_tightens_or_loosens_by_name_and_forgets_nothing() -> None:
    strict = Threshold("membership_auc", "these are patients", maximum=0.505)
    loose = Threshold("two_sample_train", "a sketch of the table is enough", minimum=0.0)
    scores = scores_of(membership_auc=0.51, two_sample_train=0.01, domias_auc=0.6)

    assert refused(contract_of(), scores) == ["two_sample_train", "domias_auc"]
    assert refused(contract_of(strict, loose), scores) == ["membership_auc", "domias_auc"]
    assert {each.threshold.score for each in judge(contract_of(strict), scores).judgements} == {
        each.score for each in DEFAULTS
    }


@pytest.mark.parametrize(
    ("low", "high", "passes"),
    [(0.514, 0.56, True), (0.516, 0.56, False), (0.4, 0.9, True), (math.nan, 0.6, False)],
)
def test_luck_alone_does_not_refuse_and_what_is_beyond_luck_does(low: float, high: float, *, passes: bool) -> None:
    doubtful = score_of("membership_auc", 0.535, low, high)

    assert (refused(contract_of(), scores_of(membership_auc=doubtful)) == []) is passes


def test_of_a_minimum_the_far_end_is_judged() -> None:
    wanted = Threshold("dcr_share_5", "rows may lie near", minimum=0.05)

    for high, expected in ((0.051, []), (0.049, ["dcr_share_5"])):
        scores = scores_of(dcr_share_5=score_of("dcr_share_5", 0.04, 0.03, high))
        assert refused(contract_of(wanted), scores) == expected


def test_few_real_rows_do_not_pass_for_being_few() -> None:
    """Where so few rows are held out that any leak could be luck, that is what refuses."""
    few = {name: score_of(name, 0.7, 0.1, 1.0) for name in ("membership_auc", "domias_auc", "membership_outliers_auc")}

    assert refused(contract_of(), scores_of(**few, held_out_rows=29.0)) == ["held_out_rows"]


def test_a_contract_can_ask_for_differential_privacy() -> None:
    wanted = Threshold("epsilon", "each patient is promised this much", maximum=3.0)

    assert refused(contract_of(wanted), scores_of()) == ["epsilon"]  # a run that spent none promises nothing
    assert refused(contract_of(wanted), scores_of(epsilon=4.0)) == ["epsilon"]
    assert refused(contract_of(wanted), scores_of(epsilon=2.9)) == []


def test_the_refusal_lists_each_threshold_with_value_and_reason() -> None:
    leak = score_of("domias_auc", 0.61, 0.6, 0.62)
    verdict = judge(contract_of(), scores_of(domias_auc=leak, data_validity=None))

    with pytest.raises(ReleaseRefusedError) as raised:
        require(verdict, "runs/t/1/report.html")

    told = str(raised.value)
    assert f"2 of {len(DEFAULTS)} are not met" in told
    assert "domias_auc is 0.6100 (0.6000 to 0.6200), must be at most 0.515: who was in train" in told
    assert "data_validity is missing, must be at least 0.99: rows outside" in told
    assert "runs/t/1/report.html" in told


def test_no_word_on_the_command_line_opens_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["run", "adult", "--force"])

    assert stopped.value.code == 2
    assert "--force" in capsys.readouterr().err


def test_judging_twice_gives_the_same_verdict() -> None:
    scores = scores_of(domias_auc=0.53)

    assert judge(contract_of(), scores) == judge(replace(contract_of()), list(reversed(scores)))


def test_the_documentation_has_each_default_as_it_is() -> None:
    told = (Path(__file__).parents[1] / "docs" / "scores.md").read_text()

    for each in (*DEFAULTS, *IMAGES):
        assert f"| `{each.score}` | {each.bounds} | {each.because} |" in told
