"""The report of images: sheets of synthetic ones, no real one unless the contract lets it be shown, all in one file."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from browser import Browser, browsing, chromium
from PIL import Image
from test_report_browser import CLIPPED, CONTRAST, SECTIONS

from data_contracts import Column, Contract
from flows.gate import judge
from tasks.pictures import paths, struct_of
from tasks.references import Score
from tasks.reports import pages
from tasks.reports.readings import reading
from tasks.reports.sheets import sheets
from tasks.reports.sights import see
from tasks.reports.words import IMAGE_SCORES

NAMES = tuple(f"class <{letter}>" for letter in "abc")
CONTRACT = Contract(
    id="shapes",
    version="1.0.0",
    name="shapes",
    target="label",
    columns=(
        Column(name="image", kind="image", required=True, height=6, width=4, channels=3),
        Column(name="label", kind="category", values=NAMES),
    ),
)
CURVE = {"of": "pixels", "shares": [0.1, 0.5, 0.9], "train": [0.0, 1.0, 2.0], "holdout": [0.5, 1.5, 2.5]}
KNOWN = {"brightness": [0.5, 0.4], "contrast": [0.2, None], "recognised": [0.9, 0.8], "covered": [None, None]}
DETAILS = {"images": {"network": "ab" * 32, "classes": [{"label": NAMES[0], **KNOWN}], "curves": [CURVE]}}

needs_chromium = pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")


def table(rows: int, *, seed: int, column: Column = CONTRACT.columns[0]) -> pa.Table:
    """Return random images whose class is their row's number, every fifth unknown."""
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, *column.pixels), dtype=np.uint8)
    labels = [None if row % 5 == 4 else NAMES[row % 3] for row in range(rows)]
    coded = pa.array(labels).dictionary_encode()
    return pa.table({"image": struct_of(pixels, paths(0, rows)), "label": coded})


def shown(contract: Contract) -> Contract:
    image, *others = contract.columns
    return replace(contract, columns=(replace(image, shown=True), *others))


def drawn(sheet: str) -> np.ndarray:
    """Return the pixels of a sheet."""
    from io import BytesIO

    with Image.open(BytesIO(base64.b64decode(sheet))) as image:
        return np.asarray(image)


def page(contract: Contract = CONTRACT, rows: int = 300) -> str:
    scores = [Score(name, 0.5, "tasks.scoring.made", "made 1", 0, {"train": rows}, floor=0.5) for name in IMAGE_SCORES]
    parts = {name: table(rows, seed=seed) for seed, name in enumerate(("train", "synthetic", "holdout"))}
    return pages.report(
        contract,
        scores,
        verdict=judge(contract, scores),
        sights=see(contract, **parts),
        details={"columns": [], "pairs": [], **DETAILS},
    )


def embedded(page: str) -> list[str]:
    return re.findall(r'src="data:image/png;base64,([^"]+)"', page)


def test_a_sheet_holds_a_classs_first_images_in_rows_of_eight() -> None:
    made = table(100, seed=1)

    found = sheets(CONTRACT, CONTRACT.columns[0], train=made.slice(0, 0), synthetic=made)

    assert [each.label for each in found] == sorted(NAMES)
    first = found[0]
    mine = [row for row in range(100) if row % 3 == 0 and row % 5 != 4]
    assert (first.count, first.share) == ((len(mine), 16), len(mine) / 100)
    sheet = drawn(first.synthetic)
    assert sheet.shape == (2 * 6 + 1, 8 * 4 + 7, 3)
    assert first.size == (8 * 4 + 7, 2 * 6 + 1)
    pixels = np.random.default_rng(1).integers(0, 256, (100, 6, 4, 3), dtype=np.uint8)
    for place, row in enumerate(mine[:16]):
        top, left = place // 8 * 7, place % 8 * 5
        assert np.array_equal(sheet[top : top + 6, left : left + 4], pixels[row])


@pytest.mark.parametrize(("side", "small"), [(64, 64), (65, 32), (128, 64)])
def test_large_images_are_averaged(side: int, small: int) -> None:
    column = replace(CONTRACT.columns[0], height=side, width=side, channels=1)
    contract = replace(CONTRACT, columns=(column,), target=None)
    made = table(3, seed=0, column=column)

    (sheet,) = sheets(contract, column, train=made, synthetic=made)

    assert (sheet.label, sheet.count) == ("", (3, 3))
    assert drawn(sheet.synthetic).shape == (small, 8 * small + 7)


