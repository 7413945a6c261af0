"""Latent codes of images beside JPEG, at several latent sizes; and enlarging beside the bicubic kernel.

    python benchmarks/compression.py --data DIR [--latents 8 16 32 64] [--seeds 1] [--budget 600] [--images N]

DIR holds fashion-mnist/ with its four IDX files, or a folder `images` with it.  A VAE of each latent size, and a model
that enlarges 14 x 14 to 28 x 28, learn from the 60,000 images within as many seconds each; what they keep is measured
on the 10,000 of the test set, which they never saw, by the tasks of `likeness encode` and `likeness upscale`.  What has
a result in `benchmarks/results/compression` is not done again; then the section of `benchmarks/RESULTS.md` is written
anew.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import torch

if not __package__:  # run as a file: imports begin at the root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.contenders import ROOT
from benchmarks.images import KINDS
from benchmarks.ours import contract_of
from benchmarks.report import spliced
from benchmarks.results import Record, circumstances, path_of, read_all, write
from data_contracts import Contract, Source
from models.encoding import Encoded, Encoder
from models.images.vae import LATENT, VariationalImages
from models.life import Terms
from tasks.coding.opening import Opened
from tasks.encode import encode
from tasks.fit_upscaling import fit_upscaling
from tasks.ingest import ingest
from tasks.judge_upscaling import judge_upscaling
from tasks.learning.modelfiles import save_model
from tasks.learning.rawimages import to_raw
from tasks.parquet import read_batches, write_parquet
from tasks.references import Reference, Split

SET = "fashion-mnist"
SIZES = (8, 16, 32, 64)
BITS = (4, 6, 8)
UPSCALING = "upscaling"
_CACHE = Path.home() / ".cache" / "likeness-benchmark"
_MARKS = ("<!-- compression: written by benchmarks/compression.py -->", "<!-- compression: end -->")


@dataclass(frozen=True)
class Task:
    """What one contender has.

    Args:
        contract: of the images.
        parts: what is learned from, and what nobody sees.
        folder: to work in.
        budget_seconds: of training.
        seed: of it.
    """

    contract: Contract
    parts: Split
    folder: Path
    budget_seconds: float
    seed: int


def main() -> None:
    """Do what is not done yet, then write the report."""
    asked = _parse()
    parts: Split | None = None
    for seed in range(asked.seeds):
        for name in (*(f"vae-{size}" for size in asked.latents), UPSCALING):
            path = path_of(asked.results, table=SET, contender=name, seed=seed)
            if not path.exists():
                parts = parts or _read(asked)
                folder = asked.work / name / str(seed)
                task = Task(_contract(), parts, folder, asked.budget, seed)
                record: Record = {"contender": name, "table": SET, "seed": seed, **circumstances()}
                record["budget_seconds"] = asked.budget
                write(path, record | (_enlarged(task) if name == UPSCALING else _coded(task, int(name[4:]))))
                print(path.read_text(), flush=True)
    section = "\n\n".join(_sections(list(read_all(asked.results))))
    asked.report.write_text(spliced(asked.report.read_text(), section, marks=_MARKS))


def _contract() -> Contract:
    return contract_of(KINDS, target="label")


def _read(asked: argparse.Namespace) -> Split:
    """Read the set by the project's own reader of IDX files."""
    place = next(path for path in (asked.data / SET, asked.data / "images" / SET) if path.is_dir())
    found = []
    for part in ("train", "t10k"):
        source = Source(location=str(place / f"{part}-images-idx3-ubyte.gz"), format="idx")
        read = ingest.fn(replace(_contract(), source=source), run=str(asked.work / "read" / part))
        found.append(_first(read, asked.images))
    return Split(*found)


def _first(rows: Reference, count: int | None) -> Reference:
    """Return the first so many rows as a file."""
    if count is None:
        return rows
    batch = next(read_batches(Path(rows.uri), rows=count))
    return write_parquet(Path(rows.uri).with_name("some.parquet"), [batch], schema=batch.schema)


def _coded(task: Task, size: int) -> Record:
    """Train a VAE of so many latents, and code the test set by it."""
    image = task.contract.image
    assert image is not None  # noqa: S101 - of this set
    files = Path(task.parts.train.uri)
    generator, begun = torch.Generator().manual_seed(task.seed), (time.monotonic(), time.process_time())
    encoder = Encoder.fit(task.contract.columns, (to_raw(batch, image) for batch in read_batches(files)))
    x = Encoded.join([encoder.encode(to_raw(batch, image)) for batch in read_batches(files)])
    model = VariationalImages(replace(LATENT, codes=size))
    model.fit(x, encoder.spans, generator=generator, terms=Terms(task.budget_seconds))
    costs = {"fit_seconds": time.monotonic() - begun[0], "fit_cpu_seconds": time.process_time() - begun[1]}
    described = {"model": "vae", "images": True, "columns": encoder.state()}
    save_model(task.folder / "model", model, described)
    opened, to = Opened(str(task.folder), task.contract, "none", ""), str(task.folder / "latents.parquet")
    found = [encode.fn(opened, task.parts.holdout, run=str(task.folder), to=to, bits=bits) for bits in BITS]
    told = {"steps": model.fitted.steps, "cut": model.fitted.cut, "costs": costs}
    return told | {"coded": [{name: value for name, value in asdict(each).items() if name != "uri"} for each in found]}


