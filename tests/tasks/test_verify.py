"""What `verify` names: whatever was done to a release, the first thing that is wrong."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from release_making import made

from data_contracts import ReleaseError
from tasks.releases.manifest import read_manifest
from tasks.releases.signing import KEY_FILE, new_key
from tasks.verify import locate, verify

DATA = "data/part-00000.parquet"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two signed releases of a contract, and one that is not signed, with the keys."""
    folder = tmp_path_factory.mktemp("place")
    new_key(folder / "own.key")
    new_key(folder / "other.key")
    run = made(folder / "run")
    run.published(folder / "unsigned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_FILE, str(folder / "own.key"))
        run.published(folder / "signed")
        run.published(folder / "signed")
        run.published(folder / "signed")
        patch.setenv(KEY_FILE, str(folder / "other.key"))
        run.published(folder / "forged")
    return folder


@pytest.fixture
def root(place, tmp_path):
    shutil.copytree(place, tmp_path / "copy")
    return tmp_path / "copy"


def signed(root):
    return root / "signed" / "trips" / "1.0.0-3"


def test_a_signed_release_is_verified_by_its_key(root):
    found = verify(signed(root), key=root / "own.key.pub")

    public = (root / "own.key.pub").read_bytes()
    raw = base64.b64decode(b"".join(public.splitlines()[1:-1]))[-32:]
    assert found.signed == hashlib.sha256(raw).hexdigest() == found.manifest["signature"]["key"]
    assert found.trusted
    assert found.manifest["release"] == "1.0.0-3"


def test_without_a_key_of_ones_own_the_signature_is_its_own_word(root):
    assert verify(signed(root)).signed is not None
    assert not verify(signed(root)).trusted
    assert verify(locate(root / "unsigned" / "trips")).signed is None


def test_a_release_may_lie_under_another_name(root):
    shutil.move(signed(root), root / "downloaded")

    assert verify(root / "downloaded", key=root / "own.key.pub").trusted


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def rewrite(release, **values):
    """Change the manifest and leave the signature as it is."""
    manifest = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps({**manifest, **values}, indent=2))


def link(path, target):
    path.unlink() if path.is_file() else shutil.rmtree(path)
    path.symlink_to(target)


def cut(release):
    """Cut the data off, and let the manifest say that it is so."""
    path = release / DATA
    path.write_bytes(path.read_bytes()[:-100])
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"][DATA] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    (release / "manifest.json").write_text(json.dumps(manifest))


def twice(release):
    text = (release / "manifest.json").read_text()
    (release / "manifest.json").write_text(text.replace('"seed": 0', '"seed": 0, "seed": 1', 1))


def elsewhere(release, name):
    outside = release.parents[2] / "outside"
    shutil.copytree(release / name, outside) if (release / name).is_dir() else shutil.copy(release / name, outside)
    link(release / name, outside)


