"""The main job from end to end, on a small real table, with the real Prefect."""

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from prefect.exceptions import ParameterTypeError

from data_contracts import Threshold, odcs
from data_contracts.arrow import arrow_schema
from data_contracts.errors import ReleaseError
from flows import embedded
from flows.cli import main
from tasks.verify import locate, verify

QUICK = ["--steps", "4"]


def test_a_release_holds_what_the_design_says(released):
    found = {path.relative_to(released).as_posix() for path in released.rglob("*") if path.is_file()}

    assert found >= {
        "data/part-00000.parquet",
        "manifest.json",
        "contract.yaml",
        "report.html",
        "report.json",
        "README.md",
        "croissant.json",
    }
    assert any(name.startswith("model/") and name.endswith(".safetensors") for name in found)
    assert not any(name.startswith((".", "checkpoint", "secret")) for name in found)


def test_the_manifest_says_how_to_make_it_again(released, contract):
    manifest = verify(released).manifest

    assert manifest["contract"] == {"id": "adult", "version": odcs.load(odcs.find("adult")).version}
    assert manifest["model"]["name"] == contract.model == "auto"
    assert manifest["model"]["steps"] == 4
    assert manifest["privacy"] is None
    assert manifest["source"]["rows"] == manifest["rows"] == 1500
    assert manifest["split"] == {"train": 1350, "holdout": 150}
    assert manifest["parameters"]["steps"] == 4
    assert not {"source", "to", "runs", "contract"} & manifest["parameters"].keys()
    assert {"torch", "pyarrow", "sdmetrics"} <= manifest["versions"].keys()
    for score in manifest["scores"]:
        assert score["metric"]
        assert score["version"]
        assert score["rows"]


def test_a_released_contract_says_nothing_of_the_source(released, rows):
    text = (released / "contract.yaml").read_text()

    assert str(rows) not in text
    assert odcs.loads(text, "contract.yaml", released).source is None


def test_a_release_opens_with_the_contracts_types(released):
    schema = arrow_schema(odcs.load(released / "contract.yaml"))
    part = released / "data" / "part-00000.parquet"

    assert pq.read_schema(part).remove_metadata().equals(schema.remove_metadata())
    frame = pd.read_parquet(released / "data")
    assert frame["age"].dtype == "int64"
    assert frame["income"].dtype == "category"
    assert pl.read_parquet(part).schema["age"] == pl.Int64
    described = duckdb.read_parquet(str(part))
    assert dict(zip(described.columns, described.types, strict=True))["hours_per_week"] == "BIGINT"
    assert len(frame) == 1500


def test_a_changed_byte_is_noticed(released, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(released, copy)
    part = copy / "data" / "part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)

    with pytest.raises(ReleaseError, match=r"data/part-00000\.parquet has changed"):
        verify(copy)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "report.html").unlink(), r"report\.html is missing"),
        (lambda folder: (folder / "extra.txt").write_text("x"), r"extra\.txt is not in the manifest"),
        (lambda folder: (folder / "README.md").write_text("x"), r"README\.md has 1 bytes instead of"),
        (lambda folder: (folder / "manifest.json").write_text("{"), r"cannot be read as one"),
    ],
)
def test_whatever_is_not_as_the_manifest_says_is_named(released, tmp_path, change, problem):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(released, copy)
    change(copy)

    with pytest.raises(ReleaseError, match=problem):
        verify(copy)


def test_the_same_seed_and_steps_give_the_same_bytes(released, written, at):
    assert main(["run", str(written), *QUICK]) == 0
    again = verify(locate(at / "releases" / "adult")).manifest

    first = verify(released).manifest
    for name in ("data/part-00000.parquet", "contract.yaml"):
        assert again["files"][name] == first["files"][name]
    assert again["scores"] == first["scores"]


def test_another_seed_gives_other_rows(released, written, at):
    assert main(["run", str(written), "--seed", "1", *QUICK]) == 0

    again = pq.read_table(locate(at / "releases" / "adult") / "data")
    assert not again.equals(pq.read_table(released / "data"))


def test_a_refused_run_publishes_nothing_and_keeps_its_evidence(contract, at, capsys):
    refused = replace(contract, gate=(Threshold("column_shapes", "nothing is that good", minimum=2.0),))
    (at / "refused.yaml").write_text(odcs.dump(refused))

    status = main(["run", "refused.yaml", *QUICK])

    assert status == 1
    assert "column_shapes is 0." in capsys.readouterr().err
    assert not (at / "releases").exists()
    (evidence,) = (at / "runs").rglob("evidence.json")
    assert json.loads(evidence.read_text())["verdict"]["passed"] is False
    assert (evidence.parent / "report.html").is_file()


