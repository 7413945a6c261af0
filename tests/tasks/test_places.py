"""Locations: on this machine or behind the S3 protocol, and the copies that steps work on."""

import secrets
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from object_store import BUCKET

from data_contracts import ReleaseError
from tasks import places


@pytest.fixture(params=["s3", "memory"])
def root(request, store):  # noqa: ARG001 - the server must be there
    """A folder that nobody else uses, behind two kinds of URI."""
    return f"{request.param}://{BUCKET}/{secrets.token_hex(8)}"


def put(location, content):
    """Write a file here and send it."""
    path = places.here(location)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    places.send(path)


@pytest.mark.parametrize("location", ["releases", "/var/releases", "file:///var/releases"])
def test_a_path_is_its_own_copy(location):
    path = places.here(location)

    assert not places.is_remote(location)
    assert places.there(path) == str(path) == location.removeprefix("file://")
    assert places.fetch(location) == path
    places.send(path)


def test_a_copy_tells_what_it_is_of(root):
    location = places.child(root, "adult", "1.0.0-1", "data", "part-00000.parquet")

    assert places.there(places.here(location)) == location
    assert places.parent(location) == places.child(root, "adult", "1.0.0-1", "data")
    assert places.link(location) == location


@pytest.mark.parametrize("location", ["s3://bucket/../other", "simplecache::s3://bucket/a"])
def test_a_location_that_does_not_lead_straight_is_refused(location):
    with pytest.raises(ReleaseError, match="leads straight"):
        places.here(location)


def test_what_is_sent_is_found_read_fetched_and_erased(root):
    put(f"{root}/a/one", b"1")
    put(f"{root}/a/b/two", b"22")
    put(f"{root}/c", b"333")

    assert places.find(root) == {"a/b/two": 2, "a/one": 1, "c": 3}
    assert places.read(f"{root}/a/b/two") == b"22"
    assert places.read(f"{root}/nothing") is None
    places.here(f"{root}/a/one").unlink()
    folder = places.fetch(f"{root}/a")
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {"one": b"1", "two": b"22"}
    places.erase(folder)
    assert not folder.exists()
    assert places.find(root) == {"c": 3}
    assert places.listed(root).keys() == {"c"}
    assert places.listed(f"{root}/c").keys() == {""}
    size, at = places.listed(root)["c"]
    assert size == 3
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    with places.open_file(f"{root}/c") as file:
        assert file.read(2) == b"33"


def test_only_one_creates_a_file(root):
    assert places.create(f"{root}/claim", b"mine")
    assert not places.create(f"{root}/claim", b"yours")
    assert places.read(f"{root}/claim") == b"mine"


def test_a_file_is_swapped_only_while_it_is_what_was_seen(root):
    file = f"{root}/latest.json"
    assert places.seen(file) is None
    assert places.swap(file, b"1", before=None)
    before = places.seen(file)

    assert places.swap(file, b"two", before=before)
    assert not places.swap(file, b"three", before=before)
    assert not places.swap(file, b"three", before=None)
    assert places.read(file) == b"two"


def test_a_bucket_that_is_not_there_is_named_and_nothing_else(store, tmp_path):  # noqa: ARG001 - the server must be there
    with pytest.raises(ReleaseError) as told:
        places.probe("s3://nowhere-at-all/releases/secret-project")

    assert "s3://nowhere-at-all cannot" in str(told.value)
    assert "secret-project" not in str(told.value)


def test_a_server_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()

    try:
        with pytest.raises(ReleaseError, match="storage of runs and releases can be reached"):
            places.find("s3://bucket/releases")
    finally:
        fsspec.filesystem("s3").clear_instance_cache()


def test_a_scheme_that_nothing_opens_is_named():
    with pytest.raises(ReleaseError, match=r"nope://x cannot \(ValueError\)"):
        places.find("nope://x/y")
