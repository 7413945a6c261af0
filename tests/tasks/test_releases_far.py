"""Releases behind the S3 protocol: published whole or not, by several at once, checked, compared and pruned."""

import json
import secrets
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from object_store import BUCKET
from release_making import CONTRACT, made

from data_contracts import ReleaseError
from tasks import places
from tasks.prune import prune
from tasks.releases.layout import Pointer, pointed
from tasks.releases.shelf import OvertakenError, shelf, shelves, view
from tasks.verify import locate, verify

pytestmark = pytest.mark.usefixtures("store")

PUBLISH = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from release_making import made
run = made(Path(sys.argv[2]))
for seed in range(int(sys.argv[4]), int(sys.argv[4]) + 3):
    run.published(sys.argv[3], seed=seed)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("run"))


@pytest.fixture
def root():
    return f"s3://{BUCKET}/{secrets.token_hex(8)}/releases"


def latest(root):
    return json.loads(places.read(f"{root}/trips/latest.json"))["release"]


def test_a_release_is_published_verified_and_read_where_it_is(run, root):
    release = run.published(root)

    assert release.uri == f"{root}/trips/1.0.0-1"
    assert latest(root) == "1.0.0-1"
    for location in (release.uri, f"{root}/trips"):
        assert verify(locate(location)).manifest["rows"] == release.rows
    found = places.fetch(release.uri)
    assert pq.read_table(found / "data").num_rows == release.rows


def test_the_next_one_is_compared_with_it_and_a_worse_one_kept_beside_it(run, root):
    run.published(root)
    second, third = run.published(root, shapes=0.96), run.published(root, shapes=0.91)

    assert (second.champion, third.champion) == (True, False)
    assert second.comparison.release == "1.0.0-1"
    assert third.comparison.worse == ("column_shapes",)
    assert latest(root) == "1.0.0-2"


def test_what_is_published_already_is_not_published_again(run, root):
    first, again = (run.published(root, seed=0) for _ in range(2))

    assert first.uri == again.uri
    assert {name.split("/")[1] for name in places.find(root)} == {"1.0.0-1", "latest.json"}


def test_a_release_without_its_manifest_is_none_and_its_name_is_not_taken_again(run, root):
    first = run.published(root)
    places.erase(places.here(f"{first.uri}/manifest.json"))
    places.erase(places.here(f"{root}/trips/latest.json"))

    assert run.published(root).version == "1.0.0-2"
    with pytest.raises(ReleaseError, match=r"neither manifest.json nor latest.json|is not a folder"):
        locate(first.uri)


def test_who_is_overtaken_takes_its_release_back(run, root):
    run.published(root)
    with shelf(root, "trips") as place:
        name = place.claim("1.0.0", "text")
        (place.folder / name).mkdir()
        (place.folder / name / "manifest.json").write_text("{}")
        seen = places.seen(f"{root}/trips/latest.json")
        assert places.swap(f"{root}/trips/latest.json", b'{"release": "1.0.0-7", "manifest": ""}', before=seen)

        with pytest.raises(OvertakenError):
            place.publish(name, Pointer(name, ""))

    assert not [path for path in places.find(root) if path.startswith(f"trips/{name}/")]
    assert pointed(view(root, "trips")).release == "1.0.0-7"


def test_two_processes_at_once_get_a_version_each_and_follow_one_another(root, tmp_path):
    module = str(Path(__file__).parents[1] / "release_making.py")
    publishers = [
        subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-W", "ignore", "-c", PUBLISH, module, str(tmp_path / str(place)), root, str(10 * place)]
        )
        for place in range(2)
    ]
    assert [publisher.wait(timeout=280) for publisher in publishers] == [0, 0]

    names = {name.split("/")[1] for name in places.find(f"{root}") if name.endswith("manifest.json")}
    manifests = [verify(locate(f"{root}/trips/{name}")).manifest for name in names]
    assert len({manifest["parameters"]["seed"] for manifest in manifests}) == 6
    by_parent = {(manifest["parent"] or {"release": None})["release"]: manifest["release"] for manifest in manifests}
    chain = [None]
    while chain[-1] in by_parent:
        chain.append(by_parent[chain[-1]])
    assert set(chain[1:]) == names  # each follows the one that was the latest when it was published
    assert latest(root) == chain[-1]


def test_old_ones_are_pruned_and_what_was_never_finished_stays_for_a_day(run, root, monkeypatch):
    for _ in range(3):
        run.published(root)
    run.published(root, contract=replace(CONTRACT, id="tours"))
    assert places.create(f"{root}/trips/1.0.0-9/contract.yaml", b"begun")

    assert shelves(root) == ["tours", "trips"]
    shown = prune.fn(root, keep=1)
    assert shown.removed == ("trips/1.0.0-1", "trips/1.0.0-2")
    prune.fn(root, keep=1, meant=True)
    assert {name.split("/")[1] for name in places.find(root)} == {"1.0.0-1", "1.0.0-3", "1.0.0-9", "latest.json"}
    monkeypatch.setattr("tasks.releases.shelf._DYING", timedelta(0))
    prune.fn(root, keep=1, meant=True)
    assert not [name for name in places.find(root) if "1.0.0-9" in name]
    assert verify(locate(f"{root}/trips")).manifest["release"] == "1.0.0-3"
