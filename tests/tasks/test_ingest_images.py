"""Images from every form of source give the same rows; what does not fit is counted by rule, and files are named."""

import gzip
import json
import logging
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import BAD, CONTRACT, IMAGE, LABELS, SIDE, file_of, good, picture, pixels, with_image
from PIL import Image

from data_contracts import Column, DataError, Source
from data_contracts.arrow import arrow_type
from data_contracts.odcs import dump, loads
from tasks.infer import infer
from tasks.ingest import ingest
from tasks.pictures import UnfitError, fitted, pixels_of, png_of
from tasks.readers.fingerprint import fingerprint, source_files, stamp

ROWS = 60
PIXELS = pixels(7, count=ROWS)
NAMES = [LABELS[row % 2] for row in range(ROWS)]
NUMBERS = np.array([row % 2 for row in range(ROWS)])


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def classes(folder, forms=("PNG",), layout="{label}"):
    """Write a folder with a sub-folder for each class."""
    for row, (image, label) in enumerate(zip(PIXELS, NAMES, strict=True)):
        form = forms[row % len(forms)]
        suffix = {"PNG": "png", "PPM": "pgm"}[form]
        write(folder / layout.format(label=label) / f"{row:03}.{suffix}", file_of(picture(image), form))
    return str(folder)


def listed(folder, *, name="metadata.csv", column="file_name"):
    """Write a folder with a CSV that says what each image is, and the notes that lie beside images."""
    for row, image in enumerate(PIXELS):
        write(folder / "images" / f"{row:03}.png", file_of(picture(image)))
    lines = [f"images/{row:03}.png,{label}" for row, label in enumerate(NAMES)]
    (folder / name).write_text("\n".join([f"{column},label", *lines]) + "\n")
    (folder / "README.md").write_text("What these images are.")
    return str(folder / name if name == "names.csv" else folder)


def idx(folder, *, zipped=False, location=""):
    """Write a pair of IDX files."""
    open_file, end = (gzip.open, ".gz") if zipped else (open, "")
    folder.mkdir(exist_ok=True)
    for name, array in (("images-idx3", PIXELS[..., 0]), ("labels-idx1", NUMBERS.astype(np.uint8))):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        with open_file(folder / f"train-{name}-ubyte{end}", "wb") as file:
            file.write(header + array.tobytes())
    return str(folder / location if location else folder / f"train-images-idx3-ubyte{end}")


def npz(folder, **arrays):
    folder.mkdir(exist_ok=True)
    save = np.savez_compressed if "x_train" in arrays else np.savez
    save(folder / "images.npz", **arrays)
    return str(folder / "images.npz")


def parquet(folder, images, labels=None, metadata=None):
    folder.mkdir(exist_ok=True)
    table = pa.table({"image": images, "label": pa.array(NAMES) if labels is None else labels})
    pq.write_table(table.replace_schema_metadata(metadata), folder / "images.parquet")
    return str(folder / "images.parquet")


def files():
    return [file_of(picture(image)) for image in PIXELS]


def structs():
    return pa.array([{"bytes": file, "path": None} for file in files()], arrow_type(IMAGE))


def hub(folder):
    """Write a Parquet file as the hub has them: classes by number, their names in the metadata."""
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(LABELS)}}
    return parquet(folder, structs(), pa.array(NUMBERS), {"huggingface": json.dumps({"info": {"features": features}})})


