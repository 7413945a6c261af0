"""What the server does by itself, put on it: runs that are not heard of, runs that crashed, and whom to tell.

automations.toml -> automations of the server that PREFECT_API_URL names, by their names: made, or brought up to date

`LIKENESS_WEBHOOK`, a URL, is whom to tell.  It is kept in a Webhook block, as a secret.  Where it is not set, a block
that is there stays, and where there is none nobody is told.
"""

import os
import sys
import tomllib
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.automations import AutomationCore

__all__ = ["WEBHOOK", "install"]

WEBHOOK = "LIKENESS_WEBHOOK"
"""The environment variable that names whom to tell."""

_BLOCK = "likeness"
_MARK = "${webhook}"


def install(file: Path) -> list[str]:
    """Put a file's automations on the server; one that is there already, and the same, is not touched.

    Returns:
        One line on each.
    """
    text, block = file.read_text(encoding="utf-8"), _webhook()
    stated = tomllib.loads(Template(text).safe_substitute(webhook=block or _MARK))["automation"]
    return [
        _put(each) if _MARK not in str(each) else f"{each['name']}: not made, {WEBHOOK} is not set" for each in stated
    ]


def _webhook() -> str | None:
    """Keep the URL, if one is given, as a secret of the server's, and return the block's id; None: there is none."""
    from prefect.blocks.webhook import Webhook

    if url := os.environ.get(WEBHOOK):
        return str(Webhook(url=url).save(_BLOCK, overwrite=True))
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound

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
            return f"{wanted.name}: made"
        wanted = wanted.model_copy(update={"enabled": there[0].enabled})  # who paused it had a reason
        if _told(wanted) == _told(there[0]):
            return f"{wanted.name}: stands"
        client.update_automation(there[0].id, wanted)
        return f"{wanted.name}: changed"


def _told(automation: "AutomationCore") -> dict[str, Any]:
    """Return what an automation says, without the numbers that Prefect gives it."""
    return automation.model_dump(mode="json", exclude={"id": True, "trigger": {"id"}}, exclude_defaults=True)


if __name__ == "__main__":
    print("\n".join(install(Path(sys.argv[1]))))
