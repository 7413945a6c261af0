"""Keys and signatures: who can read them, what is refused, and that no private key is seen anywhere."""

import logging
import stat
from pathlib import Path

import pytest
from release_making import made

from data_contracts import ReleaseError
from tasks.releases.manifest import read_manifest
from tasks.releases.signing import KEY, KEY_FILE, new_key, signer
from tasks.verify import verify


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
