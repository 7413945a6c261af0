"""What a Prefect server is given before it runs our flows: a work pool, what it does by itself, and whom to tell.

automations.toml -> automations of the server that PREFECT_API_URL names, by their names: made, or brought up to date

`LIKENESS_WEBHOOK`, a URL, is whom to tell.  It is kept in a Webhook block, as a secret.  Where it is not set, a block
that is there stays, and where there is none nobody is told.
"""

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from flows.doctor import POOL

if TYPE_CHECKING:
    from prefect.automations import AutomationCore

__all__ = ["WEBHOOK", "furnish"]

WEBHOOK = "LIKENESS_WEBHOOK"
"""The environment variable that names whom to tell."""

_BLOCK = "likeness"
_MARK = "${webhook}"


def furnish(file: Path) -> Iterator[str]:
    """Put the work pool and a file's automations on the server; what is there already, and the same, is not touched.

    Yields:
        One line on each.
    """
    yield _pool()
    text, block = file.read_text(encoding="utf-8"), _webhook()
    for stated in tomllib.loads(Template(text).safe_substitute(webhook=block or _MARK))["automation"]:
        yield f"{stated['name']}: {_put(stated) if _MARK not in str(stated) else f'not made, {WEBHOOK} is not set'}"


def _pool() -> str:
    """Make the work pool; Prefect's command line, asked for one, has the server look up its kinds on the internet."""
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template))
            return f"work pool {POOL}: made"
    return f"work pool {POOL}: stands"


def _webhook() -> str | None:
    """Keep the URL, if one is given, as a secret of the server's, and return the block's id; None: there is none."""
    from prefect import get_client
    from prefect.blocks.webhook import Webhook
    from prefect.exceptions import ObjectNotFound
    from pydantic import SecretStr

    if url := os.environ.get(WEBHOOK):
        return str(Webhook(url=SecretStr(url)).save(_BLOCK, overwrite=True))
    with get_client(sync_client=True) as client:
        try:
            return str(client.read_block_document_by_name(_BLOCK, "webhook").id)
        except ObjectNotFound:
            return None


def _put(stated: dict[str, Any]) -> str:
    """Make an automation, or change the one of its name; changed without need, it would forget what it waits for."""
    from prefect import get_client
    from prefect.automations import AutomationCore

    wanted = AutomationCore.model_validate(stated)
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(wanted.name)
        if not there:
            client.create_automation(wanted)
            return "made"
        wanted = wanted.model_copy(update={"enabled": there[0].enabled})  # who paused it had a reason
        if _told(wanted) == _told(there[0]):
            return "stands"
        client.update_automation(there[0].id, wanted)
        return "changed"


def _told(automation: "AutomationCore") -> dict[str, Any]:
    """Return what an automation says, without the numbers that Prefect gives it."""
    return automation.model_dump(exclude={"id": True, "trigger": {"id"}}, exclude_defaults=True)


if __name__ == "__main__":
    for line in furnish(Path(sys.argv[1])):
        sys.stdout.write(f"{line}\n")
