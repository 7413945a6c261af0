"""The report in a real Chromium: whole, silent, readable on a phone, in the dark, in print and by ear."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from browser import Browser, browsing, chromium
from PIL import Image

from data_contracts import odcs
from flows.gate import judge
from tasks.references import Score
from tasks.reports import pages
from tasks.reports.sights import see
from tasks.reports.words import SCORES

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium on this machine")

CONTRAST = """
(() => {
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const parsed = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = parsed(getComputedStyle(node).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
    if (!own || !node.getClientRects().length || node.closest("title")) continue;
    const style = getComputedStyle(node);
    const pair = [parsed(node.tagName === "text" ? style.fill : style.color).slice(0, 3), ground(node)].map(light);
    const ratio = (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
    if (ratio < 4.5) poor.push(`${node.tagName}.${node.className.baseVal ?? node.className}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
})()
"""

CLIPPED = """
[...document.querySelectorAll("svg text")].filter((text) => {
  const [box, frame] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
  return box.width && (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2
    || box.bottom > frame.bottom + 2);
}).map((text) => text.textContent)
"""

SECTIONS = """
[...document.querySelectorAll("nav a")].map((link) => {
  const section = document.querySelector(link.getAttribute("href")), box = section.getBoundingClientRect();
  return [link.getAttribute("href"), box.width > 200 && box.height > 40 && section.checkVisibility()];
})
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of Adult's own rows, a fresh sample of them in the place of synthetic ones."""
    rows, contract = pq.read_table(ROOT / "datasets" / "adult.parquet"), odcs.load(odcs.find("adult"))
    scores = [Score(name, 0.5, "tasks.scoring", "1", 0, {"train": 4_000}, floor=0.5) for name in SCORES]
    training = {"model": "gmm", "steps": [{"loss": 9 - step / 10, "note": f"pass {step}"} for step in range(20)]}
    text = pages.report(
        contract,
        scores,
        verdict=judge(contract, scores),
        sights=see(contract, train=rows[:4_000], synthetic=rows[4_000:8_000], holdout=rows[8_000:9_000]),
        training=training,
        facts={"Source": "SHA-256 " + "ab" * 32},
    )
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Yield a Chromium with a profile of its own."""
    with browsing(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_is_silent_asks_for_nothing_and_fits(page: Path, browser: Browser, width: int, scheme: str) -> None:
    browser.open(page, width=width, prefers_color_scheme=scheme)

    assert browser.complaints == []
    assert browser.asked == [page.as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") == width


def test_a_browser_that_has_something_to_complain_of_is_heard(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "loud.html").write_text("<script>console.error('wrong'); nowhere()</script><img src='gone.png'>")

    browser.open(tmp_path / "loud.html")

    assert any("wrong" in each for each in browser.complaints)
    assert any("nowhere" in each for each in browser.complaints)
    assert len(browser.asked) == 2


@pytest.mark.parametrize("width", [390, 1280])
def test_every_section_is_seen_and_no_label_is_cut_off(page: Path, browser: Browser, width: int) -> None:
    browser.open(page, width=width)

    sections = dict(browser.evaluate(SECTIONS))

    assert len(sections) == 11
    assert all(sections.values()), sections
    assert browser.evaluate(CLIPPED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(page: Path, browser: Browser, scheme: str) -> None:
    browser.open(page, prefers_color_scheme=scheme)
    dark = browser.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")

    assert dark is (scheme == "dark")
    assert browser.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })") is None
    assert browser.evaluate(CONTRAST) == []  # 4.5 to 1, as WCAG 2.2 asks of texts


def test_it_can_be_heard(page: Path, browser: Browser) -> None:
    browser.open(page)

    told = browser.named()

    assert all(name.strip() for role, name in told if role in {"image", "link", "heading", "columnheader", "rowheader"})
    assert len([name for role, name in told if role == "image"]) == 1 + 15 + 3 + 4 + 1
    levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => +each.tagName[1])")
    assert levels[0] == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))
    assert browser.evaluate("document.documentElement.lang") == "en"


def test_all_that_can_be_used_is_reached_by_keyboard(page: Path, browser: Browser) -> None:
    browser.open(page)
    count = browser.evaluate("document.querySelectorAll('a, summary').length")

    reached = []
    for _ in range(count):
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.evaluate("document.activeElement.textContent"))

    assert reached[0] == "Skip to the content"
    assert reached == browser.evaluate("[...document.querySelectorAll('a, summary')].map((each) => each.textContent)")


def test_it_prints(page: Path, browser: Browser) -> None:
    browser.open(page, prefers_color_scheme="dark")

    paper = browser.printed()
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])

    assert paper.startswith(b"%PDF")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_the_dark_page_is_dark(page: Path, browser: Browser, tmp_path: Path) -> None:
    means = {}
    for scheme in ("light", "dark"):
        browser.open(page, width=390, prefers_color_scheme=scheme)
        browser.picture(tmp_path / f"{scheme}.png")
        with Image.open(tmp_path / f"{scheme}.png") as picture:
            means[scheme] = np.asarray(picture.convert("L")).mean()

    assert means["light"] > 200
    assert means["dark"] < 60


POOR = """
<p style="color: #aaa; background: #fff">pale</p>
<svg viewBox="0 0 50 50" width="50"><text x="40" y="10" style="fill: #000">far too long</text></svg>
<div style="width: 1000px">wide</div>
"""


def test_what_is_poor_is_found(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "poor.html").write_text(POOR)

    browser.open(tmp_path / "poor.html", width=390)

    assert [each.partition(":")[0] for each in browser.evaluate(CONTRAST)] == ["P."]
    assert browser.evaluate(CLIPPED) == ["far too long"]
    assert browser.evaluate("document.documentElement.scrollWidth") > 390
