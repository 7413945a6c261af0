"""A model's folder: weights in safetensors, all the rest in JSON, nothing pickled."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts import ModelError
from tasks.storage import atomic

if TYPE_CHECKING:
    from models import Model
    from models.images.upscaling import Upscaling
    from models.life import State

__all__ = ["load_model", "load_state", "save_model"]

_WEIGHTS, _DESCRIPTION = "weights.safetensors", "model.json"
_FORM = 1  # of the folder; raised when a reader of the old one could not read the new one


def save_model(folder: Path, model: "Model | Upscaling", described: dict[str, Any]) -> Path:
    """Write a model and what is known of it as a folder, whole or not at all, in the place of an older one.

    Raises:
        ReleaseError: the folder cannot be written.
    """
    import shutil

    from safetensors.torch import save

    tensors, config = model.state()
    text = json.dumps({"form": _FORM, **described, "config": config}, indent=1, ensure_ascii=False, allow_nan=False)
    with atomic(folder) as partial:
        partial.mkdir()
        (partial / _WEIGHTS).write_bytes(save(tensors))  # an error of the disk is then Python's own
        (partial / _DESCRIPTION).write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # a folder is not replaced by renaming; a model can be made again
    return folder


def load_model(folder: Path) -> tuple["Model", dict[str, Any]]:
    """Return the model in a folder, and what is known of it.

    Raises:
        ModelError: there is none, or of a form or name that is not known.
    """
    from models import IMAGE_MODELS, MODELS

    tensors, described = load_state(folder)
    known = IMAGE_MODELS if described.get("images") else MODELS
    if described.get("model") not in known:
        raise _unknown(folder)
    return known[described["model"]].from_state(tensors, described["config"]), described


def load_state(folder: Path) -> "State":
    """Return the weights in a model's folder, and what is known of it.

    Raises:
        ModelError: there is none, or of a form that is not known.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        described: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        tensors = load_file(folder / _WEIGHTS)
    except (OSError, ValueError, SafetensorError):
        raise ModelError(
            "a model's folder holds weights and their description",
            f"{folder} has none that can be read",
            "Train again",
        ) from None
    if described.get("form") != _FORM:
        raise _unknown(folder)
    return tensors, described


def _unknown(folder: Path) -> ModelError:
    return ModelError("a model is of a form that is known", f"{folder} is not", "Train again with this version")
