"""Publishing: layout, keys, provenance, the champion and its challengers, and several runs at once."""

import json
import logging
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import jsonschema
import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard
from release_making import CONTRACT, PARAMETERS, made, real_table

from data_contracts import ContractError, ReleaseError
from flows.gate import require_champion
from tasks.releases import origin
from tasks.releases.drift import distances
from tasks.releases.layout import locked, next_release, pointed, releases
from tasks.releases.manifest import read_manifest
from tasks.releases.origin import DIGEST_KEY, DIGEST_KEY_FILE, keyed_digest
from tasks.releases.signing import KEY, KEY_FILE, new_key, signer
from tasks.verify import locate, verify

rdflib_is_deprecated = pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (KEY, KEY_FILE, DIGEST_KEY, DIGEST_KEY_FILE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("runs") / "trips" / "first")


@pytest.fixture(scope="module")
def first(run, tmp_path_factory):
    return run.published(tmp_path_factory.mktemp("first"))


def latest(root):
    return pointed(root / "trips").release


# ---- the manifest


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


# ---- the source's digest


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


@pytest.mark.parametrize(("name", "value"), [(DIGEST_KEY, "short"), (DIGEST_KEY_FILE, "/nowhere/key")])
def test_a_key_that_could_be_guessed_or_not_read_is_refused(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ReleaseError, match="the key of the source's digest"):
        keyed_digest("ab" * 32, run=tmp_path)


# ---- signing


def test_a_new_key_is_its_owners_alone_and_written_over_no_other(tmp_path):
    key = new_key(tmp_path / "deep" / "own.key")

    assert stat.S_IMODE((tmp_path / "deep" / "own.key").stat().st_mode) == 0o600
    assert len(key.fingerprint) == 64
    for taken in ("own.key", "own.key.pub"):
        before = (tmp_path / "deep" / taken).read_bytes()
        with pytest.raises(ReleaseError, match="a key is never written over another"):
            new_key(tmp_path / "deep" / "own.key")
        assert (tmp_path / "deep" / taken).read_bytes() == before
    (tmp_path / "lone.key.pub").write_text("somebody's")
    with pytest.raises(ReleaseError, match="a key is never written over another"):
        new_key(tmp_path / "lone.key")
    assert not (tmp_path / "lone.key").exists()


def test_a_release_is_signed_by_the_key_of_the_environment(run, tmp_path, monkeypatch):
    public = new_key(tmp_path / "own.key")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "own.key"))
    by_file = run.published(tmp_path / "a")
    monkeypatch.delenv(KEY_FILE)
    monkeypatch.setenv(KEY, (tmp_path / "own.key").read_text())
    by_text = run.published(tmp_path / "b")

    for release in (by_file, by_text):
        assert verify(Path(release.uri), key=tmp_path / "own.key.pub").signed == public.fingerprint
        assert public.fingerprint in (Path(release.uri) / "README.md").read_text()


def test_an_unsigned_release_says_so(first):
    assert read_manifest(Path(first.uri))["signature"] is None
    assert "This release is not signed." in (Path(first.uri) / "README.md").read_text()
    assert not (Path(first.uri) / "manifest.sig").exists()


@pytest.mark.parametrize("text", ["no key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"])
def test_a_key_that_cannot_be_read_is_told_without_a_word_of_it(monkeypatch, tmp_path, text):
    monkeypatch.setenv(KEY, text)

    with pytest.raises(ReleaseError, match="a signing key is an Ed25519 private key as PEM") as caught:
        signer()
    assert text not in str(caught.value)
    monkeypatch.delenv(KEY)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "missing"))
    with pytest.raises(ReleaseError, match="missing holds none that can be read"):
        signer()


def test_a_key_of_another_kind_or_behind_a_passphrase_is_refused(monkeypatch):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    other = ec.generate_private_key(ec.SECP256R1())
    own = ed25519.Ed25519PrivateKey.generate()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    open_ = other.private_bytes(*form, serialization.NoEncryption())
    shut = own.private_bytes(*form, serialization.BestAvailableEncryption(b"words"))
    for pem in (open_, shut):
        monkeypatch.setenv(KEY, pem.decode())
        with pytest.raises(ReleaseError, match="without a passphrase"):
            signer()


def test_a_key_that_others_can_read_is_warned_of(tmp_path, monkeypatch, caplog):
    new_key(tmp_path / "own.key")
    (tmp_path / "own.key").chmod(0o644)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "own.key"))

    assert signer() is not None

    assert "can be read by others" in caplog.text


