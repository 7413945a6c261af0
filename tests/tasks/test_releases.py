"""What a release says of itself: manifest, commit, digest of the source, card and Croissant."""

import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import jsonschema
import mlcroissant
import pytest
import yaml
from huggingface_hub import DatasetCard
from release_making import CONTRACT, PARAMETERS

from data_contracts import ReleaseError
from tasks.releases import origin
from tasks.releases.manifest import read_manifest
from tasks.releases.origin import DIGEST_KEY, DIGEST_KEY_FILE, keyed_digest

rdflib_is_deprecated = pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant


def test_the_first_release_is_the_champion_and_has_no_parent(first):
    manifest = read_manifest(Path(first.uri))

    assert (first.version, first.champion, first.comparison) == ("1.0.0-1", True, None)
    assert (manifest["parent"], manifest["comparison"], manifest["champion"]) == (None, None, True)
    assert manifest["parameters"] == PARAMETERS
    assert set(manifest["columns"]) == {"city", "km", "paid", "day"}  # an id is made, not learned


@pytest.mark.parametrize("part", ["format", "code", "verdict", "files", "signature"])
def test_the_schema_bites(first, part):
    schema = json.loads((Path(origin.__file__).parent / "manifest.schema.json").read_text())
    manifest = json.loads((Path(first.uri) / "manifest.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: value for name, value in manifest.items() if name != part}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**manifest, part: 0}, schema)


def test_a_manifest_that_breaks_its_schema_is_not_published(run, tmp_path):
    odd = replace(CONTRACT, id="no id")

    with pytest.raises(ReleaseError, match=r"a manifest is as its schema says, however: \$\.contract\.id breaks"):
        run.published(tmp_path, contract=odd)

    assert list(tmp_path.rglob("*")) == []


def test_the_commit_is_that_of_the_checkout_whose_files_these_are(tmp_path, monkeypatch):
    def git(*words):
        command = ["git", "-C", tmp_path, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

    here = tmp_path / "tasks" / "origin.py"
    here.parent.mkdir()
    here.write_text("x = 1\n")
    monkeypatch.setattr(origin, "__file__", str(here))
    assert origin.code() is None  # no checkout
    git("init", "-q")
    assert origin.code() is None  # somebody else's: the file is not tracked
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "one")

    assert origin.code() == {"commit": git("rev-parse", "HEAD"), "changed": False}
    here.write_text("x = 2\n")
    assert origin.code()["changed"]
    monkeypatch.setenv("PATH", "")
    assert origin.code() is None  # no git


def test_the_digest_of_the_source_is_keyed_by_a_key_that_stays(run, first, tmp_path):
    told = read_manifest(Path(first.uri))["source"]["digest"]
    again = read_manifest(Path(run.published(tmp_path).uri))["source"]["digest"]
    key = run.run.parent / "digest.key"

    assert told == again != run.real.digest
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for path in Path(first.uri).rglob("*"):
        if path.is_file():
            assert run.real.digest.encode() not in path.read_bytes()
            assert key.read_bytes().strip() not in path.read_bytes()


def test_the_key_of_the_digest_is_the_environments_if_it_names_one(tmp_path, monkeypatch):
    own = keyed_digest("ab" * 32, run=tmp_path / "a" / "run")
    other = keyed_digest("ab" * 32, run=tmp_path / "b" / "run")
    monkeypatch.setenv(DIGEST_KEY, "k" * 16)
    by_text = keyed_digest("ab" * 32, run=tmp_path / "a" / "run")
    monkeypatch.delenv(DIGEST_KEY)
    (tmp_path / "key").write_text("k" * 16 + "\n")
    monkeypatch.setenv(DIGEST_KEY_FILE, str(tmp_path / "key"))

    assert keyed_digest("ab" * 32, run=tmp_path / "c" / "run") == by_text
    assert len({own, other, by_text}) == 3
    assert not (tmp_path / "c").exists()


def test_runs_at_once_share_one_key_and_leave_nothing_beside_it(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        for runs in (tmp_path / str(place) for place in range(50)):
            assert len(set(pool.map(lambda at: keyed_digest("ab" * 32, run=at), [runs / "run"] * 8))) == 1
            assert [path.name for path in runs.iterdir()] == ["digest.key"]


@pytest.mark.parametrize(("name", "value"), [(DIGEST_KEY, "short"), (DIGEST_KEY_FILE, "/nowhere/key")])
def test_a_key_that_could_be_guessed_or_not_read_is_refused(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ReleaseError, match="the key of the source's digest"):
        keyed_digest("ab" * 32, run=tmp_path)


def test_the_card_is_one_that_the_hub_reads(first):
    card = DatasetCard.load(Path(first.uri) / "README.md")

    assert card.data.license == "cc-by-4.0"
    assert card.data.size_categories == ["n<1K"]
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/*.parquet"}]
    assert yaml.safe_load(card.content.split("---\n")[1]) == card.data.to_dict()


@rdflib_is_deprecated
def test_the_rows_can_be_read_by_way_of_croissant(first):
    dataset = mlcroissant.Dataset(jsonld=Path(first.uri) / "croissant.json")

    rows = list(dataset.records("rows"))

    assert len(rows) == 300
    assert rows[0]["rows/city"].decode() in {"Bonn", "Graz", "Linz"}
