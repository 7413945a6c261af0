"""Boosted trees on top of a network, for columns of few tokens: what a smooth function of the columns misses.

The trees begin at half the network's logits, which was better than beginning at all of them or at none, on held-out
rows of four tables.  Chen, Guestrin: XGBoost, A scalable tree boosting system, 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import xgboost
from torch import Tensor

from models.chain.leaves import Leaves
from models.columns import Axis
from models.encoding import Encoded

__all__ = ["MOST_TOKENS", "Boosted", "boost"]

MOST_TOKENS = 4  # each costs a tree a round
_SHARE = 0.5  # of the network's logits
_ROUNDS, _PATIENCE = 600, 30
_PLACES = 128  # of a score of 1: XGBoost splits at a value that a row has, and would publish its number with the trees
_PARAMETERS = {
    "eta": 0.05,
    "max_depth": 5,  # 6 at most: see `Leaves`
    "subsample": 0.7,
    "colsample_bynode": 0.5,
    "min_child_weight": 10,  # no leaf speaks of a few rows alone
    "lambda": 3,
    "tree_method": "hist",
    "nthread": 1,  # the same sums on every machine
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True)
class Boosted:
    """Trees that are added to a network's logits.

    Args:
        axes: of the columns that they read.
        trees: in XGBoost's own binary JSON.
        leaves: the same, ready for use: the same sums in a ninth of XGBoost's time.
    """

    axes: tuple[Axis, ...]
    trees: Tensor
    leaves: Leaves

    @classmethod
    def of(cls, axes: Sequence[Axis], trees: Tensor) -> "Boosted":
        """Return trees that are ready for use from (bytes,) uint8."""
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(trees.numpy().tobytes()))
        return cls(tuple(axes), trees, Leaves.of(booster))

    def __call__(self, out: Tensor, x: Encoded) -> Tensor:
        """Return (n, tokens) logits for a network's (n, tokens) and the columns of (n,) rows."""
        margin = self.leaves(_data(self.axes, x)[0])
        return _logits(_margin(out) + (margin if margin.shape[1] > 1 else margin[:, 0]))


def boost(axes: Sequence[Axis], x: Encoded, out: Tensor, *, token: Tensor, held: int, seed: int) -> Boosted | None:
    """Return trees learned from all but the first rows, which say how many; None: they are better without.

    Args:
        axes: of the columns before the one that is learned.
        x: (N,) rows, in random order.
        out: (N, tokens) of the network.
        token: (N,) targets.
        held: rows that judge.
        seed: of the trees.
    """
    classes = out.shape[1]
    two, many = {"objective": "binary:logistic"}, {"objective": "multi:softprob", "num_class": classes}
    objective = two if classes == len(("no", "yes")) else many
    known = token >= 0
    parts = [_matrix(axes, x[rows], out[rows], label=token[rows]) for rows in _cut(known, held)]
    booster = xgboost.train(
        {**_PARAMETERS, **objective, "seed": seed},
        parts[1],
        _ROUNDS,
        evals=[(parts[0], "judge")],
        early_stopping_rounds=_PATIENCE,
        verbose_eval=False,
    )
    raw = booster[: booster.best_iteration + 1].save_raw("ubj")
    boosted = Boosted.of(axes, torch.frombuffer(raw, dtype=torch.uint8).clone())
    judged = _cut(known, held)[0]
    before, after = (
        torch.nn.functional.cross_entropy(logits, token[judged])
        for logits in (out[judged], boosted(out[judged], x[judged]))
    )
    return boosted if after < before else None


def _cut(known: Tensor, held: int) -> tuple[Tensor, Tensor]:
    """Return the positions of the known rows that judge, and of the others."""
    places = known.nonzero()[:, 0]
    return places[places < held], places[places >= held]


def _logits(margin: Tensor) -> Tensor:
    """Return (n, tokens) logits of (n,) or (n, tokens) margins."""
    return margin if margin.dim() > 1 else torch.stack([torch.zeros_like(margin), margin], 1)


def _margin(out: Tensor) -> Tensor:
    """Return where the trees begin: half of (n, tokens) logits; two tokens have one margin, (n,)."""
    return _SHARE * (out if out.shape[1] > 2 else out[:, 1] - out[:, 0])  # noqa: PLR2004 - see above


def _data(axes: Sequence[Axis], x: Encoded) -> tuple[Tensor, list[str]]:
    """Return the trees' view of (n,) rows: (n, features) tokens and values, NaN where unknown, and XGBoost's kinds."""
    columns, kinds = list[Tensor](), list[str]()
    for axis in axes:
        code = x.codes[:, axis.span.code]
        if axis.span.size > 1:
            columns.append(torch.where(code < 0, torch.nan, axis.token[code.clamp(min=0)].float()))
            kinds.append("q" if axis.span.ordered else "c")
        if axis.span.value is not None:
            columns.append((x.values[:, axis.span.value] * _PLACES).round() / _PLACES)
            kinds.append("q")
    return torch.stack(columns, 1), kinds


def _matrix(axes: Sequence[Axis], x: Encoded, out: Tensor, *, label: Tensor) -> xgboost.DMatrix:
    """Return XGBoost's view of (n,) rows and their (n,) labels, from half the network's logits on."""
    data, kinds = _data(axes, x)
    return xgboost.DMatrix(
        data.numpy(),
        label=label.numpy(),
        base_margin=_margin(out).numpy(),
        feature_types=kinds,
        enable_categorical=True,
        nthread=1,
    )