def remote(folder):
    """Copy a folder of classes into another filesystem."""
    classes(folder)
    system = fsspec.filesystem("memory")
    for path in folder.rglob("*.png"):
        system.pipe(f"/images-{os.getpid()}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return f"memory://images-{os.getpid()}"


SOURCES = {
    "a folder of classes": classes,
    "png and pgm": lambda folder: classes(folder, ("PNG", "PPM")),
    "folders with columns in their names": lambda folder: classes(folder, layout="label={label}"),
    "classes within parts": lambda folder: classes(folder, layout="part-1/{label}"),
    "a glob": lambda folder: f"{classes(folder)}/*/*.png",
    "another filesystem": remote,
    "a folder with a list": listed,
    "a folder with labels": lambda folder: listed(folder, name="labels.csv"),
    "a list elsewhere": lambda folder: listed(folder, name="names.csv", column="image"),
    "idx": idx,
    "idx, zipped": lambda folder: idx(folder, zipped=True),
    "a folder of idx": lambda folder: idx(folder, zipped=True, location="."),
    "npz by the contract's names": lambda folder: npz(folder, image=PIXELS, label=NUMBERS.reshape(-1, 1)),
    "npz of x and y": lambda folder: npz(folder, x_train=PIXELS[..., 0], y_train=NUMBERS.astype(np.uint8)),
    "npz of two arrays": lambda folder: npz(folder, arr_0=PIXELS, arr_1=np.array(NAMES)),
    "npz in parts": lambda folder: npz(
        folder,
        train_images=PIXELS[:40],
        train_labels=NUMBERS[:40],
        test_images=PIXELS[40:],
        test_labels=NUMBERS[40:],
    ),
    "parquet of structs": lambda folder: parquet(folder, structs()),
    "parquet of bytes": lambda folder: parquet(folder, pa.array(files())),
    "parquet of large bytes": lambda folder: parquet(folder, pa.array(files(), pa.large_binary())),
    "parquet of the hub": hub,
    "parquet of tensors": lambda folder: parquet(folder, pa.FixedShapeTensorArray.from_numpy_ndarray(PIXELS)),
}


def ingested(contract, source, run, **options):
    reference = ingest.fn(contract, run=str(run), source=source, **options)
    return pq.read_table(reference.uri)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_every_form_of_source_gives_the_same_images_and_labels(make, tmp_path):
    table = ingested(replace(CONTRACT, minimum_rows=ROWS), make(tmp_path / "data"), tmp_path)

    found = pixels_of(table["image"], IMAGE)
    order = np.argsort([row.tobytes() for row in found], kind="stable")
    expected = np.argsort([row.tobytes() for row in PIXELS], kind="stable")
    assert (found[order] == PIXELS[expected]).all()
    labels = np.array(table["label"].to_pylist())
    assert (labels[order] == np.array(NAMES)[expected]).all()
    assert table.schema.field("image").type == arrow_type(IMAGE)
    assert not (tmp_path / "left-out.json").exists()


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "a list elsewhere"])  # by itself, it is a table
def test_what_is_inferred_of_a_source_reads_it(name, tmp_path):
    draft = infer(SOURCES[name](tmp_path / "data"))

    contract = loads(dump(draft), base=tmp_path)
    assert contract == draft
    assert (contract.image.pixels, contract.image.resize) == ((SIDE, SIDE, 1), False)
    assert (contract.target, contract.model) == ("label", "flow_matching")
    table = ingest.fn(contract, run=str(tmp_path))
    assert table.rows == ROWS


def test_equal_pixels_are_equal_files_whatever_they_came_in(tmp_path):
    one, two = (ingested(CONTRACT, classes(tmp_path / form, (form,)), tmp_path) for form in ("PNG", "PPM"))

    assert one["image"].combine_chunks().field("bytes").equals(two["image"].combine_chunks().field("bytes"))


