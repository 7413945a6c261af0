"""The report's page: it says the verdict and why, is whole, asks nothing of a network, and shows no cell."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from test_report_columns import MIXED, REAL, table
from test_reports import CONTRACT

from data_contracts import Column, Contract, Threshold
from tasks.parquet import write_parquet
from tasks.references import (
    Challenger,
    Judgement,
    Reference,
    Score,
    Scores,
    Selected,
    Split,
    Standing,
    Trained,
    Verdict,
)
from tasks.report import report
from tasks.reports import pages
from tasks.reports.margins import drawn, margins
from tasks.reports.readings import reading
from tasks.reports.sights import Sights, see
from tasks.reports.words import SCORES as NAMES

THRESHOLD = Threshold("column_shapes", "wrong margins are seen", minimum=0.95)
SCORES = [
    Score("column_shapes", 0.99, "sdmetrics.QualityReport", "0.32.0", 0, {"train": 100}, floor=0.995),
    Score("membership_auc", 0.51, "tasks.scoring.membership", "1", 0, {"train": 100}),
    Score("utility_gap", float("nan"), "tasks.scoring.utility", "1", 0, note="the target does not vary"),
    Score("something_new", 0.123, "tasks.new", "1", 0),
]
TRAINING = {
    "model": "auto",
    "steps": [
        {"loss": 3.0, "note": "trees: 1 of 2 columns"},
        {"loss": None, "note": "trees: 2 of 2 columns"},
        {"loss": 9.0, "note": "gmm: first pass"},
        {"loss": 7.5, "note": "gmm: second pass"},
    ],
}
SIGHTED = ("columns", "pairs", "rows", "training")


def verdict(*, passed: bool) -> Verdict:
    return Verdict((Judgement(THRESHOLD, 0.99 if passed else 0.5, passed=passed),))


def sights(real: pa.Table = REAL, contract: Contract = MIXED) -> Sights:
    return see(contract, train=real, synthetic=real, holdout=real.slice(0, 700))


class Tags(HTMLParser):
    """Collect a page's tags, and complain of any that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        assert self.open.pop() == tag

    def ids(self) -> list[str]:
        """Return the ids, in order."""
        return [str(each["id"]) for _, each in self.seen if "id" in each]


@contextmanager
def parsed(page: str) -> Iterator[Tags]:
    tags = Tags()
    tags.feed(page)
    yield tags
    assert tags.open == []


@pytest.fixture(scope="module")
def page() -> str:
    return pages.report(CONTRACT, SCORES, verdict=verdict(passed=True), sights=sights(), training=TRAINING)


@pytest.mark.parametrize("passed", [True, False])
def test_the_report_says_the_verdict_and_why(passed: bool) -> None:  # noqa: FBT001 - a parameter
    page = pages.report(CONTRACT, SCORES, verdict=verdict(passed=passed))

    assert ("Passed" in page) is passed
    assert ("Refused" in page) is not passed
    assert "wrong margins are seen" in page
    assert "at least 0.95" in page


def test_a_page_is_whole_and_asks_nothing_of_a_network(page: str) -> None:
    with parsed(page) as tags:
        names = {tag for tag, _ in tags.seen}
        attributes = {name for _, each in tags.seen for name in each}
        targets = [str(each["href"]) for tag, each in tags.seen if tag == "a"]
    assert names.isdisjoint({"script", "link", "img", "iframe", "use", "style:"})
    assert attributes.isdisjoint({"src", "onclick", "onload", "xlink:href"})
    assert set(targets) <= {f"#{each}" for each in tags.ids()}
    assert {f"#{each}" for each in SIGHTED} <= set(targets)
    assert len(tags.ids()) == len(set(tags.ids()))
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_the_same_run_gives_the_same_page(page: str) -> None:
    again = pages.report(CONTRACT, SCORES, verdict=verdict(passed=True), sights=sights(), training=TRAINING)

    assert again == page


def test_what_a_contract_or_a_table_says_is_escaped() -> None:
    names = ["<script>alert(1)</script>", "<i>"]
    contract = replace(MIXED, name=names[0], columns=tuple(Column(name=each, kind="category") for each in names))
    real = pa.table({each: ['"><b>', "&amp;<script>"] * 400 for each in names})
    seen = see(contract, train=real, synthetic=real, holdout=real)

    page = pages.report(contract, SCORES, verdict=verdict(passed=True), sights=seen, facts={"<i>": "<b>"})

    with parsed(page) as tags:
        assert {"script", "b>"}.isdisjoint(tag for tag, _ in tags.seen)
    assert "<script" not in page
    assert '"><b>' not in page
    assert "&lt;script&gt;" in page


