"""Process, worker and server killed, one after the other, at every step of a run: it ends as if nothing had been."""

import random

import pytest
from deployed import Place, deployed, ended, kill
from services import Prefect, until

from tasks.releases.layout import releases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = ("ingest", "validate", "split", "select", "train", "calibrate", "generate", "gather", "score")


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    with deployed(Prefect(tmp_path_factory.mktemp("prefect"))) as started:
        yield started


@pytest.fixture(scope="module")
def calm(prefect, contract, tmp_path_factory):
    """A run that nothing disturbs."""
    place = Place(tmp_path_factory.mktemp("calm"), contract)
    assert ended(prefect, place.start(prefect))["state"]["name"] == "Completed"
    return place


@pytest.mark.parametrize("seed", range(4))
def test_a_run_goes_on_whoever_is_killed_at_whichever_step(prefect, calm, contract, tmp_path, seed):
    draw = random.Random(seed)  # noqa: S311 - whom to kill
    fatal = dict(zip(draw.sample(STEPS, 2), draw.sample(("process", "machine"), 2), strict=True))  # it is tried thrice
    place = Place(tmp_path, contract)
    run = place.start(prefect)

    for step in STEPS:
        until(lambda step=step: place.kept(step))
        whom = fatal.get(step, "server")
        if whom == "server":
            kill(prefect.started["server"].pid)
            prefect.serve()
            continue
        until(lambda: prefect.processes(run=run))
        kill(*prefect.processes(run=run), *([prefect.started["worker"].pid] if whom == "machine" else []))
        if whom == "machine":
            prefect.work()

    assert ended(prefect, run)["state"]["name"] == "Completed"
    assert releases(place.releases) == ["1.0.0-1"]
    assert place.content() == calm.content()
