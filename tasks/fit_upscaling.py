"""Fit upscaling: learn to enlarge images from pairs of large ones and small ones made of them.

Reads: ``train.parquet``.  Writes: ``<run>/upscaling/`` with ``weights.safetensors`` and ``model.json``; while it lasts,
``<run>/checkpoint/``.
Fails when: the loss is not finite, or the run's folder cannot be written.
Safe to repeat because: the same rows, seed and steps give the same bytes, and a training that was interrupted goes on
from its checkpoint.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Column, Contract
from tasks.learning.checkpoints import DiskCheckpoint
from tasks.learning.modelfiles import save_model
from tasks.parquet import batch_rows, read_batches
from tasks.pictures import pixels_of
from tasks.progress import steps_shown
from tasks.references import Reference, Trained
from tasks.restoring.enlarging import planes
from tasks.steps import once, workplace
from tasks.storage import digest_folder

if TYPE_CHECKING:
    import torch

__all__ = ["fit_upscaling"]

logger = logging.getLogger(__name__)

_NAME = "upscaling"


def _cut_by_the_clock(trained: Trained, asked: Mapping[str, Any]) -> bool:
    return trained.cut and asked["steps"] is None


# a failure repeats exactly: no retries; the artefact lies in the run's folder
@task(cache_policy=NO_CACHE)
@once(f"{_NAME}/*", chance=_cut_by_the_clock)
def fit_upscaling(
    contract: Contract,
    train: Reference,
    *,
    run: str,
    factor: int = 2,
    seed: int = 0,
    budget_seconds: float | None = None,
    steps: int | None = None,
) -> Trained:
    """Learn to enlarge images like those of the training rows.

    Args:
        contract: has a column of images, whose sides are multiples of the factor.
        train: Parquet file of the rows.
        run: folder of the run.
        factor: how many times larger each side becomes.
        seed: of all randomness.
        budget_seconds: an upper bound of the training.
        steps: end after so many.

    Raises:
        ModelError: the loss is not finite.
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    from models.images.upscaling import Upscaling
    from models.life import Terms

    assert contract.image is not None  # noqa: S101 - `miniature` has looked
    model, pixels = Upscaling(factor), _pixels(train, contract, contract.image)
    fit = {"train": train.digest, "factor": factor, "seed": seed, "steps": steps, "plan": repr(model.plan)}
    checkpoint = DiskCheckpoint(workplace(Path(run)) / "checkpoint", fit)
    with steps_shown("learning to enlarge") as follow:
        terms = Terms(budget_seconds, steps, follow, checkpoint)
        model.fit(pixels, generator=torch.Generator().manual_seed(seed), terms=terms)
    described = {"model": _NAME, "contract": {"id": contract.id, "version": contract.version}, "rows": train.rows}
    folder = save_model(Path(run) / _NAME, model, {**described, "seed": seed, "steps": model.fitted.steps})
    checkpoint.remove()
    fitted = model.fitted
    logger.info("learned to enlarge: %s steps in %.0f s", f"{fitted.steps:,}", fitted.seconds)
    digest = digest_folder(folder)
    return Trained(str(folder), digest, train.rows, _NAME, seed, fitted.steps, fitted.seconds, fitted.cut)


def _pixels(train: Reference, contract: Contract, image: Column) -> "torch.Tensor":
    """Return the (N, channels, height, width) pixels of all rows."""
    batches = read_batches(Path(train.uri), [image.name], rows=batch_rows(contract))
    return planes(np.concatenate([pixels_of(batch.column(0), image) for batch in batches]))
