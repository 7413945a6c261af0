"""The door to images: pixels come back from files as they went in, and the same pixels give the same bytes."""

import numpy as np
import pyarrow as pa
import pytest
from image_files import CONTRACT, IMAGE, SIDE, deep, file_of, picture, pixels, with_image

from data_contracts import DataError
from data_contracts.arrow import arrow_type
from data_contracts.random_rows import random_rows
from tasks.learning.rawimages import from_raw, to_raw
from tasks.pictures import packed, paths, pixels_of, png_of, struct_of


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 33, 128])
def test_files_hold_the_pixels_and_equal_pixels_are_equal_files(side, channels):
    whole = pixels(1, side=side, channels=channels, count=5)

    array = struct_of(whole, paths(3, 5))

    assert array.type == arrow_type(IMAGE)
    assert (pixels_of(array) == whole).all()
    assert array.field("path").to_pylist()[0] == "00000003.png"
    assert struct_of(whole.copy(), paths(3, 5)).equals(array)


def test_parts_and_chunks_of_an_array_are_read_too():
    whole = pixels(1, count=9)
    array = struct_of(whole, paths(0, 9))

    assert (pixels_of(array.slice(2, 3)) == whole[2:5]).all()
    assert (pixels_of(pa.chunked_array([array.slice(0, 4), array.slice(4)])) == whole).all()
    assert pixels_of(array.slice(0, 0), IMAGE).shape == (0, SIDE, SIDE, 1)


@pytest.mark.parametrize(
    "file",
    [
        b"no image",
        None,
        png_of(pixels(side=SIDE + 1)),
        png_of(pixels(channels=3)),
        deep("grey"),
        file_of(picture(pixels()).convert("P")),
    ],
    ids=["a text", "nothing", "a larger one", "colour", "sixteen bits", "a palette"],
)
def test_what_is_no_image_of_the_form_is_refused(file):
    array = packed([png_of(pixels()), file], paths(0, 2))

    with pytest.raises(DataError, match="images are whole PNG files"):
        pixels_of(array, IMAGE)


@pytest.mark.parametrize("channels", [1, 3])
def test_to_pixels_in_a_row_and_back_is_the_identity(channels):
    contract = with_image(channels=channels)
    (batch,) = random_rows(contract, 12, np.random.default_rng(0)).combine_chunks().to_batches()

    raw = to_raw(batch, contract.image)
    back = from_raw(raw.column("image"), contract.image, first_row=0)

    assert raw.schema.names == list(CONTRACT.names)
    assert (pixels_of(back) == pixels_of(batch.column("image"))).all()
    part = from_raw(raw.column("image").slice(4, 3), contract.image, first_row=100)
    assert (pixels_of(part) == pixels_of(back)[4:7]).all()
    assert part.field("path").to_pylist() == paths(100, 3)
