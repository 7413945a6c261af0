"""A run that is killed, wherever it stands, goes on when it is started again, and ends in the same bytes."""

import json
import random

import pytest
from deployed import content
from killing import root, run

from tasks.releases.layout import releases
from tasks.verify import locate, verify


@pytest.mark.timeout(900)  # half a dozen runs, each a process
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_at_one_step_after_the_other_ends_in_the_same_bytes(contract, tmp_path, seed):
    calm, hit = root(tmp_path / "calm", contract), root(tmp_path / "hit", contract)
    writes = run(calm, kill=0)
    expected = locate(calm / "releases" / "adult")
    draw, kills = random.Random(seed), 0  # noqa: S311 - where to kill

    while run(hit, kill=draw.randint(1, writes * (1 + kills) // 4)) is None:  # later and later
        kills += 1
        pointer = hit / "releases" / "adult" / "latest.json"
        if pointer.exists():  # what readers see is whole at any time
            verify(locate(pointer.parent))
        assert kills < 40

    assert kills >= 3
    folder = hit / "releases" / "adult"
    assert content(locate(folder)) == content(expected)
    assert releases(folder) == ["1.0.0-1"]
    assert json.loads((folder / "latest.json").read_text())["release"] == "1.0.0-1"
    verify(locate(folder))