def test_nothing_of_a_photograph_but_its_pixels_is_kept(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Rosalind's camera"
    write(tmp_path / "data" / "boot" / "1.png", file_of(picture(pixels()), exif=exif))

    table = ingested(CONTRACT, str(tmp_path / "data"), tmp_path)

    assert b"Rosalind" not in table["image"][0]["bytes"].as_py()
    assert table["image"][0]["bytes"].as_py() == png_of(pixels())


def test_a_photograph_is_turned_upright(tmp_path):
    wide, turned = pixels(3)[: SIDE - 2], Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter, clockwise
    write(tmp_path / "data" / "boot" / "1.png", file_of(picture(wide), exif=turned))

    table = ingested(with_image(width=SIDE - 2), str(tmp_path / "data"), tmp_path)

    assert (pixels_of(table["image"])[0] == np.rot90(wide, -1)).all()


@pytest.mark.parametrize(
    ("image", "channels"),
    [
        (picture(pixels(channels=3)).convert("P"), 3),
        (picture(pixels()).point(lambda value: 255 * (value > 127)).convert("1"), 1),
    ],
    ids=["a palette", "black and white"],
)
def test_what_loses_nothing_is_taken(image, channels):
    found = fitted(file_of(image), replace(IMAGE, channels=channels))

    assert (found == np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(SIDE, SIDE, channels)).all()


@pytest.mark.parametrize(("file", "rule"), BAD.values(), ids=BAD)
def test_a_bad_file_is_counted_under_its_rule_and_named_without_its_folder(file, rule, tmp_path, caplog):
    folder = tmp_path / "data"
    for label in LABELS:
        write(folder / label / "fine.png", good())
    write(folder / "boot" / "Rosalind.png", file)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path / "run"), source=str(folder))

    (failure,) = error.value.failures
    assert (failure.rule, failure.rows, failure.total) == (f"image.{rule}", 1, 3)
    assert "Rosalind.png" in failure.detail
    assert "boot" not in str(error.value) + caplog.text
    noted = json.loads((tmp_path / "run" / "left-out.json").read_text())
    assert noted["rules"][rule]["first"] == ["boot/Rosalind.png"]
    assert not (tmp_path / "run" / "source.parquet").exists()


def test_every_bad_file_is_counted_in_one_pass(tmp_path):
    for place, (file, _) in enumerate(BAD.values()):
        write(tmp_path / "data" / "boot" / f"{place}.png", file)

    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path), source=str(tmp_path / "data"))

    counts = {failure.rule: failure.rows for failure in error.value.failures if failure.rule != "table.rows"}
    rules = [rule for _, rule in BAD.values()]
    assert counts == {f"image.{rule}": rules.count(rule) for rule in rules}


@pytest.mark.parametrize("leave_out", [0.1, 0.3])
def test_a_share_of_bad_images_is_left_out_where_the_contract_says_so(leave_out, tmp_path, caplog):
    for place in range(8):
        write(tmp_path / "data" / "boot" / f"{place}.png", good(place))
    for place in range(2):
        write(tmp_path / "data" / "coat" / f"bad-{place}.png", BAD["a text"][0])
    contract = replace(CONTRACT, source=Source(location=str(tmp_path / "data"), leave_out=leave_out))

    if leave_out < 0.2:
        with pytest.raises(DataError, match="2 of 10 rows"):
            ingest.fn(contract, run=str(tmp_path))
        return
    table = pq.read_table(ingest.fn(contract, run=str(tmp_path)).uri)

    assert (table.num_rows, set(table["label"].to_pylist())) == (8, {"boot"})
    assert "2 of 10 images do not fit" in caplog.text
    assert json.loads((tmp_path / "left-out.json").read_text())["left_out"] == 2


@pytest.mark.parametrize("side", [SIDE - 4, 3 * SIDE])
def test_images_are_resized_only_where_the_contract_says_so(side, tmp_path):
    flat = np.full((side, side, 1), 77, np.uint8)
    write(tmp_path / "data" / "boot" / "1.png", file_of(picture(flat)))

    table = ingested(with_image(resize=True), str(tmp_path / "data"), tmp_path)

    assert (pixels_of(table["image"]) == np.full((1, SIDE, SIDE, 1), 77)).all()
    with pytest.raises(DataError, match=r"image\.size"):
        ingested(CONTRACT, str(tmp_path / "data"), tmp_path)