def test_scores_stand_beside_their_floors_and_a_missing_one_is_a_dash() -> None:
    page = pages.report(CONTRACT, SCORES, verdict=verdict(passed=True))

    row = next(each for each in page.split("<tbody") if "A column by itself" in each)
    assert "0.9900" in row
    assert "0.9950" in row
    assert "at least 0.95" in row
    assert not re.search(r"\bnan\b", page)
    assert "It could not be had: the target does not vary." in page
    assert "Something new" in page


def test_a_threshold_that_is_met_beyond_its_bound_says_by_what() -> None:
    page = pages.report(CONTRACT, [], verdict=Verdict((Judgement(THRESHOLD, 0.9, passed=True),)))

    assert "by its interval" in page
    assert "by its interval" not in pages.report(CONTRACT, [], verdict=verdict(passed=True))


def test_a_threshold_without_a_score_is_missing() -> None:
    page = pages.report(CONTRACT, [], verdict=Verdict((Judgement(THRESHOLD, None, passed=False),)))

    assert "missing" in page


def test_a_margin_is_the_way_from_the_threshold_to_what_is_best() -> None:
    bounds = {
        "column_shapes": {"minimum": 0.9},
        "membership_auc": {"maximum": 0.6},
        "utility_synthetic": {"minimum": 0},
    }
    judgements = [
        Judgement(Threshold(name, "why", **bound), value, passed=passed)
        for (name, bound), value, passed in zip(bounds.items(), (0.95, 0.65, 1.0), (True, False, True), strict=True)
    ]

    found = margins(judgements, [Score("column_shapes", 0.95, "m", "1", 0, floor=0.98)])

    assert [each.place for each in found] == pytest.approx([0.5, -0.5])  # what is best as real is no figure
    assert found[0].floor == pytest.approx(0.8)
    assert found[1].floor is None
    assert "Membership by distance, AUC not met" in drawn(found)
    wide = replace(found[0], interval=(0.1, 0.9))
    assert drawn([wide]).count("<path") == drawn(found[:1]).count("<path") + 1


MORE = (
    "alpha_precision",
    "beta_recall",
    "utility_augmented",
    *(
        f"{attack}_{part}{figure}"
        for attack in ("membership", "domias")
        for part in ("", "outliers_")
        for figure in ("auc", "tpr", "tpr_10")
    ),
    "singling_out_risk",
    "linkability_risk",
    "inference_risk",
    "dcr_share_2",
    "dcr_share_5",
    "epsilon",
    "held_out_rows",
)
"""Scores that may come, and are read aloud when they do."""


@pytest.mark.parametrize("name", sorted({*NAMES, *MORE}))
@pytest.mark.parametrize("value", [0.0, 0.0123, 0.5, 1.0, -0.001])
def test_every_score_is_read_aloud(name: str, value: float) -> None:
    told = reading(Score(name, value, "tasks.scoring.utility.r2", "1", 0, floor=0.25, note="of a sample"))

    assert "Real rows in its place" not in told  # words of its own
    assert re.fullmatch(r"[A-Z0-9-].*\. Of a sample\.", told)
    assert "{" not in told


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (Score("two_sample_train", 0.8, "m", "1", 0, floor=1.0), "in 60.0 % of cases; shown two real rows, in 50.0 %"),
        (Score("utility_gap", 0.0153, "tasks.scoring.utility.auc", "1", 0), "loses 1.53 points in a hundred of pairs"),
        (Score("utility_gap", -0.1, "tasks.scoring.utility.auc", "1", 0), "Nothing is lost"),
        (
            Score("membership_tpr", 0.0123, "m", "1", 0),
            "wrong about 1 in a hundred others, finds 1.23 % of the rows learned from. By",
        ),
        (
            Score("domias_outliers_tpr_10", 0.2, "m", "1", 0),
            "finds 20.0 % of the rows learned from among the most outl",
        ),
        (Score("linkability_risk", 0.011, "m", "1", 0), "that would fail without these rows, 1.10 % succeed with"),
        (Score("epsilon", 3.0, "m", "1", 0), "a factor of 20.1"),
        (Score("something_new", 0.5, "m", "1", 0, floor=0.25), "Real rows in its place reach 25.0 %."),
        (Score("copies", 0.0, "m", "1", 0, floor=0.0012), "0.00 % of the synthetic rows equal a row"),
    ],
)
def test_a_reading_says_what_the_figure_says(score: Score, words: str) -> None:
    assert words in reading(score).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("name", "group"),
    [("domias_new", "Privacy"), ("utility_both", "Utility"), ("novelty", "Other")],
)
def test_a_score_without_words_stands_among_its_like(name: str, group: str) -> None:
    page = pages.report(CONTRACT, [Score(name, 0.5, "m", "1", 0)], verdict=verdict(passed=True))

    assert (
        name.replace("_", " ").capitalize() in page.split(f'<section id="{group.lower()}">')[1].split("</section>")[0]
    )


