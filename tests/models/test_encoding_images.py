"""Laws of the encoding of images: pixels go in and come back as they were, and nothing of them is learned."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import Column, ModelError
from data_contracts.conditions import Condition
from models.encoding import Encoded, Encoder
from models.encoding.image import raw_type
from models.privacy import Privacy

LABEL = Column(name="label", kind="category", values=("a", "b"))
ROWS = 20


def column(height=8, width=11, channels=1):
    return Column(name="image", kind="image", required=True, height=height, width=width, channels=channels)


def batch_of(image, rows=ROWS):
    pixels = np.random.default_rng(0).integers(0, 256, (rows, *image.pixels), np.uint8)
    raw = pa.array([one.tobytes() for one in pixels], raw_type(image))
    return pixels, pa.record_batch({"label": pa.array(["a", "b"] * (rows // 2)), "image": raw})


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_back_as_they_were_with_what_stands_beside_them(channels):
    image = column(channels=channels)
    pixels, batch = batch_of(image)
    encoder = Encoder.fit([LABEL, image], [batch.slice(0, 7), batch.slice(7)])
    encoder = Encoder.from_state([LABEL, image], json.loads(json.dumps(encoder.state())))

    x = encoder.encode(batch)
    back = encoder.decode(x, generator=torch.Generator())

    assert x.pixels.dtype == torch.uint8
    assert x.pixels.shape == (ROWS, channels, 8, 11)
    assert (x.pixels.permute(0, 2, 3, 1).numpy() == pixels).all()
    assert back["image"].equals(batch.column("image"))
    assert back["label"].to_pylist() == batch.column("label").to_pylist()


def test_an_image_has_one_code_no_value_and_its_form():
    image = column(channels=3)
    _, batch = batch_of(image)
    encoder = Encoder.fit([LABEL, image], [batch])

    span, x = encoder.spans[1], encoder.encode(batch)

    assert (span.size, span.value, span.regular, span.null, span.pixels) == (1, None, None, None, (3, 8, 11))
    assert encoder.spans[0].pixels is None
    assert (x.codes[:, span.code] == 0).all()
    assert x.values.shape == (ROWS, 0)
    assert encoder.state()["image"] == {"shape": [3, 8, 11]}


def test_parts_of_a_batch_are_encoded_as_parts_of_the_whole():
    image = column()
    _, batch = batch_of(image)
    encoder = Encoder.fit([LABEL, image], [batch])
    whole = encoder.encode(batch)

    parts = Encoded.join([encoder.encode(batch.slice(start, 3)) for start in range(0, ROWS, 3)])

    assert torch.equal(parts.pixels, whole.pixels)
    assert torch.equal(encoder.encode(batch.slice(5, 4)).pixels, whole[5:9].pixels)
    some = encoder.decode(whole[torch.tensor([3, 1])], generator=torch.Generator())["image"]
    assert some.to_pylist() == [batch.column("image")[3].as_py(), batch.column("image")[1].as_py()]


@pytest.mark.parametrize(
    "array",
    [pa.array([b"12345678", None], pa.binary(8)), pa.array([b"12345678"], pa.binary(8)), pa.array([b"1"])],
    ids=["one is missing", "another form", "files"],
)
def test_what_is_no_such_image_is_refused(array):
    with pytest.raises(ModelError, match="in a row"):
        Encoder.fit([column()], [pa.record_batch({"image": array})])


def test_a_model_of_another_form_is_refused():
    image = column()
    encoder = Encoder.fit([image], [batch_of(image)[1].select(["image"])])

    with pytest.raises(ModelError, match="8 x 11 pixels of 1 channel, and 'image' has 8 x 11 pixels of 3 channels"):
        Encoder.from_state([replace(image, channels=3)], encoder.state())


def test_no_image_can_be_asked_for():
    image = column()
    encoder = Encoder.fit([LABEL, image], [batch_of(image)[1]])

    with pytest.raises(ModelError, match="is an image"):
        encoder.allowed([Condition("image", "==", "x")])


def test_images_have_no_private_encoding():
    image = column()
    with pytest.raises(ModelError, match="of kind image"):
        Encoder.fit([LABEL, image], [batch_of(image)[1]], privacy=Privacy.over(ROWS, 3.0), generator=torch.Generator())
