"""A run in a process of its own that kills itself somewhere, and what it is held against."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from data_contracts import odcs

RUN = """
import json, os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from flows import embedded
embedded.configure()
from flows.synthesize import synthesize

import tasks.places

left, rename, reached = int(sys.argv[2]), Path.replace, tasks.places._reached

def tick():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def replace(self, *args, **options):  # files get their names, checkpoints among them
    tick()
    result = rename(self, *args, **options)
    tick()
    return result

@contextmanager
def counted(location):  # whatever is asked of a storage that is not a disk
    tick()
    with reached(location):
        yield
    tick()

Path.replace, tasks.places._reached = replace, counted
import tasks.train
tasks.train.CHECKPOINT_SECONDS = 0.0
synthesize(contract=sys.argv[1], model="gmm", rows=300, steps=6, **json.loads(sys.argv[3]))
print(-left)
"""
PATIENCE = 600


def run(at: Path, *, kill: int, **places: str) -> int | None:
    """Run the flow in a process of its own that kills itself at a write; return how many there were, if it ended.

    Args:
        at: folder of the contract, and of runs and releases where no places are named.
        kill: how many to get to, each counted before and after; 0: none.
        places: `runs` and `to`, where they are not there.
    """
    from prefect.settings import PREFECT_API_URL

    environment = {**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, str(at / "small.yaml"), str(kill), json.dumps(places)]
    ended = subprocess.run(  # noqa: S603 - this very interpreter
        command, cwd=at, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return int(ended.stdout.split()[-1]) + kill if ended.returncode == 0 else None


def root(at: Path, contract: object) -> Path:
    at.mkdir()
    (at / "small.yaml").write_text(odcs.dump(contract))
    return at
