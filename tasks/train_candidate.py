"""Train candidate: learn the training rows with one candidate of `auto`, as the contest would.

Reads: ``train.parquet``.  Writes: ``<run>/candidates/<name>/``, what the contest goes on from; while it lasts,
``<run>/checkpoint/``.
Fails when: there are too few rows, or the likelihood is not finite.
Safe to repeat because: the same rows and seed give the same weights, and a training that was interrupted goes on from
its checkpoint.
"""

import logging
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Contract
from tasks.keeping import lay
from tasks.learning.basis import CHECKPOINT_SECONDS, encoded, fit_of, require_trainable
from tasks.learning.checkpoints import DiskCheckpoint
from tasks.learning.curves import Curve
from tasks.progress import steps_shown
from tasks.references import Reference, Trained
from tasks.steps import once, workplace
from tasks.storage import digest_folder, storage_errors

__all__ = ["candidates", "train_candidate"]

logger = logging.getLogger(__name__)

_CONTEST = "auto"


def candidates(contract: Contract, *, model: str, steps: int | None, epsilon: float | None) -> tuple[str, ...]:
    """Return the candidates that can be trained beside one another: those of a contest without a number of steps.

    Steps are shared in order, and what one leaves is the next one's.  A contest of images there is not, nor one under
    epsilon: `train` says so.
    """
    from models.auto import CANDIDATES

    asked = model == _CONTEST and steps is None and epsilon is None and contract.image is None
    return tuple(CANDIDATES) if asked else ()


# a failure repeats exactly: no retries; the artefact lies in the run's folder
@task(task_run_name="train-{name}", cache_policy=NO_CACHE)
@once("candidates/{name}/*", chance=lambda trained, _: trained.cut)
def train_candidate(
    contract: Contract, train: Reference, *, run: str, name: str, seed: int = 0, budget_seconds: float | None = None
) -> Trained:
    """Learn the training rows with one candidate, in a contest of its own.

    Raises:
        ModelError: there are too few rows, or it did not train.
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    from models.auto import Auto
    from models.life import Terms
    from models.processors import one_thread

    require_trainable(train, budget_seconds=budget_seconds, steps=None)
    contest, generator = Auto([name]), torch.Generator().manual_seed(seed)
    encoder, x = encoded(contract, train, generator=generator)
    fit = fit_of(contract, train, contest, model=_CONTEST, seed=seed)
    checkpoint = DiskCheckpoint(workplace(Path(run)) / "checkpoint", fit)
    with one_thread(), steps_shown(f"training {name}") as follow:
        curve = Curve(follow, checkpoint)
        terms = Terms(budget_seconds, None, curve.told, curve, CHECKPOINT_SECONDS)
        contest.fit(x, encoder.spans, generator=generator, terms=terms)
    folder, fitted = Path(run) / "candidates" / name, contest.fitted
    with storage_errors(folder):
        lay(checkpoint.path, folder / checkpoint.path.name)
    checkpoint.remove()
    logger.info("trained %s: %s steps in %.0f s", name, f"{fitted.steps:,}", fitted.seconds)
    return Trained(str(folder), digest_folder(folder), train.rows, name, seed, fitted.steps, fitted.seconds, fitted.cut)
