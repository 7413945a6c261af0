"""A server, a worker and runs as people keep them for months: what is deployed runs, and goes on after a kill."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from deployed import Place, deployed, ended, kill, run_of
from services import Prefect, until

from data_contracts import Threshold
from tasks.releases.layout import releases
from tasks.verify import locate, verify

pytestmark = pytest.mark.timeout(600)  # servers and runs are processes, which take their time on a busy machine

SPY = """
import os, sys

def note(event, args):
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost", "::1", "::", "0.0.0.0") and not host.startswith("127."):
        with open(os.environ["SPY_NOTES"], "a") as notes:
            notes.write(f"{host} {sys.argv}\\n")

sys.addaudithook(note)
"""
"""Takes note of every address outside this machine that a Python process asks for."""


class Receiver(ThreadingHTTPServer):
    """A webhook's other end: what it was told."""

    def __init__(self):
        self.told = []
        super().__init__(("127.0.0.1", 0), _Hearing)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Hearing(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as listening:
        yield listening
        listening.shutdown()


@pytest.fixture(scope="module")
def prefect(tmp_path_factory, receiver):
    """A fresh server with all that `make deploy` puts on it, and a spy in every process."""
    folder = tmp_path_factory.mktemp("prefect")
    (folder / "sitecustomize.py").write_text(SPY)
    fresh = Prefect(
        folder,
        {
            "PYTHONPATH": str(folder),
            "SPY_NOTES": str(folder / "notes"),
            "PREFECT_SERVER_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": "2",  # of 30
        },
    )
    with deployed(fresh, LIKENESS_WEBHOOK=receiver.url) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def doomed(prefect):
    """A run that cannot be started, ever; it is asked for first, so that there is time to run it again."""
    deployment = prefect.ask("deployments/name/prune/retention", method="GET")["id"]
    prefect.ask(f"deployments/{deployment}", {"entrypoint": "flows.nonesuch.gone"}, method="PATCH")
    return prefect.ask(f"deployments/{deployment}/create_flow_run", {"name": "doomed"})["id"]


@pytest.fixture(scope="module")
def calm(prefect, contract, tmp_path_factory):
    """A run that nothing disturbs, asked for as people do."""
    place = Place(tmp_path_factory.mktemp("calm"), contract)
    prefect.run("deployment", "run", "synthesize/adult", *place.words(), "--watch")
    return place


def test_what_is_deployed_runs_and_releases(calm):
    assert releases(calm.releases) == ["1.0.0-1"]
    assert calm.content()


@pytest.mark.slow  # the whole table and its own model
def test_the_command_of_the_documents_ends_with_a_release_of_so_many_rows(prefect, tmp_path):
    places = ["-p", f"to={tmp_path}/releases", "-p", f"runs={tmp_path}/runs"]

    prefect.run("deployment", "run", "synthesize/adult", "-p", "rows=5000", *places, "--watch")

    assert verify(locate(tmp_path / "releases" / "adult")).manifest["rows"] == 5000


@pytest.mark.usefixtures("calm")
def test_nothing_is_told_to_anybody_outside(prefect):
    assert not (prefect.home / "notes").exists(), (prefect.home / "notes").read_text()


def test_what_notices_it_would_notice_it(prefect, tmp_path):
    notes = tmp_path / "notes"
    ask = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=0.01)"

    environment = {**prefect.environment, "SPY_NOTES": str(notes)}
    asked = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, check=False)  # noqa: S603

    assert asked.returncode == 1
    assert notes.read_text().startswith("192.0.2.1 ")


@pytest.mark.parametrize(
    ("wrong", "named"), [("rows=-5", "'rows'"), ("seed=soon", "'seed'"), ("rowz=5", "rowz"), ("model=none", "'model'")]
)
def test_a_wrong_parameter_is_refused_by_name_before_anything_runs(prefect, wrong, named):
    before = prefect.ask("flow_runs/count")

    with pytest.raises(subprocess.CalledProcessError) as refused:
        prefect.run("deployment", "run", "synthesize/adult", "-p", wrong)

    assert named in refused.value.output
    assert prefect.ask("flow_runs/count") == before


def test_a_refused_run_fails_and_the_webhook_hears_of_it(prefect, receiver, contract, tmp_path):
    gate = (Threshold("data_validity", "no release is that valid", minimum=2.0),)
    place = Place(tmp_path, replace(contract, gate=gate))

    with pytest.raises(subprocess.CalledProcessError):
        prefect.run("deployment", "run", "synthesize/adult", *place.words(), "--watch")

    (told,) = until(lambda: [each for each in receiver.told if "data_validity" in each["message"]])
    run = run_of(prefect, told["run"])
    assert run["parameters"]["to"] == place.parameters()["to"]
    assert run["state"]["name"] == told["state"] == "Failed"
    assert told["page"].endswith(run["id"])
    assert not place.releases.exists()


@pytest.mark.slow  # it waits for a heartbeat that is missed
def test_a_run_goes_on_after_its_process_and_then_its_machine_are_lost(prefect, receiver, calm, contract, tmp_path):
    place = Place(tmp_path, contract)
    run = place.start(prefect)

    until(lambda: place.kept("ingest"))
    kill(*prefect.processes(run=run))
    crashed = until(lambda: [each for each in receiver.told if each["run"] == run])
    ingested = [path.stat().st_mtime_ns for path in place.kept("ingest")]
    until(lambda: run_of(prefect, run)["run_count"] == 2 and place.kept("train"))
    kill(prefect.started["worker"].pid, *prefect.processes(run=run))
    prefect.work()  # another machine
    assert run_of(prefect, run)["state"]["name"] == "Running"  # nobody knows better yet
    last = ended(prefect, run)

    assert [each["state"] for each in crashed] == ["Crashed"]
    assert last["state"]["name"] == "Completed"
    assert last["run_count"] == 3
    assert [path.stat().st_mtime_ns for path in place.kept("ingest")] == ingested
    assert releases(place.releases) == ["1.0.0-1"]
    assert place.content() == calm.content()


@pytest.mark.slow  # in front of it stands tests/tasks/test_champion.py, with threads
def test_three_runs_at_once_end_well_and_the_pointer_names_the_newest(prefect, contract, tmp_path):
    place = Place(tmp_path, contract)
    # these one after the other, since that is the deployment's limit ...
    queued = [place.start(prefect, seed=seed, margin=1) for seed in (1, 2)]
    # ... and one beside them
    asked = [word for name, value in place.parameters(seed=3, margin=1).items() for word in (f"--{name}", str(value))]
    beside = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-m", "flows.cli", "run", asked[1], *asked[2:]],
        env=prefect.environment, cwd=tmp_path, check=False, text=True, capture_output=True,
    )  # fmt: skip

    assert beside.returncode == 0, beside.stderr
    assert [ended(prefect, run)["state"]["name"] for run in queued] == ["Completed", "Completed"]
    assert releases(place.releases) == ["1.0.0-1", "1.0.0-2", "1.0.0-3"]
    for release in releases(place.releases):
        verify(place.releases / release)
    assert json.loads((place.releases / "latest.json").read_text())["release"] == "1.0.0-3"


def test_a_run_that_cannot_be_started_is_told_and_not_run_again(prefect, receiver, doomed):
    (told,) = until(lambda: [each for each in receiver.told if each["name"] == "doomed"])

    states = [each["name"] for each in prefect.ask(f"flow_run_states/?flow_run_id={doomed}", method="GET")]
    assert told["state"] == "Crashed"
    assert states == ["Scheduled", "Pending", "Submitting", "Crashed"]
