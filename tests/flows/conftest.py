"""A real Prefect server for the tests that run flows, and a small real table for it."""

import logging
from dataclasses import replace
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from data_contracts import Source, Threshold, odcs
from flows import embedded

ROOT = Path(__file__).parents[2]

embedded.configure()  # before Prefect is imported


@pytest.fixture(scope="session", autouse=True)
def prefect_server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    """The command line sends log lines to the error stream of its process, which for a test is gone when it ends."""
    loggers = [logging.getLogger(name) for name in ("flows", "tasks", "models")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """The first 1,500 rows of Adult as CSV: small, real, mixed, with nulls."""
    path = tmp_path_factory.mktemp("source") / "adult.csv"
    pa_csv.write_csv(pq.read_table(ROOT / "datasets" / "adult.parquet").slice(0, 1500), path)
    return path


@pytest.fixture(scope="session")
def contract(rows):
    """Adult's contract on those rows, with a gate that a few seconds of training pass."""
    whole = odcs.load(odcs.find("adult"))
    gate = (
        Threshold("data_validity", "rows outside the contract break every reader", minimum=0.99),
        Threshold("two_sample_train", "nothing of the joint is learned in a few steps", minimum=0.0),
    )
    return replace(whole, source=Source(location=str(rows)), gate=gate)


@pytest.fixture(scope="session")
def released(tmp_path_factory, contract):
    """One release, made once by the command line; it is only looked at."""
    from flows.cli import main
    from tasks.verify import locate

    folder = tmp_path_factory.mktemp("released")
    path = folder / "small.yaml"
    path.write_text(odcs.dump(contract))
    root, runs = folder / "releases", folder / "runs"

    status = main(["run", str(path), "--to", str(root), "--runs", str(runs), "--steps", "4"])

    assert status == 0
    return locate(root / "adult")


@pytest.fixture
def at(tmp_path, monkeypatch):
    """An empty working folder, so that `runs` and `releases` land there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def written(contract, at):
    """The contract as a file."""
    path = at / "small.yaml"
    path.write_text(odcs.dump(contract))
    return path
