"""Pages for people: one self-contained HTML file each; no network, no script; light, dark, print and phone."""

from collections.abc import Iterable, Mapping
from typing import Any

from data_contracts import Contract
from tasks.references import Score, Verdict
from tasks.reports.drawings import draw
from tasks.reports.marginals import Marginal
from tasks.reports.templating import render
from tasks.reports.words import GROUPS, meaning

__all__ = ["report", "validation"]


def report(
    contract: Contract,
    scores: Iterable[Score],
    *,
    verdict: Verdict,
    marginals: Iterable[Marginal] = (),
    facts: Mapping[str, object] | None = None,
) -> str:
    """Return the report of one run: verdict, scores, columns side by side, provenance.

    Args:
        contract: that the run was held to.
        scores: all that were measured.
        verdict: the contract's thresholds and what became of each.
        marginals: real beside synthetic, from `tasks.reports.marginals`.
        facts: provenance, label by label, in order; never a cell of the data.
    """
    worded = [_worded(score) for score in scores]
    grouped = [(group, [each for each in worded if each["group"] == group]) for group in GROUPS]
    return render(
        "report.html",
        contract=contract,
        verdict=verdict,
        words=meaning,
        groups=[(group, rows) for group, rows in grouped if rows],
        columns=[(each, draw(each)) for each in marginals],
        facts=facts or {},
    )


def validation(record: Mapping[str, Any]) -> str:
    """Return the page of one validation, from its JSON record."""
    return render("validation.html", record=record)


def _worded(score: Score) -> dict[str, Any]:
    words = meaning(score.name)
    return {"score": score, "group": words.group, "title": words.title, "says": words.says, "best": words.best}
