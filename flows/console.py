"""What the command line says, to people and to machines."""

import json
import logging
import os
import sys
import traceback
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.contract import Contract
from data_contracts.errors import LikenessError
from tasks.places import child, link, read, there
from tasks.segmenting.said import RECORD, Segmented

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.doctor import Finding
    from flows.sweep import Swept
    from tasks.detect import Detected
    from tasks.detect_each import DetectedEach
    from tasks.prune import Pruned
    from tasks.releases.signing import PublicKey
    from tasks.verify import Verified

__all__ = [
    "complain",
    "confess",
    "log_plainly",
    "open_page",
    "show_check",
    "show_detected",
    "show_draft",
    "show_each",
    "show_findings",
    "show_key",
    "show_pruned",
    "show_release",
    "show_segmented",
    "show_sweep",
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
        _print_json({"path": there(release), **manifest})
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
    for line in (_compared(manifest), _signed(manifest)):
        console.print(line, markup=False)
    console.print(f"data    {there(release / 'data')}\nreport  {link(release / 'report.html')}", soft_wrap=True)


_OF_A_SWEEP = (
    *("column_shapes", "column_pair_trends", "two_sample_train", "frechet_distance", "coverage", "utility_gap"),
    *("copies_excess", "membership_auc", "domias_auc", "model_membership_auc", "near_copies_excess", "epsilon"),
)
"""The scores that fit a terminal: fidelity and utility first, privacy beside them; the files have all."""


def show_sweep(swept: "Swept", *, as_json: bool) -> None:
    """Say what came of each run of a sweep."""
    if as_json:
        _print_json({"path": swept.uri, "rows": list(swept.rows)})
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    scores = [name for name in _OF_A_SWEEP if any(name in row for row in swept.rows)]
    table = Table("contract", "model", "seed", "verdict", *scores, "seconds", box=SIMPLE_HEAD)
    for row in swept.rows:
        head = (row["contract"], row["model"], str(row["seed"]), row["verdict"])
        table.add_row(*head, *(_figure(row.get(name)) for name in scores), f"{row['seconds']:.0f}")
    console = Console(highlight=False)
    console.print(table)
    for row in swept.rows:
        if row["why"]:
            console.print(
                f"{row['contract']} {row['model']} {row['seed']} {row['verdict']}: {row['why']}", markup=False
            )
    console.print(f"table   {swept.uri}, and .csv beside it", soft_wrap=True)


def open_page(page: Path) -> None:
    """Open a page in a browser, where a person sits at a terminal with a screen beside it."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty():
        webbrowser.open(page.absolute().as_uri())


def _compared(manifest: dict[str, Any]) -> str:
    """Return how a release stands to the one before it: place, scores, contract, drift."""
    compared = manifest["comparison"]
    if compared is None:
        return "latest  the first, or the one before it could not be read"
    place = "takes the place of" if manifest["champion"] else "is kept beside, and is worse than,"
    worse = [f"{one['name']} {one['value']:.4f} after {one['before']:.4f}" for one in compared["scores"]]
    worse = [line for line in worse if line.split(" ")[0] in compared["worse"]]
    said = [f"latest  {place} {compared['release']}{': ' if worse else ''}{'; '.join(worse)}"]
    said += [] if compared["comparable"] else ["        other rows were asked for: scores are not compared"]
    said += [f"contract {line}" for line in compared["contract"]]
    for one in compared["drift"][:1]:
        floor = "" if one["floor"] is None else f", {one['floor']:.3f} of it the model's own"
        said.append(f"drift   most in {one['column']}: {one['distance']:.3f} from {compared['release']}{floor}")
    return "\n".join(said)


def _signed(manifest: dict[str, Any]) -> str:
    signature = manifest["signature"]
    return "signed  not signed" if signature is None else f"signed  by {signature['key']}"


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


def show_verified(release: Path, verified: "Verified", *, as_json: bool) -> None:
    """Say that a release is what its manifest says, and whose word that is."""
    manifest = verified.manifest
    if as_json:
        facts = {"path": there(release), "release": manifest["release"], "files": len(manifest["files"])}
        _print_json({**facts, "verified": True, "signed": verified.signed, "trusted": verified.trusted})
        return
    print(f"{there(release)}: {len(manifest['files'])} files are as the manifest says")
    if verified.signed is None:
        print("it is not signed: whoever can write there can have changed the manifest as well")
    elif verified.trusted:
        print(f"signed by {verified.signed}, the key that you asked for")
    else:
        print(f"signed by {verified.signed}: hold it against the key that you know, with --key")


def show_detected(found: "Detected", *, as_json: bool) -> None:
    """Say how many anomalies there are among new rows, which columns they are of, and where they are listed."""
    if as_json:
        _print_json(asdict(found))
        return
    share = found.anomalies / max(found.rows, 1)
    print(f"{found.anomalies:,} of {found.rows:,} rows are anomalies ({share:.2%}) to {found.contract} {found.release}")
    at = "no score is high enough" if found.threshold is None else f"scores above {found.threshold:.2f}"
    beside = f"judged by {found.detector}, held against {found.calibration:,} usual rows"
    print(f"at p-values up to {found.level:.3g} ({at}), {beside}")
    if found.broken:
        print(f"{found.broken:,} of them break the contract")
    for name, rows in list(found.columns.items())[:_MOST_COLUMNS]:
        print(f"  {rows:>9,} by {name} first")
    if found.drifted:
        print("more rows are odd than chance allows: the world has moved on, release again")
    print(f"table   {found.uri}")


def show_each(found: "DetectedEach", *, as_json: bool) -> None:
    """Say what came of the files of a folder."""
    if as_json:
        _print_json(asdict(found))
        return
    print(f"{found.judged:,} new files judged by {found.contract} {found.release}, {found.judged_before:,} were before")
    if found.judged:
        print(f"{found.anomalies:,} of {found.rows:,} rows are anomalies, {found.broken:,} of them break the contract")
    for name, rows in list(found.columns.items())[:_MOST_COLUMNS]:
        print(f"  {rows:>9,} by {name} first")
    for files, what in (
        (found.waiting, "may still be written, and wait for the next time"),
        (found.unread_before, "could not be read before, and have not changed since"),
        (found.drifted, "have more odd rows than chance allows: if the world has moved on, release again"),
    ):
        if files:
            print(f"{files:,} {'file' if files == 1 else 'files'} {what}")
    print(f"tables  {found.uri}")


_MOST_COLUMNS = 5  # of those that anomalies are told by


def show_segmented(found: Segmented, *, as_json: bool) -> None:
    """Say how many segments there are, how large each is and what it is like, and where all of that lies."""
    told = json.loads(read(child(found.uri, RECORD)) or b"{}")
    if as_json:
        _print_json({**asdict(found), **told})
        return
    unit, many = "pixels" if "image" in told else "rows", len(found.sizes)
    said = f"{many} segments" if many > 1 else "no segments, they are one cloud"
    print(f"{found.rows:,} {unit} of {found.of}: {said}")
    for each, size in zip(told["segments"], found.sizes, strict=True):
        like = each["words"] if "words" in each else f"colour {tuple(each['colour'])}"
        print(f"{each['segment']:>3}  {size:>9,} {unit} ({each['share']:.1%})  {like}")
    stable = "not measured: a segment is too small" if found.stability is None else f"{found.stability:.2f}"
    print(f"stability {stable}; sought in {told['looked_at']:,} {unit}")
    if found.unfit:
        print(f"{found.unfit:,} rows are at odds with the contract: cells of another kind count as not known")
    print(f"look at {child(found.uri, 'segments.html' if unit == 'rows' else 'segments.png')}")


def show_key(path: Path, key: "PublicKey", *, as_json: bool) -> None:
    """Say where a new key lies, and how it is used; never the key."""
    from tasks.releases.signing import KEY_FILE

    if as_json:
        _print_json({"path": str(path), "public": f"{path}.pub", "key": key.fingerprint})
        return
    print(f"{path} signs releases: export {KEY_FILE}={path.absolute()}")
    print(f"{path}.pub goes to those who verify: likeness verify RELEASE --key {path.name}.pub")
    print(f"it is known as {key.fingerprint}")


def show_pruned(pruned: "Pruned", cleared: "Sequence[str]", *, as_json: bool) -> None:
    """Say which releases stay and why, and what went or would, of them and of the runs."""
    if as_json:
        went = {"removed": list(pruned.removed), "cleared": list(cleared)}
        _print_json({"kept": pruned.kept, **went, "done": pruned.meant})
        return
    for release, why in pruned.kept.items():
        print(f"stays    {release} ({why})")
    for name in (*pruned.removed, *cleared):
        print(f"{'removed ' if pruned.meant else 'would go'} {name}")
    if (pruned.removed or cleared) and not pruned.meant:
        print("nothing was removed: say --yes to do it")


def show_findings(findings: "Sequence[Finding]", *, as_json: bool) -> None:
    """Say what was found of an installation, and what to do."""
    if as_json:
        _print_json({"findings": [asdict(finding) for finding in findings]})
        return
    for finding in findings:
        print(f"{'good ' if finding.good else 'AMISS'}  {finding.what:<12} {finding.fact}")
        if finding.remedy:
            print(f"{'':<20} {finding.remedy}")


def _bounds(check: dict[str, Any] | None) -> str:
    if check is None:
        return ""
    named = (("≥", check["minimum"]), ("≤", check["maximum"]))
    return " and ".join(f"{sign} {bound:g}" for sign, bound in named if bound is not None)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
