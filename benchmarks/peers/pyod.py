"""Detectors of PyOD at their own settings, on standardised numbers."""

import random
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.peers.judge import judge, points


def detect(train: pa.Table, test: pa.Table, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of a detector that is named by module and class."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - PyOD draws from it
    kind = getattr(import_module(f"pyod.models.{settings['module']}"), settings["class"])
    seeded = {"random_state": seed} if "random_state" in signature(kind).parameters else {}
    x, y = points(train, test)
    return {"scores": kind(**seeded).fit(x).decision_function(y)}


if __name__ == "__main__":
    judge(detect, packages=("pyod", "numpy", "scikit-learn"))
