"""The kind image: what a contract says of it, what it must not say, and the noise that it allows."""

from dataclasses import replace

import numpy as np
import pytest

from data_contracts import Column, Contract, ContractError, Source
from data_contracts.changes import changes
from data_contracts.odcs import dump, loads
from data_contracts.random_rows import random_rows
from tasks.pictures import pixels_of

TEXT = """
apiVersion: v3.1.0
kind: DataContract
id: clothes
version: 1.0.0
schema:
  - name: clothes
    properties:
      - name: image
        logicalType: object
        required: true
        customProperties:
          - {property: kind, value: image}
          - {property: height, value: 28}
          - {property: width, value: 20}
          - {property: channels, value: 3}
          - {property: formats, value: [png, jpeg]}
          - {property: resize, value: true}
      - {name: label, logicalType: string}
customProperties:
  - {property: target, value: label}
"""
IMAGE = Column(name="image", kind="image", required=True, height=9, width=12, channels=3)
CONTRACT = Contract(id="a", version="1.0.0", name="a", columns=(Column(name="label", kind="category"), IMAGE))


def test_a_contract_says_what_an_image_is_and_which_model_learns_it():
    contract = loads(TEXT)

    image = contract.image
    assert (image.name, image.pixels, image.formats, image.resize) == ("image", (28, 20, 3), ("png", "jpeg"), True)
    assert contract.model == "flow_matching"
    assert CONTRACT.columns[0].kind == "category"
    assert replace(CONTRACT, columns=CONTRACT.columns[:1]).image is None


@pytest.mark.parametrize(
    ("old", "new", "rule", "path"),
    [
        ("required: true", "required: false", "an image has", "properties[0].required"),
        ("required: true", "primaryKey: true", "an image has", "properties[0].required"),
        ("height, value: 28", "height, value: 7", "an image has", "customProperties[1].value"),
        ("width, value: 20", "width, value: 129", "an image has", "customProperties[2].value"),
        ("width, value: 20", 'width, value: "20"', "of the type", "customProperties[2].value"),
        ("channels, value: 3", "channels, value: 2", "an image has", "customProperties[3].value"),
        ("channels, value: 3", "channels, value: true", "of the type", "customProperties[3].value"),
        ("          - {property: channels, value: 3}\n", "", "every key that a contract needs", "channels"),
        ("[png, jpeg]", "[png, gif]", "an image has", "customProperties[4].value"),
        ("[png, jpeg]", "[]", "an image has", "customProperties[4].value"),
        ("[png, jpeg]", "[png, png]", "an image has", "customProperties[4].value"),
        ("[png, jpeg]", "[1]", "of the type", "customProperties[4].value[0]"),
        ("resize, value: true", "resize, value: 1", "of the type", "customProperties[5].value"),
        ("resize, value: true", "resized, value: true", "every key is one", "customProperties[5].property"),
        ("logicalType: object", "logicalType: string", "known kind", "customProperties[0].value"),
        ("value: image", "value: category", "known kind", "customProperties[0].value"),
        (
            "label, logicalType: string",
            "label, logicalType: string, customProperties: [{property: height, value: 8}]",
            "an image has",
            "properties[1]",
        ),
        ("target, value: label", "target, value: image", "the target is", "customProperties[0].value"),
        (
            "customProperties:\n  -",
            "customProperties:\n  - {property: rules, value: [{name: r, check: [image, ==, label]}]}\n  -",
            "a rule has",
            "check",
        ),
        (
            "customProperties:\n  -",
            "customProperties:\n  - {property: rules, value: [{name: r, combination: [image, label]}]}\n  -",
            "a rule has",
            "combination",
        ),
    ],
)
def test_what_a_contract_must_not_say_of_an_image_is_told_with_its_place(old, new, rule, path):
    assert old in TEXT

    with pytest.raises(ContractError) as error:
        loads(TEXT.replace(old, new, 1))

    assert rule in str(error.value)
    assert path in str(error.value)


@pytest.mark.parametrize(("share", "right"), [(0.25, True), (0, True), (1, False), (-0.1, False)])
def test_a_share_of_images_may_be_left_out(share, right):
    contract = replace(CONTRACT, source=Source(location="/photographs", format="images", leave_out=share))

    if right:
        assert loads(dump(contract)) == contract
    else:
        with pytest.raises(ContractError, match="not a share"):
            loads(dump(contract))


def test_of_a_table_nothing_is_left_out():
    table = replace(CONTRACT, columns=CONTRACT.columns[:1], source=Source(location="/a.csv", leave_out=0.1))

    with pytest.raises(ContractError, match="where there are none"):
        loads(dump(table))


def test_one_column_holds_images():
    both = replace(CONTRACT, columns=(*CONTRACT.columns, replace(IMAGE, name="back")))

    with pytest.raises(ContractError, match=r"properties\[1\] is one already"):
        loads(dump(both))


@pytest.mark.parametrize("channels", [1, 3])
def test_random_images_are_whole_files_of_the_contracts_form(channels):
    image = replace(IMAGE, channels=channels)
    contract = replace(CONTRACT, columns=(CONTRACT.columns[0], image))

    table = random_rows(contract, 7, np.random.default_rng(0))

    pixels = pixels_of(table["image"], image)
    assert pixels.shape == (7, 9, 12, channels)
    assert (pixels.min((1, 2, 3)) == 0).all()
    assert (pixels.max((1, 2, 3)) == 255).all()
    assert len(np.unique(pixels, axis=0)) == 7
    assert table.equals(random_rows(contract, 7, np.random.default_rng(0)))


def test_a_table_of_images_alone_has_random_rows():
    assert random_rows(replace(CONTRACT, columns=(IMAGE,)), 3, np.random.default_rng(0)).num_rows == 3


@pytest.mark.parametrize(
    ("level", "changed"),
    [
        ("major", {"height": 10}),
        ("major", {"width": 10}),
        ("major", {"channels": 1}),
        ("major", {"kind": "category"}),
        ("patch", {"formats": ("png",)}),
        ("patch", {"resize": True}),
        ("patch", {"shown": True}),
        ("minor", {"unique": True}),
    ],
)
def test_a_change_of_an_image_asks_for_a_version(level, changed):
    after = replace(CONTRACT, columns=(CONTRACT.columns[0], replace(IMAGE, **changed)))

    (change,) = changes(CONTRACT, after)

    assert (change.level, change.what) == (level, f"image.{next(iter(changed))}")
