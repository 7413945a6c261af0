"""Planted cheats among images before the project's own gate: each is refused by the thresholds there for it."""

import numpy as np
import pytest
from small_images import small_contract, small_images

from benchmarks.cheats import Parts, judged, refusals
from benchmarks.image_cheats import CHEATS
from data_contracts import Contract
from tasks.references import Score, Verdict

SIZES = {"train": 700, "fresh": 700, "holdout": 300}  # of 8 x 8 pixels
TRIED = {name: cheat for name, cheat in CHEATS.items() if name != "train, moved by a pixel"}  # of 8, that is far

Judged = tuple[dict[str, Score], Verdict]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return small_contract()


@pytest.fixture(scope="module")
def parts() -> Parts:
    rows = small_images(sum(SIZES.values()))
    starts = dict(zip(SIZES, np.cumsum([0, *SIZES.values()]), strict=False))
    return Parts(**{name: rows.slice(starts[name], size) for name, size in SIZES.items()})


@pytest.fixture(scope="module")
def verdicts(parts: Parts, contract: Contract) -> dict[str, Judged]:
    return {name: judged(cheat, parts, contract, seed=2) for name, cheat in TRIED.items()}


@pytest.mark.parametrize("name", [name for name, cheat in TRIED.items() if cheat.refused_by])
def test_each_cheat_is_refused_by_the_thresholds_that_are_there_for_it(verdicts: dict[str, Judged], name: str) -> None:
    assert set(CHEATS[name].refused_by) <= set(refusals(verdicts[name][1]))


def test_a_fresh_real_sample_passes(verdicts: dict[str, Judged]) -> None:
    assert refusals(verdicts["a fresh real sample"][1]) == []


@pytest.mark.parametrize("name", ["train itself", "train with a little noise"])
def test_who_looks_at_fidelity_alone_is_fooled(verdicts: dict[str, Judged], name: str) -> None:
    refused = refusals(verdicts[name][1])

    assert not {"frechet_distance", "recall", "coverage", "utility_gap", "missing_classes"} & set(refused)


def test_who_looks_at_privacy_alone_is_fooled(verdicts: dict[str, Judged]) -> None:
    refused = refusals(verdicts["noise"][1])

    assert not [name for name in refused if "membership" in name or "copies" in name or "domias" in name]
