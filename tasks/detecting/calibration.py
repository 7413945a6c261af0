"""How odd usual rows are: scores of rows that a model never saw, kept as means of five, and p-values by them.

Conformal prediction (Vovk, Gammerman, Shafer: Algorithmic learning in a random world, 2005): of n scores of the same
source, no more than k are as great as a new row's with probability at most (k + 1) / (n + 1).  What is kept of the n is
for every fifth rank the mean of five scores, which is no less than the score at that rank: so p-values are never too
small, and no published figure is that of one row.  Of a run, of which nothing is published, every rank is kept.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data_contracts import ReleaseError

__all__ = ["FILE", "Calibration", "false_discovery_cut"]

FILE = "calibration.json"

_TOGETHER = 5  # scores in a mean, as many as share a number that a model keeps (docs/decisions/0019)
_ALL_TO = 100  # every fifth rank is kept up to here, the tail in which rows are anomalies
_APART = 1.05  # and beyond, ranks this factor apart: a p-value is at most 5 % above what all scores would give
_DIGITS = 3  # of a score, after the spread of the middle half: a critic's may be hundredths, a density's hundreds
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Calibration:
    """Thresholds of scores.

    Args:
        on: which rows were scored: the holdout, or under differential privacy rows that the model drew.
        rows: n of them.
        ranks: (R,) ascending, counted from the oddest.
        scores: (R,) not ascending: no less than the score at that rank.
        by: the name of what scored them (`tasks.detecting.scoring.Scorer`).
        weight: of an image's complexity in its score.
    """

    on: Literal["holdout", "model"]
    rows: int
    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]
    by: str
    weight: float = 0.0

    @classmethod
    def of(
        cls,
        scores: NDArray[np.float64],
        *,
        on: Literal["holdout", "model"],
        by: str,
        weight: float = 0.0,
        published: bool = True,
    ) -> "Calibration":
        """Return what is kept of (n,) scores; where it is not published, at every rank, so that less is lost."""
        falling = np.sort(scores)[::-1]
        ranks = _ranks(len(scores)) if published else list(range(_TOGETHER, len(scores) + 1))
        means = np.array([falling[rank - _TOGETHER : rank].mean() for rank in ranks])
        return cls(on, len(scores), np.array(ranks, np.int64), _rounded_up(means, _decimals(scores)), by, weight)

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (N,) p-values of (N,) scores: how rarely usual rows are as odd, never understated."""
        places = np.searchsorted(-self.scores, -scores, side="right")
        return np.append(self.ranks / (self.rows + 1), 1.0)[places]

    @property
    def least(self) -> float:
        """Return the least p-value that there is; 1 where there were fewer than five rows."""
        return float(self.p_values(np.array([math.inf]))[0])

    def threshold(self, level: float) -> float | None:
        """Return the score above which a row's p-value is at most the level; None: no row's is."""
        within = np.flatnonzero(self.ranks / (self.rows + 1) <= level)
        return float(self.scores[within[-1]]) if len(within) else None

    def json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "detector": self.by,
            "calibrated_on": self.on,
            "rows": self.rows,
            "mean_of": _TOGETHER,
            "ranks": self.ranks.tolist(),
            "scores": self.scores.tolist(),
            **({"complexity_weight": self.weight} if self.weight else {}),
        }

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Return what a file holds.

        Raises:
            ReleaseError: there is none, or it is of another form.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            ranks, scores = np.array(found["ranks"], np.int64), np.array(found["scores"], np.float64)
            weight = float(found.get("complexity_weight", 0.0))
            by = str(found.get("detector", ""))
            return cls(found["calibrated_on"], int(found["rows"]), ranks, scores, by, weight)
        except (OSError, ValueError, KeyError, TypeError):
            raise ReleaseError(
                "a release that rows are judged by has scores of usual rows",
                f"it has no model/{FILE}, or none that can be read",
                "Release again with this version",
            ) from None


def _decimals(scores: NDArray[np.float64]) -> int:
    """Return how many decimals of (n,) scores are kept, below 0 where they are far apart."""
    low, high = np.quantile(scores, [0.25, 0.75]) if len(scores) else (0.0, 0.0)
    return _DIGITS - math.floor(math.log10(max(high - low, _LEAST_SPREAD))) if high > low else _DIGITS


def _rounded_up(scores: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    return np.round(np.ceil(scores * 10.0**decimals) / 10.0**decimals, max(decimals, 0))


def _ranks(rows: int) -> list[int]:
    """Return the ranks that are kept of so many rows, each a multiple of five."""
    ranks = list(range(_TOGETHER, min(rows, _ALL_TO) + 1, _TOGETHER))
    while ranks and (rank := math.ceil(ranks[-1] * _APART / _TOGETHER) * _TOGETHER) <= rows:
        ranks.append(rank)
    return ranks


def false_discovery_cut(counts: dict[float, int], rate: float) -> float:
    """Return the greatest p-value that is an anomaly's when at most a share of all anomalies may be false alarms.

    Benjamini, Hochberg (Controlling the false discovery rate, 1995), which holds of conformal p-values (Bates, Candès,
    Lei, Romano, Sesia: Testing for outliers with conformal p-values, 2023).

    Args:
        counts: rows by p-value.
        rate: the share.
    """
    total, below, cut = sum(counts.values()), 0, 0.0
    for p_value in sorted(counts):
        below += counts[p_value]
        cut = p_value if p_value * total <= rate * below else cut
    return cut