def _enlarged(task: Task) -> Record:
    """Train a model that enlarges, and judge it on the test set."""
    begun, run = (time.monotonic(), time.process_time()), str(task.folder)
    terms = {"seed": task.seed, "budget_seconds": task.budget_seconds}
    trained = fit_upscaling.fn(task.contract, task.parts.train, run=run, **terms)
    costs = {"fit_seconds": time.monotonic() - begun[0], "fit_cpu_seconds": time.process_time() - begun[1]}
    judged = judge_upscaling.fn(task.contract, trained, task.parts, run=run, seed=task.seed)
    ways = [asdict(each) for each in judged.ways]
    return {"steps": trained.steps, "cut": trained.cut, "costs": costs, "images": judged.images, "ways": ways}


def _sections(records: Sequence[Record]) -> Iterator[str]:
    yield f"## Images: latent codes and enlarging\n\n{_INTRODUCTION}"
    coded = sorted((each for each in records if "coded" in each), key=lambda each: int(each["contender"][4:]))
    if coded:
        yield "\n".join(_codes(coded))
    enlarged = [each for each in records if "ways" in each]
    if enlarged:
        yield "\n".join(_ways(enlarged))
    circumstances = sorted(
        {f"{each['commit']}, {each['date']}, load {each['load']}, {each['processor']}" for each in records}
    )
    fits, runs = ("; ".join(those) for those in (map(_fit, [*coded, *enlarged]), circumstances))
    yield f"Fits: {fits}. Commit, date, load at the start, processor: {runs}."


def _fit(record: Record) -> str:
    """Return what a fit took, and whether the budget ended it."""
    ended = f"cut at {record['budget_seconds']:,.0f} s" if record["cut"] else "ended by its plan"
    costs = record["costs"]
    return (
        f"{record['contender']}, seed {record['seed']}: {costs['fit_seconds']:,.0f} s, "
        f"{costs['fit_cpu_seconds']:,.0f} CPU s, {record['steps']:,} rounds, {ended}"
    )


def _codes(records: Sequence[Record]) -> Iterator[str]:
    yield "| latents | bits each | bytes | in the file | bits/dim | PSNR, dB | JPEG, dB | JPEG's bytes | seeds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in dict.fromkeys(each["contender"] for each in records):
        mine = [each["coded"] for each in records if each["contender"] == name]
        for place, first in enumerate(mine[0]):
            seeds = [each[place] for each in mine]
            figures = (_spread([each[key] for each in seeds], digits) for key, digits in _FIGURES)
            jpeg = [each["jpeg"] for each in seeds]
            mark = "" if all(each["fits"] for each in jpeg) else " (more)"
            beside = f"{_spread([each['psnr'] for each in jpeg], 2)} | {_spread([each['bytes'] for each in jpeg], 1)}"
            yield f"| {first['latents']} | {first['bits']} | {' | '.join(figures)} | {beside}{mark} | {len(mine)} |"


_FIGURES = (("code_bytes", 1), ("stored_bytes", 1), ("bits_per_dimension", 3), ("psnr", 2))


def _ways(records: Sequence[Record]) -> Iterator[str]:
    yield f"| 14 x 14 enlarged, {records[0]['images']:,} images | PSNR, dB | classes named rightly | seeds |"
    yield "|---|---|---|---|"
    for place, first in enumerate(records[0]["ways"]):
        seeds = [each["ways"][place] for each in records]
        cells = (_spread([each[key] for each in seeds], digits) for key, digits in (("psnr", 2), ("accuracy", 3)))
        yield f"| {first['way']} | {' | '.join(cells)} | {len(records)} |"


def _spread(values: Sequence[float | None], digits: int) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return ""
    return f"{mean(found):.{digits}f}" + (f" ± {stdev(found):.{digits}f}" if len(found) > 1 else "")


_INTRODUCTION = """\
Fashion-MNIST, on test images that no model saw. Bits/dim: of what the codes take in their Parquet file, for each of
the 784 pixels. JPEG: of one quality for all, the best whose bytes without headers and tables are no more on average;
"(more)" where even the least quality takes more. PSNR is of all images' squared errors together. Labels stand beside
either and are not counted, though the decoder reads them. Classes are named by a network that learned from real
images."""


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True)
    add("--latents", type=int, nargs="*", default=list(SIZES))
    add("--seeds", type=int, default=1, help="how many, from 0")
    add("--budget", type=float, default=600.0, help="seconds of each training")
    add("--images", type=int, default=None, help="the first so many of train and of the test set: to try it")
    add("--results", type=Path, default=ROOT / "benchmarks" / "results" / "compression")
    add("--report", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    add("--work", type=Path, default=_CACHE / "work-compression")
    return parser.parse_args()


if __name__ == "__main__":
    main()
