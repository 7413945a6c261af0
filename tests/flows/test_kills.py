"""A run that is killed, wherever it stands, goes on when it is started again, and ends in the same bytes."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_contracts import odcs
from tasks.releases.layout import releases
from tasks.verify import locate, verify

RUN = """
import os, signal, sys
from pathlib import Path
from flows import embedded
embedded.configure()
from flows.synthesize import synthesize

left, rename = int(sys.argv[2]), Path.replace

def die_or(done):
    def count(self, *args, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = done(self, *args, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return count

Path.replace = die_or(rename)  # before and after each file is there under its name, checkpoints among them
import tasks.train
tasks.train.CHECKPOINT_SECONDS = 0.0
synthesize(contract=sys.argv[1], model="gmm", rows=300, steps=6)
print("ended", left)
"""
PATIENCE = 600


def run(at: Path, *, kill: int) -> int:
    """Run the flow in a process of its own that kills itself at a rename; return its exit status."""
    from prefect.settings import PREFECT_API_URL

    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, str(at / "small.yaml"), str(kill)]
    ended = subprocess.run(  # noqa: S603 - this very interpreter
        command, cwd=at, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode


def content(release: Path) -> dict[str, str]:
    """Return the digests of what a release is made of: rows and model."""
    paths = sorted([*release.glob("data/*"), *release.glob("model/*")])
    return {str(path.relative_to(release)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def root(at: Path, contract: object) -> Path:
    at.mkdir()
    (at / "small.yaml").write_text(odcs.dump(contract))
    return at


@pytest.mark.timeout(900)  # ten runs, each a process
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_at_one_step_after_the_other_ends_in_the_same_bytes(contract, tmp_path, seed):
    calm, hit = root(tmp_path / "calm", contract), root(tmp_path / "hit", contract)
    assert run(calm, kill=0) == 0
    expected = locate(calm / "releases" / "adult")
    draw, kills = random.Random(seed), 0  # noqa: S311 - where to kill

    while run(hit, kill=draw.randint(1, 8 + 4 * kills)) != 0:  # later and later: publishing is done in one go
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
