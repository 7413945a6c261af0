"""What a run refuses: by which rule, with status 2, and nothing half-written or given away whatever goes wrong."""

import logging
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from bad_inputs import BAD_INPUTS, BAD_ROWS, CONTRACT, SECRET

from data_contracts import odcs
from flows.cli import main

NAMED = (
    "missing file",
    "empty file",
    "header only",
    "one row",
    "wrong columns",
    "missing column",
    "duplicate column",
    "ragged lines",
    "text in an integer",
    "integer beyond 64 bits",
    "not UTF-8",
    "binary named .csv",
    "truncated Parquet",
    "malformed URL",
)
"""The bad sources that go the whole way through the command line; `tests/tasks` has them all."""

STEPS = (
    "open_run",
    "ingest",
    "examine",
    "validate",
    "split",
    "select",
    "train",
    "calibrate",
    "measure_model",
    "generate",
    "score",
    "compare",
    "report",
    "publish",
)


def released(folder: Path) -> list[Path]:
    """Everything under the release root."""
    return sorted((folder / "releases").rglob("*")) if (folder / "releases").exists() else []


def test_an_unwritable_release_root_is_told_before_anything_is_read(written, at, capsys):
    (at / "taken").write_text("a file where the root should be")

    assert main(["run", str(written), "--to", "taken/releases"]) == 2

    assert "the release root can be written, however:" in capsys.readouterr().err
    assert not list((at / "runs").rglob("source.parquet"))


def test_a_contract_id_that_climbs_out_is_refused(contract, at, capsys):
    (at / "climbs.yaml").write_text(odcs.dump(contract).replace("id: adult", "id: ../../adult"))

    assert main(["run", "climbs.yaml"]) == 2

    assert "contract.id: climbs.yaml: id: not such a name, or it would leave the folder" in capsys.readouterr().err
    assert not (at / "runs").exists()
    assert released(at) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        (
            "    logicalType: integer",
            "    logicalTipe: integer",
            "contract.keys",
            "schema[0].properties[0].logicalTipe",
        ),
        ("minimum: 17", "minimum: 91", "contract.range", "schema[0].properties[0].logicalTypeOptions.minimum"),
        ("[education, education_num]", "[education, schooling]", "contract.rules", "customProperties"),
        ("name: age", "name: race", "contract.names", "schema[0].properties[8].name"),
        ("id: adult", "id: [adult", "contract.yaml", "line"),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["contract", "check"]])
def test_a_wrong_contract_is_told_with_its_file_and_place(contract, at, capsys, command, old, new, rule, place):
    text = odcs.dump(contract)
    assert old in text
    (at / "wrong.yaml").write_text(text.replace(old, new, 1))

    assert main([*command, "wrong.yaml"]) == 2

    said = capsys.readouterr().err
    assert re.search(rf"- {re.escape(rule)}: wrong\.yaml: .*{re.escape(place)}", said)
    assert released(at) == []


def test_check_tells_every_broken_rule_with_its_count(at, capsys):
    (at / "members.yaml").write_text(odcs.dump(CONTRACT))
    for name in BAD_ROWS:
        make, rule = BAD_ROWS[name]

        assert main(["contract", "check", "members.yaml", make(at)]) == 2

        assert f"{rule}: " in capsys.readouterr().err


@contextmanager
def small_files():
    """A disk that takes no file above 20 kB: the operating system's own limit, as a full disk would say it.

    Only while a run is on: the limit holds for the test runner's own log too, where its output goes to a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_nothing(written, at, capsys):
    with small_files():
        status = main(["run", str(written), "--steps", "2"])

    assert status == 2

    assert "the disk has room for what is written, however:" in capsys.readouterr().err
    assert released(at) == []
    assert not list((at / "runs").rglob("*.partial"))


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 kB, mounted for the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def test_a_full_disk_under_the_releases_is_told_and_leaves_nothing(written, full_disk, capsys):
    assert main(["run", str(written), "--steps", "2", "--to", str(full_disk)]) == 2

    assert "the disk has room for what is written, however:" in capsys.readouterr().err
    assert list(full_disk.rglob("*")) == []


@pytest.fixture(autouse=True)
def _heeding_interrupts():
    """What a shell starts in the background begins deaf to SIGINT, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupter(logging.Handler):
    """Sends the process a real SIGINT at the first log line of one step."""

    def __init__(self, step):
        super().__init__()
        self.step, self.sent = step, False

    def emit(self, record):  # noqa: D102 - logging's own
        if record.name == f"tasks.{self.step}" and not self.sent:
            self.sent = True
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(params=STEPS)
def interrupter(request):
    handler = Interrupter(request.param)
    logger = logging.getLogger(f"tasks.{request.param}")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_an_interrupt_at_any_step_leaves_nothing_half_written(interrupter, written, at, capsys):
    assert main(["run", str(written), "--rows", "200", "--steps", "2", "--where", "age>=20"]) == 2

    assert interrupter.sent
    assert "a run ends by itself, however: it was interrupted" in capsys.readouterr().err
    assert released(at) == []
    assert not list((at / "runs").rglob("*.partial"))


def test_ctrl_c_in_a_terminal_ends_a_run_at_once_and_its_server_with_it(written, at):
    """A terminal interrupts the whole group of processes: without a server of its own session the run would hang."""
    command = [sys.executable, "-m", "flows.cli", "run", str(written)]
    places = {"PREFECT_HOME": str(at / "prefect"), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **places}, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        said = [next(line for line in run.stderr if "holding out" in line)]
        os.killpg(run.pid, signal.SIGINT)
        began = time.monotonic()
        said += run.stderr.readlines()

    assert run.returncode == 2
    assert time.monotonic() - began < 30
    assert "a run ends by itself, however: it was interrupted" in said[-1]
    assert not any("Traceback" in line for line in said)
    assert released(at) == []
    assert not [entry for entry in Path("/proc").glob("[0-9]*/environ") if _reads(entry, places["PREFECT_HOME"])]


def _reads(environ, text):
    try:
        return text.encode() in environ.read_bytes()
    except OSError:
        return False


def told_to_prefect(at):
    """Return what Prefect's pages show of the only run whose artefacts lie here, besides what it was asked for."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
    from prefect.logging.handlers import APILogHandler

    (folder,) = (folder for folder in (at / "runs").glob("*/*") if folder.name != "kept")
    APILogHandler().flush()
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[folder.name])))
        steps = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[folder.name])))
        lines = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[folder.name])))
    assert runs[0].state.is_failed()
    assert steps
    assert lines
    return "".join(each.model_dump_json(exclude={"parameters"}) for each in (*runs, *steps, *lines))


@pytest.mark.parametrize("name", [*NAMED, *BAD_ROWS])
def test_a_bad_source_is_told_by_its_rule_and_nothing_of_it(name, at, capsys, monkeypatch):
    monkeypatch.setenv("PASSWORD_OF_BAD_INPUT", SECRET)
    make, rule = (BAD_INPUTS | BAD_ROWS)[name]
    (at / "sources").mkdir()
    (at / "members.yaml").write_text(odcs.dump(CONTRACT))

    source = make(at / "sources").replace(f":{SECRET}@", ":${PASSWORD_OF_BAD_INPUT}@")

    assert main(["run", "members.yaml", "--source", source, "--steps", "2"]) == 2

    said = capsys.readouterr()
    assert f"  - {rule}: " in said.err
    assert SECRET not in said.out + said.err + told_to_prefect(at)
    assert released(at) == []
