"""A source in a real PostgreSQL that goes away while it is read, for a while or for good."""

import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect import flow
from services import Postgres, initdb, until

from data_contracts import Column, Contract, Source
from tasks.ingest import ingest
from tasks.readers.problems import UnreachableError
from tasks.readers.sql import read_sql

pytestmark = pytest.mark.skipif(initdb() is None, reason="PostgreSQL's programs are not installed")

ROWS = 250_000  # more than are read at once
QUERY = "SELECT id, 'name ' || id AS name FROM generate_series(1, {rows}) AS id"


@pytest.fixture
def database():
    with Postgres.served() as served:
        yield served


def asked(database: Postgres, query: str) -> Contract:
    """Return a contract on what a query gives."""
    return Contract(
        id="people",
        version="1.0.0",
        name="people",
        columns=(Column(name="id", kind="integer"), Column(name="name", kind="id", unique=True)),
        source=Source(location=database.url(driver="postgresql+psycopg"), query=query),
    )


def restarting(database: Postgres, *, mode: str) -> threading.Thread:
    """Restart the server as soon as rows are fetched."""

    def restart() -> None:
        asking = "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        until(lambda: "FETCH" in database.query(asking), seconds=60)
        database.stop(mode)
        database.start()

    thread = threading.Thread(target=restart)
    thread.start()
    return thread


def test_a_server_that_goes_away_between_two_batches_is_unreachable_not_a_wrong_query(database):
    contract = asked(database, QUERY.format(rows=ROWS))
    batches = read_sql(contract.source, names=contract.names)
    assert next(batches).num_rows < ROWS

    database.stop("immediate")

    with pytest.raises(UnreachableError, match="the source can be reached, however: the connection failed with"):
        list(batches)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_while_rows_are_read_costs_a_retry_and_nothing_else(database, tmp_path, caplog, mode):
    @flow
    def reading(folder: str, contract: Contract) -> object:
        return ingest.with_options(retry_delay_seconds=[0.5, 0.5, 2])(contract, run=folder)

    slow = asked(database, QUERY.format(rows=2_000) + " WHERE pg_sleep(0.001) IS NOT NULL")
    calm = ingest.fn(slow, run=str(tmp_path / "calm"))
    thread = restarting(database, mode=mode)

    hit = reading(str(tmp_path / "hit"), slow)

    thread.join()
    assert "Retry 1/3 will start" in caplog.text
    assert hit.digest == calm.digest
    assert pq.read_table(hit.uri)["id"].to_pylist() == list(range(1, 2_001))


def test_a_server_that_stays_away_ends_the_run_by_name_and_leaves_no_half_file(database, tmp_path, caplog):
    @flow
    def reading(folder: str, contract: Contract) -> object:
        return ingest.with_options(retry_delay_seconds=0)(contract, run=folder)

    contract = asked(database, QUERY.format(rows=10))
    database.stop()

    with pytest.raises(UnreachableError) as ended:
        reading(str(tmp_path / "run"), contract)

    assert [failure.rule for failure in ended.value.failures] == ["source.connection"]
    assert "Retry 3/3 will start" in caplog.text
    assert not [path for path in Path(tmp_path / "run").rglob("*") if path.is_file()]
