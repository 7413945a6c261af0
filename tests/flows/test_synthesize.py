"""The main job from end to end, on a small real table, with the real Prefect."""

import json
from dataclasses import replace

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from data_contracts import Threshold, odcs
from data_contracts.arrow import arrow_schema
from data_contracts.errors import ReleaseError
from flows.cli import main
from tasks.verify import locate, verify

QUICK = ["--steps", "4"]


@pytest.fixture(scope="module")
def released(tmp_path_factory, contract):
    """One release, made once by the command line."""
    folder = tmp_path_factory.mktemp("released")
    path = folder / "small.yaml"
    path.write_text(odcs.dump(contract))
    root, runs = folder / "releases", folder / "runs"

    status = main(["run", str(path), "--to", str(root), "--runs", str(runs), *QUICK])

    assert status == 0
    return locate(root / "adult")


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
    manifest = verify(released)

    assert manifest["contract"] == {"id": "adult", "version": odcs.load(odcs.find("adult")).version}
    assert manifest["model"]["name"] == contract.model == "auto"
    assert manifest["model"]["steps"] == 4
    assert manifest["privacy"] is None
    assert manifest["source"]["rows"] == manifest["rows"] == 1500
    assert manifest["split"] == {"train": 1350, "holdout": 150}
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
    again = verify(locate(at / "releases" / "adult"))

    first = verify(released)
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
    assert main(["run", str(written), *QUICK]) == 0

    latest = json.loads((at / "releases/adult/latest.json").read_text())["release"]
    assert (first.rsplit("-")[-1], latest.rsplit("-")[-1]) == ("1", "2")
    verify(at / "releases" / "adult" / first)


def test_the_deployment_names_a_flow_that_loads():
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint("flows.synthesize.synthesize")

    properties = flow.parameters.properties
    assert properties["rows"]["description"].startswith("How many synthetic rows")


def test_a_release_of_some_rows_says_so_and_holds_no_others(contract, at, capsys):
    (at / "some.yaml").write_text(odcs.dump(contract))
    words = ["--where", "age>=30", "--where", "age<=70", "--share", "sex:Female=0.5"]

    assert main(["run", "some.yaml", "--rows", "301", *words, *QUICK]) == 0

    release = locate(at / "releases" / "adult")
    frame = pd.read_parquet(release / "data")
    assert len(frame) == 301
    assert frame.age.between(30, 70).all()
    assert (frame.sex == "Female").sum() == 150
    selection = verify(release)["selection"]
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
