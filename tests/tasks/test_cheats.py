"""Planted cheats before the project's own gate: each is refused by the thresholds that are there for it."""

from pathlib import Path

import pytest

from benchmarks.cheats import CHEATS, Parts, deal, judged, refusals
from data_contracts.odcs import find, load
from tasks.parquet import read_table
from tasks.references import Score, Verdict

ROWS = 3_000  # 300 of them held out


@pytest.fixture(scope="module")
def parts() -> Parts:
    return deal(read_table(Path("datasets/adult.parquet")).slice(0, ROWS), seed=2)


@pytest.fixture(scope="module")
def verdicts(parts: Parts) -> dict[str, tuple[dict[str, Score], Verdict]]:
    contract = load(find("adult"))
    return {name: judged(cheat, parts, contract, seed=2) for name, cheat in CHEATS.items()}


@pytest.mark.parametrize("name", [name for name, cheat in CHEATS.items() if cheat.refused_by])
def test_each_cheat_is_refused_by_the_thresholds_that_are_there_for_it(
    verdicts: dict[str, tuple[dict[str, Score], Verdict]], name: str
) -> None:
    assert set(CHEATS[name].refused_by) <= set(refusals(verdicts[name][1]))


def test_a_fresh_real_sample_passes(verdicts: dict[str, tuple[dict[str, Score], Verdict]]) -> None:
    assert refusals(verdicts["a fresh real sample"][1]) == []


def test_who_looks_at_fidelity_alone_is_fooled(verdicts: dict[str, tuple[dict[str, Score], Verdict]]) -> None:
    for name in ("train itself", "tiny noise on train's numbers"):
        refused = refusals(verdicts[name][1])
        assert not {"column_shapes", "two_sample_train", "beta_recall", "data_validity"} & set(refused)


def test_who_looks_at_single_columns_alone_is_fooled(verdicts: dict[str, tuple[dict[str, Score], Verdict]]) -> None:
    scores, verdict = verdicts["columns shuffled"]

    assert scores["column_shapes"].value == pytest.approx(1)
    assert set(refusals(verdict)) <= {"two_sample_train", "beta_recall"}


def test_a_cheat_is_judged_the_same_twice(parts: Parts, verdicts: dict[str, tuple[dict[str, Score], Verdict]]) -> None:
    again = judged(CHEATS["one row repeated"], parts, load(find("adult")), seed=2)

    assert again == verdicts["one row repeated"]
