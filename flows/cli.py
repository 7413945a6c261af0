"""The command line: a thin door to the flows.

    likeness run CONTRACT            a real table in, a published synthetic release out
    likeness sweep CONTRACT...       contracts, models and seeds against each other, as one table
    likeness contract infer DATA     draft a contract from data
    likeness contract check CONTRACT [DATA]
    likeness verify RELEASE          every file against the manifest, the manifest against its signature
    likeness show RELEASE            what it is and what it scored; opens its report where there is a screen
    likeness detect RELEASE DATA     which of new rows are anomalies, and why
    likeness segment OF [DATA]       a few segments of rows, or of an image's pixels, and what each is like
    likeness encode RELEASE DATA     images as latent codes, and what these keep of them
    likeness decode RELEASE LATENTS  latent codes as images again
    likeness upscale CONTRACT DATA   small images enlarged as a contract's images teach
    likeness key new                 a key to sign releases with
    likeness prune                   old releases go
    likeness doctor                  versions, storage, key, server, work pool: what is amiss, and what to do

Exit status: 0 done, 1 refused by the gate or kept beside a better one, 2 wrong use, contract or data, or interrupted,
3 a fault of Likeness itself.

Nothing heavy is imported before a command needs it: `--help` answers at once.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from data_contracts.contract import Contract
from data_contracts.errors import ContractError, DataError, LikenessError, ReleaseError
from flows import console, console_images, embedded
from flows.arguments import parser

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    asked = parser().parse_args(arguments)
    embedded.configure()
    console.log_plainly()
    try:
        _COMMANDS[asked.command](asked)
    except LikenessError as error:
        return console.complain(error, as_json=asked.json)
    except KeyboardInterrupt:
        return console.complain(_interrupted(), as_json=asked.json)
    except Exception as error:  # noqa: BLE001 - a fault of ours: told without its message, which may quote a cell
        return console.confess(error)
    return 0


def _run(asked: argparse.Namespace) -> None:
    values = _parameters(asked)
    with _server():
        from flows.synthesize import synthesize
        from tasks.verify import locate, read_manifest
    release = locate(synthesize(**values).uri)
    console.show_release(release, read_manifest(release), as_json=asked.json)


def _sweep(asked: argparse.Namespace) -> None:
    from flows.parameters import Sweep

    values = _checked(Sweep, asked, command="sweep")
    with _server():
        from flows.sweep import sweep
    console.show_sweep(sweep(**values), as_json=asked.json)


def _detect(asked: argparse.Namespace) -> None:
    if asked.each:
        return _detect_each(asked)
    from flows.parameters import Detection

    values = _checked(Detection, asked, command="detect")
    with _server():
        from flows.detect import detection
    return console.show_detected(detection(**values), as_json=asked.json)


def _detect_each(asked: argparse.Namespace) -> None:
    from flows.parameters import EachDetection

    values = _checked(EachDetection, asked, command="detect")
    with _server():
        from flows.detect_each import each_detection
    console.show_each(each_detection(**values), as_json=asked.json)


def _segment(asked: argparse.Namespace) -> None:
    from flows.parameters import Segmentation

    values = _checked(Segmentation, asked, command="segment")
    with _server():
        from flows.segment import segmentation
    console.show_segmented(segmentation(**values), as_json=asked.json)


def _encode(asked: argparse.Namespace) -> None:
    from flows.parameters import Encoding

    values = _checked(Encoding, asked, command="encode")
    with _server():
        from flows.encode import encoding
    console_images.show_encoded(encoding(**values), as_json=asked.json)


def _decode(asked: argparse.Namespace) -> None:
    from flows.parameters import Decoding

    values = _checked(Decoding, asked, command="decode")
    with _server():
        from flows.encode import decoding
    console_images.show_decoded(decoding(**values), as_json=asked.json)


def _upscale(asked: argparse.Namespace) -> None:
    from flows.parameters import Upscaling

    values = _checked(Upscaling, asked, command="upscale")
    with _server():
        from flows.upscale import upscaling
    console_images.show_upscaled(upscaling(**values), as_json=asked.json)


@contextmanager
def _server() -> Iterator[None]:
    """Start a server, and load meanwhile what the block imports, and the models."""
    ready = embedded.start()
    yield
    from tasks.learning.loading import load_models

    load_models()
    ready()


def _parameters(asked: argparse.Namespace) -> dict[str, Any]:
    """Check the parameters and the contract here, before a server is started for them."""
    from data_contracts import odcs
    from data_contracts.selecting import select
    from flows.parameters import Synthesis

    values = _checked(Synthesis, asked, command="run")
    select(odcs.load(odcs.find(values["contract"])), where=values["where"], shares=values["share"])
    return values


def _checked(parameters: "type[BaseModel]", asked: argparse.Namespace, *, command: str) -> dict[str, Any]:
    """Return what was asked for as a flow takes it.

    Raises:
        ContractError: a value is out of its bounds.
    """
    from pydantic import ValidationError

    given = {name: getattr(asked, name, None) for name in parameters.model_fields}
    try:
        return parameters(**{name: value for name, value in given.items() if value is not None}).model_dump()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        rule = f"the parameters of a run are as `likeness {command} --help` says"
        raise ContractError(rule, wrong, "Mend them") from None


def _infer(asked: argparse.Namespace) -> None:
    from data_contracts import odcs
    from tasks.infer import infer
    from tasks.storage import write_text

    text = odcs.dump(infer(asked.data))
    if asked.to:
        write_text(asked.to, text)
    console.show_draft(text, asked.to, as_json=asked.json)


def _check(asked: argparse.Namespace) -> None:
    from data_contracts import odcs

    contract = odcs.load(odcs.find(asked.contract))
    rows = _hold(contract, asked.data) if asked.data else None
    console.show_check(contract, rows, as_json=asked.json)


def _hold(contract: Contract, data: str) -> int:
    """Hold data to a contract and return its rows, leaving nothing behind."""
    from tasks.ingest import ingest
    from tasks.validate import validate

    try:
        with tempfile.TemporaryDirectory(prefix="likeness-check-") as run:
            source = ingest.fn(contract, run=run, source=data)
            return validate.fn(contract, source, run=run, name="source").rows
    except DataError as error:  # its remedy is to read a page that is gone
        raise DataError(error.rule, error.fact, "Mend the data or the contract", error.failures) from None


def _verify(asked: argparse.Namespace) -> None:
    from tasks.verify import locate, verify

    release = locate(asked.release)
    console.show_verified(release, verify(release, key=asked.key), as_json=asked.json)


def _show(asked: argparse.Namespace) -> None:
    from tasks.storage import digest_file
    from tasks.verify import locate, read_manifest

    release = locate(asked.release)
    manifest = read_manifest(release)
    console.show_release(release, manifest, as_json=asked.json)
    page = release / "report.html"
    # a page that was changed could do in a browser whatever it likes: `verify` names it
    if not asked.json and page.is_file() and digest_file(page) == manifest["files"][page.name]["sha256"]:
        console.open_page(page)


def _new_key(asked: argparse.Namespace) -> None:
    from tasks.releases.signing import new_key

    console.show_key(asked.to, new_key(asked.to), as_json=asked.json)


def _prune(asked: argparse.Namespace) -> None:
    from flows.parameters import Retention
    from tasks.clear import clear
    from tasks.prune import prune

    values = _checked(Retention, asked, command="prune")
    pruned = prune.fn(values["to"], keep=values["keep"], pins=values["pin"], meant=values["remove"])
    cleared = clear.fn(values["runs"], days=values["days"], meant=values["remove"])
    console.show_pruned(pruned, cleared, as_json=asked.json)


def _doctor(asked: argparse.Namespace) -> None:
    from flows.doctor import examine

    findings = list(examine(runs=asked.runs, releases=asked.to))
    console.show_findings(findings, as_json=asked.json)
    if amiss := [finding.what for finding in findings if not finding.good]:
        raise ReleaseError(
            "all is well with this installation", f"{', '.join(amiss)} is not", "Do what stands beside it"
        )


def _interrupted() -> LikenessError:
    return LikenessError(
        "a run ends by itself",
        "it was interrupted",
        "Nothing was published; the finished steps' artefacts are in the run's folder. Start it again when you like",
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "run": _run,
    "sweep": _sweep,
    "detect": _detect,
    "segment": _segment,
    "encode": _encode,
    "decode": _decode,
    "upscale": _upscale,
    "infer": _infer,
    "check": _check,
    "verify": _verify,
    "show": _show,
    "new": _new_key,
    "prune": _prune,
    "doctor": _doctor,
}


if __name__ == "__main__":
    raise SystemExit(main())
