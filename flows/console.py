"""What the command line says, to people and to machines."""

import json
import logging
import os
import sys
import traceback
import webbrowser
from pathlib import Path
from typing import Any

from data_contracts.contract import Contract
from data_contracts.errors import LikenessError

__all__ = [
    "complain",
    "confess",
    "log_plainly",
    "open_page",
    "show_check",
    "show_draft",
    "show_release",
    "show_verified",
]


def log_plainly() -> None:
    """Send the project's own log lines to the error stream, with the time and nothing else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    for name in ("flows", "tasks", "models"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)


def complain(error: LikenessError, *, as_json: bool) -> int:
    """Say what was refused, on the error stream, and return the exit status."""
    if as_json:
        failures = [
            {name: getattr(failure, name) for name in ("rule", "columns", "rows", "total", "detail")}
            for failure in error.failures
        ]
        _print_json(
            {
                "error": type(error).__name__,
                "rule": error.rule,
                "fact": error.fact,
                "remedy": error.remedy,
                "failures": failures,
            }
        )
    else:
        print(f"likeness: {error}", file=sys.stderr)
    return error.exit_status


def confess(error: Exception) -> int:
    """Say where a fault of ours lies, on the error stream, and return the exit status."""
    where = "".join(traceback.format_tb(error.__traceback__))
    print(
        f"{where}likeness: a fault of Likeness itself ({type(error).__name__}); please report the lines above",
        file=sys.stderr,
    )
    return 3


def show_release(release: Path, manifest: dict[str, Any], *, as_json: bool) -> None:
    """Say what a release is: its origin, each score beside floor and threshold, and where to look at it."""
    if as_json:
        _print_json({"path": str(release), **manifest})
        return
    from rich.console import Console

    model, contract = manifest["model"], manifest["contract"]
    console = Console(highlight=False)
    console.print(
        f"\n[bold]{contract['id']} {manifest['release']}[/bold]: {manifest['rows']:,} synthetic rows, "
        f"{model['name']} ({model['steps']:,} steps, {model['seconds']:.0f} s), seed {manifest['seed']}"
    )
    for line in model.get("contest", ()):
        console.print(f"  {line}", markup=False)
    selection = manifest.get("selection", {})  # of no release before there were any
    for label, name in (("where", "where"), ("shares", "share")):
        if selection.get(name):
            console.print(f"{label}: {'; '.join(selection[name])}", markup=False)
    console.print(_score_table(manifest))
    console.print(
        f"data    {release / 'data'}\nreport  {(release / 'report.html').absolute().as_uri()}", soft_wrap=True
    )


def open_page(page: Path) -> None:
    """Open a page in a browser, where a person sits at a terminal with a screen beside it."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty():
        webbrowser.open(page.absolute().as_uri())


def _score_table(manifest: dict[str, Any]) -> Any:  # noqa: ANN401 - rich is imported late
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    checks = {check["score"]: check for check in manifest["verdict"]["checks"]}
    table = Table("score", box=SIMPLE_HEAD)
    for heading in ("value", "holdout's own", "must be", ""):
        table.add_column(heading, justify="right")
    for score in manifest["scores"]:
        check = checks.get(score["name"])
        table.add_row(
            score["name"],
            _figure(score["value"]),
            _figure(score["floor"]),
            _bounds(check),
            "" if check is None else ("[green]reached[/green]" if check["passed"] else "[red]missed[/red]"),
        )
    return table


def show_draft(text: str, path: Path | None, *, as_json: bool) -> None:
    """Print a drafted contract, or say where it was written."""
    if as_json:
        _print_json({"path": None if path is None else str(path), "contract": text})
    elif path is None:
        print(text, end="")
    else:
        print(f"{path} is a draft: read it, mend it, then `likeness run {path}`")


def show_check(contract: Contract, rows: int | None, *, as_json: bool) -> None:
    """Say that a contract, and the data if there was any, is in order."""
    if as_json:
        _print_json(
            {"contract": contract.id, "version": contract.version, "columns": len(contract.columns), "rows": rows}
        )
        return
    print(f"{contract.id} {contract.version} is in order: {len(contract.columns)} columns, {len(contract.rules)} rules")
    if rows is not None:
        print(f"and {rows:,} rows keep to it")


def show_verified(release: Path, manifest: dict[str, Any], *, as_json: bool) -> None:
    """Say that a release is what its manifest says."""
    if as_json:
        _print_json(
            {"path": str(release), "release": manifest["release"], "files": len(manifest["files"]), "verified": True}
        )
    else:
        print(f"{release}: {len(manifest['files'])} files are as the manifest says")


def _bounds(check: dict[str, Any] | None) -> str:
    if check is None:
        return ""
    named = (("≥", check["minimum"]), ("≤", check["maximum"]))
    return " and ".join(f"{sign} {bound:g}" for sign, bound in named if bound is not None)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
