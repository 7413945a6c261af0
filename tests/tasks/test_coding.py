"""Images as latent codes and back: what is kept, what it takes, and what is refused."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import CONTRACT
from planted_images import LABELLED, rectangles, released, table_of

from data_contracts import Column, ContractError, DataError, ModelError, ReleaseError, odcs
from tasks.coding.counting import Kept, Tally, psnr
from tasks.coding.jpeg import jpeg_at
from tasks.coding.latents import LATENT
from tasks.decode import decode
from tasks.encode import encode
from tasks.open_coder import open_coder
from tasks.parquet import read_table, regrouped, write_parquet
from tasks.pictures import pixels_of, through_jpeg

COUNT = 150


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A release by `vae`, that has learned planted images."""
    return released(tmp_path_factory.mktemp("coder"))


@pytest.fixture(scope="module")
def opened(release):
    return open_coder.fn(str(release))


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Images that were not learned from."""
    table = table_of(*rectangles(COUNT, seed=7))
    return write_parquet(tmp_path_factory.mktemp("new") / "new.parquet", table.to_batches(), schema=table.schema)


@pytest.fixture(scope="module")
def coded(opened, new, tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    return encode.fn(opened, new, run=str(folder), to=str(folder / "latents.parquet"))


def coding(opened, new, folder, **asked):
    return encode.fn(opened, new, run=str(folder), to=str(folder / "latents.parquet"), **asked)


def test_what_comes_back_is_nearer_than_any_constant_and_as_near_as_was_said(opened, new, coded, tmp_path):
    decoded = decode.fn(opened, coded.uri, to=str(tmp_path / "images.parquet"))

    before, after = read_table(Path(new.uri)), read_table(Path(decoded.uri))
    real, restored = (pixels_of(table["image"]).astype(float) for table in (before, after))
    assert decoded.images == coded.images == COUNT
    assert coded.psnr == pytest.approx(psnr(float(np.square(real - restored).mean())))
    assert coded.psnr > psnr(float(np.square(real - real.mean(0)).mean())) + 2
    assert after.schema.equals(before.schema)
    assert after["label"].to_pylist() == before["label"].to_pylist()
    assert b"huggingface" in pq.read_schema(decoded.uri).metadata


def test_the_figures_are_those_of_the_file(coded):
    table = pq.read_table(coded.uri)
    numbers = np.array(table[LATENT].to_pylist())
    counts = [np.unique(column, return_counts=True)[1] / COUNT for column in numbers.T]

    assert table.schema.names == ["row", "label", "latent"]
    assert table["row"].to_pylist() == list(range(COUNT))
    assert numbers.shape == (COUNT, coded.latents)
    assert coded.code_bytes == coded.latents
    assert coded.entropy_bytes == pytest.approx(-sum((c * np.log2(c)).sum() for c in counts) / 8)
    assert coded.stored_bytes * COUNT < Path(coded.uri).stat().st_size
    assert coded.bits_per_dimension == pytest.approx(8 * coded.stored_bytes / 144)
    assert 0 < coded.bound < 8
    meaning = json.loads(pq.read_schema(coded.uri).metadata[b"likeness.latents"])
    assert (meaning["contract"], meaning["release"], meaning["pixels"]) == ("clothes", "1.0.0-1", [12, 12, 1])
    assert len(meaning["centre"]) == len(meaning["step"]) == coded.latents


def test_fewer_bits_take_less_and_keep_less(opened, new, coded, tmp_path):
    few = coding(opened, new, tmp_path, bits=2)

    assert few.code_bytes == coded.code_bytes / 4
    assert few.stored_bytes < coded.stored_bytes
    assert few.psnr < coded.psnr


def test_the_same_images_give_the_same_bytes_however_they_are_cut(opened, new, coded, tmp_path):
    parts = read_table(Path(new.uri)).to_batches(max_chunksize=7)
    cut = write_parquet(tmp_path / "cut.parquet", parts, schema=parts[0].schema)
    assert pq.ParquetFile(cut.uri).num_row_groups > 20

    again = coding(opened, cut, tmp_path)
    files = [
        decode.fn(opened, each.uri, to=str(tmp_path / f"{n}.parquet")).uri for n, each in enumerate((coded, again))
    ]

    assert Path(again.uri).read_bytes() == Path(coded.uri).read_bytes()
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()
    assert replace(again, uri=coded.uri) == coded


def test_more_images_than_are_coded_at_a_time_are_coded_the_same(opened, new, coded, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.encode.CHUNK", 64)
    monkeypatch.setattr("tasks.encode.BATCH_ROWS", 100)

    parts = coding(opened, new, tmp_path)

    assert pq.ParquetFile(parts.uri).num_row_groups == 2
    far = np.array(pq.read_table(parts.uri)[LATENT].to_pylist()) - np.array(
        pq.read_table(coded.uri)[LATENT].to_pylist()
    )
    assert np.abs(far).max() <= 1


def test_jpeg_is_the_best_that_fits(coded):
    images, _ = rectangles(40, seed=7)
    sizes = {quality: np.mean([through_jpeg(image, quality)[0] for image in images]) for quality in (1, 30, 31)}

    fits, never, all_of_it = (jpeg_at(images, most) for most in (sizes[30], sizes[1] - 0.1, 1e6))

    assert fits.quality in (30, 31)
    assert fits.fits
    assert fits.bytes <= sizes[30]
    assert (never.quality, never.fits) == (1, False)
    assert all_of_it.quality == 100
    assert never.psnr < fits.psnr < all_of_it.psnr
    assert coded.jpeg.images == COUNT
    assert coded.jpeg.fits == (coded.jpeg.bytes <= coded.stored_bytes)


@pytest.mark.parametrize("shape", [(12, 12, 1), (9, 30, 3)])
def test_the_bytes_of_jpeg_are_those_of_the_scan(shape):
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if shape[2] == 1 else image).save(buffer, "JPEG", quality=1)

    size, restored = through_jpeg(image, 1)

    file = buffer.getvalue()
    begins = file.rindex(b"\xff\xda")
    assert size == len(file) - begins - (10 if shape[2] == 1 else 14) - 2
    assert restored.shape == shape


def test_numbers_that_are_all_alike_take_nothing_and_those_that_are_not_all_their_bits():
    images = np.zeros((64, 2, 2, 1), np.uint8)
    alike, unlike = Tally(3, 4), Tally(3, 4)

    alike.add(np.full((64, 3), 5, np.uint8), images, images)
    unlike.add(np.tile(np.arange(64, dtype=np.uint8)[:, None] % 16, (1, 3)), images, images + 255)

    assert alike.entropy_bytes == 0
    assert unlike.entropy_bytes == pytest.approx(3 * 4 / 8)
    assert (alike.psnr, unlike.psnr) == (pytest.approx(100), pytest.approx(0))


@pytest.mark.parametrize("parts", [[100], [1] * 100, [33, 0, 66, 1]])
def test_the_same_rows_are_kept_however_they_come(parts):
    import torch

    from models.encoding import Encoded

    kept, start = Kept(12), 0
    for size in parts:
        rows = torch.arange(start, start + size)[:, None]
        kept.add(Encoded(rows, rows.float()))
        start += size

    assert kept.rows.codes[:, 0].tolist() == [0, 16, 32, 48, 64, 80, 96]


def test_batches_are_cut_alike_and_dictionaries_hold_what_is_there():
    words = pa.array(["a", "b", "a", "c", "c", "b"]).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))
    whole = pa.record_batch({"word": words, "place": pa.array(range(6))})

    one, many = (list(regrouped(parts, 4)) for parts in ([whole], [whole.slice(n, 1) for n in range(6)]))

    assert [batch.num_rows for batch in one] == [4, 2]
    assert all(first.equals(second) for first, second in zip(one, many, strict=True))
    assert one[1].column("word").dictionary.to_pylist() == ["c", "b"]


# what is refused


def test_a_release_that_was_changed_is_refused(release, tmp_path):
    shutil.copytree(release, tmp_path / release.name)
    with (tmp_path / release.name / "contract.yaml").open("a") as file:
        file.write("# changed\n")

    with pytest.raises(ReleaseError, match=r"contract\.yaml has"):
        open_coder.fn(str(tmp_path / release.name))


def test_a_release_of_a_table_is_refused(first):
    with pytest.raises(ModelError, match="the release is of a table"):
        open_coder.fn(first.uri)


def test_a_model_without_latents_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"'gmm' has none\. Release with --model vae"):
        open_coder.fn(str(released(tmp_path, model="gmm", steps=1, count=60)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "shoes"}, "it is of shoes, not of clothes"),
        ({"version": "2.0.0", "columns": CONTRACT.columns[:1], "target": None}, "between 1.0.0 and 2.0.0 it is not"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(release, tmp_path, change, words):
    path = tmp_path / "other.yaml"
    path.write_text(odcs.dump(replace(LABELLED, **change)))

    with pytest.raises(ContractError, match=words):
        open_coder.fn(str(release), contract=str(path))


def test_codes_of_another_model_are_refused(opened, coded, tmp_path):
    with pytest.raises(ReleaseError, match=r"these are of clothes 1\.0\.0-1, and not of"):
        decode.fn(replace(opened, weights="0" * 64), coded.uri, to=str(tmp_path / "images.parquet"))
    assert list(tmp_path.iterdir()) == []


def changed(coded, path, change):
    """Write a file of codes with a change; its metadata stays."""
    table = pq.read_table(coded.uri)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    return str(path)


def with_codes(table, codes):
    return table.set_column(2, LATENT, codes)


BROKEN = {
    "one column less": (lambda table: table.drop_columns(["label"]), "its columns are not row, label, latent"),
    "codes of another width": (
        lambda table: with_codes(table, pa.array([[1, 2]] * COUNT, pa.list_(pa.uint8(), 2))),
        "its columns are not",
    ),
    "no code": (lambda table: with_codes(table, pa.nulls(COUNT, table.schema.field(2).type)), "codes are missing"),
    "a code of more bits": (
        lambda table: with_codes(table, pa.array([[200] * 32] * COUNT, table.schema.field(2).type)),
        "of more than 4 bits",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_as_it_was_written_is_refused(opened, new, tmp_path, name):
    change, words = BROKEN[name]
    broken = changed(coding(opened, new, tmp_path, bits=4), tmp_path / "broken.parquet", change)

    with pytest.raises(DataError, match=words):
        decode.fn(opened, broken, to=str(tmp_path / "images.parquet"))
    assert not (tmp_path / "images.parquet").exists()


@pytest.mark.parametrize("name", ["nowhere.parquet", "words.parquet", "new.parquet"])
def test_a_file_without_codes_is_refused(opened, new, tmp_path, name):
    (tmp_path / "words.parquet").write_text("no codes")
    shutil.copy(new.uri, tmp_path / "new.parquet")

    with pytest.raises(DataError, match="or does not say what codes mean"):
        decode.fn(opened, str(tmp_path / name), to=str(tmp_path / "images.parquet"))


def test_a_column_named_as_codes_are_is_refused(monkeypatch, release):
    wide = replace(LABELLED, columns=(*LABELLED.columns, Column(name="row", kind="integer")))
    monkeypatch.setattr("tasks.open_coder.coding_of", lambda *_: None)
    monkeypatch.setattr("tasks.open_coder.odcs.load", lambda _: wide)

    with pytest.raises(ContractError, match=r"row is\. Name it otherwise"):
        open_coder.fn(str(release))


def test_an_image_that_is_none_of_the_contracts_is_refused(opened, tmp_path):
    pixels, tall = rectangles(3, side=9)
    table = table_of(pixels, tall)
    other = write_parquet(tmp_path / "other.parquet", table.to_batches(), schema=table.schema)

    with pytest.raises(DataError, match="images are whole PNG files of 12 x 12 pixels"):
        coding(opened, other, tmp_path)
    assert not (tmp_path / "latents.parquet").exists()
