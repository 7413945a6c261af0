"""The manifest: what a release is, file by file; held to its schema when written and when read."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts import ReleaseError
from tasks.releases.layout import MANIFEST, SIGNATURE
from tasks.releases.signing import Signer
from tasks.storage import write_json

__all__ = ["FORMAT", "REMEDY", "digests", "message", "read_manifest", "write_manifest"]

FORMAT = 2
"""Of the manifest; raised when a reader of the old one could take the new one for something else."""

REMEDY = "Do not use this copy; fetch the release again from where it was published"

_RULE = "a release has a manifest that says what it is"
_SCHEMA = "manifest.schema.json"


def write_manifest(folder: Path, manifest: dict[str, Any], *, signer: Signer | None) -> None:
    """Write a release's manifest, and its signature where there is a signer: the last two files of a release.

    Raises:
        ReleaseError: the manifest is not as its schema says, or the folder cannot be written.
    """
    if problem := _problem(json.loads(json.dumps(manifest))):
        raise ReleaseError("a manifest is as its schema says", problem, "Report this: it is a fault of Likeness")
    write_json(folder / MANIFEST, manifest)
    if signer is not None:
        signature = signer.sign(message(manifest, (folder / MANIFEST).read_bytes()))
        (folder / SIGNATURE).write_bytes(signature)


def read_manifest(release: Path) -> dict[str, Any]:
    """Return the manifest of a release, as its schema says it is.

    Raises:
        ReleaseError: it is missing, of another format, or not what a manifest looks like.
    """
    path = release / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseError(_RULE, f"{path} cannot be read as one ({type(error).__name__})", REMEDY) from None
    found = manifest.get("format", 1) if isinstance(manifest, dict) else None
    if found != FORMAT or isinstance(found, bool):
        older = isinstance(found, int) and found < FORMAT
        fact = f"{path} is of format {found}, an older one" if older else f"{path} is not of format {FORMAT}"
        remedy = "Publish it again with this version" if older else "Read it with a newer version of Likeness"
        raise ReleaseError(f"a manifest is of format {FORMAT}", fact, f"{REMEDY}. {remedy}")
    if problem := _problem(manifest):
        raise ReleaseError(_RULE, f"{path} is not as the schema of manifests says: {problem}", REMEDY)
    return dict(manifest)


def message(manifest: dict[str, Any], content: bytes) -> bytes:
    """Return what is signed: form, contract and release in a line, then the bytes of the manifest's file."""
    return f"likeness manifest {FORMAT} {manifest['contract']['id']} {manifest['release']}\n".encode() + content


def digests(folder: Path) -> dict[str, dict[str, str | int]]:
    """Return the SHA-256 and the size of every file of a release that is being written."""
    from tasks.storage import digest_file

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {"sha256": digest_file(path), "bytes": path.stat().st_size}
        for path in files
    }


def _problem(manifest: object) -> str | None:
    """Return where a manifest is not as its schema says, and by which of its words; never the value."""
    from jsonschema.exceptions import best_match

    found = best_match(_validator().iter_errors(manifest))
    return None if found is None else f"{found.json_path} breaks {found.validator!r}"


@cache
def _validator() -> Any:  # noqa: ANN401 - jsonschema is imported late
    from importlib.resources import files

    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads((files(__package__) / _SCHEMA).read_text(encoding="utf-8")))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys come once: of two values, two readers could take another one.

    Raises:
        ValueError: a key comes twice.
    """
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError
    return read


def _no_constant(_word: str) -> None:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise ValueError
