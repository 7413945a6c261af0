"""Card and Croissant: what catalogues read is valid, and says what the manifest says."""

import json
import re
from dataclasses import replace
from typing import Any

import mlcroissant
import pytest
import yaml

from data_contracts import Column, Contract
from tasks.reports.card import card
from tasks.reports.croissant import croissant

CONTRACT = Contract(
    id="shop",
    version="1.2.3",
    name="orders",
    purpose="Shows | what <b>we</b> sell.",
    licence="CC BY 4.0. Somebody (2020).",
    columns=(
        Column(name="order", kind="id", primary_key=True),
        Column(name="items", kind="integer"),
        Column(name="price", kind="number", description="Euros | with tax."),
        Column(name="paid", kind="boolean"),
        Column(name="channel", kind="category"),
        Column(name="grade", kind="category", values=(1, 2, 3), storage="integer"),
        Column(name="made", kind="date"),
        Column(name="seen", kind="timestamp", timezone="Europe/Berlin"),
    ),
)
rdflib_is_deprecated = pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant

MANIFEST: dict[str, Any] = {
    "contract": {"id": "shop", "version": "1.2.3"},
    "release": "1.2.3-1",
    "created": "2026-01-02T03:04:05+00:00",
    "rows": 12_345,
    "model": {"name": "gmm", "steps": 100, "seconds": 12.3, "cut": False, "contest": []},
    "privacy": None,
    "champion": True,
    "comparison": None,
    "signature": None,
    "seed": 0,
    "source": {"digest": "ab" * 32, "rows": 13_000},
    "split": {"train": 11_700, "holdout": 1_300},
    "scores": [{"name": "column_shapes", "value": 0.99, "metric": "m", "version": "1", "seed": 0, "floor": None}],
    "verdict": {
        "passed": True,
        "checks": [
            {
                "score": "column_shapes",
                "value": 0.99,
                "minimum": 0.95,
                "maximum": None,
                "because": "wrong margins are seen",
                "passed": True,
            }
        ],
    },
    "versions": {"torch": "2.13.0"},
    "files": {
        "data/part-00000.parquet": {"sha256": "cd" * 32, "bytes": 1234},
        "contract.yaml": {"sha256": "ef" * 32, "bytes": 12},
    },
}


def test_the_card_has_front_matter_that_yaml_reads() -> None:
    text = card(CONTRACT, MANIFEST)

    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["10K<n<100K"]
    assert "synthetic" in front["tags"]
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/*.parquet"}]


@pytest.mark.parametrize(
    ("target", "task"),
    [("paid", "tabular-classification"), ("price", "tabular-regression"), ("grade", "tabular-classification")],
)
def test_the_card_says_what_the_target_is_for(target: str, task: str) -> None:
    text = card(replace(CONTRACT, target=target), MANIFEST)

    assert yaml.safe_load(text.split("---\n")[1])["task_categories"] == [task]
    assert "task_categories" not in card(CONTRACT, MANIFEST)


@pytest.mark.parametrize(
    ("licence", "word"),
    [
        ("CC0 1.0", "cc0-1.0"),
        ("MIT", "mit"),
        ("", "unknown"),
        ("Mitigated: ask us", "other"),
        ("CC BY 4.0", "cc-by-4.0"),
    ],
)
def test_a_licence_is_said_in_the_hubs_word(licence: str, word: str) -> None:
    text = card(replace(CONTRACT, licence=licence), MANIFEST)

    assert yaml.safe_load(text.split("---\n")[1])["license"] == word


@pytest.mark.parametrize(("rows", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (2_000_000, "1M<n<10M")])
def test_the_size_is_said_in_the_hubs_word(rows: int, size: str) -> None:
    assert yaml.safe_load(card(CONTRACT, MANIFEST | {"rows": rows}).split("---\n")[1])["size_categories"] == [size]


def test_the_card_says_what_was_promised_and_what_it_covers() -> None:
    promised = {"epsilon": 2.987, "delta": 1e-05, "covers": "the model and its rows", "opacus": "1.6.0"}

    assert "epsilon 2.99, delta 1e-05. It covers the model and its rows." in card(
        CONTRACT, {**MANIFEST, "privacy": promised}
    )
    assert "Differential privacy" not in card(CONTRACT, MANIFEST)


def test_tables_of_the_card_are_rectangular() -> None:
    lines = card(CONTRACT, MANIFEST).splitlines()

    for number, line in enumerate(lines):
        if line.startswith("|---"):
            width = line.count("|")
            following = lines[number + 1 :]
            rows = following[: next(i for i, each in enumerate(following) if not each.startswith("|"))]
            assert rows
            assert all(len(re.findall(r"(?<!\\)\|", row)) == width for row in rows)


@rdflib_is_deprecated
def test_croissant_is_valid_to_the_standards_own_reader(caplog: pytest.LogCaptureFixture) -> None:
    described = croissant(CONTRACT, MANIFEST)

    dataset = mlcroissant.Dataset(jsonld=json.loads(json.dumps(described)))

    assert not caplog.records
    assert [field.name for field in dataset.metadata.record_sets[0].fields] == list(CONTRACT.names)
    [file] = dataset.metadata.distribution
    assert file.sha256 == "cd" * 32
    assert file.content_url == "data/part-00000.parquet"


def test_croissant_gives_each_kind_its_type() -> None:
    fields = croissant(CONTRACT, MANIFEST)["recordSet"][0]["field"]

    assert {field["name"]: field["dataType"] for field in fields} == {
        "order": "sc:Text",
        "items": "sc:Integer",
        "price": "sc:Float",
        "paid": "sc:Boolean",
        "channel": "sc:Text",
        "grade": "sc:Integer",
        "made": "sc:Date",
        "seen": "sc:DateTime",
    }


@rdflib_is_deprecated
def test_a_broken_croissant_is_refused_by_the_reader() -> None:
    described = croissant(CONTRACT, MANIFEST)
    described["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "elsewhere.parquet"

    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=described)
