"""What speaks for a model: how likely rows are that it never saw, or how hard its own rows are told from them."""

from collections.abc import Sequence

import numpy as np
import torch
import xgboost
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from models.encoding import Encoded, Span
from models.life import Density, Model

__all__ = ["evidence", "indistinguishable"]

_FOLDS = 3
_PARAMETERS = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "verbosity": 0}  # as the score's own
_ROUNDS = 100


def evidence(models: Sequence[Model], x: Encoded, spans: Sequence[Span], *, seed: int) -> list[float]:
    """Return a figure for each model, greater is better, by (N,) rows that none of them saw.

    It is the mean log-likelihood in nats where all have a density, and else how little drawn rows can be told apart.
    """
    densities = [model for model in models if isinstance(model, Density)]
    if len(densities) == len(models):
        return [float(model.log_prob(x).double().mean()) for model in densities]
    drawn = [model.sample(len(x), generator=torch.Generator().manual_seed(seed)) for model in models]
    return [indistinguishable(x, each, spans, seed=seed) for each in drawn]


def indistinguishable(real: Encoded, drawn: Encoded, spans: Sequence[Span], *, seed: int) -> float:
    """Return how well boosted trees fail to tell (N,) drawn rows from (M,) real ones: 1 not told apart, 0 always.

    1 - mean over three folds of (2 max(.5, AUC) - 1).  Lopez-Paz, Oquab: Revisiting classifier two-sample tests, 2017.
    """
    both, truth = _matrix(Encoded.join([real, drawn]), spans), np.repeat([0, 1], [len(real), len(drawn)])
    kinds = [*("q" if span.ordered else "c" for span in spans), *["q"] * real.values.shape[1]]

    def matrix(rows: np.ndarray) -> xgboost.DMatrix:
        return xgboost.DMatrix(both[rows], truth[rows], feature_types=kinds, enable_categorical=True, nthread=1)

    told = []
    for learn, judge in StratifiedKFold(_FOLDS, shuffle=True, random_state=seed % 2**32).split(truth, truth):
        guess = xgboost.train({**_PARAMETERS, "seed": seed % 2**31}, matrix(learn), _ROUNDS).predict(matrix(judge))
        told.append(2 * max(0.5, float(roc_auc_score(truth[judge], guess))) - 1)
    return 1 - float(np.mean(told))


def _matrix(x: Encoded, spans: Sequence[Span]) -> np.ndarray:
    """Return (N, C + V) float32: codes in the spans' order, NaN where unknown, then values."""
    codes: Tensor = x.codes[:, [span.code for span in spans]].float()
    return torch.cat([torch.where(codes < 0, torch.nan, codes), x.values], 1).numpy()
