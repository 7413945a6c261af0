"""Codes and enlarged images by the command line, with the real Prefect."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from image_files import LABELS, file_of, picture
from planted_images import LABELLED, rectangles, released, table_of
from test_page import asked_of_server

from data_contracts import Source, odcs
from flows.cli import main
from flows.encode import encoding
from tasks.parquet import read_table, write_parquet
from tasks.pictures import pixels_of


@pytest.fixture(scope="module")
def coder(tmp_path_factory):
    """A release by `vae`."""
    return released(tmp_path_factory.mktemp("coder"), steps=1, count=120)


@pytest.fixture
def new(at):
    """A folder of 30 new images, a class for each sub-folder."""
    pixels, tall = rectangles(30, seed=3)
    for row, image in enumerate(pixels):
        path = at / "new" / LABELS[int(not tall[row])] / f"{row:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file_of(picture(image)))
    return "new"


def test_images_become_codes_and_images_again(coder, new, at, capsys):
    assert main(["encode", str(coder), new, "--to", "codes.parquet"]) == 0
    told = capsys.readouterr().out
    assert main(["decode", str(coder), "codes.parquet", "--json"]) == 0

    assert "30 images as codes of clothes 1.0.0-1" in told
    assert "dB PSNR" in told
    assert "JPEG" in told
    said = json.loads(capsys.readouterr().out)
    assert (said["images"], said["uri"]) == (30, "images.parquet")
    table = read_table(at / "images.parquet")
    assert pixels_of(table["image"]).shape == (30, 12, 12, 1)
    assert set(table["label"].to_pylist()) == set(LABELS)


def test_a_bad_image_is_told_before_anything_is_written(coder, new, at, capsys):
    (at / new / "boot" / "large.png").write_bytes(file_of(picture(rectangles(1, side=15)[0][0])))

    assert main(["encode", str(coder), new]) == 2

    assert "large.png" in capsys.readouterr().err
    assert not (at / "latents.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["encode", "nowhere", "new"], "nowhere"),
        (["encode", "nowhere", "new", "--bits", "9"], "bits"),
        (["decode", "nowhere", "codes.parquet"], "nowhere"),
        (["upscale", "nowhere", "small"], "nowhere"),
        (["upscale", "fashion_mnist", "small", "--factor", "3"], "28 x 28"),
        (["upscale", "adult", "small"], "adult is of a table"),
    ],
)
def test_wrong_use_is_told_with_status_2(at, capsys, arguments, words):
    assert main(arguments) == 2

    assert words in capsys.readouterr().err
    assert not any(path.suffix == ".parquet" for path in at.rglob("*"))


def test_the_page_has_figures_alone(coder, new, at):
    state = encoding(release=str(coder), data=new, to=str(at / "codes.parquet"), return_state=True)

    coded = state.result()
    [page] = asked_of_server(state.state_details.flow_run_id)[1]["markdown"]
    assert f"kept   {coded.psnr:.2f} dB PSNR" in page.data
    assert "00.png" not in page.data


@pytest.mark.slow
def test_small_images_alone_are_enlarged_as_a_contract_teaches(at, capsys):
    table = table_of(*rectangles(300, seed=1))
    write_parquet(at / "large.parquet", table.to_batches(), schema=table.schema)
    (at / "clothes.yaml").write_text(odcs.dump(replace(LABELLED, source=Source(location=str(at / "large.parquet")))))
    (at / "small").mkdir()
    for row, image in enumerate(rectangles(20, seed=2)[0]):
        shrunk = image.reshape(6, 2, 6, 2, 1).mean((1, 3)).round().astype(np.uint8)
        (at / "small" / f"{row:02}.png").write_bytes(file_of(picture(shrunk)))

    for _ in range(2):
        assert main(["upscale", "clothes.yaml", "small", "--steps", "4"]) == 0
        told = capsys.readouterr()
    assert main(["upscale", "clothes.yaml", "large.parquet", "--steps", "4"]) == 2

    assert "fit_upscaling: nothing that it depends on has changed" in told.err
    assert "20 images, 2 times as large a side as they were, by mean" in told.out
    assert pq.read_schema("images.parquet").names == ["image"]
    figures = {each["way"]: each for each in json.loads((at / "images.json").read_text())["ways"]}
    assert figures["mean"]["psnr"] > figures["bicubic"]["psnr"]
