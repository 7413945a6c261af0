"""The command line on folders of images: draft, check, and what is said of a file that does not fit."""

import json

import numpy as np
import pytest
from image_files import BAD, LABELS, good, picture, pixels

from flows.cli import main


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A folder of 60 images in two classes, to work in."""
    monkeypatch.chdir(tmp_path)
    for row, image in enumerate(pixels(3, count=60)):
        path = tmp_path / "photographs" / LABELS[row % 2] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(image).save(path)
    return tmp_path


@pytest.mark.usefixtures("at")
def test_a_folder_is_drafted_and_keeps_to_its_draft(capsys):
    assert main(["contract", "infer", "photographs", "--to", "draft.yaml"]) == 0
    assert main(["contract", "check", "draft.yaml"]) == 0
    assert main(["contract", "check", "draft.yaml", "photographs"]) == 0

    assert "60 rows keep to it" in capsys.readouterr().out


def test_bad_files_are_told_by_rule_and_name_with_status_2(at, capsys):
    assert main(["contract", "infer", "photographs", "--to", "draft.yaml"]) == 0
    for name in ("a bomb", "a moving png", "for the printer"):
        (at / "photographs" / "boot" / f"{name.replace(' ', '-')}.png").write_bytes(BAD[name][0])
    capsys.readouterr()

    assert main(["contract", "check", "draft.yaml", "photographs", "--json"]) == 2

    failures = json.loads(capsys.readouterr().out)["failures"]
    told = {failure["rule"]: (failure["rows"], failure["detail"].split(": ")[1]) for failure in failures}
    assert told == {
        "image.oversize": (1, "a-bomb.png"),
        "image.animated": (1, "a-moving-png.png"),
        "image.format": (1, "for-the-printer.png"),  # the draft allows what it saw
    }


def test_a_blank_source_keeps_every_rule_of_form_and_breaks_the_one_of_content(at, capsys):
    assert main(["contract", "infer", "photographs", "--to", "draft.yaml"]) == 0
    for path in (at / "photographs" / "boot").iterdir():
        picture(np.zeros((12, 12, 1), np.uint8)).save(path)
    (at / "photographs" / "boot" / "one.png").write_bytes(good())

    assert main(["contract", "check", "draft.yaml", "photographs"]) == 2

    assert "image.variance: 30 of 61 rows" in capsys.readouterr().err
