"""Laws of the scores of images as a whole, on Fashion-MNIST's own, reduced to 8 x 8."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scoring_tasks import UNTOLD, scored
from small_images import small_contract, small_images

from data_contracts import Column, Contract, DataError
from flows.defaults import DEFAULTS, IMAGES, defaults
from flows.gate import judge
from tasks.open_run import open_run
from tasks.parquet import write_parquet
from tasks.pictures import pixels_of, struct_of
from tasks.references import Score
from tasks.reports.words import IMAGE_SCORES, meaning
from tasks.scoring import measure
from tasks.scoring.details import Measured
from tasks.scoring.frames import frames
from tasks.scoring.images.classes import CLASSES
from tasks.scoring.images.copying import COPIES
from tasks.scoring.images.fidelity import FIDELITY
from tasks.scoring.images.privacy import PRIVACY
from tasks.scoring.images.utility import UTILITY

TRAIN, HOLDOUT, MADE = 400, 100, 300
OWN = [*FIDELITY, *CLASSES, *UTILITY, *PRIVACY, *COPIES, "held_out_rows"]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return small_contract()


@pytest.fixture(scope="module")
def parts() -> dict[str, pa.Table]:
    rows = small_images(TRAIN + HOLDOUT + MADE)
    cuts = {"train": (0, TRAIN), "holdout": (TRAIN, HOLDOUT), "synthetic": (TRAIN + HOLDOUT, MADE)}
    return {name: rows.slice(*cut) for name, cut in cuts.items()}


@pytest.fixture(scope="module")
def measured(contract: Contract, parts: dict[str, pa.Table]) -> Measured:
    return measure(contract, **parts, seed=3)


def by_name(found: Measured) -> dict[str, Score]:
    return {one.name: one for one in found.scores}


def test_all_scores_are_there_in_order_with_their_record(measured: Measured) -> None:
    assert list(by_name(measured)) == ["column_shapes", "data_validity", "data_structure", *OWN]
    assert set(by_name(measured)) <= set(IMAGE_SCORES)
    for one in measured.scores:
        assert one.metric.count(".") >= 2
        assert one.version.split()[1][0].isdigit()
        assert one.seed == 3
        assert set(one.rows) <= {"train", "holdout", "synthetic"}
        assert meaning(one.name).says


def test_the_network_that_looked_is_told_by_its_digest(measured: Measured) -> None:
    digest = str(measured.details.images["network"])

    scores = by_name(measured)

    assert len(digest) == 64
    assert scores["frechet_distance"].version.endswith(digest[:12])
    for name in (*FIDELITY, "membership_auc", "dcr_share"):
        assert digest[:12] in scores[name].note


def test_neither_the_order_of_rows_nor_their_paths_have_a_say(
    measured: Measured, contract: Contract, parts: dict[str, pa.Table]
) -> None:
    rng = np.random.default_rng(0)
    dealt = {name: table.take(pa.array(rng.permutation(len(table)))) for name, table in parts.items()}
    dealt["train"] = dealt["train"].set_column(
        0, dealt["train"].schema.field(0), struct_of(pixels_of(dealt["train"]["image"]), ["a.png"] * TRAIN)
    )

    again = measure(contract, **dealt, seed=3)

    assert [one for one in again.scores if one.name in OWN] == [one for one in measured.scores if one.name in OWN]
    assert again.details.images == measured.details.images


def test_a_fresh_sample_is_as_near_as_the_holdout(measured: Measured) -> None:
    for name in ("frechet_distance", "precision", "recall", "density", "coverage"):
        one = by_name(measured)[name]
        assert one.value == pytest.approx(one.floor, abs=0.15)
    assert by_name(measured)["utility_gap"].value == pytest.approx(0, abs=0.15)


def test_details_say_nothing_of_fewer_than_ten_images(contract: Contract, parts: dict[str, pa.Table]) -> None:
    names = np.array(parts["train"]["label"].to_pylist())
    rare = np.flatnonzero(names == "Bag")[:9]
    rows = np.sort(np.concatenate([rare, np.flatnonzero(names != "Bag")]))

    found = measure(contract, **parts | {"train": parts["train"].take(pa.array(rows))}, seed=3)

    told = {each["label"]: each for each in found.details.images["classes"]}
    assert "Bag" not in told
    assert len(told) == 9
    for curve in found.details.images["curves"]:
        assert curve["shares"][0] * HOLDOUT >= 10
        assert list(curve["train"]) == sorted(curve["train"])
    assert json.dumps(found.details.json())


def test_without_classes_features_are_learned_from_which_way_is_up(
    contract: Contract, parts: dict[str, pa.Table]
) -> None:
    alone = replace(contract, columns=contract.columns[:1], target=None)

    scores = by_name(measure(alone, **{name: table.select(["image"]) for name, table in parts.items()}, seed=3))

    assert list(scores) == [name for name in OWN if name not in (*CLASSES, *UTILITY)]
    assert scores["coverage"].value == pytest.approx(scores["coverage"].floor, abs=0.15)
    assert {*scores, *(each.name for each in UNTOLD)} >= {threshold.score for threshold in defaults(alone)}


def test_columns_beside_the_images_are_scored_as_a_table(contract: Contract, parts: dict[str, pa.Table]) -> None:
    wide = replace(contract, columns=(*contract.columns, Column(name="weight", kind="number")))
    rng = np.random.default_rng(0)
    tables = {
        name: table.append_column("weight", pa.array(rng.normal(size=len(table)))) for name, table in parts.items()
    }

    found = measure(wide, **tables, seed=3)

    names = {*by_name(found), *(each.name for each in UNTOLD)}
    assert names >= {threshold.score for threshold in defaults(wide)}
    assert {"column_pair_trends", "two_sample_train", "inference_risk"} <= set(by_name(found))
    assert [(each.name, each.kind) for each in found.details.columns] == [
        ("label", "category"),
        ("weight", "number"),
    ] or [(each.name, each.kind) for each in found.details.columns] == [("weight", "number"), ("label", "category")]


def test_a_condition_that_leaves_one_class_can_be_judged(contract: Contract) -> None:
    """The network then learns the classes from all rows, and no class can be mistaken for another."""
    rows = small_images(4_000)
    names = np.array(rows["label"].to_pylist())
    mine = np.flatnonzero(names == "Coat")
    judged = {"train": mine[:200], "holdout": mine[200:260], "synthetic": mine[260:380]}

    found = measure(
        contract,
        **{name: rows.take(pa.array(place)) for name, place in judged.items()},
        learned=rows.slice(0, 2_000),
        seed=0,
    )

    assert by_name(found)["utility_gap"].value == 0
    assert by_name(found)["frechet_distance"].floor < 0.2  # in units of all classes: one alone varies less
    assert by_name(found)["copies"].rows == {"train": 2_000, "holdout": 60, "synthetic": 120}
    assert all(each.passed for each in judge(contract, (*found.scores, *UNTOLD)).judgements)


def test_too_few_images_are_no_figure_and_refuse(contract: Contract, parts: dict[str, pa.Table]) -> None:
    scores = measure(contract, **parts | {"holdout": parts["holdout"].slice(0, 8)}, seed=3).scores

    missing = {one.name for one in scores if math.isnan(one.value)}

    assert missing == {*FIDELITY, *(name for name in PRIVACY if not name.startswith("pixel"))}
    assert all(one.note for one in scores if one.name in missing)
    refused = {each.threshold.score for each in judge(contract, scores).judgements if not each.passed}
    assert {"held_out_rows", "frechet_distance", "membership_auc"} <= refused


@pytest.mark.parametrize("lacking", ["image", "label"])
@pytest.mark.parametrize("part", ["train", "holdout", "synthetic"])
def test_a_table_without_a_column_is_refused(
    contract: Contract, parts: dict[str, pa.Table], part: str, lacking: str
) -> None:
    with pytest.raises(DataError, match=lacking):
        measure(contract, **parts | {part: parts[part].drop_columns([lacking])}, seed=0)


def test_frames_leave_images_out(contract: Contract, parts: dict[str, pa.Table]) -> None:
    assert frames(contract, **parts).train.features.names == ("label",)


def test_thresholds_of_images_are_scores_that_there_are_each_with_a_reason_and_one_bound(contract: Contract) -> None:
    assert len({each.score for each in IMAGES}) == len(IMAGES)
    for each in IMAGES:
        assert each.score in IMAGE_SCORES
        assert len(each.because.split()) > 3
        assert (each.minimum is None) != (each.maximum is None)
    assert {each.score for each in defaults(contract)} < {each.score for each in IMAGES}
    assert defaults(replace(contract, columns=contract.columns[1:])) == DEFAULTS


def test_the_task_writes_what_was_seen_of_images_and_no_more_of_tables(
    measured: Measured, contract: Contract, parts: dict[str, pa.Table], tmp_path: Path
) -> None:
    rows = {
        name: write_parquet(tmp_path / name, table.to_batches(), schema=table.schema) for name, table in parts.items()
    }

    found = scored(contract, **rows, run=str(tmp_path), seed=3)

    assert found.scores == measured.scores
    details = json.loads((tmp_path / "details.json").read_text())
    assert details["images"] == json.loads(json.dumps(measured.details.json()["images"]))
    assert "images" not in replace(measured.details, images=None).json()


@pytest.mark.parametrize(("asked", "known"), [("frechet_distance", True), ("beta_recall", False)])
def test_a_gate_asks_for_scores_that_images_have(contract: Contract, tmp_path: Path, asked: str, known: bool) -> None:  # noqa: FBT001 - a parameter
    gate = (replace(IMAGES[0], score=asked),)

    def opened() -> str:
        return open_run.fn(replace(contract, gate=gate), runs=str(tmp_path), releases=str(tmp_path / "releases"))

    if known:
        assert Path(opened()).is_dir()
    else:
        with pytest.raises(Exception, match="asks for scores that there are"):
            opened()