def test_a_refused_run_ends_as_failed_in_prefect(contract, at):
    from flows.synthesize import synthesize

    gate = (Threshold("utility_gap", "without a target there is none: a missing score refuses", maximum=1.0),)
    refused = replace(contract, gate=gate, target=None)
    (at / "refused.yaml").write_text(odcs.dump(refused))

    state = synthesize(contract="refused.yaml", steps=2, rows=100, return_state=True)

    assert state.is_failed()
    assert "utility_gap is missing" in state.message


def test_a_gate_that_asks_for_an_unknown_score_is_refused_before_anything_is_read(contract, at, capsys):
    mistyped = replace(contract, gate=(Threshold("colum_shapes", "a slip of the pen", minimum=0.9),))
    (at / "mistyped.yaml").write_text(odcs.dump(mistyped))

    assert main(["run", "mistyped.yaml"]) == 2

    assert "a gate asks for scores that there are, however: colum_shapes is none" in capsys.readouterr().err
    assert not list((at / "runs").rglob("source.parquet"))


def test_a_second_release_gets_the_next_number_and_the_first_stays(written, at):
    assert main(["run", str(written), *QUICK]) == 0
    first = json.loads((at / "releases/adult/latest.json").read_text())["release"]
    assert main(["run", str(written), "--seed", "1", *QUICK]) == 0

    latest = json.loads((at / "releases/adult/latest.json").read_text())["release"]
    assert (first.rsplit("-")[-1], latest.rsplit("-")[-1]) == ("1", "2")
    verify(at / "releases" / "adult" / first)


def test_a_second_run_with_nothing_changed_does_no_work_twice_and_says_so(written, at, capsys):
    assert main(["run", str(written), *QUICK]) == 0
    capsys.readouterr()
    assert main(["run", str(written), *QUICK]) == 0

    said = capsys.readouterr()
    steps = ("ingest", "validate", "split", "select", "train", "calibrate", "measure_model", "generate")
    steps += ("gather", "validate", "measure", "score")
    taken = [line.split()[1] for line in said.err.splitlines() if "what was done is taken" in line]
    assert [step for step in taken if step != "examine:"] == [f"{step}:" for step in steps]
    assert taken.count("examine:") == 1  # while its part is gathered
    assert "nothing has changed since 1.0.0-1: it stands" in said.err
    assert [path.name for path in (at / "releases" / "adult").iterdir() if path.is_dir()] == ["1.0.0-1"]


def test_a_challenger_that_is_worse_is_kept_and_the_run_ends_with_status_1(contract, at, capsys):
    rows = (Threshold("two_sample_train", "it tells good from bad", minimum=0.0), *contract.gate)
    (at / "judged.yaml").write_text(odcs.dump(replace(contract, gate=rows)))
    assert main(["run", "judged.yaml", "--steps", "30", "--model", "gmm"]) == 0
    folder = at / "releases" / "adult"
    assert "latest  the first" in capsys.readouterr().out

    status = main(["run", "judged.yaml", "--steps", "1", "--model", "vae", "--margin", "0"])

    said = capsys.readouterr().err
    assert status == 1
    assert "1.0.0-2 stands beside 1.0.0-1: worse beyond the margin: two_sample_train" in said
    assert f"It is kept at {Path('releases/adult/1.0.0-2')}, and latest.json still names 1.0.0-1" in said
    assert json.loads((folder / "latest.json").read_text())["release"] == "1.0.0-1"
    kept = verify(folder / "1.0.0-2").manifest
    assert (kept["champion"], kept["comparison"]["release"]) == (False, "1.0.0-1")
    assert main(["show", str(folder / "1.0.0-2")]) == 0
    assert "latest  is kept beside, and is worse than, 1.0.0-1: two_sample_train" in capsys.readouterr().out


def test_a_changed_contract_under_the_same_version_is_refused_before_anything_is_read(contract, at, capsys):
    (at / "small.yaml").write_text(odcs.dump(contract))
    assert main(["run", "small.yaml", *QUICK]) == 0
    (at / "small.yaml").write_text(odcs.dump(replace(contract, columns=contract.columns[1:], rules=())))
    before = sorted((at / "runs").rglob("source.parquet"))

    assert main(["run", "small.yaml", *QUICK]) == 2

    assert "age is gone (major)" in capsys.readouterr().err
    assert sorted((at / "runs").rglob("source.parquet")) == before


