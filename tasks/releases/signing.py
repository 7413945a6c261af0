"""Ed25519 signatures of manifests, and the keys for them: the one door to `cryptography`.

Source: RFC 8032 (Josefsson, Liusvaara: Edwards-Curve Digital Signature Algorithm, 2017).  A signature covers the
manifest's bytes behind a line that names the format, the contract and the release, so that none can stand for another.
"""

import base64
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts import ReleaseError
from tasks.secrets import reveal
from tasks.storage import storage_errors

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

__all__ = ["ALGORITHM", "KEY", "KEY_FILE", "PublicKey", "Signer", "new_key", "public_key", "signer"]

KEY, KEY_FILE = "LIKENESS_SIGNING_KEY", "LIKENESS_SIGNING_KEY_FILE"
"""Environment variables: the private key as PEM, or the file that holds it."""

ALGORITHM = "ed25519"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a signature is held against; known by the SHA-256 of its 32 bytes."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the key, hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Return whether the holder of the private key signed the message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """Holds a private key and signs; its text shows the public key alone."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self.public = PublicKey(_raw(key.public_key()))

    def __repr__(self) -> str:
        """Return the signer by its public key."""
        return f"Signer({self.public.fingerprint})"

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of a message's signature."""
        return self._key.sign(message)

    def stated(self) -> dict[str, str]:
        """Return what a manifest says of its signature."""
        key = base64.b64encode(self.public.raw).decode()
        return {"algorithm": ALGORITHM, "key": self.public.fingerprint, "public_key": key}


def signer() -> Signer | None:
    """Return the signer whose key the environment names; None: it names none, and releases are not signed.

    Raises:
        ContractError: the variable names a secret (`${secret:NAME}`) that there is not.
        ReleaseError: what is named is no Ed25519 private key as PEM.
    """
    text, path = os.environ.get(KEY), os.environ.get(KEY_FILE)
    if not text and not path:
        return None
    where = KEY if text else f"{KEY_FILE}: {path}"
    try:
        return Signer(_private(reveal(text).encode() if text else _read(Path(str(path)))))
    except (OSError, ValueError, TypeError):  # its words could quote the key
        raise ReleaseError(
            "a signing key is an Ed25519 private key as PEM, without a passphrase",
            f"{where} holds none that can be read",
            "Make one with `likeness key new`, or unset the variable to publish without a signature",
        ) from None


def new_key(path: Path) -> PublicKey:
    """Write a new private key, for its owner alone to read, and its public key beside it.

    Raises:
        ReleaseError: there is such a file already, or it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    public = path.with_name(f"{path.name}.pub")
    for taken in (path, public):
        if taken.exists() or taken.is_symlink():
            raise ReleaseError(
                "a key is never written over another", f"{taken} is there already", "Name another file with --to"
            )
    key = Ed25519PrivateKey.generate()
    _write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_once(public, shown, mode=0o644)
    return PublicKey(_raw(key.public_key()))


def public_key(path: Path) -> PublicKey:
    """Return the public key in a PEM file.

    Raises:
        ReleaseError: it holds none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
        if isinstance(key, Ed25519PublicKey):
            return PublicKey(_raw(key))
    except (OSError, ValueError, UnsupportedAlgorithm):
        pass
    raise ReleaseError(
        "a release is held against an Ed25519 public key as PEM",
        f"{path} holds none that can be read",
        "Name the .pub file that `likeness key new` wrote",
    )


def _private(pem: bytes) -> "Ed25519PrivateKey":
    """Return the key that a PEM text holds.

    Raises:
        ValueError: it holds none, or one of another kind.
        TypeError: it is locked by a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except UnsupportedAlgorithm as error:
        raise ValueError from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError
    return key


def _read(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        logger.warning("%s can be read by others than its owner: chmod 600 it", path)
    return path.read_bytes()


def _raw(key: "Ed25519PublicKey") -> bytes:
    return key.public_bytes_raw()


def _write_once(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file of a mode that it has from its first byte on, unless there is one."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - the mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