def test_no_real_image_is_on_the_page_unless_the_contract_lets_it_be_shown() -> None:
    own = sheets(CONTRACT, CONTRACT.columns[0], train=table(300, seed=0), synthetic=table(300, seed=1))
    contract = shown(CONTRACT)
    both = sheets(contract, contract.columns[0], train=table(300, seed=0), synthetic=table(300, seed=1))

    silent, open_ = page(), page(shown(CONTRACT))

    assert embedded(silent) == [each.synthetic for each in own]
    assert embedded(open_) == [sheet for each in both for sheet in (each.synthetic, each.real)]
    assert "No real image is on this page" in silent
    assert "which the contract lets be shown" in open_
    assert drawn(both[0].real).shape == drawn(both[0].synthetic).shape


def test_images_are_not_read_where_they_may_not_be_shown() -> None:
    real = table(300, seed=0).select(["label"])

    assert see(CONTRACT, train=real, holdout=real, synthetic=table(300, seed=1)).sheets


def test_images_alone_have_one_sheet_and_no_columns() -> None:
    alone = replace(CONTRACT, columns=CONTRACT.columns[:1], target=None)
    made = table(60, seed=1).select(["image"])

    seen = see(alone, train=made.slice(0, 0), holdout=made.slice(0, 0), synthetic=made)

    assert [(each.label, each.count, each.share) for each in seen.sheets] == [("", (60, 48), 1.0)]
    assert (seen.columns, seen.rows) == ((), None)
    assert "48 synthetic images" in pages.report(alone, [], verdict=judge(alone, []), sights=seen)


def test_the_page_says_what_is_known_of_a_class_and_nothing_of_one_that_is_not() -> None:
    text = page()

    assert text.count("Named rightly</th>") == 1
    assert "Covered</th>" not in text
    assert "class &lt;a&gt;" in text
    assert "class <a>" not in text


def test_a_page_of_a_table_asks_for_no_image() -> None:
    plain = replace(CONTRACT, columns=CONTRACT.columns[1:], target=None)
    scores = [Score("column_shapes", 1.0, "tasks.scoring.made", "made 1", 0)]
    rows = table(300, seed=0).select(["label"])

    text = pages.report(
        plain, scores, verdict=judge(plain, scores), sights=see(plain, train=rows, synthetic=rows, holdout=rows)
    )

    assert "<img" not in text
    assert "img-src" not in text
    assert ".sheet" not in text


@pytest.mark.parametrize("name", IMAGE_SCORES)
def test_every_score_of_images_is_read_aloud_without_its_record(name: str) -> None:
    said = reading(
        Score(
            name,
            0.25,
            "tasks.scoring.images.utility.accuracy",
            "made 1",
            0,
            floor=0.5,
            note="mean of 3 draws; features of network ab12",
        )
    )

    assert said.endswith(".")
    assert "network ab12" not in said
    assert "Mean of 3 draws." in said


def test_what_a_gap_in_accuracy_means_is_said() -> None:
    metric = "tasks.scoring.images.utility.accuracy"

    assert "names the class of 87.0" in reading(Score("utility_real", 0.87, metric, "made 1", 0))
    assert "loses 12.00 points in a hundred" in reading(Score("utility_gap", 0.12, metric, "made 1", 0))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page())
    return file


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_is_silent_asks_for_nothing_and_fits(file: Path, browser: Browser, width: int, scheme: str) -> None:
    browser.open(file, width=width, prefers_color_scheme=scheme)

    assert browser.complaints == []
    assert [each for each in browser.asked if not each.startswith("data:")] == [file.as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate(CLIPPED) == []
    assert browser.evaluate(CONTRAST) == []


@needs_chromium
def test_every_sheet_is_seen_named_and_not_smoothed(file: Path, browser: Browser) -> None:
    browser.open(file)

    seen = browser.evaluate(
        "[...document.querySelectorAll('img')].map((each) => [each.alt, each.naturalWidth, each.clientWidth > 200, "
        "getComputedStyle(each).imageRendering])"
    )

    assert [each[0] for each in seen] == [f"16 synthetic images of {name}" for name in sorted(NAMES)]
    assert all(each[1:] == [39, True, "pixelated"] for each in seen)
    sections = dict(browser.evaluate(SECTIONS))
    assert sections["#images"]
    assert sections["#nearness"]
