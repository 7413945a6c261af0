"""Pages, card and Croissant: what people and catalogues read is valid, self-contained and shows no cell."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import mlcroissant
import pyarrow as pa
import pytest
import yaml

from data_contracts import Column, Contract, Threshold
from data_contracts.arrow import arrow_schema
from tasks.references import Judgement, Score, Verdict
from tasks.reports import pages
from tasks.reports.card import card
from tasks.reports.croissant import croissant
from tasks.reports.drawings import draw
from tasks.reports.marginals import FEWEST, Marginal, marginals

CONTRACT = Contract(
    id="shop",
    version="1.2.3",
    name="orders",
    purpose="Shows | what <b>we</b> sell.",
    licence="CC BY 4.0. Somebody (2020).",
    columns=(
        Column(name="order", kind="id", primary_key=True),
        Column(name="items", kind="integer"),
        Column(name="price", kind="number", description="Euros | with tax."),
        Column(name="paid", kind="boolean"),
        Column(name="channel", kind="category"),
        Column(name="grade", kind="category", values=(1, 2, 3), storage="integer"),
        Column(name="made", kind="date"),
        Column(name="seen", kind="timestamp", timezone="Europe/Berlin"),
    ),
)
rdflib_is_deprecated = pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # by mlcroissant

THRESHOLD = Threshold("column_shapes", "wrong margins are seen", minimum=0.95)
SCORES = [
    Score("column_shapes", 0.99, "sdmetrics.QualityReport", "0.32.0", 0, {"train": 100}, floor=0.995),
    Score("membership_auc", 0.51, "tasks.scoring.membership", "1", 0, {"train": 100}),
    Score("utility_gap", float("nan"), "tasks.scoring.utility", "1", 0),
    Score("something_new", 0.123, "tasks.new", "1", 0),
]
MANIFEST: dict[str, Any] = {
    "contract": {"id": "shop", "version": "1.2.3"},
    "release": "1.2.3-1",
    "created": "2026-01-02T03:04:05+00:00",
    "rows": 12_345,
    "model": {"name": "gmm", "steps": 100, "seconds": 12.3, "cut": False, "contest": []},
    "privacy": None,
    "champion": True,
    "comparison": None,
    "signature": None,
    "seed": 0,
    "source": {"digest": "ab" * 32, "rows": 13_000},
    "split": {"train": 11_700, "holdout": 1_300},
    "scores": [{"name": "column_shapes", "value": 0.99, "metric": "m", "version": "1", "seed": 0, "floor": None}],
    "verdict": {
        "passed": True,
        "checks": [
            {
                "score": "column_shapes",
                "value": 0.99,
                "minimum": 0.95,
                "maximum": None,
                "because": "wrong margins are seen",
                "passed": True,
            }
        ],
    },
    "versions": {"torch": "2.13.0"},
    "files": {
        "data/part-00000.parquet": {"sha256": "cd" * 32, "bytes": 1234},
        "contract.yaml": {"sha256": "ef" * 32, "bytes": 12},
    },
}


def verdict(*, passed: bool) -> Verdict:
    return Verdict((Judgement(THRESHOLD, 0.99 if passed else 0.5, passed=passed),))


def table(rows: int = 100) -> pa.Table:
    start = datetime(2020, 1, 1)  # noqa: DTZ001 - pyarrow takes it as UTC
    columns = {
        "order": [f"A{row}" for row in range(rows)],
        "items": [row % 7 for row in range(rows)],
        "price": [None if row % 10 == 0 else row / 7 for row in range(rows)],
        "paid": [row % 2 == 0 for row in range(rows)],
        "channel": ["web" if row % 3 else "shop" for row in range(rows)],
        "grade": [1 + row % 3 for row in range(rows)],
        "made": [date(2020, 1, 1) + timedelta(days=row) for row in range(rows)],
        "seen": [start + timedelta(hours=row) for row in range(rows)],
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in arrow_schema(CONTRACT)})


def one(column: Column, real: pa.Array, synthetic: pa.Array) -> Marginal:
    contract = Contract(id="one", version="1.0.0", name="one", columns=(column,))
    [found] = marginals(contract, train=pa.table({"x": real}), synthetic=pa.table({"x": synthetic}))
    return found


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


@contextmanager
def parsed(page: str) -> Iterator[Tags]:
    tags = Tags()
    tags.feed(page)
    yield tags
    assert tags.open == []


@pytest.mark.parametrize("passed", [True, False])
def test_the_report_says_the_verdict_and_why(passed: bool) -> None:  # noqa: FBT001 - a parameter
    page = pages.report(CONTRACT, SCORES, verdict=verdict(passed=passed))

    assert ("Passed" in page) is passed
    assert ("Refused" in page) is not passed
    assert "wrong margins are seen" in page
    assert "at least 0.95" in page


def test_a_page_is_whole_and_asks_nothing_of_a_network() -> None:
    page = pages.report(
        CONTRACT, SCORES, verdict=verdict(passed=True), marginals=marginals(CONTRACT, train=table(), synthetic=table())
    )

    with parsed(page) as tags:
        names = {tag for tag, _ in tags.seen}
        attributes = {name for _, each in tags.seen for name in each}
    assert names.isdisjoint({"script", "link", "img", "iframe"})
    assert attributes.isdisjoint({"src", "href", "onclick", "onload"})
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page


def test_what_a_contract_says_is_escaped() -> None:
    contract = replace(CONTRACT, name="<script>alert(1)</script>")

    page = pages.report(contract, SCORES, verdict=verdict(passed=True), facts={"<i>": "<b>"})

    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_scores_stand_beside_their_floors_and_a_missing_one_is_a_dash() -> None:
    page = pages.report(CONTRACT, SCORES, verdict=verdict(passed=True))

    row = next(each for each in page.split("<tr") if "each column by itself" in each)
    assert "0.9900" in row
    assert "0.9950" in row
    assert "nan" not in page
    assert "something new" in page


def test_a_threshold_without_a_score_is_missing() -> None:
    page = pages.report(CONTRACT, [], verdict=Verdict((Judgement(THRESHOLD, None, passed=False),)))

    assert "missing" in page


def test_every_column_but_the_key_is_drawn() -> None:
    drawn = marginals(CONTRACT, train=table(), synthetic=table())

    assert [each.column for each in drawn] == list(CONTRACT.names[1:])
    assert all(each.distance == 0 for each in drawn)
    for each in drawn:
        assert sum(bar.synthetic for bar in (*each.bars, each.nulls)) == pytest.approx(1)


def test_the_distance_is_total_variation() -> None:
    found = one(
        Column(name="x", kind="category"), pa.array(["a"] * 75 + ["b"] * 25), pa.array(["a"] * 50 + [None] * 50)
    )

    assert found.distance == pytest.approx(0.5)  # half of |.75 - .5| + |.25 - 0| + |0 - .5|


@pytest.mark.parametrize(("count", "shown"), [(FEWEST - 1, False), (FEWEST, True)])
@pytest.mark.parametrize("kind", ["integer", "number", "date"])
def test_a_bar_of_few_real_rows_is_not_shown(kind: Any, count: int, shown: bool) -> None:  # noqa: FBT001 - a parameter
    days = {False: lambda day: day, True: lambda day: date(2000, 1, 1) + timedelta(days=day)}[kind == "date"]
    values = pa.array([days(0)] * 200 + [days(50)] * count)

    found = one(Column(name="x", kind=kind), values, values)

    assert (found.bars[-1].real is not None) is shown
    assert found.bars[0].real is not None


def test_a_rare_real_category_is_not_named_unless_the_contract_names_it() -> None:
    values = pa.array(["common"] * 200 + ["hunter2"] * (FEWEST - 1))

    learned = one(Column(name="x", kind="category"), values, values)
    listed = one(Column(name="x", kind="category", values=("common", "hunter2")), values, values)

    assert [bar.label for bar in learned.bars] == ["common", "all others"]
    assert learned.bars[-1].real is None
    assert [bar.label for bar in listed.bars] == ["common", "hunter2"]
    assert listed.bars[-1].real is None


@pytest.mark.parametrize("span", [0.003, 1.0, 73.37, 12_345.678, 9.9e9])
def test_axes_end_at_round_figures_outside_the_data(span: float) -> None:
    values = pa.array([1.2345678 * span + span * row / 99 for row in range(100)])

    labels = [float(bar.label.replace(",", "")) for bar in one(Column(name="x", kind="number"), values, values).bars]

    assert labels[0] <= 1.2345678 * span
    assert 5 <= len(labels) <= 26
    assert all(len(Decimal(str(label)).normalize().as_tuple().digits) <= 4 for label in labels)


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "category", "date", "timestamp"])
@pytest.mark.parametrize("values", [[], [None, None], [1]])
def test_empty_null_and_constant_columns_are_drawn(kind: Any, values: list[int | None]) -> None:
    type_ = arrow_schema(replace(CONTRACT, columns=(Column(name="x", kind=kind),))).field("x").type
    plain = pa.array(values, pa.int64())
    array = (
        plain.cast(pa.int32()).cast(type_)
        if kind == "date"
        else plain.cast(pa.string())
        if kind == "category"
        else plain.cast(type_)
    )

    drawing = draw(one(Column(name="x", kind=kind), array, array))

    assert drawing.width > 0
    assert drawing.height > 0


def test_the_extremes_of_dates_are_drawn() -> None:
    values = pa.array([date(1, 1, 1), date(9999, 12, 31)] * 10)

    found = one(Column(name="x", kind="date"), values, values)

    assert found.distance == 0


def test_a_drawing_stays_inside_its_frame() -> None:
    for each in marginals(CONTRACT, train=table(), synthetic=table(60)):
        drawing = draw(each)
        assert all(bar.x >= 0 and bar.x + bar.width <= drawing.width + 1 for bar in drawing.rectangles)
        assert all(bar.y >= -1e-9 and bar.y + bar.height <= drawing.height + 1e-9 for bar in drawing.rectangles)


def test_the_card_has_front_matter_that_yaml_reads() -> None:
    text = card(CONTRACT, MANIFEST)

    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["10K<n<100K"]
    assert "synthetic" in front["tags"]
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/*.parquet"}]


@pytest.mark.parametrize(
    ("target", "task"),
    [("paid", "tabular-classification"), ("price", "tabular-regression"), ("grade", "tabular-classification")],
)
def test_the_card_says_what_the_target_is_for(target: str, task: str) -> None:
    text = card(replace(CONTRACT, target=target), MANIFEST)

    assert yaml.safe_load(text.split("---\n")[1])["task_categories"] == [task]
    assert "task_categories" not in card(CONTRACT, MANIFEST)


@pytest.mark.parametrize(
    ("licence", "word"),
    [
        ("CC0 1.0", "cc0-1.0"),
        ("MIT", "mit"),
        ("", "unknown"),
        ("Mitigated: ask us", "other"),
        ("CC BY 4.0", "cc-by-4.0"),
    ],
)
def test_a_licence_is_said_in_the_hubs_word(licence: str, word: str) -> None:
    text = card(replace(CONTRACT, licence=licence), MANIFEST)

    assert yaml.safe_load(text.split("---\n")[1])["license"] == word


@pytest.mark.parametrize(("rows", "size"), [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (2_000_000, "1M<n<10M")])
def test_the_size_is_said_in_the_hubs_word(rows: int, size: str) -> None:
    assert yaml.safe_load(card(CONTRACT, MANIFEST | {"rows": rows}).split("---\n")[1])["size_categories"] == [size]


def test_the_card_says_what_was_promised_and_what_it_covers() -> None:
    promised = {"epsilon": 2.987, "delta": 1e-05, "covers": "the model and its rows", "opacus": "1.6.0"}

    assert "epsilon 2.99, delta 1e-05. It covers the model and its rows." in card(
        CONTRACT, {**MANIFEST, "privacy": promised}
    )
    assert "Differential privacy" not in card(CONTRACT, MANIFEST)


def test_tables_of_the_card_are_rectangular() -> None:
    lines = card(CONTRACT, MANIFEST).splitlines()

    for number, line in enumerate(lines):
        if line.startswith("|---"):
            width = line.count("|")
            following = lines[number + 1 :]
            rows = following[: next(i for i, each in enumerate(following) if not each.startswith("|"))]
            assert rows
            assert all(len(re.findall(r"(?<!\\)\|", row)) == width for row in rows)


@rdflib_is_deprecated
def test_croissant_is_valid_to_the_standards_own_reader(caplog: pytest.LogCaptureFixture) -> None:
    described = croissant(CONTRACT, MANIFEST)

    dataset = mlcroissant.Dataset(jsonld=json.loads(json.dumps(described)))

    assert not caplog.records
    assert [field.name for field in dataset.metadata.record_sets[0].fields] == list(CONTRACT.names)
    [file] = dataset.metadata.distribution
    assert file.sha256 == "cd" * 32
    assert file.content_url == "data/part-00000.parquet"


def test_croissant_gives_each_kind_its_type() -> None:
    fields = croissant(CONTRACT, MANIFEST)["recordSet"][0]["field"]

    assert {field["name"]: field["dataType"] for field in fields} == {
        "order": "sc:Text",
        "items": "sc:Integer",
        "price": "sc:Float",
        "paid": "sc:Boolean",
        "channel": "sc:Text",
        "grade": "sc:Integer",
        "made": "sc:Date",
        "seen": "sc:DateTime",
    }


@rdflib_is_deprecated
def test_a_broken_croissant_is_refused_by_the_reader() -> None:
    described = croissant(CONTRACT, MANIFEST)
    described["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "elsewhere.parquet"

    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=described)
