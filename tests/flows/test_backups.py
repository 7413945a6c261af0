"""A copy of Prefect's database, taken while it serves, serves as well."""

import sqlite3
from contextlib import closing, contextmanager

import pytest
from services import Postgres, Prefect, initdb

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@contextmanager
def serving(home, **settings):
    """Serve, and take it away again."""
    started = Prefect(home, settings)
    try:
        started.serve()
        yield started
    finally:
        started.end()


def holds(prefect):
    """Return what an operator would miss: deployments and automations by name, and whether a secret can be read."""
    deployments = {each["name"] for each in prefect.ask("deployments/filter")}
    automations = {each["name"] for each in prefect.ask("automations/filter")}
    block = prefect.ask("block_types/slug/webhook/block_documents/name/likeness?include_secrets=true", method="GET")
    return deployments, automations, block["data"]["url"]


def test_a_copy_of_sqlite_that_is_taken_while_it_serves_serves_as_well(tmp_path):
    with serving(tmp_path / "one") as first:
        first.make("deploy", LIKENESS_WEBHOOK="http://127.0.0.1:9/hook")
        before = holds(first)
        (tmp_path / "two").mkdir()
        with (
            closing(sqlite3.connect(first.home / "prefect.db")) as there,
            closing(sqlite3.connect(tmp_path / "two" / "prefect.db")) as here,
        ):
            there.backup(here)  # as the command line's .backup

    with serving(tmp_path / "two") as second:
        assert holds(second) == before
    assert before[2] == "http://127.0.0.1:9/hook"


@pytest.mark.skipif(initdb() is None, reason="PostgreSQL's programs are not installed")
def test_a_dump_of_postgresql_that_is_taken_while_it_serves_serves_as_well(tmp_path):
    with Postgres.served() as database:
        with serving(tmp_path / "one", **{URL: database.database("prefect")}) as first:
            first.make("deploy", LIKENESS_WEBHOOK="http://127.0.0.1:9/hook")
            before, dump = holds(first), database.dump("prefect")
        url = database.database("copy")
        database.restore(dump, "copy")

        with serving(tmp_path / "two", **{URL: url}) as second:
            assert holds(second) == before
