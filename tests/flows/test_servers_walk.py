"""A run's process, its worker and the server, killed at every step: the run ends as if nothing had been."""

import random

import pytest
from deployed import Place, deployed, ended, kill
from services import Prefect, until

from tasks.releases.layout import releases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = ("ingest", "validate", "split", "select", "train", "calibrate", "generate", "examine", "gather")
STEPS += ("measure_model", "measure", "score")


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


@pytest.mark.parametrize("steps", [STEPS[place : place + 2] for place in range(0, len(STEPS), 2)], ids="-".join)
def test_a_run_goes_on_whatever_is_killed_at_whichever_step(prefect, calm, contract, tmp_path, steps):
    draw = random.Random(steps[0])  # noqa: S311 - what to kill; it is tried thrice, and so killed twice
    place = Place(tmp_path, contract)
    run = place.start(prefect)

    for step in steps:
        until(lambda step=step: place.kept(step) and prefect.processes(run=run), seconds=600)
        gone = draw.choice([(), ("worker",), ("worker", "server")])  # the process alone, its worker too, all
        kill(*prefect.processes(run=run), *(prefect.started[name].pid for name in gone))
        until(lambda: not prefect.processes(run=run))
        for name in reversed(gone):
            prefect.serve() if name == "server" else prefect.work()

    assert ended(prefect, run)["state"]["name"] == "Completed"
    assert releases(place.releases) == ["1.0.0-1"]
    assert place.content() == calm.content()