def test_a_draft_of_large_and_mixed_images_resizes_them(tmp_path):
    for place, side in enumerate((300, 300, 20)):
        flat = np.full((side, side // 2, 3), 50 * place, np.uint8)
        write(tmp_path / "data" / "boot" / f"{place}.jpg", file_of(picture(flat), "JPEG"))

    draft = infer(str(tmp_path / "data"))

    assert (draft.image.pixels, draft.image.resize, draft.image.formats) == ((128, 64, 3), True, ("jpeg",))
    assert ingest.fn(replace(draft, minimum_rows=1), run=str(tmp_path)).rows == 3


@pytest.mark.parametrize(("formats", "taken"), [(("png",), False), (("jpeg", "png"), True), (None, True)])
def test_formats_are_those_that_the_contract_allows(formats, taken):
    file = good(form="JPEG")

    if taken:
        assert fitted(file, replace(IMAGE, formats=formats)).shape == (SIDE, SIDE, 1)
    else:
        with pytest.raises(UnfitError, match="format"):
            fitted(file, replace(IMAGE, formats=formats))


def test_a_list_may_name_files_that_are_not_there_or_lie_elsewhere(tmp_path):
    write(tmp_path / "secret.png", good())
    write(tmp_path / "data" / "1.png", good())
    lines = [
        "file_name,label",
        "1.png,boot",
        "2.png,boot",
        "../secret.png,coat",
        f"{tmp_path}/secret.png,coat",
        ",coat",
    ]
    (tmp_path / "data" / "metadata.csv").write_text("\n".join(lines) + "\n")

    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path), source=str(tmp_path / "data"))

    assert [(failure.rule, failure.rows) for failure in error.value.failures] == [("image.missing", 4)]


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda folder: npz(folder, x=PIXELS.astype(np.float32), y=NUMBERS), "source.format"),
        (lambda folder: npz(folder, y=NUMBERS), "source.format"),
        (lambda folder: npz(folder, x=PIXELS), "table.columns"),
        (lambda folder: parquet(folder, pa.array(NUMBERS)), "image.type"),
        (lambda folder: parquet(folder, pa.nulls(ROWS, arrow_type(IMAGE))), "image.missing"),
    ],
    ids=["floats", "no images", "no labels", "numbers for images", "nulls for images"],
)
def test_a_source_that_has_no_such_images_is_refused(make, rule, tmp_path):
    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path), source=make(tmp_path / "data"))

    assert rule in [failure.rule for failure in error.value.failures]


@pytest.mark.parametrize("cut", [2, 9, 200, -5])
def test_a_cut_idx_file_is_refused(cut, tmp_path):
    path = Path(idx(tmp_path / "data"))
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path), source=str(path))

    assert [failure.rule for failure in error.value.failures] == ["source.format"]


@pytest.mark.parametrize("shape", [(5, 2**31, 2**31), (5, 0, 9), (2**32 - 1, 12, 12)])
def test_an_idx_file_that_asks_for_more_than_there_can_be_is_refused(shape, tmp_path):
    path = Path(idx(tmp_path / "data"))
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, *shape) + bytes(100))

    with pytest.raises(DataError) as error:
        ingest.fn(replace(CONTRACT, columns=CONTRACT.columns[:1], target=None), run=str(tmp_path), source=str(path))

    assert [failure.rule for failure in error.value.failures] == ["source.format"]


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("idx", "train-labels-idx1-ubyte"),
        ("idx, zipped", "train-labels-idx1-ubyte.gz"),
        ("a list elsewhere", "images/007.png"),
        ("a folder with a list", "metadata.csv"),
        ("a folder of classes", "boot/000.png"),
    ],
)
def test_a_source_is_known_by_all_that_is_read_of_it(name, changed, tmp_path):
    source = Source(location=SOURCES[name](tmp_path / "data"), format="images" if "list else" in name else None)
    before = fingerprint(source), stamp(source_files(source))
    path = tmp_path / "data" / changed
    path.write_bytes(path.read_bytes() + b"x")

    assert fingerprint(source) != before[0]
    assert stamp(source_files(source)) != before[1]