def test_the_private_key_is_nowhere_but_in_its_file(tmp_path, monkeypatch, caplog):
    new_key(tmp_path / "own.key")
    pem = (tmp_path / "own.key").read_text()
    monkeypatch.setenv(KEY, pem)
    caplog.set_level(logging.DEBUG)
    (tmp_path / "own.key").unlink()

    own = made(tmp_path / "runs" / "trips" / "one")
    own.published(tmp_path / "releases")

    secret = signer()._key.private_bytes_raw()  # noqa: SLF001 - what is looked for
    forms = [secret, secret.hex().encode(), pem.splitlines()[1].encode()]
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = f"{caplog.text}{signer()!r}{vars(signer())}".encode()
    assert len(written) > 10
    for text in [*written.values(), said]:
        assert not [form for form in forms if form in text]


# ---- card and Croissant, of a real release


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


# ---- the champion


def test_a_release_as_good_takes_the_place_of_the_latest(run, tmp_path):
    run.published(tmp_path)

    release = run.published(tmp_path, shapes=0.96)

    manifest = read_manifest(Path(release.uri))
    parent = tmp_path / "trips" / "1.0.0-1" / "manifest.json"
    assert release.champion
    assert latest(tmp_path) == "1.0.0-2"
    assert manifest["parent"] == {"release": "1.0.0-1", "manifest": digest(parent)}
    [score] = manifest["comparison"]["scores"]
    assert (score["name"], score["value"], score["before"], score["worse_by"]) == ("column_shapes", 0.96, 0.97, 0.01)
    assert score["allowed"] == pytest.approx(0.02 + 1_000_000**-0.5)
    require_champion(release)


def digest(path):
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_one_that_is_worse_beyond_the_margin_is_kept_beside_it(run, tmp_path):
    run.published(tmp_path)

    release = run.published(tmp_path, shapes=0.94)

    assert not release.champion
    assert latest(tmp_path) == "1.0.0-1"
    kept = verify(tmp_path / "trips" / "1.0.0-2").manifest
    assert kept["champion"] is False
    assert kept["comparison"]["worse"] == ["column_shapes"]
    assert "which is better and stays the latest" in (tmp_path / "trips/1.0.0-2/README.md").read_text()
    page = (tmp_path / "trips/1.0.0-2/report.html").read_text()
    assert "worse beyond the margin: column_shapes 0.9400 after 0.9700" in page
    with pytest.raises(ReleaseError, match=r"1\.0\.0-2 stands beside 1\.0\.0-1: worse beyond the margin") as caught:
        require_champion(release)
    assert caught.value.exit_status == 1
    again = run.published(tmp_path, shapes=0.97)  # compared with the champion, not with the one that lost
    assert again.comparison.release == "1.0.0-1"
    assert latest(tmp_path) == "1.0.0-3"


@pytest.mark.parametrize(
    ("shapes", "options", "wins"),
    [
        (0.96, {"margin": 0.0}, False),
        (0.93, {"margin": 0.05}, True),
        (0.94, {"rows": 1_000}, True),  # of 1,000 rows chance may take as much
        (0.90, {"rows": 1_000}, False),
        (0.99, {"margin": 0.0}, True),
    ],
)
def test_the_margin_is_what_is_stated_and_what_chance_adds(run, tmp_path, shapes, options, wins):
    run.published(tmp_path)

    assert run.published(tmp_path, shapes=shapes, **options).champion is wins


def test_releases_of_other_rows_are_not_compared(run, tmp_path):
    run.published(tmp_path)

    release = run.published(tmp_path, shapes=0.9, selection={"where": ["km >= 10"], "share": []})

    assert release.champion
    assert not release.comparison.comparable
    assert (release.comparison.scores, release.comparison.drift) == ((), ())


def test_drift_of_the_source_is_told_by_column_the_worst_first(run, tmp_path):
    run.published(tmp_path)
    table = real_table(seed=1, shift=8.0)
    drifted = made(tmp_path / "other", table, model="gmm")

    release = drifted.published(tmp_path)

    drift = {one["column"]: one for one in release.comparison.drift}
    assert release.comparison.drift[0]["column"] == "km"
    assert 0.2 < drift["km"]["distance"] < 0.7
    assert drift["km"]["floor"] == read_manifest(tmp_path / "trips" / "1.0.0-1")["columns"]["km"] < 0.15
    assert all(drift[name]["distance"] < 0.2 for name in ("city", "paid", "day"))


