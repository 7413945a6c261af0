"""Pages for people: one self-contained HTML file each; no network, no script; light, dark, print and phone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_contracts import Contract
from tasks.references import Score, Verdict
from tasks.reports import drawings
from tasks.reports.marginals import Marginal
from tasks.reports.margins import drawn, margins
from tasks.reports.pairs import Pair, Pairs
from tasks.reports.readings import reading
from tasks.reports.sights import Sights
from tasks.reports.suppression import FEWEST
from tasks.reports.templating import render
from tasks.reports.trainings import courses
from tasks.reports.words import GROUPS, meaning

__all__ = ["report", "validation"]

_WORST = 10  # columns and pairs that are named
_DRAWN = 60  # columns: 60 histograms are a third of a megabyte; who has more looks at the worst
_TOLD = 200  # steps of a training in words
_AT_A_GLANCE = {
    "Likeness": ("two_sample_train",),
    "Usefulness": ("utility_synthetic", "utility_gap"),
    "Privacy": ("membership_auc",),
    "Copies": ("copies",),
}

_IMAGES_AT_A_GLANCE = {
    "Likeness": ("frechet_distance",),
    "Usefulness": ("utility_synthetic", "utility_gap"),
    "Privacy": ("pixel_membership_auc",),
    "Copies": ("near_copies",),
}


def report(
    contract: Contract,
    scores: Iterable[Score],
    *,
    verdict: Verdict,
    sights: Sights | None = None,
    details: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    facts: Mapping[str, object] | None = None,
    untold: str = "",
) -> str:
    """Return the report of one run: verdict, scores, tables side by side, training, provenance.

    Args:
        contract: that the run was held to.
        scores: all that were measured.
        verdict: the contract's thresholds and what became of each.
        sights: the tables side by side.
        details: the scores' parts, by column and by pair.
        training: the loss of each step.
        facts: provenance, label by label, in order; never a cell of the data.
        untold: why the tables are not shown, where they are not.
    """
    every = list(scores)
    bounds = {judgement.threshold.score: judgement for judgement in verdict.judgements}
    rows = [{**_worded(score), "judgement": bounds.get(score.name)} for score in every]
    grouped = {group: [row for row in rows if row["group"] == group] for group in GROUPS}
    return render(
        "report.html",
        contract=contract,
        verdict=verdict,
        words=meaning,
        glance=_glance(rows),
        intervals=any(row["interval"] for row in rows),
        groups={group: found for group, found in grouped.items() if found},
        columns=_columns(sights.columns, details or {}) if sights else [],
        drawn=_DRAWN,
        margins=drawn(found) if (found := margins(verdict.judgements, every)) else "",
        pairs=_pairs(sights.pairs, details or {}) if sights and sights.pairs.pairs else None,
        rows=_rows(sights) if sights else None,
        sheets=_sheets(sights, contract.target, details or {}) if sights else [],
        shown=contract.image is not None and contract.image.shown,
        curves=_curves(details or {}) if sights and sights.sheets else [],
        courses=[_course(each) for each in courses(training or {})],
        scores=every,
        facts=facts or {},
        untold=untold,
        fewest=FEWEST,
    )


def validation(record: Mapping[str, Any]) -> str:
    """Return the page of one validation, from its JSON record."""
    return render("validation.html", record=record)


def _worded(score: Score) -> dict[str, Any]:
    words = meaning(score.name)
    return {
        "score": score,
        "group": words.group,
        "title": words.title,
        "says": words.says,
        "best": words.best,
        "reading": reading(score),
        "interval": score.interval,
    }


def _glance(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any], list[str]]]:
    """Return the few scores that say most, each with what it is about and with its readings."""
    named = {row["score"].name: row for row in rows}
    chosen = _IMAGES_AT_A_GLANCE if "frechet_distance" in named else _AT_A_GLANCE
    return [
        (title, named[names[0]], [named[name]["reading"] for name in names if name in named])
        for title, names in chosen.items()
        if names[0] in named
    ]


def _columns(found: Sequence[Marginal], details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the columns, the worst first, each with its drawing and its own score."""
    scored = {each["name"]: each for each in details.get("columns", ())}

    def badness(each: Marginal) -> tuple[float, float]:
        value = scored.get(each.column, {}).get("value")
        return (1.0 if value is None else value, -each.distance)

    ordered = sorted(found, key=badness)
    return [
        {
            "marginal": each,
            "drawing": drawings.marginal(each) if place < _DRAWN else "",
            "score": scored.get(each.column),
        }
        for place, each in enumerate(ordered)
    ]


def _pairs(found: Pairs, details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the maps of the pairs, and the worst of them by name."""
    scored = {frozenset((each["left"], each["right"])): each for each in details.get("pairs", ())}

    def badness(pair: Pair) -> tuple[float, float]:
        value = scored.get(frozenset((pair.left, pair.right)), {}).get("value")
        return (1.0 if value is None else value, -abs(pair.gap or 0.0))

    worst = sorted(found.pairs, key=badness)[:_WORST]
    return {
        "worst": [(pair, scored.get(frozenset((pair.left, pair.right)))) for pair in worst],
        "maps": [
            ("Real", drawings.strengths(found, "real")),
            ("Synthetic", drawings.strengths(found, "synthetic")),
            ("Difference", drawings.gaps(found)),
        ],
        "all": found,
    }


def _rows(sights: Sights) -> dict[str, Any] | None:
    if sights.rows is None:
        return None
    views = [(view.table, view.rows, drawings.plane(sights.rows, view)) for view in sights.rows.views]
    return {"views": views, "difference": drawings.differences(sights.rows), "seen": sights.rows}


def _sheets(sights: Sights, target: str | None, details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sheets of images, each with what is known of its class, and its share of the real ones."""
    known = {each["label"]: each for each in details.get("images", {}).get("classes", ())}
    shares = {bar.label: bar.real for column in sights.columns if column.column == target for bar in column.bars}
    return [{"sheet": each, "known": known.get(each.label), "real": shares.get(each.label)} for each in sights.sheets]


def _curves(details: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(each["of"], drawings.nearness(each)) for each in details.get("images", {}).get("curves", ())]


def _course(course: Any) -> dict[str, Any]:  # noqa: ANN401
    drawing = drawings.curve(course.model, course.losses) if len(course.losses) > 1 else ""
    return {"course": course, "drawing": drawing, "notes": course.notes[:_TOLD]}