def test_a_list_says_more_than_a_class_and_empty_cells_are_null(tmp_path):
    for row, image in enumerate(PIXELS):
        write(tmp_path / "data" / f"{row:03}.png", file_of(picture(image)))
    lines = [f"{row:03}.png,{NAMES[row]},{row if row % 4 else ''},{row / 4:.2f}" for row in range(ROWS)]
    (tmp_path / "data" / "metadata.csv").write_text("\n".join(["file_name,label,size,price", *lines]))

    draft = infer(str(tmp_path / "data"))
    table = pq.read_table(ingest.fn(loads(dump(draft)), run=str(tmp_path)).uri)

    assert [column.kind for column in draft.columns] == ["image", "category", "integer", "number"]
    assert table["size"].to_pylist() == [row if row % 4 else None for row in range(ROWS)]
    assert table["price"].to_pylist() == [row / 4 for row in range(ROWS)]


def test_images_may_have_nothing_beside_them(tmp_path):
    for row, image in enumerate(PIXELS):
        write(tmp_path / "data" / f"{row:03}.png", file_of(picture(image)))

    draft = infer(str(tmp_path / "data"))

    assert (draft.names, draft.target) == (("image",), None)
    assert (pixels_of(pq.read_table(ingest.fn(draft, run=str(tmp_path)).uri)["image"]) == PIXELS).all()
    alone = ingested(draft, idx(tmp_path / "idx"), tmp_path)
    assert (pixels_of(alone["image"]) == PIXELS).all()


@pytest.mark.parametrize("cut", [20, 2_000, -30])
def test_a_cut_npz_file_is_refused(cut, tmp_path):
    path = Path(npz(tmp_path / "data", x=PIXELS, y=NUMBERS))
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(DataError) as error:
        ingest.fn(CONTRACT, run=str(tmp_path), source=str(path))

    assert [failure.rule for failure in error.value.failures] == ["source.format"]


def test_more_columns_than_folders_can_tell_ask_for_a_list(tmp_path):
    contract = replace(CONTRACT, columns=(*CONTRACT.columns, Column(name="size", kind="integer")))

    with pytest.raises(DataError, match=r"metadata\.csv"):
        ingest.fn(contract, run=str(tmp_path), source=classes(tmp_path / "data"))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_whatever_bytes_come_an_image_fits_or_a_rule_is_named(data):
    form = data.draw(st.sampled_from(["PNG", "JPEG", "PPM"]))
    file = bytearray(good(form=form))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    file = bytes(file[: data.draw(st.integers(0, len(file)))]) + data.draw(st.binary(max_size=20))

    try:
        found = fitted(file, IMAGE)
    except UnfitError as error:
        assert error.rule in {rule for _, rule in BAD.values()}  # noqa: PT017 - either way is right
    else:
        assert found.shape == (SIDE, SIDE, 1)


MEASURE = """
import resource, sys
from dataclasses import replace
from data_contracts.odcs import find, load
from tasks.ingest import ingest
import tasks.pictures, PIL.Image, PIL.PngImagePlugin, pyarrow.parquet, numpy
contract = load(find("fashion_mnist"))
few, many = sys.argv[1:3]
peaks = []
for source in (few, many):
    rows = ingest.fn(contract, run=sys.argv[3], source=source).rows
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
print(rows, *peaks)
"""


def test_sixty_thousand_images_are_never_held_together(tmp_path):
    for name, count in (("few", 1_000), ("many", 60_000)):
        folder = tmp_path / name
        folder.mkdir()
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 3:9, 3:9] = np.arange(count, dtype=np.uint32)[:, None, None] % 251
        labels = (np.arange(count) % 10).astype(np.uint8)
        for part, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            with gzip.open(folder / f"t-{part}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(header + array.tobytes())
    places = [str(tmp_path / name / "t-images-idx3-ubyte.gz") for name in ("few", "many")]

    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", MEASURE, *places, str(tmp_path)], check=True, capture_output=True, text=True
    )

    rows, few, many = map(int, done.stdout.split())
    assert rows == 60_000
    assert many - few < 40  # MiB; the pixels are 45, as floats 180
