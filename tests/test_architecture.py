"""Imports point one way, each library has one door, and the tests that say so can fail."""

import shutil
from pathlib import Path
from typing import get_args

import pytest
from architecture import ROOMS, parquet_writers, second_doors, tasks_calling_tasks, upward_imports

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_imports_point_one_way():
    assert upward_imports(ROOT) == []


def test_no_library_has_a_second_door():
    assert second_doors(ROOT) == {}


def test_parquet_is_written_by_one_module():
    assert parquet_writers(ROOT) == ["tasks/parquet.py"]


def test_no_task_calls_another():
    assert tasks_calling_tasks(ROOT) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("data_contracts", "import models"),
        ("data_contracts", "import torch"),
        ("models", "from tasks.parquet import read_table"),
        ("models", "import pandas as pd"),
        ("tasks", "from flows.gate import judge"),
        ("flows", "from models.gmm import GaussianMixture"),
        ("flows", "def late():\n    import torch"),
    ],
)
def test_a_planted_upward_import_is_found(copy, room, line):
    (copy / room / "planted.py").write_text(line + "\n")

    found = upward_imports(copy)

    assert [entry.split(" imports ")[0] for entry in found] == [f"{room}/planted.py"]


@pytest.mark.parametrize("library", ["cryptography", "great_expectations", "sdmetrics", "yaml", "matplotlib"])
def test_a_planted_second_door_is_found(copy, library):
    (copy / "tasks" / "planted.py").write_text(f"from {library} import anything\n")

    assert "tasks/planted.py" in second_doors(copy)[library]


@pytest.mark.parametrize(
    "line", ["pq.write_table(table, path)", "frame.to_parquet(path)", "from pyarrow.parquet import ParquetWriter"]
)
def test_a_planted_second_writer_of_parquet_is_found(copy, line):
    (copy / "tasks" / "planted.py").write_text(line + "\n")

    assert "tasks/planted.py" in parquet_writers(copy)


def test_a_planted_call_of_another_task_is_found(copy):
    (copy / "tasks" / "planted.py").write_text("from tasks.ingest import ingest\n@task()\ndef planted(): ...\n")

    assert tasks_calling_tasks(copy) == ["planted.py calls tasks.ingest.ingest"]


def test_every_model_that_a_contract_can_name_is_registered():
    from data_contracts.contract import ModelName
    from models import IMAGE_MODELS, MODELS

    assert set(get_args(ModelName)) == set(MODELS) | set(IMAGE_MODELS)
