"""Judge upscaling: what a model makes of small images that it never saw, beside the bicubic kernel and the real ones.

Reads: the model, ``train.parquet`` and ``holdout.parquet``.  Writes: ``<run>/upscaling.json``.
Fails when: the run's folder cannot be written.
Safe to repeat because: the same model, rows and seed give the same bytes, and the file is replaced whole.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.coding.counting import psnr
from tasks.parquet import read_sample
from tasks.pictures import pixels_of
from tasks.progress import progress
from tasks.references import Split, Trained
from tasks.restoring.enlarging import REAL, Pixels, planes, upscaler, ways
from tasks.restoring.figures import Judged, Restored
from tasks.scoring.images.sets import labels_of
from tasks.steps import once
from tasks.storage import digest_file, write_json

__all__ = ["judge_upscaling"]

_TAUGHT = 20_000  # images that the judging network learns from: some ten seconds
_ASKED = 5_000  # images of the holdout: a share of .9 is known to .004 then, PSNR to .03 dB


@task(cache_policy=NO_CACHE)  # the artefact lies in the run's folder
@once("upscaling.json")
def judge_upscaling(contract: Contract, trained: Trained, parts: Split, *, run: str, seed: int = 0) -> Judged:
    """Make images of the holdout small, enlarge them again, and say how near that comes.

    Args:
        contract: of the images.
        trained: the model.
        parts: train, which a network learns the classes from, and the holdout.
        run: folder of the run.
        seed: of that network, of draws, and of which images are taken where there are many.

    Raises:
        ReleaseError: the run's folder cannot be written.
    """
    from models.images.upscaling import reduced

    model, image = upscaler(Path(trained.uri)), contract.image
    train, holdout = (
        read_sample(Path(part.uri), rows=rows, seed=seed)
        for part, rows in ((parts.train, _TAUGHT), (parts.holdout, _ASKED))
    )
    with progress("judging", total=4, unit="ways") as advance:
        named = _namer(contract, train, holdout, seed=seed)
        real = pixels_of(holdout[image.name], image) if image else np.zeros((0, 1, 1, 1), np.uint8)
        found = [Restored(REAL, None, named(real))]
        small = np.ascontiguousarray(reduced(planes(real), model.factor).permute(0, 2, 3, 1).numpy())
        for way, enlarge in ways(model, seed=seed).items():
            advance(1, way)
            made = enlarge(small)
            square = float(np.square(made.astype(np.float64) - real).mean())
            found.append(Restored(way, psnr(square), named(made)))
    path = Path(run) / "upscaling.json"
    whole = Judged("", "", len(real), model.factor, trained.steps, tuple(found))
    write_json(path, {name: fact for name, fact in asdict(whole).items() if name not in ("uri", "digest")})
    return replace(whole, uri=str(path), digest=digest_file(path))


def _namer(contract: Contract, train: pa.Table, holdout: pa.Table, *, seed: int) -> Callable[[Pixels], float | None]:
    """Return what says in which share of (n, ...) holdout images a network names the class; None where there are none.

    The network learns from the real images of train.
    """
    from tasks.scoring.images.network import learn

    image, labels = contract.image, labels_of(contract, train, holdout)
    if labels is None or image is None:
        return lambda _: None
    names, (taught, asked) = labels
    known, told = taught >= 0, asked >= 0
    if len(np.unique(taught[known])) < 2 or not told.any():  # noqa: PLR2004 - one class is told apart from none
        return lambda _: None
    pixels = pixels_of(train[image.name].filter(pa.array(known)), image)
    judge = learn(pixels, taught[known], classes=len(names), seed=seed)

    def named(images: NDArray[np.uint8]) -> float:
        return float((judge.classified(images[told]) == asked[told]).mean())

    return named
