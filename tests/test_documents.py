"""What the documents and the deployment say is so."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from flows.parameters import (
    Decoding,
    Detection,
    EachDetection,
    Encoding,
    Retention,
    Segmentation,
    Sweep,
    Synthesis,
    Upscaling,
)

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "datasets").glob("*.md")]


def commands():
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    return sorted({line.split("#")[0].strip() for line in re.findall(r"^(likeness .*)$", text, flags=re.MULTILINE)})


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_documents_parses(line):
    from flows.arguments import parser

    parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_is_there(document):
    for name in re.findall(r"`((?:data_contracts|models|tasks|flows)/[\w/]+\.(?:py|yaml))`", document.read_text()):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("deployment", yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"])
def test_a_deployment_names_a_flow_that_loads_and_parameters_that_it_takes(deployment):
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(deployment["entrypoint"])

    assert deployment["parameters"].keys() <= flow.parameters.properties.keys()
    parameters = {
        "synthesize": Synthesis,
        "sweep": Sweep,
        "prune": Retention,
        "detect": Detection,
        "segment": Segmentation,
        "detect-each": EachDetection,
        "encode": Encoding,
        "decode": Decoding,
        "upscale": Upscaling,
    }
    parameters[flow.name](**deployment["parameters"])


def test_every_package_that_the_project_declares_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    extras = project.pop("optional-dependencies").values()
    declared = {
        re.split(r"[<>=~\[]", name)[0].lower() for names in (project["dependencies"], *extras) for name in names
    }

    assert declared - {project["name"]} <= pinned


@pytest.mark.parametrize("word", ["make run", "make test"])
def test_the_readme_names_the_two_commands(word):
    assert word in (ROOT / "README.md").read_text()


UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))


def complaints(unit: Path, text: str) -> str:
    """Return what systemd says of a unit, whose project is this one."""
    unit.write_text(text.replace("/opt/likeness/.venv/bin", str(Path(sys.executable).parent)))
    command = [shutil.which("systemd-analyze"), "verify", "--man=no", unit]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr  # noqa: S603 - systemd's own


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(unit, tmp_path):
    text = unit.read_text()

    assert unit.name not in complaints(tmp_path / unit.name, text)
    assert "Restrat" in complaints(tmp_path / unit.name, text.replace("Restart=", "Restrat="))


def test_the_environment_of_the_units_keeps_prefect_from_telling_anybody():
    lines = (ROOT / "docs" / "systemd" / "environment").read_text().splitlines()

    assert {"DO_NOT_TRACK=1", "PREFECT_SERVER_ANALYTICS_ENABLED=false", "GX_ANALYTICS_ENABLED=false"} <= set(lines)


def test_the_patience_with_a_silent_run_is_six_of_its_heartbeats():
    automations = tomllib.loads((ROOT / "automations.toml").read_text())["automation"]
    (patience,) = [each["trigger"]["within"] for each in automations if "not heard of" in each["name"]]
    pools = yaml.safe_load((ROOT / "prefect.yaml").read_text())["definitions"]["work_pools"]

    assert patience == 6 * int(pools["local"]["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
