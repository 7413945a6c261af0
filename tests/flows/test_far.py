"""Runs and releases behind the S3 protocol: the same flow, the same bytes, and nothing lost."""

import json
import secrets

import pytest
from deployed import content
from killing import root, run
from object_store import BUCKET

from data_contracts import odcs
from flows.cli import main
from tasks import places
from tasks.verify import locate, verify

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def far():
    """Where runs and releases lie."""
    base = f"s3://{BUCKET}/{secrets.token_hex(8)}"
    return {"runs": f"{base}/runs", "to": f"{base}/releases"}


def test_a_run_far_away_leaves_its_evidence_there_and_its_steps_are_done_once(contract, far, tmp_path):
    from flows.synthesize import synthesize

    (tmp_path / "small.yaml").write_text(odcs.dump(contract))
    asked = {"contract": str(tmp_path / "small.yaml"), "model": "trees", "rows": 400, **far}

    first = synthesize(**asked)
    kept = records(far["runs"])
    again = synthesize(**asked)

    assert first.uri == again.uri == f"{far['to']}/adult/1.0.0-1"
    assert verify(locate(f"{far['to']}/adult")).manifest["rows"] == 400
    assert records(far["runs"]) == kept
    left = places.find(f"{far['runs']}/adult")
    runs = {name.split("/")[0] for name in left} - {"kept", "digest.key"}
    assert len(runs) == 2
    for each in runs:
        names = {name.removeprefix(f"{each}/") for name in left if name.startswith(f"{each}/")}
        assert names == {"contract.yaml", "comparison.json", "evidence.json", "report.html"}
    assert not [name for name, record in kept.items() if bytes(places.here(far["runs"])) in record]  # copies go
    steps = {name.split("/")[1].rpartition("-")[0] for name in kept}
    assert steps == {
        *("ingest", "examine", "validate", "split", "select", "train", "calibrate", "generate", "gather"),
        *("measure_model", "measure", "score"),
    }


def records(runs):
    """Return the record of every step that is kept: of one that is done again, the seconds are others."""
    names = (name for name in places.find(f"{runs}/adult") if name.endswith("/step.json"))
    return {name: places.read(f"{runs}/adult/{name}") for name in names}


def test_what_was_kept_and_changed_since_is_not_used(contract, far, tmp_path):
    from flows.synthesize import synthesize

    (tmp_path / "small.yaml").write_text(odcs.dump(contract))
    asked = {"contract": str(tmp_path / "small.yaml"), "model": "trees", **far}
    synthesize(rows=300, **asked)
    (table,) = (name for name in places.find(f"{far['runs']}/adult") if name.endswith("/train.parquet"))
    path = places.here(f"{far['runs']}/adult/{table}")
    path.write_bytes(path.read_bytes()[::-1])
    places.send(path)

    with pytest.raises(Exception, match="was changed since"):
        synthesize(rows=350, **asked)


def test_the_command_line_verifies_shows_detects_and_prunes_far_away(contract, far, at, capsys):
    (at / "small.yaml").write_text(odcs.dump(contract))
    options = ["--to", far["to"], "--runs", far["runs"], "--model", "trees", "--rows", "300"]

    assert main(["run", str(at / "small.yaml"), *options, "--json"]) == 0
    release = json.loads(capsys.readouterr().out)["path"]
    assert release == f"{far['to']}/adult/1.0.0-1"
    assert main(["verify", release]) == 0
    assert f"{release}: " in capsys.readouterr().out
    assert main(["show", f"{far['to']}/adult", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == release
    found = f"{far['to']}/found.parquet"
    assert main(["detect", release, contract.source.location, "--to", found]) == 0
    assert f"table   {found}" in capsys.readouterr().out
    assert places.find(found)[""] > 0
    assert main(["prune", "--to", far["to"], "--keep", "1"]) == 0
    assert "adult/1.0.0-1" in capsys.readouterr().out
    assert not [path for path in at.iterdir() if path.name in ("runs", "releases")]


@pytest.mark.slow  # five runs, each a process
@pytest.mark.timeout(900)
def test_a_run_killed_on_one_machine_goes_on_on_another(contract, far, tmp_path):
    """What a killed process had on its disk is gone with it: all that the next one finds is what lies far away."""
    at = root(tmp_path / "at", contract)
    writes = run(at, kill=0, **{name: f"{place}-calm" for name, place in far.items()})

    ended = [run(at, kill=writes * share // 100, **far) for share in (25, 50, 70)]
    ended.append(run(at, kill=0, **far))

    assert ended[0] is ended[1] is None
    assert ended[-1]
    folder = locate(f"{far['to']}/adult")
    assert content(folder) == content(locate(f"{far['to']}-calm/adult"))
    verify(folder)
