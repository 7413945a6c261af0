"""SDV's GaussianCopula, CTGAN and TVAE at their own settings.

Patki, Wedge, Veeramachaneni: The Synthetic Data Vault, 2016; Xu et al.: Modeling Tabular Data using Conditional GAN,
2019, https://arxiv.org/abs/1907.00503.  SDV seeds its drawing itself, always alike: the seed reaches the fit alone,
and GaussianCopula, whose fit draws nothing, gives the same rows for every seed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sdv import single_table
from sdv.metadata import Metadata

from benchmarks.peers.harness import Task, contend

_TABLE = "table"
_TYPES = {"category": "categorical", "integer": "numerical", "number": "numerical"}


def fit(task: Task) -> Any:  # noqa: ANN401  # SDV's class is one of three
    """Return the fitted synthesizer that the settings name; their other entries go to it."""
    np.random.seed(task.seed)  # noqa: NPY002  # SDV draws from the global generators
    torch.manual_seed(task.seed)
    frame = pd.read_parquet(task.train).astype(dict.fromkeys(task.categories, object))
    columns = {name: {"sdtype": _TYPES[kind]} for name, kind in task.kinds.items()}
    metadata = Metadata.load_from_dict({"tables": {_TABLE: {"columns": columns}}, "relationships": []})
    settings = dict(task.settings)
    synthesizer = getattr(single_table, settings.pop("synthesizer"))(metadata, **settings)
    synthesizer.fit({_TABLE: frame})
    return synthesizer


def draw(synthesizer: Any, rows: int, path: Path) -> None:  # noqa: ANN401
    """Write synthetic rows."""
    synthesizer.sample(rows)[_TABLE].to_parquet(path)


if __name__ == "__main__":
    contend(fit, draw, packages=("sdv", "ctgan", "copulas", "rdt", "torch", "pandas", "numpy"))
