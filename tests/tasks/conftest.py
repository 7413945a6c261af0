"""Releases that several files of tests look at, and an environment without keys."""

import pytest
from release_making import made

from tasks.releases.origin import DIGEST_KEY, DIGEST_KEY_FILE
from tasks.releases.signing import KEY, KEY_FILE


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (KEY, KEY_FILE, DIGEST_KEY, DIGEST_KEY_FILE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has trained and generated, and can publish."""
    return made(tmp_path_factory.mktemp("runs") / "trips" / "first")


@pytest.fixture(scope="module")
def first(run, tmp_path_factory):
    """The first release of a root."""
    return run.published(tmp_path_factory.mktemp("first"))
