"""The command line: status and words."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from bad_inputs import BAD_INPUTS, CONTRACT

from data_contracts import odcs
from flows.cli import main

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("model", [["--model", "gan"], []])  # the contract's own is auto
def test_epsilon_with_a_model_that_cannot_keep_it_is_told_with_status_2(written, at, capsys, model):
    assert main(["run", str(written), "--epsilon", "3", *model]) == 2

    said = capsys.readouterr().err
    assert f"however: '{model[-1] if model else 'auto'}' may. Choose one of: vae, autoregressive." in said
    assert not (at / "releases").exists()


@pytest.mark.usefixtures("at")
def test_a_refusal_for_machines_is_one_json_object(capsys):
    assert main(["run", "no_such_contract", "--json"]) == 2

    said = json.loads(capsys.readouterr().out)
    assert said["error"] == "ContractError"
    assert {"rule", "fact", "remedy", "failures"} <= said.keys()


def test_a_refusal_for_machines_has_every_broken_rule_with_its_detail(at, capsys):
    (at / "members.yaml").write_text(odcs.dump(CONTRACT))
    make, rule = BAD_INPUTS["text in an integer"]

    assert main(["contract", "check", "members.yaml", make(at), "--json"]) == 2

    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    told = {"rule": rule, "columns": ["age"], "rows": 1, "total": 60}
    assert failure == {**told, "detail": "not of kind integer, the first in row 31"}


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


OPENER = """#!/bin/sh
echo "$1" > "$OPENED"
"""


@pytest.mark.parametrize(
    ("screen", "changed", "opened"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_show_opens_the_report_where_there_is_a_screen(released, at, screen, changed, opened):
    """In a terminal of its own, with a browser that writes down what it is to open."""
    release = at / "releases" / "adult" / "1.0.0-1"
    shutil.copytree(released, release)
    if changed:
        (release / "report.html").write_text("<script>steal()</script>")
    (at / "browser").write_text(OPENER)
    (at / "browser").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    environment |= {"BROWSER": f"{at / 'browser'} %s", "OPENED": str(at / "opened"), "PYTHONPATH": str(ROOT)}
    environment |= {"DISPLAY": ":0"} if screen else {}
    ours, theirs = os.openpty()

    command = [sys.executable, "-m", "flows.cli", "show", str(release)]
    subprocess.run(command, env=environment, stdout=theirs, check=True)  # noqa: S603 - our own

    assert b"adult 1.0.0-1" in os.read(ours, 10_000)
    assert (at / "opened").exists() is opened
    if opened:
        assert (at / "opened").read_text().strip() == (release / "report.html").as_uri()


@pytest.mark.usefixtures("at")
def test_infer_check_and_run_go_together(rows, capsys):
    assert main(["contract", "infer", str(rows), "--to", "draft.yaml"]) == 0
    assert main(["contract", "check", "draft.yaml", str(rows)]) == 0
    assert "1,500 rows keep to it" in capsys.readouterr().out

    assert main(["run", "draft.yaml", "--steps", "5"]) == 0


def wide(rng):
    """300 columns of 400 rows: numbers, words, days, constants, and columns that are null throughout."""
    rows = 400
    day = np.datetime64("2020-01-01") + rng.integers(0, 900, rows)
    makes = (
        lambda: rng.normal(size=rows).round(2),
        lambda: rng.choice(["low", "high"], rows),
        lambda: day,
        lambda: np.full(rows, 7),
        lambda: np.full(rows, "same"),
        lambda: pa.nulls(rows, pa.string()),
    )
    return pa.table({f"c{n:03}": makes[n % len(makes)]() for n in range(300)})


def worded(rng):
    """A column of 1,000 words, most in enough rows to be a category, one that goes with it, and one that does not."""
    codes = rng.integers(1_000, size=12_000)  # as many of each would tell who was held out: words of few rows in train
    size = np.array(["s", "m", "l", "xl"])[codes // 250]
    return pa.table(
        {"word": [f"word {code}" for code in codes], "size": size, "cost": rng.normal(size=12_000).round(2)}
    )


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize("make", [wide, worded])
def test_many_columns_many_categories_constants_and_nulls_are_no_errors(make, capsys):
    table = make(np.random.default_rng(0))
    pacsv.write_csv(table, "odd.csv")

    assert main(["contract", "infer", "odd.csv", "--to", "odd.yaml"]) == 0
    assert main(["run", "odd.yaml", "--model", "gmm", "--steps", "30"]) == 0, capsys.readouterr().err

    drawn = pq.read_table("releases/odd/0.1.0-1/data")
    assert drawn.shape == table.shape
    for name in ("c003", "c004", "c005") if make is wide else ():
        assert drawn[name].unique().to_pylist() == table[name].unique().to_pylist()
    if make is worded:
        assert len(drawn["word"].unique()) > 900