def test_a_signed_run_shows_its_private_key_to_nobody(written, at, monkeypatch, capsys):
    from prefect import get_client

    assert main(["key", "new", "--to", "keys/own.key"]) == 0
    pem = (at / "keys" / "own.key").read_text()
    monkeypatch.setenv("LIKENESS_SIGNING_KEY", pem)
    (at / "keys" / "own.key").unlink()

    assert main(["run", str(written), "--rows", "200", *QUICK]) == 0
    assert main(["show", "releases/adult"]) == 0
    assert main(["verify", "releases/adult", "--key", "keys/own.key.pub"]) == 0

    said = capsys.readouterr()
    assert "the key that you asked for" in said.out
    with get_client(sync_client=True) as client:
        kept = [client.read_flow_runs(), client.read_task_runs(), client.read_logs(), client.read_artifacts()]
    assert len(kept[0]) > 0
    everything = b"".join(path.read_bytes() for path in at.rglob("*") if path.is_file())
    secret = pem.splitlines()[1]
    assert pem not in embedded._without_secrets().values()  # noqa: SLF001 - what the temporary server is given
    assert secret not in said.out + said.err + repr(kept)
    assert secret.encode() not in everything


def test_prune_by_the_command_line_and_as_a_flow_removes_the_same(written, at, capsys):
    from flows.prune import retain

    for more in range(3):
        assert main(["run", str(written), "--rows", str(100 + more), *QUICK]) == 0
    capsys.readouterr()

    assert main(["prune", "--keep", "1", "--pin", "1.0.0-2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "kept": {"adult/1.0.0-2": "pinned", "adult/1.0.0-3": "latest"},
        "removed": ["adult/1.0.0-1"],
        "cleared": [],
        "done": False,
    }
    assert main(["prune", "--keep", "1", "--pin", "1.0.0-2"]) == 0
    assert "would go adult/1.0.0-1" in capsys.readouterr().out
    assert (at / "releases" / "adult" / "1.0.0-1").is_dir()

    pruned = retain(keep=1, pin=["1.0.0-2"], remove=True)

    assert list(pruned.removed) == said["removed"]
    assert not (at / "releases" / "adult" / "1.0.0-1").exists()


def test_the_deployment_names_a_flow_that_loads():
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint("flows.synthesize.synthesize")

    properties = flow.parameters.properties
    assert properties["rows"]["description"].startswith("How many synthetic rows")


def test_conditions_and_shares_are_parameters_of_a_deployment():
    from flows.synthesize import synthesize

    written = {
        "contract": "adult",
        "where": ["sex=Female", "age>=60"],
        "share": ["income:>50K=0.5"],
    }  # as YAML reads them

    taken = synthesize.validate_parameters(written)

    assert (taken["where"], taken["share"]) == (written["where"], written["share"])
    assert synthesize.parameters.properties["where"]["items"] == {"type": "string"}
    for wrong in ({"where": "sex=Female"}, {"share": {"income": 0.5}}, {"where": [60]}):
        with pytest.raises(ParameterTypeError):
            synthesize.validate_parameters({"contract": "adult", **wrong})


def test_a_deployment_of_wrong_conditions_fails_at_its_first_line(at):
    from flows.synthesize import synthesize

    state = synthesize(contract="adult", where=["sexx=Female"], steps=2, return_state=True)

    assert state.is_failed()
    assert "a condition speaks of a column of the contract" in state.message
    assert list(at.iterdir()) == []


def test_a_release_of_some_rows_says_so_and_holds_no_others(contract, at, capsys):
    (at / "some.yaml").write_text(odcs.dump(contract))
    words = ["--where", "age>=30", "--where", "age<=70", "--share", "sex:Female=0.5"]

    assert main(["run", "some.yaml", "--rows", "301", *words, *QUICK]) == 0

    release = locate(at / "releases" / "adult")
    frame = pd.read_parquet(release / "data")
    assert len(frame) == 301
    assert frame.age.between(30, 70).all()
    assert (frame.sex == "Female").sum() == 150
    selection = verify(release).manifest["selection"]
    assert selection["where"] == ["age >= 30", "age <= 70"]
    assert selection["share"] == ["sex: Female = 0.5"]
    assert 30 <= selection["judged"]["holdout"] < 150
    card, page = (release / "README.md").read_text(), (release / "report.html").read_text()
    assert "Every row meets: age >= 30 and age &lt;= 70." in card
    assert "sex: Female = 0.5" in card
    assert "age &gt;= 30; age &lt;= 70" in page
    assert main(["show", str(release)]) == 0
    assert "where: age >= 30; age <= 70" in capsys.readouterr().out


def test_too_few_real_rows_to_judge_by_are_refused_by_the_gate(written, at, capsys):
    assert main(["run", str(written), "--rows", "50", "--where", "age>=75", *QUICK]) == 1

    assert "membership_auc is missing" in capsys.readouterr().err
    assert not (at / "releases").exists()