def test_columns_and_pairs_come_worst_first_by_their_own_scores() -> None:
    details = {
        "columns": [{"name": name, "value": 0.9 - place / 10, "floor": 0.99} for place, name in enumerate(MIXED.names)],
        "pairs": [{"left": "right", "right": "letter", "value": 0.25, "floor": 0.875}],
    }

    page = pages.report(MIXED, SCORES, verdict=verdict(passed=True), sights=sights(), details=details)

    places = [page.index(f"<figcaption><b>{name}</b>") for name in reversed(MIXED.names)]
    assert places == sorted(places)
    assert "The column that is furthest off is <b>colour</b>" in page
    worst = page.split("The pairs that are furthest off")[1].split("</tr>")[1]
    assert "letter \N{MULTIPLICATION SIGN} right" in worst
    assert "0.2500" in worst
    assert "0.8750" in worst


def test_each_candidate_of_a_contest_has_its_own_curve(page: str) -> None:
    training = page.split('<section id="training">')[1].split("</section>", maxsplit=1)[0]

    assert "gmm: loss from 9 at its first step to 7.5 at its last" in training
    assert "This model gives no loss step by step." in training  # one is no curve
    assert "<li>2 of 2 columns</li>" in training


SECRETS = {
    "left": [98765.4321, -43210.9876],
    "letter": ["hunter2", "correct horse"],
    "colour": ["octarine", "ultraviolet"],
}


def test_no_extreme_and_no_rare_category_of_real_rows_is_on_the_page() -> None:
    rows = {name: REAL.column(name).to_pylist() for name in REAL.column_names}
    for name, secrets in SECRETS.items():
        rows[name][:2] = secrets
    real = pa.table(rows)
    seen = see(MIXED, train=real, synthetic=REAL, holdout=real.slice(0, 700))

    page = pages.report(MIXED, SCORES, verdict=verdict(passed=True), sights=seen)

    assert not re.search(r"hunter2|correct horse|octarine|ultraviolet", page)
    assert not re.search(r"9[89],?\d{3}|100,000|4[34],?\d{3}|50,000", page)


def test_a_wide_table_makes_a_page_below_3_mb() -> None:
    rng = np.random.default_rng(0)
    names = [f"column_{each}" for each in range(120)]
    columns = tuple(Column(name=name, kind=("number", "category")[place % 2]) for place, name in enumerate(names))
    values = [
        rng.integers(0, 30, 1_000).astype(str) if place % 2 else rng.normal(size=1_000) for place in range(len(names))
    ]
    real, contract = pa.table(values, names), replace(MIXED, columns=columns)

    page = pages.report(contract, SCORES, verdict=verdict(passed=True), sights=sights(real, contract))

    assert len(page.encode()) < 3_000_000
    assert all(name in page for name in names)
    assert "80 more columns were left out" in page


def written(folder: Path, name: str, rows: int) -> Reference:
    return write_parquet(folder / f"{name}.parquet", table(rows).to_batches(), schema=table(rows).schema)


@pytest.mark.parametrize("epsilon", [None, 3.0])
def test_a_run_leaves_its_page_and_under_epsilon_shows_no_real_column(tmp_path: Path, epsilon: float | None) -> None:
    train, holdout, synthetic = (written(tmp_path, name, rows) for name, rows in (("a", 400), ("b", 300), ("c", 350)))
    curve = tmp_path / "training.json"
    curve.write_text(json.dumps(TRAINING))
    delta = None if epsilon is None else 1e-5
    split = Split(train, holdout)
    challenger = Challenger(train, synthetic, {}, tuple(SCORES), verdict=verdict(passed=True), margin=0.02)

    evidence = report.fn(
        CONTRACT,
        run=str(tmp_path),
        source=train,
        selected=Selected(split, split, {"where": [], "share": []}),
        trained=Trained(
            "model", "ab", 400, "gmm", 0, 4, 1.0, cut=False, epsilon=epsilon, delta=delta, curve=str(curve)
        ),
        synthetic=synthetic,
        scores=Scores("scores.json", "ab", tuple(SCORES)),
        standing=Standing(challenger, {}, None),
    )

    page: str = Path(evidence.page).read_text()
    with parsed(page) as tags:
        shown: set[Any] = set(tags.ids())
    assert set(SIGHTED) & shown == (set(SIGHTED) if epsilon is None else set())
    assert ("differential privacy was asked for" in page) is (epsilon is not None)