def test_distances_are_those_of_kolmogorov_and_of_total_variation(tmp_path):
    table = real_table(4)
    one = table.set_column(1, "city", pa.array(["Bonn", "Bonn", "Graz", None]).dictionary_encode())
    two = table.set_column(1, "city", pa.array(["Bonn", "Graz", "Graz", "Linz"]).dictionary_encode())
    one = one.set_column(2, "km", pa.array([1.0, 2.0, 3.0, None])).set_column(3, "paid", pa.array([True] * 4))
    two = two.set_column(2, "km", pa.array([1.0, 1.5, 1.5, 3.0])).set_column(3, "paid", pa.array([False] * 4))
    for name, each in (("one", one), ("two", two)):
        pq.write_table(each, tmp_path / name)

    found = distances(CONTRACT, tmp_path / "one", tmp_path / "two")

    assert found == {"city": 0.5, "km": 0.5, "paid": 1.0, "day": 0.0}


def test_a_contract_whose_version_does_not_fit_is_refused_and_nothing_is_written(run, tmp_path):
    run.published(tmp_path)
    wider = replace(CONTRACT, columns=tuple(replace(column, minimum=None) for column in CONTRACT.columns))

    with pytest.raises(ContractError, match=r"1\.0\.0 became 1\.0\.0 with km\.minimum is promised no more \(major\)"):
        run.published(tmp_path, contract=wider)

    assert releases(tmp_path / "trips") == ["1.0.0-1"]
    release = run.published(tmp_path, contract=replace(wider, version="2.0.0"))
    assert release.version == "2.0.0-1"
    assert release.comparison.contract == ("km.minimum is promised no more (major)",)
    assert "km.minimum is promised no more" in (Path(release.uri) / "README.md").read_text()


@pytest.mark.parametrize("broken", ["manifest.json", "contract.yaml"])
def test_a_champion_that_cannot_be_read_keeps_no_sound_release_back(run, tmp_path, caplog, broken):
    run.published(tmp_path)
    (tmp_path / "trips" / "1.0.0-1" / broken).write_text("{")

    release = run.published(tmp_path, shapes=0.9)

    assert release.champion
    assert read_manifest(Path(release.uri))["parent"] is None
    assert "nothing to compare with" in caplog.text


# ---- several at once


def test_several_runs_at_once_get_a_version_each_and_follow_one_another(run, tmp_path):
    scores = [0.97, 0.97, 0.91, 0.97, 0.97, 0.97]
    runs = [replace(run, run=tmp_path / "runs" / str(place)) for place in range(len(scores))]
    for each in runs:
        each.run.mkdir(parents=True)

    with ThreadPoolExecutor(len(scores)) as pool:
        done = list(
            pool.map(lambda job: job[0].published(tmp_path / "root", shapes=job[1]), zip(runs, scores, strict=True))
        )

    folder = tmp_path / "root" / "trips"
    assert sorted(release.version for release in done) == [f"1.0.0-{place}" for place in range(1, len(scores) + 1)]
    manifests = [verify(folder / version).manifest for version in releases(folder)]
    champion = None
    for manifest in manifests:  # each was compared with the champion of its own moment
        assert (manifest["parent"] or {"release": None})["release"] == champion
        assert manifest["champion"] or champion
        champion = manifest["release"] if manifest["champion"] else champion
    assert latest(tmp_path / "root") == champion == locate(folder).name


def test_who_waited_for_a_folder_that_is_gone_locks_the_one_in_its_place(tmp_path):
    folder, held, seen = tmp_path / "trips", [], []

    def hold(place):
        with locked(folder):
            held.append(place)
            seen.append((len(held), folder.is_dir()))
            held.remove(place)  # nothing is written, so the folder goes with the lock

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(200)))

    assert seen == [(1, True)] * 200
    assert not folder.exists()


def test_releases_are_ordered_by_number_and_named_after_the_greatest(tmp_path):
    for name in ("1.0.0-2", "1.0.0-10", "1.2.0-1", "1.10.0-1", "1.0.0-rc.1-3", "notes", ".1.0.0-11.5.partial"):
        (tmp_path / name).mkdir()

    assert releases(tmp_path) == ["1.0.0-rc.1-3", "1.0.0-2", "1.0.0-10", "1.2.0-1", "1.10.0-1"]
    assert next_release(tmp_path, "1.0.0") == "1.0.0-11"
    assert next_release(tmp_path, "3.0.0") == "3.0.0-1"
