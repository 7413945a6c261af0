"""The command line: status, words, and nothing half-written whatever goes wrong."""

import json
import logging
import os
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

STEPS = ("open_run", "ingest", "validate", "split", "train", "generate", "score", "compare", "report", "publish")


def released(folder: Path) -> list[Path]:
    """Everything under the release root."""
    return sorted((folder / "releases").rglob("*")) if (folder / "releases").exists() else []


def test_help_answers_at_once():
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "flows.cli", "--help"], capture_output=True, text=True, check=True)
    after = os.times()

    assert "contract" in done.stdout
    assert after.children_user - before.children_user < 0.5  # seconds of its own: neighbours do not count


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "no_such_contract"], "no_such_contract"),
        (["run", "adult", "--rows", "0"], "rows"),
        (["run", "adult", "--budget", "-1"], "budget_seconds"),
        (["run", "adult", "--where", "sexx=Female"], "a condition speaks of a column of the contract"),
        (["run", "adult", "--where", "sex=female"], "Choose among Female, Male"),
        (["run", "adult", "--where", "age>60", "--where", "age<50"], "no value of 'age' meets age > 60 and age < 50"),
        (["run", "adult", "--share", "income:>50K=1.5"], "a share lies between 0 and 1"),
        (["run", "adult", "--share", "sex:Male=1", "--share", "income:>50K=1"], "shares are of one column's values"),
        (["run", "adult", "--margin", "-1"], "margin"),
        (["verify", "nowhere"], "nowhere"),
        (["prune"], "a root of releases is a folder"),
        (["prune", "--keep", "0"], "keep"),
        (["show", "nowhere"], "nowhere"),
        (["contract", "check", "no_such_contract"], "no_such_contract"),
        (["contract", "infer", "no_such_file.csv"], "no_such_file.csv"),
    ],
)
def test_wrong_use_is_told_with_status_2(at, capsys, arguments, words):
    assert main(arguments) == 2

    assert words in capsys.readouterr().err
    assert list(at.iterdir()) == []


@pytest.mark.usefixtures("at")
def test_a_refusal_for_machines_is_one_json_object(capsys):
    assert main(["run", "no_such_contract", "--json"]) == 2

    said = json.loads(capsys.readouterr().out)
    assert said["error"] == "ContractError"
    assert {"rule", "fact", "remedy", "failures"} <= said.keys()


@pytest.mark.usefixtures("at")
def test_a_run_for_machines_prints_one_json_object(written, capsys):
    assert main(["run", str(written), "--rows", "300", "--steps", "3", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 300
    assert Path(said["path"]).is_dir()
    assert main(["verify", said["path"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True
    assert main(["show", "releases/adult"]) == 0
    assert "membership_auc" in capsys.readouterr().out


@pytest.mark.usefixtures("at")
def test_infer_check_and_run_go_together(rows, capsys):
    assert main(["contract", "infer", str(rows), "--to", "draft.yaml"]) == 0
    assert main(["contract", "check", "draft.yaml", str(rows)]) == 0
    assert "1,500 rows keep to it" in capsys.readouterr().out

    assert main(["run", "draft.yaml", "--steps", "5"]) == 0


def test_an_unwritable_release_root_is_told_before_anything_is_read(written, at, capsys):
    (at / "taken").write_text("a file where the root should be")

    assert main(["run", str(written), "--to", "taken/releases"]) == 2

    assert "the release root can be written, however:" in capsys.readouterr().err
    assert not list((at / "runs").rglob("source.parquet"))


def test_a_contract_id_that_climbs_out_is_refused(contract, at, capsys):
    (at / "climbs.yaml").write_text(odcs.dump(contract).replace("id: adult", "id: ../../adult"))

    assert main(["run", "climbs.yaml"]) == 2

    assert "id" in capsys.readouterr().err
    assert not (at / "runs").exists()
    assert released(at) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    logicalType: integer", "    logicalTipe: integer", "logicalTipe"),
        ("minimum: 17", "minimum: 91", "above the maximum"),
        ("[education, education_num]", "[education, schooling]", "no column 'schooling'"),
        ("name: age", "name: race", "name"),
        ("id: adult", "id: [adult", "not YAML"),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["contract", "check"]])
def test_a_wrong_contract_is_told_with_its_file_and_place(contract, at, capsys, command, old, new, words):
    text = odcs.dump(contract)
    assert old in text
    (at / "wrong.yaml").write_text(text.replace(old, new, 1))

    assert main([*command, "wrong.yaml"]) == 2

    said = capsys.readouterr().err
    assert "wrong.yaml" in said
    assert words in said
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
    assert main(["run", str(written), "--rows", "200", "--steps", "2"]) == 2

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


@pytest.mark.parametrize("name", [*NAMED, *BAD_ROWS])
def test_a_bad_source_is_told_by_its_rule_and_nothing_of_it(name, at, capsys):
    make, rule = (BAD_INPUTS | BAD_ROWS)[name]
    (at / "sources").mkdir()
    (at / "members.yaml").write_text(odcs.dump(CONTRACT))

    assert main(["run", "members.yaml", "--source", make(at / "sources"), "--steps", "2"]) == 2

    said = capsys.readouterr()
    assert f"{rule}: " in said.err
    assert SECRET not in said.out + said.err
    assert released(at) == []
