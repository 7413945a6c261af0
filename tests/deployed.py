"""Runs of what is deployed, on a server of a test's own: started, followed, killed, and what they leave."""

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services import ROOT, Prefect, until

from data_contracts import Contract, odcs
from tasks.verify import locate, verify

__all__ = ["Place", "content", "deployed", "ended", "kill", "run_of"]


class Place:
    """A folder in which a contract is run."""

    def __init__(self, folder: Path, contract: Contract) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.releases = folder, folder / "releases" / "adult"
        (folder / "small.yaml").write_text(odcs.dump(contract))

    def parameters(self, **others: object) -> dict[str, Any]:
        """Return what a run is asked for, with what else is said."""
        return {
            "contract": str(self.folder / "small.yaml"), "runs": str(self.folder / "runs"),
            "to": str(self.folder / "releases"), "model": "gmm", "rows": 300, "steps": 6, **others,
        }  # fmt: skip

    def words(self, **others: object) -> list[str]:
        """Return the same for Prefect's command line."""
        return [word for name, value in self.parameters(**others).items() for word in ("-p", f"{name}={value}")]

    def start(self, prefect: Prefect, **others: object) -> str:
        """Ask for a run of the deployment, and return its id."""
        deployment = prefect.ask("deployments/name/synthesize/adult", method="GET")["id"]
        return prefect.ask(f"deployments/{deployment}/create_flow_run", {"parameters": self.parameters(**others)})["id"]

    def kept(self, step: str) -> list[Path]:
        """Return the records of a step that was done."""
        return list((self.folder / "runs" / "adult" / "kept").glob(f"{step}-*/step.json"))

    def content(self) -> dict[str, str]:
        """Return the digests of what the latest release is made of: rows and model."""
        release = locate(self.releases)
        verify(release)
        return content(release)


def content(release: Path) -> dict[str, str]:
    """Return the digests of what a release is made of: rows and model."""
    paths = sorted([*release.glob("data/*"), *release.glob("model/*")])
    return {str(path.relative_to(release)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def run_of(prefect: Prefect, run: str) -> dict[str, Any]:
    """Return what the server knows of a run."""
    return prefect.ask(f"flow_runs/{run}", method="GET")


def ended(prefect: Prefect, run: str) -> dict[str, Any]:
    """Wait until a run has ended for good, and return it."""
    final = ("Completed", "Failed", "Cancelled")
    return until(
        lambda: (found := run_of(prefect, run))["state"]["name"] in final and found,
        told=lambda: f"{run_of(prefect, run)['state']} {prefect.said('worker')}",
    )


@contextmanager
def deployed(started: Prefect, **variables: str) -> Iterator[Prefect]:
    """Yield a server with all that `make deploy` puts on it, quicker to give a run up than in earnest, and a worker."""
    try:
        started.serve()
        started.make("deploy", **variables)
        _hasten(started)
        started.work()
        yield started
    finally:
        started.end()
    assert started.processes() == []


def _hasten(prefect: Prefect) -> None:
    """Put the automations on the server again, with shorter waits."""
    text = (ROOT / "automations.toml").read_text()
    for earnest, quick in (("within = 180", "within = 60"), ("within = 30", "within = 12")):
        assert text.count(earnest) == 1
        text = text.replace(earnest, quick)
    file = prefect.home / "automations.toml"
    file.write_text(text)
    command = [sys.executable, "-m", "flows.server", file]
    said = subprocess.check_output(command, env=prefect.environment, text=True)  # noqa: S603 - this very interpreter
    assert Counter(line.rpartition(": ")[2] for line in said.splitlines())["changed"] == 2


def kill(*pids: int) -> None:
    """Kill processes, as the kernel does that runs out of memory."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