CHANGES = {
    "a changed byte": (lambda r: flip(r / DATA, 100), r"data/part-00000\.parquet has changed: its SHA-256 differs"),
    "a changed weight": (lambda r: flip(r / "model/weights.safetensors", -1), r"weights\.safetensors has changed"),
    "a missing file": (lambda r: (r / "report.html").unlink(), r"report\.html is missing"),
    "an extra file": (lambda r: (r / "extra.txt").write_text("x"), r"extra\.txt is not in the manifest"),
    "an extra file deep down": (lambda r: (r / "data/.hidden").write_text("x"), r"data/\.hidden is not in the man"),
    "a truncated Parquet": (
        lambda r: os.truncate(r / DATA, (r / DATA).stat().st_size // 2),
        r"part-00000\.parquet has [\d,]+ bytes instead of [\d,]+",
    ),
    "a link to a file": (lambda r: elsewhere(r, "report.html"), r"report\.html is a link"),
    "a link to a folder": (lambda r: elsewhere(r, "model"), r"model is a link"),
    "a link that leads nowhere": (lambda r: (r / "extra").symlink_to("/nowhere"), r"extra is a link"),
    "a linked manifest": (lambda r: elsewhere(r, "manifest.json"), r"manifest\.json is a link"),
    "a pipe": (lambda r: os.mkfifo(r / "extra"), r"extra is not in the manifest"),
    "a pipe in a file's place": (
        lambda r: ((r / "report.html").unlink(), os.mkfifo(r / "report.html")),
        r"report\.html is not a file",
    ),
    "no manifest": (lambda r: (r / "manifest.json").unlink(), r"manifest\.json cannot be read as one"),
    "no JSON": (lambda r: (r / "manifest.json").write_text("{"), r"manifest\.json cannot be read as one"),
    "a key twice": (twice, r"manifest\.json cannot be read as one \(ValueError\)"),
    "a manifest of before": (lambda r: rewrite(r, format=1), r"manifest\.json is of format 1, an older one"),
    "a manifest without format": (
        lambda r: (r / "manifest.json").write_text('{"release": "1.0.0-3", "files": {}}'),
        r"manifest\.json is of format 1, an older one",
    ),
    "a manifest of later": (lambda r: rewrite(r, format=3), r"manifest\.json is not of format 2"),
    "a path that climbs out": (
        lambda r: rewrite(r, files={"../outside": {"sha256": "0" * 64, "bytes": 1}}),
        r"is not as the schema of manifests says: \$\.files breaks",
    ),
    "an unknown key": (lambda r: rewrite(r, more=1), r"schema of manifests says: \$ breaks 'additionalProperties'"),
    "a changed score": (lambda r: rewrite(r, scores=[]), r"manifest\.sig is not that of manifest\.json"),
    "another space in the manifest": (
        lambda r: (r / "manifest.json").write_text((r / "manifest.json").read_text() + " "),
        r"manifest\.sig is not that of manifest\.json",
    ),
    "another signature": (
        lambda r: shutil.copy(r.parent / "1.0.0-2" / "manifest.sig", r),
        r"manifest\.sig is not that of manifest\.json",
    ),
    "no signature": (lambda r: (r / "manifest.sig").unlink(), r"manifest\.sig is missing"),
    "a signature cut off": (lambda r: os.truncate(r / "manifest.sig", 10), r"manifest\.sig is not that of"),
    "another key's name": (
        lambda r: rewrite(r, signature={**read_manifest(r)["signature"], "key": "0" * 64}),
        r"manifest\.json names a key and gives another",
    ),
    "an older release's manifest": (
        lambda r: [shutil.copy(r.parent / "1.0.0-2" / name, r) for name in ("manifest.json", "manifest.sig")],
        r"1\.0\.0-3 holds the manifest of 1\.0\.0-2",
    ),
    "an older release in its place": (
        lambda r: (shutil.rmtree(r), shutil.copytree(r.parent / "1.0.0-2", r)),
        r"1\.0\.0-3 holds the manifest of 1\.0\.0-2",
    ),
    "a link to an older release": (lambda r: link(r, r.parent / "1.0.0-2"), r"1\.0\.0-3 holds the manifest of"),
    "the signature taken away": (
        lambda r: (rewrite(r, signature=None), (r / "manifest.sig").unlink()),
        r"it is not signed, and the key [0-9a-f]{64} was asked for",
    ),
    "signed by another": (
        lambda r: (shutil.rmtree(r), shutil.copytree(r.parents[2] / "forged/trips/1.0.0-1", r)),
        r"it is signed by [0-9a-f]{64}, and [0-9a-f]{64} was asked for",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "fact"), CHANGES.values(), ids=CHANGES)
def test_the_first_thing_that_is_wrong_is_named(root, change, fact):
    change(signed(root))

    with pytest.raises(ReleaseError, match=fact):
        verify(signed(root), key=root / "own.key.pub")


UNSIGNED = {
    "data cut off before it was listed": (cut, r"data/part-00000\.parquet is no whole Parquet file"),
    "fewer rows than are told": (lambda r: rewrite(r, rows=301), r"parquet has 300 rows instead of 301"),
    "a signature that is not told of": (
        lambda r: (r / "manifest.sig").write_bytes(b"0" * 64),
        r"manifest\.sig is not in the manifest",
    ),
}


@pytest.mark.parametrize(("change", "fact"), UNSIGNED.values(), ids=UNSIGNED)
def test_of_an_unsigned_release_that_lies_by_itself_too(root, change, fact):
    release = shutil.move(root / "unsigned/trips/1.0.0-1", root / "alone")
    change(Path(release))

    with pytest.raises(ReleaseError, match=fact):
        verify(Path(release))


def test_a_manifest_that_the_pointer_does_not_name_is_told(root):
    release = root / "unsigned" / "trips" / "1.0.0-1"
    rewrite(release, created="2020-01-01T00:00:00+00:00")

    with pytest.raises(ReleaseError, match=r"manifest\.json is not the one that latest\.json names"):
        verify(release)


def test_a_release_of_another_contract_is_told(root):
    shutil.move(root / "unsigned" / "trips", root / "unsigned" / "other")

    with pytest.raises(ReleaseError, match="under other lies a release of trips"):
        verify(root / "unsigned" / "other" / "1.0.0-1")


@pytest.mark.parametrize("name", ["../outside", "/etc", "1.0.0", "1.0.0-3/../1.0.0-2", 7, None])
def test_a_pointer_that_names_no_release_is_refused(root, name):
    (root / "signed/trips/latest.json").write_text(json.dumps({"release": name, "manifest": "0" * 64}))

    with pytest.raises(ReleaseError, match=r"latest\.json cannot be read as one"):
        locate(root / "signed" / "trips")


@pytest.mark.parametrize("name", ["own.key", "missing.pub", "signed/trips/latest.json"])
def test_what_is_no_public_key_is_refused(root, name):
    with pytest.raises(ReleaseError, match="holds none that can be read"):
        verify(signed(root), key=root / name)


def test_it_takes_less_than_two_seconds_beyond_the_reading(root):
    command = [sys.executable, "-m", "flows.cli", "verify", str(signed(root)), "--key", str(root / "own.key.pub")]
    before, began = os.times(), time.monotonic()

    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603

    after = os.times()
    assert "the key that you asked for" in done.stdout
    assert min(time.monotonic() - began, after.children_user - before.children_user) < 2  # neighbours do not count


def test_verifying_reads_nothing_of_prefect_torch_or_pandas(root):
    command = "import sys; from flows.cli import main; main(sys.argv[1:]); print(*sys.modules)"

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", command, "verify", str(signed(root))], capture_output=True, text=True, check=True
    )

    assert {"prefect", "torch", "pandas"}.isdisjoint(done.stdout.split())
    assert "cryptography" in done.stdout


def test_the_data_of_a_release_is_what_was_generated(root):
    assert pq.read_table(signed(root) / "data").num_rows == read_manifest(signed(root))["rows"] == 300
