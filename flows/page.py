"""What a person sees of a run in Prefect: verdict, scores, a picture, where report and release lie, an asset.

All of it is made of what the report says already: figures about the data, never a cell.  A server that does not take it
costs the run nothing.
"""

import base64
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect import runtime
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.assets import Asset, AssetProperties
from prefect.cache_policies import NO_CACHE
from prefect.tasks import MaterializingTask

from data_contracts import Contract, LikenessError, odcs
from flows.console_images import told_of_codes
from tasks.detect import Detected
from tasks.detect_each import DetectedEach
from tasks.encode import Coded
from tasks.places import child, link
from tasks.publish import Release, publish
from tasks.references import Judgement, Score, Verdict
from tasks.reports.standing import standing
from tasks.segmenting.said import Segmented
from tasks.upscale import Upscaled

__all__ = [
    "publishing",
    "run_name",
    "show_detected",
    "show_each",
    "show_encoded",
    "show_release",
    "show_segmented",
    "show_sweep",
    "show_upscaled",
    "show_verdict",
]

logger = logging.getLogger(__name__)


def run_name() -> str:
    """Return what a run is called: contract, model, seed and when; a contract that cannot be read, as it was named."""
    asked, when = runtime.flow_run.parameters, runtime.flow_run.scheduled_start_time
    contract, model = Path(asked.get("contract", "")).stem, asked.get("model")
    with suppress(LikenessError):
        found = odcs.load(odcs.find(asked["contract"]))
        contract, model = found.id, model or found.model
    return f"{contract} by {model or 'its model'}, seed {asked.get('seed', 0)}, {when:%Y-%m-%d %H:%M}"


def show_verdict(contract: Contract, scores: tuple[Score, ...], verdict: Verdict, *, report: str) -> None:
    """Put the verdict on the run's page, passed or refused: a table of scores, and a page with a picture."""
    floors = {score.name: score.floor for score in scores}
    rows = [_row(each, floors.get(each.threshold.score)) for each in verdict.judgements]
    missed = [each for each in verdict.judgements if not each.passed]
    word = f"refused: {len(missed)} of {len(rows)} thresholds are not met" if missed else "passed every threshold"
    picture = base64.b64encode(standing(verdict)).decode()
    lines = [
        f"## {contract.id} {contract.version}: {word}",
        *(f"- {each}" for each in missed),
        "",
        f"![scores beside their bounds](data:image/png;base64,{picture})",
        "",
        f"The whole report: {link(report)}",
    ]
    key = _key(contract.id)
    _told(create_table_artifact, key=f"{key}-scores", table=rows, description=f"Scores of {contract.id}: {word}")
    _told(create_markdown_artifact, key=f"{key}-verdict", markdown="\n".join(lines), description=word)


def show_release(release: Release) -> None:
    """Link the release and its report on the run's page."""
    for name, location in (("report", child(release.uri, "report.html")), ("release", release.uri)):
        words = f"{release.contract} {release.version}: {name}"
        _told(create_link_artifact, link=link(location), link_text=words, description=words)


def show_sweep(rows: Sequence[Mapping[str, Any]], table: str) -> None:
    """Put a sweep's table on its page, and say where its files are."""
    shown = [{name: _brief(value) for name, value in row.items()} for row in rows]
    _told(create_table_artifact, key="sweep", table=shown, description=f"{len(rows)} runs; as files: {table}")


def show_detected(found: Detected) -> None:
    """Put on the run's page how many rows are odd, beside how many would be by chance, and by which columns."""
    word = f"{found.anomalies:,} of {found.rows:,} rows are anomalies"
    lines = [
        f"## {found.contract} {found.release}: {word}",
        f"- share of anomalies: {found.anomalies / max(found.rows, 1):.2%}; p-values up to {found.level:.3g} are",
        f"- rows that break the contract: {found.broken:,}",
        f"- judged by {found.detector}, held against {found.calibration:,} usual rows",
        *(
            ["- **more rows are odd than chance allows: the world has moved on, release again**"]
            if found.drifted
            else []
        ),
        "",
        f"All rows: {link(found.uri)}",
    ]
    table = [{"column": name, "anomalies that it is the first reason of": rows} for name, rows in found.columns.items()]
    key = _key(found.contract)
    _told(create_markdown_artifact, key=f"{key}-anomalies", markdown="\n".join(lines), description=word)
    _told(create_table_artifact, key=f"{key}-odd-columns", table=table, description=word)


