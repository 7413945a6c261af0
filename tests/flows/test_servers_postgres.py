"""Prefect on PostgreSQL, as `docs/operations.md` has it: server and worker are killed under a run."""

import time

import pytest
from deployed import Place, ended, kill, run_of
from services import Postgres, Prefect, initdb, until

from tasks.releases.layout import releases
from tasks.verify import verify

pytestmark = [
    pytest.mark.skipif(initdb() is None, reason="PostgreSQL's programs are not installed"),
    pytest.mark.timeout(600),  # servers and runs are processes, which take their time on a busy machine
]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    with Postgres.served() as database:
        url = database.database("prefect")
        started = Prefect(tmp_path_factory.mktemp("prefect"), {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url})
        try:
            started.serve()
            started.make("deploy")
            yield started
        finally:
            started.end()
        assert not started.processes()
    assert not (started.home / "prefect.db").exists()


@pytest.mark.parametrize("away", [3, pytest.param(60, marks=pytest.mark.slow)], ids="{} s away".format)
def test_a_run_goes_on_while_the_server_is_away_and_after_its_worker_is_killed(prefect, contract, tmp_path, away):
    place = Place(tmp_path, contract)
    worker = prefect.work()
    run = place.start(prefect)

    until(lambda: place.kept("ingest"))
    kill(prefect.started["server"].pid)
    time.sleep(away)
    prefect.serve()
    kill(worker.pid)
    last = ended(prefect, run)

    assert last["state"]["name"] == "Completed"
    assert last["run_count"] == 1
    assert releases(place.releases) == ["1.0.0-1"]
    verify(place.releases / "1.0.0-1")
    assert run_of(prefect, run)["estimated_run_time"] > away
