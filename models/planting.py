"""Anomalies planted among usual rows, by which detectors can be told apart where nobody has named any.

    one     a cell is another row's: usual by itself, beside the others it may not be
    mixed   half of the columns are another row's
    even    a quarter of the columns hold anything they may hold, the rare as often as the usual

A detector is worth how well it tells the planted rows from the usual ones that they were made of: the mean over the
three sorts of the area under the ROC curve.  Emmott, Das, Dietterich, Fern, Wong: A meta-analysis of the anomaly
detection problem, 2015; Fung, Qiu, Li, Rudolph: Model selection of anomaly detectors in the absence of labeled
validation data, 2023.

How it fails: what is odd in the world may be of a fourth sort.  It says nothing of how often a detector is right there.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from models.encoding import Encoded, Span

__all__ = ["planted", "tells"]

_ROWS = 1_000  # planted of each sort, at least: a row is taken several times where there are few
_ODDEST = 1e300


def tells(score: Callable[[Encoded], Tensor], usual: Encoded, odd: Sequence[Encoded]) -> float:
    """Return how well scores tell sorts of odd rows from usual ones: the mean area under the ROC curve.

    Args:
        score: returns (N,) scores of (N,) rows; higher is odder.
        usual: (N,) rows.
        odd: (M,) rows of each sort.
    """
    low = score(usual)
    areas = []
    for one in odd:
        high = score(one)
        truth = torch.cat([torch.zeros(len(low)), torch.ones(len(high))])
        areas.append(float(roc_auc_score(truth.numpy(), _finite(torch.cat([low, high])))))
    return sum(areas) / len(areas)


def _finite(scores: Tensor) -> NDArray[np.float64]:
    """Return (N,) scores as numbers; what is none is the oddest."""
    return np.asarray(np.nan_to_num(scores.double().numpy(), nan=_ODDEST, posinf=_ODDEST))


def planted(usual: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> dict[str, Encoded]:
    """Return (M,) odd rows of each sort by name, made of (N,) usual ones.

    Args:
        usual: rows that no detector has learned from.
        spans: of the encoding.
        generator: all randomness.
    """
    told = [span for span in spans if span.size > 1 or span.value is not None]
    x = usual[torch.arange(len(usual)).repeat(-(-_ROWS // len(usual)))]
    other = x[torch.randint(len(x), (len(x),), generator=generator)]
    even = _even(x, told, generator=generator)
    return {
        name: _with(x, source, told, count, generator=generator)
        for name, source, count in (
            ("one", other, 1),
            ("mixed", other, len(told) // 2),
            ("even", even, len(told) // 4),
        )
    }


def _with(x: Encoded, source: Encoded, spans: Sequence[Span], count: int, *, generator: torch.Generator) -> Encoded:
    """Return (N,) rows with the cells of so many columns, drawn for each row, taken from (N,) others."""
    order = torch.rand(len(x), len(spans), generator=generator).argsort(1)
    made = x.clone()
    for place, span in enumerate(spans):
        taken = order[:, place] < max(1, count)
        made.codes[taken, span.code] = source.codes[taken, span.code]
        if span.value is not None:
            made.values[taken, span.value] = source.values[taken, span.value]
    return made


def _even(x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> Encoded:
    """Return (N,) rows whose cells are drawn evenly: codes among those that there are, scores from end to end."""
    made = x.clone()
    for span in spans:
        codes = torch.from_numpy(np.unique(x.codes[:, span.code].clamp(min=0)))  # none is unknown
        made.codes[:, span.code] = codes[torch.randint(len(codes), (len(x),), generator=generator)]
        if span.value is not None:
            score = x.values[:, span.value].nan_to_num(0.0)
            even = score.min() + (score.max() - score.min()) * torch.rand(len(x), generator=generator)
            regular = made.codes[:, span.code] == (span.regular or 0)
            made.values[:, span.value] = torch.where(regular, even, torch.nan)
    return made
