"""A sweep: every cell has its row, whatever became of it."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_contracts import Source, Threshold, odcs
from flows.cli import main
from flows.parameters import Sweep


@pytest.fixture
def contracts(contract, at):
    """One contract that passes, one that is refused, and one without a source, in files."""
    impossible = Threshold("column_shapes", "nothing is alike to the last digit", minimum=1.0)
    written = {
        "good": contract,
        "refused": replace(contract, gate=(*contract.gate, impossible)),
        "broken": replace(contract, source=Source(location=str(at / "none.csv"))),
    }
    for name, each in written.items():
        (at / f"{name}.yaml").write_text(odcs.dump(each))
    return [f"{name}.yaml" for name in written]


@pytest.mark.timeout(900)
def test_what_is_refused_or_fails_ends_no_sweep_and_is_told(contracts, at, capsys):
    status = main(["sweep", *contracts, "--model", "trees", "--seeds", "1", "--rows", "400", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert status == 0
    table = pq.read_table(told["path"]).to_pylist()
    assert [(row["contract"], row["model"], row["seed"], row["verdict"]) for row in table] == [
        ("good", "trees", 0, "passed"),
        ("refused", "trees", 0, "refused"),
        ("broken", "trees", 0, "failed"),
    ]
    good, refused, broken = table
    assert (good["why"], refused["why"]) == ("", "column_shapes")
    assert broken["why"].startswith("the source is there, however: no file is found")
    assert good["membership_auc"] == refused["membership_auc"] == pytest.approx(0.5, abs=0.2)
    assert broken["column_shapes"] is None
    assert (at / "sweep" / "releases" / "good-trees-0" / "adult" / "latest.json").is_file()
    assert not (at / "sweep" / "releases" / "refused-trees-0").exists()
    with Path(told["path"]).with_suffix(".csv").open() as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["passed", "refused", "failed"]


def test_cells_are_all_combinations_and_no_two_share_a_folder_of_releases():
    asked = Sweep(contract=["a.yaml", "b"], model=["gmm", "trees"], seeds=3, steps=4)

    cells = list(asked.cells())

    assert len(cells) == len({cell["to"] for cell in cells}) == 12
    assert cells[-1] == {
        "contract": "b", "model": "trees", "seed": 2, "to": "sweep/releases/b-trees-2",
        "rows": None, "budget_seconds": None, "steps": 4, "epsilon": None, "runs": "runs",
    }  # fmt: skip
    assert [cell["model"] for cell in Sweep(contract=["a"], seeds=2).cells()] == [None, None]


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--model", "oracle"], ["--steps", "0"]])
def test_wrong_use_is_told_before_anything_starts(words, capsys):
    assert main(["sweep", "adult", *words]) == 2

    assert "the parameters of a run are as `likeness sweep --help` says" in capsys.readouterr().err
