"""The page of a table's segments, for people: one self-contained HTML file."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.reports.templating import render
from tasks.segmenting.drawings import bics, plane_of, stabilities
from tasks.segmenting.profile import Portrait

if TYPE_CHECKING:
    from tasks.segmenting.finding import Segments

__all__ = ["page_of"]


def page_of(
    title: str, found: "Segments", portraits: Sequence[Portrait], *, facts: Mapping[str, object], synthetic: bool
) -> str:
    """Return the page.

    Args:
        title: of the table.
        found: the segments.
        portraits: of each.
        facts: provenance, label by label, in order; never a cell of the data.
        synthetic: the rows are a release's own.
    """
    from models.segments.contest import STABLE, WEIGHTY
    from models.segments.features import FEWEST

    several = len(found.contest) > 1
    return render(
        "segments.html",
        title=title,
        contest=found.contest,
        chosen=found.chosen,
        portraits=portraits,
        widest=max(each.share for each in portraits) or 1.0,
        looked_at=found.rows.num_rows,
        bics=bics(found.contest, found.chosen) if several else "",
        stabilities=stabilities(found.contest, found.chosen) if several else "",
        plane=plane_of(found) if len(portraits) > 1 else None,
        facts=facts,
        synthetic=synthetic,
        stable=STABLE,
        weighty=WEIGHTY,
        fewest=FEWEST,
    )
