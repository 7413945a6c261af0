"""Passwords are named, never written: what Prefect keeps, what is logged, what lies on disk."""

import logging
import sqlite3
from dataclasses import replace

import pyarrow.csv as pa_csv
import pytest
from prefect import flow
from prefect.blocks.system import Secret
from pydantic import ValidationError

from data_contracts import ContractError, Source, odcs
from flows.cli import main
from flows.parameters import Synthesis
from flows.synthesize import synthesize
from tasks.releases.signing import KEY, signer
from tasks.secrets import reveal

PASSWORD = "hunter2-Zq81"  # noqa: S105 - the secret that is looked for everywhere


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A secret in the environment, and another in a block."""
    monkeypatch.setenv("DB_PLACE", str(tmp_path))
    Secret(value=PASSWORD).save("db-password", overwrite=True)


@pytest.mark.usefixtures("named")
def test_secrets_are_looked_up_by_name(tmp_path):
    assert reveal("a:${secret:db-password}@${DB_PLACE}") == f"a:{PASSWORD}@{tmp_path}"
    assert reveal("no secret: $HOME {x}") == "no secret: $HOME {x}"


@pytest.mark.parametrize("text", ["${NO_SUCH_VARIABLE}", "${secret:no-such-block}"])
def test_a_secret_that_there_is_not_is_named_in_an_error(text):
    with pytest.raises(ContractError, match=r"a secret that is named can be looked up.*no.such"):
        reveal(text.replace("NO_SUCH_VARIABLE", "no_such"))


@pytest.mark.usefixtures("named")
def test_a_password_is_looked_up_by_the_run_and_stands_nowhere(contract, rows, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    with sqlite3.connect(tmp_path / f"{PASSWORD}.db") as database:  # where a file of SQLite's lies is all that it knows
        pa_csv.read_csv(rows).to_pandas().replace("", None).to_sql("people", database, index=False)
    location = f"sqlite:///{tmp_path}/${{secret:db-password}}.db"
    path = tmp_path / "small.yaml"
    path.write_text(odcs.dump(replace(contract, source=Source(location=location, table="people"))))

    state = synthesize(
        contract=str(path), model="trees", rows=300, runs=str(tmp_path / "runs"), to=str(tmp_path / "to"),
        return_state=True,
    )  # fmt: skip

    assert state.is_completed(), state.message
    assert PASSWORD not in "".join(capfd.readouterr()) + caplog.text
    for file in [*(tmp_path / "runs").rglob("*"), *(tmp_path / "to").rglob("*")]:
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()
    assert PASSWORD not in _all_that_prefect_keeps(state.state_details.flow_run_id)


def _all_that_prefect_keeps(run_id):
    """Return a run, its task runs, artifacts and logs as one text."""
    import asyncio

    from prefect import get_client
    from prefect.client.schemas import filters

    async def ask():
        async with get_client() as client:
            run = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=[run_id]))
            logs = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[run_id]))
            found = [
                await client.read_flow_run(run_id),
                *await client.read_task_runs(flow_run_filter=run),
                *await client.read_artifacts(flow_run_filter=run),
                *await client.read_logs(log_filter=logs),
            ]
            return "".join(each.model_dump_json() for each in found)

    return asyncio.run(ask())


def test_a_password_that_is_written_out_is_refused_before_anything_runs_and_not_repeated(capsys):
    location = f"postgresql://reader:{PASSWORD}@db.example/people"

    with pytest.raises(ValidationError) as refused:
        Synthesis(contract="adult", source=location)
    status = main(["run", "adult", "--source", location])

    printed = "".join(capsys.readouterr())
    assert status == 2
    assert "its password is written out; name it" in printed
    assert PASSWORD not in printed
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("location", "fine"),
    [
        ("postgresql://reader@db/people", True),
        ("postgresql://reader:${secret:x}@db:5432/people", True),
        ("postgresql://reader:${PGPASSWORD}@db/people", True),
        ("s3://bucket/a:b@c.csv", True),
        ("/data/a:b@c.csv", True),
        ("postgresql://reader:${X}y@db/people", False),
        ("mysql+pymysql://reader:y@db", False),
    ],
)
def test_the_form_that_people_fill_in_knows_it_too(location, fine):
    import jsonschema

    schema = synthesize.parameters.model_dump()["properties"]["source"]

    assert jsonschema.Draft202012Validator(schema).is_valid(location) == fine


@pytest.mark.usefixtures("named")
def test_a_signing_key_may_be_a_block(tmp_path, monkeypatch):
    from tasks.releases.signing import new_key

    public = new_key(tmp_path / "key")
    Secret(value=(tmp_path / "key").read_text()).save("signing-key", overwrite=True)
    monkeypatch.setenv(KEY, "${secret:signing-key}")

    @flow
    def sign():
        return signer().public

    assert sign() == public
