"""Segments by the command line and as a flow: of rows, and of an image."""

import json

import pyarrow.parquet as pq
import pytest
from PIL import Image
from test_page import asked_of_server

from data_contracts import odcs
from flows.cli import main
from flows.segment import segmentation


@pytest.fixture
def small(contract, tmp_path):
    """The contract of the rows, as a file."""
    path = tmp_path / "small.yaml"
    path.write_text(odcs.dump(contract))
    return str(path)


@pytest.mark.usefixtures("at")
def test_the_command_says_what_the_segments_are_and_where(small, rows, capsys):
    assert main(["segment", small, str(rows), "--by", "age", "--by", "sex", "--segments", "2"]) == 0

    said = capsys.readouterr().out
    assert "1,500 rows of adult: 2 segments" in said
    assert "segments/adult/segments.html" in said
    assert "age " in said
    assert pq.read_table("segments/adult/segments.parquet").num_rows == 1_500


@pytest.mark.usefixtures("at")
def test_the_command_for_machines_prints_one_json_object(at, capsys):
    Image.linear_gradient("L").resize((20, 20)).save(at / "shades.png")

    assert main(["segment", "shades.png", "--segments", "2", "--json", "--to", "out"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["chosen"], said["of"]) == (400, 2, "shades")
    assert sum(each["pixels"] for each in said["segments"]) == 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere"),
        (["adult", "--segments", "0"], "segments"),
        (["picture.png"], "it is not there"),
        (["picture.png", "rows.csv"], "an image is segmented by its own pixels"),
    ],
)
def test_wrong_use_is_told_with_status_2(at, capsys, arguments, words):
    assert main(["segment", *arguments]) == 2

    assert words in capsys.readouterr().err
    assert list(at.iterdir()) == []


def test_the_page_has_sizes_and_no_cell(small, tmp_path):
    state = segmentation(of=small, to=str(tmp_path), by=["age", "occupation"], segments=2, return_state=True)

    found = state.result()
    _, artifacts = asked_of_server(state.state_details.flow_run_id)
    [page], [table] = artifacts["markdown"], artifacts["table"]
    assert "in 2 segments" in page.data
    assert [row["size"] for row in json.loads(table.data)] == list(found.sizes)
    assert "Exec-managerial" not in page.data + table.data
