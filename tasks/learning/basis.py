"""What a training rests on: enough rows, all of them encoded, and whatever else has a say in its bytes."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts import Contract, ModelError, odcs
from tasks.learning.rawimages import to_raw
from tasks.parquet import batch_rows, read_batches
from tasks.progress import Advance, progress
from tasks.references import Reference

if TYPE_CHECKING:
    import torch

    from models import Model
    from models.encoding import Encoded, Encoder
    from models.privacy import Privacy

__all__ = ["CHECKPOINT_SECONDS", "encoded", "fit_of", "require_trainable"]

CHECKPOINT_SECONDS = (
    10.0  # between two: a checkpoint of Adult takes a fifth of a second, and so little is learned twice
)

_LEAST_ROWS = 10  # fewer have no held-out rows to judge a model by


def require_trainable(train: Reference, *, budget_seconds: float | None, steps: int | None) -> None:
    """Refuse what cannot train.

    Raises:
        ModelError: too few rows, or a budget of nothing.
    """
    if train.rows < _LEAST_ROWS:
        fact, remedy = f"there are {train.rows:,}", "Bring more rows, or hold fewer out"
        raise ModelError(f"a model learns from at least {_LEAST_ROWS} rows", fact, remedy)
    if (budget_seconds is not None and budget_seconds <= 0) or (steps is not None and steps < 1):
        raise ModelError("a budget lets a model train", "it is zero or less", "Give seconds above 0 or steps from 1")


def encoded(
    contract: Contract, train: Reference, *, generator: "torch.Generator", privacy: "Privacy | None" = None
) -> tuple["Encoder", "Encoded"]:
    """Return the encoder of the training rows, and all of them encoded: two passes over the file."""
    from models.encoding import Encoded, Encoder

    path = Path(train.uri)
    with progress("encoding", total=2 * train.rows) as advance:
        encoder = Encoder.fit(contract.columns, _read(contract, path, advance), privacy=privacy, generator=generator)
        batches = _read(contract, path, advance)
        return encoder, Encoded.join([encoder.encode(batch, generator=generator) for batch in batches])


def _read(contract: Contract, path: Path, advance: Advance) -> Iterator[pa.RecordBatch]:
    """Yield the rows in batches, images as their pixels in a row."""
    image = contract.image
    for batch in read_batches(path, rows=batch_rows(contract)):
        yield batch if image is None else to_raw(batch, image)
        advance(batch.num_rows, "")


def fit_of(
    contract: Contract,
    train: Reference,
    learner: "Model",
    *,
    model: str,
    seed: int,
    steps: int | None = None,
    epsilon: float | None = None,
) -> dict[str, Any]:
    """Return what a checkpoint's fit is told from another by: what was asked for, the rows, the contract, the versions.

    Args:
        contract: of the rows.
        train: the rows.
        learner: that learns them.
        model: its name.
        seed: of all randomness.
        steps: that were asked for.
        epsilon: that was asked for.
    """
    import torch

    return {
        "model": model,
        "plan": repr(getattr(learner, "plan", None)),
        "seed": seed,
        "steps": steps,
        "epsilon": epsilon,
        "train": train.digest,
        "contract": hashlib.sha256(odcs.dump(contract).encode()).hexdigest(),
        "torch": str(torch.__version__),
        "likeness": _own_version(),
    }


def _own_version() -> str:
    """Return the version that is installed; none where Likeness is run from its sources alone."""
    try:
        return version("likeness")
    except PackageNotFoundError:
        return ""
