"""Put the evidence together, and the page that people read.

Reads: the records of all steps, train.parquet, holdout.parquet and the synthetic rows.
Writes: `<run>/evidence.json`, `<run>/report.html`.
Fails when: the disk is full.
Safe to repeat because: both files are written whole or not at all, from the same records.
"""

import json
import logging
import math
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.parquet import read_sample
from tasks.references import Judgement, Reference, Score, Scores, Selected, Split, Standing, Trained
from tasks.releases.origin import keyed_digest
from tasks.reports.words import COVERED
from tasks.steps import carried
from tasks.storage import write_json, write_text

__all__ = ["Evidence", "report"]

logger = logging.getLogger(__name__)

_PACKAGES = (
    "likeness",
    "torch",
    "numpy",
    "pandas",
    "pyarrow",
    "prefect",
    "great-expectations",
    "sdmetrics",
    "scikit-learn",
    "xgboost-cpu",
)

_MOST_SEEN = 1_000_000  # rows: no pixel of a figure would be another for more

_UNTOLD = (
    "Columns, pairs, rows and training are not shown beside the real ones: these carry no noise, and differential "
    "privacy was asked for."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the evidence of a run lies: `facts` as JSON for machines, `page` as HTML for people."""

    facts: str
    page: str


@task(cache_policy=NO_CACHE)  # takes some seconds
@carried("evidence.json", "report.html", unread=("source",))
def report(
    contract: Contract,
    *,
    run: str,
    source: Reference,
    selected: Selected,
    trained: Trained,
    synthetic: Reference,
    scores: Scores,
    standing: Standing,
) -> Evidence:
    """Write the run's facts and its page, whether the gate will let it through or not.

    Raises:
        ReleaseError: the disk is full, or the key of the source's digest cannot be read.
    """
    from tasks.reports.pages import report as page

    verdict = standing.challenger.verdict
    facts = {
        "contract": {"id": contract.id, "version": contract.version},
        "rows": synthetic.rows,
        "source": {"digest": keyed_digest(source.digest, run=Path(run)), "rows": source.rows},
        "split": _rows(selected.whole),
        "selection": {**selected.words, "judged": _rows(selected.judged)},
        "model": {
            "name": trained.model,
            "steps": trained.steps,
            "seconds": trained.seconds,
            "cut": trained.cut,
            "contest": list(trained.contest),
        },
        "privacy": _privacy(trained),
        "seed": trained.seed,
        "comparison": standing.said,
        "scores": [_score(score) for score in scores.scores],
        "verdict": {"passed": verdict.passed, "checks": [_check(judgement) for judgement in verdict.judgements]},
        "versions": versions() | ({} if contract.image is None else {"pillow": version("pillow")}),
    }
    evidence = Evidence(str(Path(run) / "evidence.json"), str(Path(run) / "report.html"))
    write_json(Path(evidence.facts), facts)
    records = {"details": scores.details, "training": trained.curve}
    shown = {"untold": _UNTOLD} if facts["privacy"] else _shown(contract, selected, synthetic, records)
    compared = "nothing before it" if standing.comparison is None else str(standing.comparison)
    told = {**_provenance(facts), "Compared": compared}
    html = page(contract, scores.scores, verdict=verdict, facts=told, **shown)
    write_text(Path(evidence.page), html)
    logger.info("reported %s: %s", contract.id, "passed" if verdict.passed else "refused")
    return evidence


def _shown(contract: Contract, selected: Selected, synthetic: Reference, records: dict[str, str]) -> dict[str, Any]:
    """Return what a page shows beside the scores, where no promise forbids it."""
    from tasks.reports.sights import see

    real = None if contract.image is None or contract.image.shown else _beside(contract)
    tables = {
        "train": _seen(selected.judged.train, real),
        "holdout": _seen(selected.judged.holdout, real),
        "synthetic": _seen(synthetic),
    }
    return {"sights": see(contract, **tables), **{name: _record(path) for name, path in records.items()}}


def _seen(rows: Reference, columns: list[str] | None = None) -> pa.Table:
    """Return the rows that a page shows figures of; of many, a sample."""
    return read_sample(Path(rows.uri), columns, rows=_MOST_SEEN, seed=0)


def _beside(contract: Contract) -> list[str]:
    """Return the names of the columns besides the image."""
    return [column.name for column in contract.columns if column.kind != "image"]


def _record(path: str) -> dict[str, Any]:
    """Return what an earlier step left; nothing where it left nothing."""
    return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if path else {}


def _provenance(facts: dict[str, Any]) -> dict[str, object]:
    """Return the facts of a run as labels and figures for its page."""
    model, split, source, selection = facts["model"], facts["split"], facts["source"], facts["selection"]
    judged = f"{selection['judged']['train']:,} and {selection['judged']['holdout']:,} such rows"
    asked = {"Conditions": "; ".join(selection["where"]), "Shares": "; ".join(selection["share"])}
    asked = {label: words for label, words in asked.items() if words}
    return {
        "Contract": f"{facts['contract']['id']} {facts['contract']['version']}",
        "Source": f"{source['rows']:,} rows, keyed digest {source['digest']}",
        "Learned from": f"{split['train']:,} rows",
        "Held out": f"{split['holdout']:,} rows",
        **asked,
        **({"Judged by": judged} if asked else {}),
        "Generated": f"{facts['rows']:,} rows{_scored(facts)}",
        "Model": f"{model['name']}, {model['steps']:,} steps in {model['seconds']:.0f} s"
        + (", cut by the budget" if model["cut"] else ""),
        **({"Contest": "; ".join(model["contest"])} if model["contest"] else {}),
        "Differential privacy": _promise(facts["privacy"]),
        "Seed": facts["seed"],
        "Versions": ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
    }


def _scored(facts: dict[str, Any]) -> str:
    """Return how many of the synthetic rows were scored, where not all were."""
    most = max((score["rows"].get("synthetic", 0) for score in facts["scores"]), default=0)
    return f", of which {most:,} were scored" if 0 < most < facts["rows"] else ""


def _promise(privacy: dict[str, Any] | None) -> str:
    if privacy is None:
        return "none was asked for"
    return f"epsilon {privacy['epsilon']:.2f}, delta {privacy['delta']:.0e}: {privacy['covers']}"


def _privacy(trained: Trained) -> dict[str, Any] | None:
    """Return what was promised to every row, and what that covers."""
    if trained.epsilon is None:
        return None
    return {"epsilon": trained.epsilon, "delta": trained.delta, "covers": COVERED, "opacus": version("opacus")}


def versions() -> dict[str, str]:
    """Return the versions of all that has a say in the bytes and the scores."""
    return {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}}


def _rows(split: Split) -> dict[str, int]:
    return {"train": split.train.rows, "holdout": split.holdout.rows}


def _score(score: Score) -> dict[str, Any]:
    return {**asdict(score), "value": None if math.isnan(score.value) else score.value}


def _check(judgement: Judgement) -> dict[str, Any]:
    return {**asdict(judgement.threshold), "value": judgement.value, "passed": judgement.passed}
