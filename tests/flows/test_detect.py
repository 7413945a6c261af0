"""Detection by the command line and as a flow, from a release of the main job."""

import json
import os
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_page import asked_of_server

from flows.cli import main
from flows.detect import detection
from flows.detect_each import each_detection

ODD = "Rosalind-Q7742"


@pytest.fixture
def odd(rows, tmp_path):
    """The rows of the release's source, one of them of an occupation that there is not."""
    lines = rows.read_text().splitlines()
    place = lines[0].replace('"', "").split(",").index("occupation")
    cells = lines[1].split(",")
    cells[place] = ODD
    path = tmp_path / "odd.csv"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    return path


@pytest.mark.usefixtures("at")
def test_the_command_says_how_many_and_where(released, odd, capsys):
    assert main(["detect", str(released), str(odd), "--to", "found.parquet", "--contamination", "0.05"]) == 0

    said = capsys.readouterr().out
    assert "of 1,500 rows are anomalies" in said
    assert "by occupation first" in said
    assert "found.parquet" in said
    row = pq.read_table("found.parquet").slice(0, 1).to_pylist()[0]
    assert (row["row"], row["is_anomaly"], row["why"][0]["column"]) == (0, True, "occupation")


@pytest.mark.usefixtures("at")
def test_the_command_for_machines_prints_one_json_object(released, odd, capsys):
    assert main(["detect", str(released), str(odd), "--fdr", "0.2", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 1_500
    assert said["broken"] == 1
    assert said["uri"].endswith("anomalies.parquet")
    assert ODD not in json.dumps(said)


@pytest.fixture
def inbox(odd, at):
    """A folder with one file to judge, one that is no table, and one that is being written."""
    folder = at / "inbox"
    folder.mkdir()
    for name, text, age in (("a.csv", odd.read_text(), 900), ("b.csv", ODD, 900), ("c.csv", ODD, 0)):
        (folder / name).write_text(text)
        os.utime(folder / name, (time.time() - age,) * 2)
    return folder


def test_the_command_judges_each_new_file_once_and_refuses_what_cannot_be_read(released, inbox, capsys):
    command = ["detect", str(released), str(inbox), "--each", "--to", "found", "--contamination", "0.05"]

    assert main(command) == 2
    told = capsys.readouterr().err
    assert "1 of 2 new ones cannot" in told
    assert ODD not in told
    assert sorted(path.name for path in Path("found").iterdir()) == ["a.csv.parquet", "b.csv.error.json"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "0 new files judged" in said
    assert "1 file may still be written" in said
    assert "1 file could not be read before" in said


def test_what_came_of_each_file_is_counted_on_the_page_and_for_machines(released, inbox, capsys):
    (inbox / "b.csv").unlink()
    state = each_detection(release=str(released), data=str(inbox), to="found", contamination=0.05, return_state=True)

    found = state.result()
    assert (found.judged, found.rows, found.broken, found.waiting) == (1, 1_500, 1, 1)
    _, artifacts = asked_of_server(state.state_details.flow_run_id)
    [table] = artifacts["table"]
    counts = {row["what"]: row["count"] for row in json.loads(table.data)}
    assert (counts["judged"], counts["unread"], counts["waiting"], counts["judged before"]) == (1, 0, 1, 0)
    assert "a.csv" not in table.data + table.description
    assert main(["detect", str(released), str(inbox), "--each", "--to", "found", "--settled", "0.5", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "DataError"


@pytest.mark.usefixtures("at")
def test_a_release_without_the_signature_that_is_asked_for_judges_nothing(released, odd, capsys):
    assert main(["key", "new", "--to", "own"]) == 0

    assert main(["detect", str(released), str(odd), "--key", "own.pub"]) == 2
    assert "it is not signed" in capsys.readouterr().err
    assert not Path("anomalies.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "new.csv"], "nowhere"),
        (["nowhere", "new.csv", "--contamination", "2"], "contamination"),
        (["nowhere", "new.csv", "--fdr", "0"], "fdr"),
        (["nowhere", "new", "--each", "--settled", "-1"], "settled_seconds"),
    ],
)
def test_wrong_use_is_told_with_status_2(at, capsys, arguments, words):
    assert main(["detect", *arguments]) == 2

    assert words in capsys.readouterr().err
    assert list(at.iterdir()) == []


def test_the_page_has_figures_and_no_cell(released, odd, tmp_path):
    state = detection(
        release=str(released), data=str(odd), to=str(tmp_path / "found.parquet"), contamination=0.05, return_state=True
    )

    found = state.result()
    _, artifacts = asked_of_server(state.state_details.flow_run_id)
    [page], [table] = artifacts["markdown"], artifacts["table"]
    assert f"{found.anomalies:,} of 1,500 rows are anomalies" in page.data
    assert "rows that break the contract: 1" in page.data
    columns = {row["column"]: row["anomalies that it is the first reason of"] for row in json.loads(table.data)}
    assert columns == found.columns
    assert ODD not in page.data + table.data
