"""What a model's own score gives away about the rows that it learned from: measured of the model that is published."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flats import CONTRACT, flats
from scoring_tasks import scored
from sklearn.metrics import roc_auc_score
from small_images import small_contract, small_images

from data_contracts import Contract, ModelError
from flows.gate import judge
from models.auto import Auto, Entry
from models.encoding import Encoder
from models.gmm import GaussianMixture
from models.mixture import fitting
from models.surprise import Surprise
from tasks.learning.modelfiles import load_model, save_model
from tasks.measure_model import measure_model
from tasks.parquet import read_table, write_parquet
from tasks.references import Score, Split, Trained
from tasks.train import train

NAMES = ["model_membership_auc", "model_membership_tpr", "model_membership_tpr_10"]
WHOLE = replace(CONTRACT, gate=())


def parts_of(folder: Path, contract: Contract = WHOLE, rows: int = 1_500, held: int = 1_000) -> Split:
    table = flats(rows + held, seed=0) if contract is WHOLE else small_images(rows + held)
    return Split(
        *(
            write_parquet(folder / f"{name}.parquet", part.to_batches(), schema=part.schema)
            for name, part in (("train", table.slice(0, rows)), ("holdout", table.slice(rows)))
        )
    )


def learned(folder: Path, parts: Split, model: str, contract: Contract = WHOLE, **terms: object) -> Trained:
    return train.fn(contract, parts.train, run=str(folder), model=model, seed=0, **terms)


def told(folder: Path, parts: Split, trained: Trained, contract: Contract = WHOLE) -> dict[str, Score]:
    measured = measure_model.fn(contract, trained, parts, run=str(folder), seed=3)
    assert [one.name for one in measured.scores] == NAMES
    return {one.name: one for one in measured.scores}


def by_heart(folder: Path, parts: Split, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Return a mixture of six rows a component, whom nothing holds back."""
    plan = replace(fitting.PLAN, sizes=(fitting.Size(16, 256),), slack=99.0, shrinkage=fitting.Shrinkage(0.1, 0.1, 0.1))
    with monkeypatch.context() as patch:
        patch.setattr(GaussianMixture.__init__, "__defaults__", (plan,))
        patch.setattr(fitting, "BOUND", 1.0)
        return learned(folder, parts, "gmm")


def test_the_figures_are_those_of_the_models_own_density(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    trained = learned(tmp_path, parts, "gmm")

    scores = told(tmp_path, parts, trained)

    model, described = load_model(Path(trained.uri))
    surprise = Surprise(model, Encoder.from_state(WHOLE.columns, described["columns"]), rows=1_500)
    usual = [
        -surprise.of(read_table(Path(part.uri)).combine_chunks().to_batches()[0]).scores
        for part in (parts.train, parts.holdout)
    ]
    truth = np.repeat([1, 0], [1_500, 1_000])
    auc = scores["model_membership_auc"]
    assert auc.value == pytest.approx(roc_auc_score(truth, np.concatenate(usual)))
    assert auc.interval[0] < auc.value < auc.interval[1]
    assert auc.rows == {"train": 1_500, "holdout": 1_000}
    assert (auc.floor, auc.note) == (0.5, "")


def test_a_model_that_learns_by_heart_is_refused_for_it_and_one_that_does_not_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(tmp_path)
    honest = told(tmp_path / "honest", parts, learned(tmp_path / "honest", parts, "gmm"))

    knowing = told(tmp_path / "knowing", parts, by_heart(tmp_path / "knowing", parts, monkeypatch))

    def refused(scores: dict[str, Score]) -> set[str]:
        verdict = judge(WHOLE, scores.values())
        return {
            each.threshold.score for each in verdict.judgements if not each.passed and each.threshold.score in NAMES
        }

    assert refused(honest) == set()
    assert "model_membership_auc" in refused(knowing)
    assert knowing["model_membership_auc"].value > 0.7


def test_of_two_models_in_a_release_the_one_that_tells_most_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of(tmp_path)
    runs = {
        "trees": learned(tmp_path / "trees", parts, "trees"),
        "gmm": by_heart(tmp_path / "gmm", parts, monkeypatch),
    }
    both, described = Auto(tuple(runs)), load_model(Path(runs["trees"].uri))[1]
    both.winner, both.detector = (load_model(Path(one.uri))[0] for one in runs.values())
    both.contest = (Entry("trees", 0.0, 1, kept=True), Entry("gmm", 0.0, 1, judges=True))
    save_model(tmp_path / "both" / "model", both, {**described, "model": "auto"})
    trained = replace(runs["trees"], uri=str(tmp_path / "both" / "model"), model="auto")

    worst = told(tmp_path / "both", parts, trained)["model_membership_auc"]

    alone = {name: told(tmp_path / name, parts, one)["model_membership_auc"].value for name, one in runs.items()}
    assert worst.note == "by the score of gmm"
    assert worst.value == alone["gmm"] > alone["trees"]


def test_images_are_asked_about_less_their_complexity(tmp_path: Path) -> None:
    contract = small_contract()
    parts = parts_of(tmp_path, contract, rows=600, held=300)

    scores = told(tmp_path, parts, learned(tmp_path, parts, "gmm", contract), contract)

    assert scores["model_membership_auc"].rows == {"train": 600, "holdout": 240}  # a fifth says what complexity weighs
    assert scores["model_membership_auc"].interval[0] > 0.6  # of so few images much is learned by heart


def test_they_stand_in_scores_json_behind_those_of_the_rows(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, rows=400, held=200)
    trained = learned(tmp_path, parts, "gmm")

    measured = measure_model.fn(WHOLE, trained, parts, run=str(tmp_path), seed=0)
    tables = {"train": parts.train, "holdout": parts.holdout, "synthetic": parts.holdout}
    scores = scored(WHOLE, run=str(tmp_path), seed=0, more=[measured], **tables)

    assert [one.name for one in scores.scores][-3:] == NAMES
    written = {each["name"]: each["value"] for each in json.loads((tmp_path / "scores.json").read_text())}
    assert math.isfinite(written["model_membership_auc"])


def test_a_model_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, rows=100, held=50)
    gone = Trained(str(tmp_path / "nowhere"), "", 100, "gmm", 0, 1, 0.0, cut=False)

    with pytest.raises(ModelError, match="none that can be read"):
        measure_model.fn(WHOLE, gone, parts, run=str(tmp_path), seed=0)
