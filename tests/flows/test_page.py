"""What a person sees of a run in Prefect, asked of the server itself."""

import asyncio
import base64
import io
import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from data_contracts import ReleaseRefusedError, Threshold, odcs
from flows.synthesize import synthesize


def asked_of_server(run_id):
    """Return a run's name and its artifacts by type."""
    from prefect import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    async def ask():
        async with get_client() as client:
            flow_run = await client.read_flow_run(run_id)
            found = await client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
            )
            return flow_run, found

    flow_run, found = asyncio.run(ask())
    by_type = {}
    for artifact in found:
        by_type.setdefault(artifact.type, []).append(artifact)
    return flow_run, by_type


@pytest.fixture
def refusing(contract, tmp_path):
    """A contract whose gate no model passes, as a file."""
    gate = (*contract.gate, Threshold("column_shapes", "nothing is exactly like the real rows", minimum=1.0))
    path = tmp_path / "small.yaml"
    path.write_text(odcs.dump(replace(contract, gate=gate)))
    return path


def run(path, tmp_path):
    state = synthesize(
        contract=str(path),
        model="trees",
        rows=300,
        runs=str(tmp_path / "runs"),
        to=str(tmp_path / "releases"),
        return_state=True,
    )
    return state, *asked_of_server(state.state_details.flow_run_id)


def test_a_release_shows_its_verdict_its_scores_and_where_it_lies(contract, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(odcs.dump(contract))

    state, flow_run, artifacts = run(path, tmp_path)

    assert state.is_completed()
    assert re.fullmatch(r"adult by trees, seed 0, \d{4}-\d\d-\d\d \d\d:\d\d", flow_run.name)
    [table] = artifacts["table"]
    rows = json.loads(table.data)
    assert {"score", "value", "real rows in its place", "must be", "verdict", "because"} == rows[0].keys()
    assert {row["verdict"] for row in rows} == {"reached"}
    assert [row["score"] for row in rows][:2] == ["data_validity", "two_sample_train"]
    [page] = [each for each in artifacts["markdown"] if each.key == "adult-verdict"]
    links = [each for each in artifacts["markdown"] if each is not page]  # stored as pages, too
    assert "passed every threshold" in page.data
    picture = base64.b64decode(re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page.data)[1])
    corner = Image.open(io.BytesIO(picture)).convert("RGBA").getpixel((0, 0))
    assert corner == (255, 255, 255, 255)  # a page may be dark
    release = tmp_path / "releases" / "adult" / "1.0.0-1"
    told = " ".join(link.data for link in links)
    assert (release / "report.html").as_uri() in told
    assert f"({release.as_uri()})" in told


def test_a_refusal_shows_what_was_missed_and_links_no_release(refusing, tmp_path):
    state, _, artifacts = run(refusing, tmp_path)

    assert state.is_failed()
    with pytest.raises(ReleaseRefusedError):
        state.result()
    [table] = artifacts["table"]
    missed = [row["score"] for row in json.loads(table.data) if row["verdict"] == "missed"]
    assert missed == ["column_shapes"]
    [page] = artifacts["markdown"]
    assert "refused: 1 of" in page.data
