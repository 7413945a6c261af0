"""Train: learn the training rows.

Reads: ``train.parquet``, and what candidates that were trained elsewhere left.  Writes: ``<run>/model/`` with
``weights.safetensors`` and ``model.json``; ``training.json`` with the loss of each step; while it lasts,
``<run>/checkpoint/``; of images, ``samples.png`` as they form.
Fails when: the model's name is not known, there are too few rows, or the likelihood is not finite.
Safe to repeat because: the same rows, seed and steps give the same bytes, the folder is replaced whole, and a training
that was interrupted goes on from its checkpoint.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts import Combination, Contract, ModelError
from tasks.learning.basis import CHECKPOINT_SECONDS, encoded, fit_of, require_trainable
from tasks.learning.checkpoints import DiskCheckpoint
from tasks.learning.combinations import allowed_codes
from tasks.learning.curves import Curve
from tasks.learning.modelfiles import save_model
from tasks.learning.secrets import secret_generator
from tasks.learning.sheets import save_sheet
from tasks.progress import steps_shown
from tasks.references import Reference, Trained
from tasks.steps import once, workplace
from tasks.storage import digest_folder, write_json

if TYPE_CHECKING:
    from models.life import State
    from models.privacy import Privacy

__all__ = ["train"]

logger = logging.getLogger(__name__)


def _cut_by_the_clock(trained: Trained, asked: Mapping[str, Any]) -> bool:
    return trained.cut and asked["steps"] is None


# a failure repeats exactly: no retries; the artefact lies in the run's folder
@task(name="train", cache_policy=NO_CACHE)
@once("model/*", "training.json", "samples.png", chance=_cut_by_the_clock)
def train(  # noqa: PLR0913 - all that a person may ask for, and what is learned already
    contract: Contract,
    train: Reference,
    *,
    run: str,
    model: str | None = None,
    seed: int = 0,
    budget_seconds: float | None = None,
    steps: int | None = None,
    epsilon: float | None = None,
    candidates: tuple[Trained, ...] = (),
) -> Trained:
    """Learn the training rows with the named model, or the contract's.

    A contest whose `candidates` were trained elsewhere goes on from there, as if it had been interrupted before its
    verdict.

    Under `epsilon`, all randomness of the training hangs on a secret too: with the seed alone, which is published,
    the noise could be made again and taken away.

    Raises:
        ModelError: the model is not known, cannot learn these rows or not under `epsilon`, or did not train.
        ReleaseError: the run's folder cannot be written.
    """
    import torch

    from models import named
    from models.auto import joined
    from models.life import Terms
    from models.processors import one_thread

    name = model or contract.model
    images = contract.image is not None
    learner = named(name, images=images)()
    require_trainable(train, budget_seconds=budget_seconds, steps=steps)
    privacy = _privacy(contract, train, name, epsilon=epsilon)
    generator = torch.Generator().manual_seed(seed) if privacy is None else secret_generator(workplace(Path(run)), seed)
    encoder, x = encoded(contract, train, generator=generator, privacy=privacy)
    fit = fit_of(contract, train, learner, model=name, seed=seed, steps=steps, epsilon=epsilon)
    checkpoint = DiskCheckpoint(workplace(Path(run)) / "checkpoint", fit)
    with one_thread(), steps_shown("training") as follow:
        curve = Curve(follow, checkpoint)
        if candidates:
            curve.begin(_ended(candidates, fit), joined)
        sheet = partial(save_sheet, Path(run) / "samples.png") if images else None
        terms = Terms(budget_seconds, steps, curve.told, curve, CHECKPOINT_SECONDS, privacy, sheet)
        learner.fit(x, encoder.spans, generator=generator, terms=terms)
    described = {
        "model": name,
        **({"images": True} if images else {}),  # of a table it is not said
        "contract": {"id": contract.id, "version": contract.version},
        "rows": train.rows,
        "seed": seed,
        "steps": learner.fitted.steps,
        "cut": learner.fitted.cut,
        "privacy": None if privacy is None else {"epsilon": learner.fitted.epsilon, "delta": privacy.delta},
        "combinations": allowed_codes(contract, Path(train.uri), encoder, private=privacy is not None),
        "columns": encoder.state(),
    }
    folder, losses = save_model(Path(run) / "model", learner, described), Path(run) / "training.json"
    write_json(losses, {"model": name, "steps": curve.steps})
    checkpoint.remove()
    fitted = learner.fitted
    logger.info("trained %s: %s steps in %.0f s", name, f"{fitted.steps:,}", fitted.seconds)
    return Trained(
        str(folder),
        digest_folder(folder),
        train.rows,
        name,
        seed,
        fitted.steps,
        fitted.seconds,
        fitted.cut,
        fitted.epsilon,
        None if privacy is None else privacy.delta,
        tuple(map(str, getattr(learner, "contest", ()))),
        str(losses),
    )


def _ended(candidates: Sequence[Trained], fit: Mapping[str, Any]) -> list["State"]:
    """Return what each candidate left; one that cannot be read is trained by the contest."""
    left = (DiskCheckpoint(Path(candidate.uri), fit).load() for candidate in candidates)
    return [state for state in left if state is not None]


def _privacy(contract: Contract, train: Reference, model: str, *, epsilon: float | None) -> "Privacy | None":
    """Return what is promised to every row.

    Raises:
        ModelError: epsilon is not above 0, or the model, or a rule, cannot keep the promise.
    """
    from models import PRIVATE
    from models.privacy import Privacy

    if epsilon is None:
        return None
    if model not in PRIVATE or contract.image is not None:
        remedy = "Leave epsilon out" if contract.image else f"Choose one of: {', '.join(PRIVATE)}"
        raise ModelError("under epsilon, a model learns from no row too much", f"{model!r} may", remedy)
    learned = [rule.name for rule in contract.rules if isinstance(rule, Combination) and rule.allowed is None]
    if learned:
        fact = f"rule {learned[0]!r} is learned from the rows"
        raise ModelError("under epsilon, combinations are the contract's", fact, "List them in the contract")
    return Privacy.over(train.rows, epsilon)
