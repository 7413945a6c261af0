"""Who takes part: the models of Likeness under a budget, and peers at their own settings, each a process of its own."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.harness import FIGURES

__all__ = ["PEERS", "ROOT", "Contender", "build", "contenders"]

ROOT = Path(__file__).parents[1]

_QUICK_EPOCHS = 2


@dataclass(frozen=True)
class Contender:
    """One way to synthetic rows.

    Args:
        name: with its budget, where it has one.
        module: that is run; see `benchmarks.peers.harness`.
        environment: the peer's file of requirements, without its ending; None: the benchmark's own environment.
        settings: beside its own defaults.
        quick: settings that are added where only the machinery is tried.
    """

    name: str
    module: str
    environment: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    quick: dict[str, Any] = field(default_factory=dict)

    def python(self, environments: Path) -> Path | None:
        """Return the interpreter of its environment, which is built if it is not there; None: it cannot be."""
        if self.environment is None:
            return Path(sys.executable)
        return build(self.environment, environments)

    def run(self, folder: Path, *, python: Path | None, limit_seconds: float) -> str | None:
        """Run the task that lies in the folder; return how it failed, None: it did not.

        What it prints goes to `log` in the folder.
        """
        if python is None:
            return "its environment could not be built"
        command = [str(python), "-m", self.module, str(folder)]
        with (folder / "log").open("w") as log:
            try:
                ended = subprocess.run(
                    command, check=False, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, timeout=limit_seconds
                )
            except subprocess.TimeoutExpired:
                return f"took longer than {limit_seconds:,.0f} s"
        if ended.returncode == 0 and (folder / FIGURES).exists():
            return None
        return f"exit status {ended.returncode}"


PEERS = {
    peer.name: peer
    for peer in (
        Contender("gaussian-copula", "benchmarks.peers.sdv", "sdv", {"synthesizer": "GaussianCopulaSynthesizer"}),
        Contender(
            "ctgan", "benchmarks.peers.sdv", "sdv", {"synthesizer": "CTGANSynthesizer"}, {"epochs": _QUICK_EPOCHS}
        ),
        Contender("tvae", "benchmarks.peers.sdv", "sdv", {"synthesizer": "TVAESynthesizer"}, {"epochs": _QUICK_EPOCHS}),
        Contender("mostlyai", "benchmarks.peers.mostlyai", "mostlyai", {}, {"max_epochs": _QUICK_EPOCHS}),
        # 5 rows are synthpop's default; 60 is where the leaves no longer give single rows away
        Contender("cart-leaf5", "benchmarks.peers.cart", "cart", {"least_rows": 5}),
        Contender("cart-leaf60", "benchmarks.peers.cart", "cart", {"least_rows": 60}),
    )
}
"""The peers by name."""


def contenders(names: Iterable[str], *, budgets: Iterable[float]) -> list[Contender]:
    """Return peers by their names, and models of Likeness once for each budget in seconds."""
    budgets = list(budgets)
    return [
        contender
        for name in names
        for contender in ([PEERS[name]] if name in PEERS else [_ours(name, budget) for budget in budgets])
    ]


def build(name: str, folder: Path) -> Path | None:
    """Return the interpreter of a peer's environment, built from its requirements where it is missing or stale.

    None: it cannot be built; what pip says of it is printed.
    """
    requirements = ROOT / "benchmarks" / "peers" / f"{name}.txt"
    place = folder / name
    python, ready = place / "bin" / "python", place / "requirements.txt"
    if not ready.exists() or ready.read_text() != requirements.read_text():
        print(f"building the environment of {name}", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
        # the files are complete: nothing else is to be pulled in
        if subprocess.run([*pip, "--no-deps", "--requirement", str(requirements)], check=False).returncode:
            return None
        shutil.copy(requirements, ready)
    return python


def _ours(name: str, budget: float) -> Contender:
    settings = {"model": name, "budget_seconds": budget}
    return Contender(f"{name}-{budget:g}s", "benchmarks.ours", settings=settings)