def show_segmented(found: Segmented) -> None:
    """Put on the run's page how large the segments are; what each is like stays in their folder."""
    word = f"{found.rows:,} rows or pixels of {found.of} in {len(found.sizes)} segments"
    table = [
        {"segment": place, "size": size, "share": f"{size / max(found.rows, 1):.2%}"}
        for place, size in enumerate(found.sizes, 1)
    ]
    lines = [f"## {word}", f"- stability: {_brief(found.stability)}", "", f"What they are: {link(found.uri)}"]
    key = _key(found.of)
    _told(create_markdown_artifact, key=f"{key}-segmented", markdown="\n".join(lines), description=word)
    _told(create_table_artifact, key=f"{key}-segments", table=table, description=word)


def show_each(found: DetectedEach) -> None:
    """Put on the run's page what came of the files of a folder, in counts: names may be cells."""
    word = f"{found.judged:,} new files, {found.anomalies:,} of {found.rows:,} rows are anomalies"
    counts = ("judged", "unread", "waiting", "drifted", "broken", "judged_before", "unread_before")
    table = [{"what": name.replace("_", " "), "count": getattr(found, name)} for name in counts]
    _told(create_table_artifact, key=f"{_key(found.contract)}-files", table=table, description=word)


def show_encoded(coded: Coded) -> None:
    """Put on the run's page what codes take and keep."""
    word = f"{coded.images:,} images as codes of {coded.contract} {coded.release}"
    lines = [f"## {word}", *(f"- {line}" for line in told_of_codes(coded)), "", f"All codes: {link(coded.uri)}"]
    _told(create_markdown_artifact, key=f"{_key(coded.contract)}-codes", markdown="\n".join(lines), description=word)


def show_upscaled(upscaled: Upscaled) -> None:
    """Put on the run's page how well images are enlarged."""
    rows = [
        {"images": each.way, "PSNR, dB": _brief(each.psnr), "classes named rightly": _brief(each.accuracy)}
        for each in upscaled.ways
    ]
    word = f"{upscaled.images:,} images enlarged; {upscaled.judged:,} that were held out, made small and large again"
    _told(create_table_artifact, key=f"{_key(upscaled.contract)}-enlarged", table=rows, description=word)


def publishing(contract: Contract, *, root: str) -> MaterializingTask[..., Release]:
    """Return the task that publishes, as one that makes an asset: each release is an event of it, with its lineage."""
    properties = AssetProperties(name=contract.id, url=link(child(root, contract.id)))
    made = Asset(key=f"likeness://{contract.id}", properties=properties)
    source = Asset(key=f"likeness://{contract.id}/source")  # by name alone: where the real data lies is not told
    return MaterializingTask(publish.fn, assets=[made], asset_deps=[source], name=publish.name, cache_policy=NO_CACHE)


def _key(contract: str) -> str:
    """Return a contract's id as the keys of artifacts may be: lower case, digits and dashes."""
    return contract.lower().replace("_", "-").replace(".", "-")


def _row(each: Judgement, floor: float | None) -> dict[str, Any]:
    return {
        "score": each.threshold.score,
        "value": "missing" if each.value is None else f"{each.value:.4f}",
        "real rows in its place": "" if floor is None or math.isnan(floor) else f"{floor:.4f}",
        "must be": each.threshold.bounds,
        "verdict": "reached" if each.passed else "missed",
        "because": each.threshold.because,
    }


def _brief(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _told(create: Callable[..., Any], **what: Any) -> None:  # noqa: ANN401 - the artifact's own fields
    try:
        create(**what)
    except Exception as error:  # noqa: BLE001 - the run's own work does not hang on its page
        logger.warning("the run's page lacks %s (%s)", what.get("description"), type(error).__name__)
