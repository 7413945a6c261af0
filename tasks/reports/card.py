"""The dataset card of a release: `README.md` in the form that Hugging Face's hub reads.

The front matter is YAML whose scalars are written as JSON, which YAML contains.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from data_contracts import Contract
from data_contracts.conditions import EVERY
from tasks.reports.templating import render
from tasks.reports.words import GROUPS, meaning

__all__ = ["card"]

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))  # fmt: skip
_LICENCES = {"cc0-1.0", "cc-by-4.0", "cc-by-3.0", "cc-by-sa-4.0", "cc-by-sa-3.0", "cc-by-nc-4.0", "pddl", "odbl",
             "odc-by", "mit", "apache-2.0"}  # fmt: skip


def card(contract: Contract, manifest: Mapping[str, Any]) -> str:
    """Return `README.md` of a release: what it is, how it was made, how good and how private it is, how to open it.

    Args:
        contract: of the release.
        manifest: of the release.
    """
    scores = [{**score, "words": meaning(score["name"])} for score in manifest["scores"]]
    grouped = [(group, [each for each in scores if each["words"].group == group]) for group in GROUPS]
    return render(
        "README.md",
        front=_front_matter(contract, manifest),
        contract=contract,
        manifest=manifest,
        groups=[(group, rows) for group, rows in grouped if rows],
        words=meaning,
        asked=manifest.get("selection", EVERY.words),  # of no release before there were any
    )


def _front_matter(contract: Contract, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the front matter's lines: key, and value as JSON."""
    files = [{"split": "train", "path": "data/*.parquet"}]
    values = {
        "pretty_name": f"{contract.name}, synthetic",
        **_licence(contract.licence),
        "size_categories": [_size(manifest["rows"])],
        **_task(contract),
        "tags": ["synthetic", "tabular" if contract.image is None else "image"],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def _size(rows: int) -> str:
    return next((name for bound, name in _SIZES if rows < bound), "n>1B")


def _task(contract: Contract) -> dict[str, list[str]]:
    """Return the hub's word for what the target is predicted as; nothing where there is none."""
    if contract.target is None:
        return {}
    classes = contract[contract.target].kind in ("category", "boolean")
    if contract.image is not None:
        return {"task_categories": ["image-classification"]} if classes else {}
    return {"task_categories": ["tabular-classification" if classes else "tabular-regression"]}


def _licence(licence: str) -> dict[str, str]:
    """Return the hub's word for a licence that the text begins with; the text itself stands in the card."""
    word = re.sub(r"[\s_]+", "-", licence.strip().lower())
    known = next((each for each in _LICENCES if re.match(rf"{re.escape(each)}(?![\w.]*\w)", word)), None)
    return {"license": known or ("other" if word else "unknown")}
