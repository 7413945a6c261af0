"""What the doctor finds, on a real server and real folders."""

import json
import uuid
from importlib import metadata

import pytest

from flows import doctor
from flows.cli import main
from tasks import packages


def found(tmp_path, **folders):
    """Return the findings by what was looked at."""
    places = {"runs": str(tmp_path / "runs"), "releases": str(tmp_path / "releases"), **folders}
    return {finding.what: finding for finding in doctor.examine(**places)}


@pytest.fixture
def pool(monkeypatch):
    """A work pool of this test's own, by its name."""
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    name = f"pool-{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(doctor, "POOL", name)
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=name, type="process"))
    return name


def test_without_a_pool_it_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "POOL", "no-such-pool")

    status = main(["doctor", "--runs", str(tmp_path / "runs"), "--to", str(tmp_path / "to")])

    said = capsys.readouterr()
    assert status == 2
    assert "AMISS  work pool    there is no no-such-pool" in said.out
    assert "make deploy" in said.out
    assert "work pool is not. Do what stands beside it" in said.err
    assert "good   server       Prefect " in said.out
    assert list(tmp_path.iterdir()) == []


def test_a_pool_without_a_worker_is_amiss_and_one_with_a_worker_is_well(tmp_path, pool, capsys):
    from prefect import get_client

    assert found(tmp_path)["work pool"].remedy == f"prefect worker start --pool {pool}"
    with get_client(sync_client=True) as client:
        client.send_worker_heartbeat(pool, "w1", heartbeat_interval_seconds=30)

    places = ["--runs", str(tmp_path / "runs"), "--to", str(tmp_path / "to")]
    assert main(["doctor", "--json", *places]) == 0

    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["what"] for finding in findings] == [
        "Python", "packages", "runs", "releases", "signing key", "task runner", "server", "work pool",
    ]  # fmt: skip
    assert all(finding["good"] and not finding["remedy"] for finding in findings)
    assert findings[-1]["fact"] == f"{pool}, 1 of 1 workers online"


def test_a_server_that_does_not_answer_is_told_without_its_password(tmp_path):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://someone:hunter2@127.0.0.1:9/api"}):
        server = found(tmp_path)["server"]

    assert not server.good
    assert server.fact.startswith("http://127.0.0.1:9/api does not answer")
    assert "hunter2" not in str(server)


def test_a_folder_that_cannot_be_written_or_is_full_is_told(tmp_path, monkeypatch):
    (tmp_path / "runs").write_text("a file")

    assert "Not a directory" in found(tmp_path)["runs"].fact
    monkeypatch.setattr(doctor, "_LEAST_FREE", 2**60)
    assert found(tmp_path)["releases"].remedy.startswith("Free space")


def test_a_key_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("LIKENESS_SIGNING_KEY", "no key")

    assert not found(tmp_path)["signing key"].good


def test_a_package_of_another_version_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "requires", lambda _: ["pandas<1", "no-such-package>=2", 'pytest>=1; extra == "dev"'])

    finding = found(tmp_path)["packages"]

    assert finding.fact == f"pandas {metadata.version('pandas')} for <1; no-such-package missing for >=2"
    assert "constraints.txt" in finding.remedy
