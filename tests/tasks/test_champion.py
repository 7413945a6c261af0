"""The champion and its challengers, drift, contracts that change, and several runs at once."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from release_making import CONTRACT, made, real_table

from data_contracts import ContractError, ReleaseError, ReleaseRefusedError
from flows.gate import require_champion
from tasks.releases.drift import distances
from tasks.releases.layout import next_release, pointed, releases
from tasks.releases.manifest import read_manifest
from tasks.releases.signing import new_key
from tasks.storage import locked
from tasks.verify import locate, verify


def latest(root):
    return pointed(root / "trips").release


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


@pytest.mark.parametrize("broken", ["manifest.json", "contract.yaml", "data/part-00000.parquet"])
def test_a_champion_that_cannot_be_read_keeps_no_sound_release_back(run, tmp_path, caplog, broken):
    run.published(tmp_path)
    (tmp_path / "trips" / "1.0.0-1" / broken).write_text("{")

    release = run.published(tmp_path, shapes=0.9)

    assert release.champion
    assert read_manifest(Path(release.uri))["parent"] is None
    assert "nothing to compare with" in caplog.text


def test_several_runs_at_once_get_a_version_each_and_follow_one_another(run, tmp_path):
    scores = [0.97, 0.97, 0.91, 0.97, 0.97, 0.97]
    runs = [replace(run, run=tmp_path / "runs" / str(place)) for place in range(len(scores))]
    for each in runs:
        each.run.mkdir(parents=True)

    with ThreadPoolExecutor(len(scores)) as pool:
        done = list(
            pool.map(
                lambda seed: runs[seed].published(tmp_path / "root", shapes=scores[seed], seed=seed), range(len(scores))
            )
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


def test_what_is_published_already_is_not_published_again(run, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="tasks")
    first, again = (run.published(tmp_path, seed=0) for _ in range(2))

    assert releases(tmp_path / "trips") == ["1.0.0-1"]
    assert (again.version, again.uri, again.champion) == (first.version, first.uri, True)
    assert "nothing has changed since 1.0.0-1: it stands" in caplog.text


def test_what_was_published_is_published_again_where_it_is_broken_or_not_signed_as_it_should_be(
    run, tmp_path, monkeypatch
):
    run.published(tmp_path, seed=0)
    part = tmp_path / "trips" / "1.0.0-1" / "data" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-1])

    assert run.published(tmp_path, seed=0).version == "1.0.0-2"
    new_key(tmp_path / "key")
    monkeypatch.setenv("LIKENESS_SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert [run.published(tmp_path, seed=0).version for _ in range(2)] == ["1.0.0-3", "1.0.0-3"]
    assert verify(tmp_path / "trips" / "1.0.0-3").manifest["signature"]


def test_a_run_that_was_killed_before_the_pointer_moved_moves_it_when_it_is_run_again(run, tmp_path):
    run.published(tmp_path, seed=0)
    pointer = (tmp_path / "trips" / "latest.json").read_bytes()
    (tmp_path / "trips" / "latest.json").unlink()

    run.published(tmp_path, seed=0)

    assert (tmp_path / "trips" / "latest.json").read_bytes() == pointer
    assert releases(tmp_path / "trips") == ["1.0.0-1"]


def test_a_pointer_is_not_moved_to_what_was_kept_beside_it(run, tmp_path):
    run.published(tmp_path)
    run.published(tmp_path, shapes=0.91, seed=7)
    again = run.published(tmp_path, shapes=0.91, seed=7)

    assert (again.version, again.champion) == ("1.0.0-2", False)
    assert latest(tmp_path) == "1.0.0-1"
    with pytest.raises(ReleaseRefusedError):
        require_champion(again)


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
