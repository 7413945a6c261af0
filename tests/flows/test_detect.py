"""Detection by the command line and as a flow, from a release of the main job."""

import json

import pyarrow.parquet as pq
import pytest
from test_page import asked_of_server

from flows.cli import main
from flows.detect import detection

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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "new.csv"], "nowhere"),
        (["nowhere", "new.csv", "--contamination", "2"], "contamination"),
        (["nowhere", "new.csv", "--fdr", "0"], "fdr"),
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
