"""Segments of rows and of pixels: planted ones are found, one cloud is one, and what is written tells no row."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from flats import CONTRACT as FLATS
from PIL import Image
from release_making import made
from shoppers import CONTRACT, one_kind, three_kinds
from sklearn.metrics import adjusted_rand_score

from data_contracts import Column, ContractError, DataError, ModelError, ReleaseError, odcs
from tasks.segment import segment
from tasks.segment_image import segment_image


def segmented(table, folder, *, contract=CONTRACT, **asked):
    """Return what was found, the rows that were written, and the record."""
    folder.mkdir(exist_ok=True)
    (folder / "contract.yaml").write_text(odcs.dump(contract))
    if isinstance(table, pa.Table):
        pacsv.write_csv(table, folder / "rows.csv")
        table = str(folder / "rows.csv")
    found = segment.fn(str(folder / "contract.yaml"), table, to=str(folder / "out"), **{"most": 4, **asked})
    record = json.loads((folder / "out" / "segments.json").read_text())
    return found, pq.read_table(folder / "out" / "segments.parquet"), record


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    table, kind = three_kinds(300, seed=0)
    folder = tmp_path_factory.mktemp("planted")
    return *segmented(table, folder), table, kind, folder / "out"


def test_planted_segments_are_found_and_as_many(planted):
    found, rows, record, _, kind, _ = planted

    assert len(found.sizes) == record["chosen"] == 3
    assert adjusted_rand_score(kind, rows["segment"].to_numpy()) > 0.95
    assert found.stability > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_planted_segments_are_found_whatever_the_seed(tmp_path, seed):
    table, kind = three_kinds(400, seed=seed)

    found, rows, _ = segmented(table, tmp_path, seed=seed)

    assert len(found.sizes) == 3
    assert adjusted_rand_score(kind, rows["segment"].to_numpy()) > 0.95


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_one_cloud_is_no_segments(tmp_path, seed):
    found, rows, record = segmented(one_kind(300, seed=seed), tmp_path, most=2)

    assert len(found.sizes) == 1
    assert rows["segment"].unique().to_pylist() == [1]
    assert [each["segments"] for each in record["contest"]] == [1, 2]
    assert "The rows are one cloud" in (tmp_path / "out" / "segments.html").read_text()


def test_each_row_has_its_number_key_segment_and_probabilities(planted):
    found, rows, _, table, _, _ = planted

    assert rows.column_names == [
        *("row", "shopper", "segment", "probability", "probability_1", "probability_2", "probability_3")
    ]
    assert rows["row"].to_pylist() == list(range(300))
    assert rows["shopper"].to_pylist() == table["shopper"].to_pylist()
    each = np.stack([rows[f"probability_{place}"].to_numpy() for place in (1, 2, 3)], 1)
    np.testing.assert_allclose(each.sum(1), 1.0)
    assert (each.argmax(1) + 1 == rows["segment"].to_numpy()).all()
    np.testing.assert_allclose(each.max(1), rows["probability"].to_numpy())
    assert np.bincount(rows["segment"].to_numpy())[1:].tolist() == list(found.sizes)
    assert list(found.sizes) == sorted(found.sizes, reverse=True)


def test_segments_are_described_in_plain_words(planted):
    _, _, record, table, _, folder = planted
    words = [each["words"] for each in record["segments"]]

    assert "score very high (median 80" in words[0]
    assert "channel mostly web" in words[0]
    assert "score very low (median 2" in words[1]
    assert "since early (median 2022-0" in words[1] or "since very early (median 2022-0" in words[1]
    assert re.search(r"income very low \(median (19|20),", words[2])
    assert "member mostly False" in words[2]
    page = (folder / "segments.html").read_text()
    assert "Made of real rows" in page
    assert "No row is shown" in page
    assert not any(key in page for key in table["shopper"].to_pylist())


def test_a_segment_of_few_rows_is_not_described(tmp_path):
    table, _ = three_kinds(200, seed=3)
    odd = {"income": 59_000.0, "score": 900, "channel": "Rosalind-Q7742"}
    rows = table.to_pylist()
    for place in range(4):
        rows[place].update(odd)

    found, _, record = segmented(pa.Table.from_pylist(rows, table.schema), tmp_path, segments=4)

    said = (tmp_path / "out" / "segments.html").read_text() + json.dumps(record)
    assert "Rosalind" not in said
    assert found.sizes[-1] < 10
    assert record["segments"][-1]["words"] == "too few rows to be described"
    assert record["segments"][-1]["traits"] == []
    assert found.stability is None


def test_the_same_rows_give_the_same_bytes(tmp_path):
    table, _ = three_kinds(100, seed=9)

    for name in ("one", "two"):
        segmented(table, tmp_path / name, most=2)

    for name in ("segments.parquet", "segments.json", "segments.html"):
        assert (tmp_path / "one/out" / name).read_bytes() == (tmp_path / "two/out" / name).read_bytes(), name


def test_columns_may_be_named(tmp_path):
    found, rows, record = segmented(three_kinds(200, seed=4)[0], tmp_path, by=["score"], segments=3)

    assert record["columns"] == ["score"]
    assert len(found.sizes) == 3
    assert rows.num_rows == 200


def test_a_cell_of_another_kind_is_not_known_and_its_row_counted(tmp_path):
    columns = three_kinds(60, seed=5)[0].to_pydict()
    columns["income"] = ["plenty", *(None if each is None else str(each) for each in columns["income"][1:])]

    found, rows, _ = segmented(pa.table(columns), tmp_path, segments=1)

    assert (found.unfit, rows.num_rows) == (1, 60)
    assert "plenty" not in (tmp_path / "out" / "segments.html").read_text()


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    run = made(
        tmp_path_factory.mktemp("release"), three_kinds(300, seed=6)[0], contract=replace(CONTRACT, gate=()), rows=150
    )
    return Path(run.published(run.run / "releases").uri)


def test_a_release_gives_its_contract_and_without_data_its_own_rows(release, tmp_path):
    found = segment.fn(str(release.parent), to=str(tmp_path / "own"), segments=2)
    pacsv.write_csv(three_kinds(80, seed=7)[0], tmp_path / "new.csv")
    other = segment.fn(str(release), str(tmp_path / "new.csv"), to=str(tmp_path / "new"), segments=2)

    assert (found.rows, found.release, other.rows) == (150, "1.0.0-1", 80)
    assert "Made of synthetic rows" in (tmp_path / "own" / "segments.html").read_text()
    assert "Made of real rows" in (tmp_path / "new" / "segments.html").read_text()


def test_a_release_that_was_changed_is_refused(release, tmp_path):
    shutil.copytree(release, tmp_path / release.name)
    contract = tmp_path / release.name / "contract.yaml"
    contract.write_text(contract.read_text() + "\n")

    with pytest.raises(ReleaseError, match=r"contract\.yaml has"):
        segment.fn(str(tmp_path / release.name), to=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


IMAGES = replace(
    CONTRACT,
    columns=(
        Column(name="image", kind="image", required=True, height=8, width=8, channels=1),
        Column(name="label", kind="category"),
    ),
)


@pytest.mark.parametrize(
    ("asked", "contract", "rows", "error", "words"),
    [
        ({}, CONTRACT, 20, DataError, "50 rows or more, however: there are 20"),
        ({"segments": 9}, CONTRACT, 60, DataError, "9 segments are sought among 90 rows or more"),
        ({"by": ["Rosalind"]}, CONTRACT, 60, ContractError, "'Rosalind' is none of shopper, income"),
        ({"by": ["shopper"]}, CONTRACT, 60, ModelError, "of 1 columns none does"),
        ({}, FLATS, 60, DataError, "columns"),
        ({}, IMAGES, 60, ModelError, "shoppers is of images"),
    ],
)
def test_what_cannot_be_segmented_is_refused(tmp_path, asked, contract, rows, error, words):
    with pytest.raises(error, match=words):
        segmented(three_kinds(rows, seed=8)[0], tmp_path, contract=contract, **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("of", ["nowhere", "releases/nowhere"])
def test_what_is_nowhere_is_refused(tmp_path, monkeypatch, of):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ContractError, match=f"'{of}' is no folder, file or known name"):
        segment.fn(of, "rows.csv")


COLOURS = np.array([(40, 90, 200), (220, 60, 50), (240, 210, 60)])


def picture(path, *, mode="RGB", height=60, width=80):
    """Write a picture of a disc and a corner on a ground, with some noise; return which pixel is of which."""
    down, across = np.mgrid[:height, :width]
    part = np.zeros((height, width), int)
    part[(down - height / 2) ** 2 + (across - width / 4) ** 2 < (height / 4) ** 2] = 1
    part[(down > 0.7 * height) & (across > 0.6 * width)] = 2
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    Image.fromarray(np.clip(COLOURS[part] + noise, 0, 255).astype(np.uint8)).convert(mode).save(path)
    return part


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_parts_of_a_picture_are_told_apart(tmp_path, mode):
    part = picture(tmp_path / "picture.png", mode=mode)

    found = segment_image.fn(str(tmp_path / "picture.png"), to=str(tmp_path / "out"), segments=3)

    labels = np.asarray(Image.open(tmp_path / "out" / "labels.png"))
    assert labels.shape == part.shape
    assert adjusted_rand_score(part.ravel(), labels.ravel()) > 0.95
    assert sorted(np.unique(labels).tolist()) == [1, 2, 3]
    assert np.bincount(labels.ravel())[1:].tolist() == list(found.sizes)
    seen = np.asarray(Image.open(tmp_path / "out" / "segments.png").convert("RGB"))
    whole = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"))
    assert np.abs(seen.astype(int) - whole).mean() < 10


@pytest.mark.slow
def test_a_picture_has_as_many_segments_as_parts(tmp_path):
    picture(tmp_path / "picture.png", height=30, width=40)

    assert len(segment_image.fn(str(tmp_path / "picture.png"), to=str(tmp_path / "out"), most=4).sizes) == 3


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    picture(tmp_path / "picture.png", height=20, width=25)
    path = str(tmp_path / "picture.png")

    for name in ("one", "two"):
        segment_image.fn(path, to=str(tmp_path / name), segments=2)

    for name in ("labels.png", "segments.png", "segments.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it is not there"),
        (b"no picture", "none of these"),
        (b"\x89PNG\r\n\x1a\nRosalind", "cut off before the end"),
    ],
)
def test_a_file_that_is_no_image_is_refused(tmp_path, content, words):
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DataError, match=words) as caught:
        segment_image.fn(str(path), to=str(tmp_path / "out"))
    assert "Rosalind" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_picture_of_too_few_pixels_is_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "picture.png")

    with pytest.raises(DataError, match="50 pixels or more, however: there are 16"):
        segment_image.fn(str(tmp_path / "picture.png"), to=str(tmp_path / "out"))
