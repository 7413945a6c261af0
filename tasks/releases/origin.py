"""Where a release comes from, told so that nothing private can be guessed: code, source, parameters."""

import hmac
import os
import subprocess
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from data_contracts import ReleaseError
from tasks.places import create, fetch, is_remote, there
from tasks.storage import partial_of, storage_errors

__all__ = ["DIGEST_KEY", "DIGEST_KEY_FILE", "code", "keyed_digest"]

DIGEST_KEY, DIGEST_KEY_FILE = "LIKENESS_DIGEST_KEY", "LIKENESS_DIGEST_KEY_FILE"
"""Environment variables: the key of the source's digest, or the file that holds it."""

_LEAST_BYTES = 16  # of a key: fewer could be tried one after the other
_SECONDS = 10.0  # that git may take


def keyed_digest(digest: str, *, run: Path) -> str:
    """Return the HMAC-SHA-256 of a digest: who has not the key cannot tell which table it is of by trying some.

    The key is the environment's, or one that is made once for all runs of a contract and stays with them.

    Args:
        digest: hexadecimal.
        run: the run's folder.

    Raises:
        ReleaseError: the key is too short, or cannot be read or written.
    """
    return hmac.new(_key(run), bytes.fromhex(digest), sha256).hexdigest()


def _key(run: Path) -> bytes:
    text, path = os.environ.get(DIGEST_KEY), os.environ.get(DIGEST_KEY_FILE)
    if text:
        return _long_enough(text.encode(), DIGEST_KEY)
    own = run.parent / "digest.key"
    if not path:
        _make_once(own)
    try:
        return _long_enough(Path(path or own).read_bytes().strip(), DIGEST_KEY_FILE if path else there(own))
    except OSError as error:
        raise ReleaseError(
            "the key of the source's digest can be read",
            f"{path or there(own)} cannot ({os.strerror(error.errno or 0)})",
            f"Mend {DIGEST_KEY_FILE}, or unset it: a key is then made beside the runs",
        ) from None


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < _LEAST_BYTES:
        raise ReleaseError(
            f"the key of the source's digest has at least {_LEAST_BYTES} bytes",
            f"{where} has {len(key)}",
            "Use random ones, such as those of `openssl rand -hex 32`",
        )
    return key


def _new_key() -> bytes:
    return os.urandom(32).hex().encode() + b"\n"


def _make_once(path: Path) -> None:
    """Write a random key, unless there is one; of two runs at once, one writes."""
    if path.exists():
        return
    if is_remote(location := there(path)):
        create(location, _new_key())
        fetch(location)
        return
    partial = partial_of(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - the mode
                file.write(_new_key())
            with suppress(FileExistsError):
                os.link(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def code() -> dict[str, Any] | None:
    """Return the git commit of Likeness's own code, and whether it was changed since; None outside a checkout.

    A repository that only happens to lie around an installed Likeness is not its checkout: it does not track its files.
    """
    here = Path(__file__)
    if _git("ls-files", "--error-unmatch", here.name, at=here.parent) is None:
        return None
    commit = _git("rev-parse", "HEAD", at=here.parent)
    changed = _git("status", "--porcelain", "-uno", at=here.parent)
    return None if commit is None or changed is None else {"commit": commit, "changed": bool(changed)}


def _git(*arguments: str, at: Path) -> str | None:
    """Return what git says; None where there is no git, or it refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(at), *arguments],  # noqa: S607 - the one on the PATH
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
