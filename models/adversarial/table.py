"""What is trained and how long, and what all members learn from."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.adversarial.conditions import Conditions, conditions_of
from models.adversarial.layout import Layout
from models.adversarial.losses import Margins, margins_of
from models.encoding import Encoded

__all__ = ["PLAN", "Plan", "Table"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained and how long.

    Args:
        members: pairs of networks, each on a thread of its own.
        hidden: H, units of a layer.
        latent: Z, the width of the noise.
        knots: Q equal steps of a number's rank.
        batch: rows of a step.
        steps: the least and the most steps against each other.
        passes: over the rows, at most, where that is more than the least steps.
        round_steps: of a round: about a second.
        refining: steps of the critic alone, after these, at most; and no more than so many passes.
        rate: of learning, until it falls.
        refining_rate: of the critic alone.
        decay: of its weights.
        penalty: of the critic's slope.
        penalty_every: steps; it costs as much as they do.
        margins: weight of the margins beside the critic.
        warmth: of relaxed draws.
        evenness: of the tokens that are given in training: 0 as often as they are there, 1 equally often.
        average: of the generator's weights over so many steps, exponentially.
        raked: candidates by which the margins are set: the more, the less by chance; a multiple of 8,192.
        holdin: share of the training rows that judge.
        judged_rows: at most so many.
    """

    members: int = 2
    hidden: int = 192
    latent: int = 64
    knots: int = 16
    batch: int = 256
    steps: tuple[int, int] = (200, 900)
    passes: int = 40
    round_steps: int = 25
    refining: int = 250
    refining_passes: int = 5
    rate: float = 2e-3
    refining_rate: float = 1e-3
    decay: float = 0.1
    penalty: float = 0.05
    penalty_every: int = 4
    margins: float = 10.0
    warmth: float = 0.7
    evenness: float = 0.0
    average: int = 300
    raked: int = 131_072
    holdin: float = 0.1
    judged_rows: int = 4_096

    def rounds(self, rows: int) -> int:
        """Return how many rounds of steps are planned over so many rows."""
        least, most = self.steps
        return math.ceil(max(least, min(most, self.passes * rows // self.batch)) / self.round_steps)

    def refining_rounds(self, rows: int) -> int:
        """Return how many rounds the critic has by itself."""
        steps = min(self.refining, self.refining_passes * rows // self.batch)
        return math.ceil(steps / self.round_steps)

    def held(self, rows: int) -> int:
        """Return how many of so many rows judge; none of a single one, which then judges itself."""
        return min(self.judged_rows, math.ceil(rows * self.holdin)) if rows > 1 else 0


PLAN = Plan()


class Table:
    """What all members learn from.

    Args:
        layout: of the rows.
        x: (N,) rows in random order; the first of them judge.
        plan: how they learn.
    """

    def __init__(self, layout: Layout, x: Encoded, plan: Plan) -> None:
        self.layout = layout
        self.token, self.scores = layout.tokens_of(x), x.values.nan_to_num(0.0)
        held = plan.held(len(x))
        own = slice(held, None)
        self.held = (self.token[:held], self.scores[:held]) if held else (self.token, self.scores)
        self.token, self.scores = self.token[own], self.scores[own]
        self.conditions: Conditions = conditions_of(self.token, layout.columns, plan.evenness)
        self.margins: Margins = self._margins(self.token, self.scores, self.conditions.weight(self.token))
        plain = torch.full((len(self.held[0]),), 1 / len(self.held[0]))
        self.held_margins: Margins = self._margins(*self.held, plain)

    def __len__(self) -> int:
        """Return how many rows are learned from."""
        return len(self.token)

    @property
    def cells(self) -> Tensor:
        """Return the (N, C) cells of all rows, judges too."""
        parts = ((self.token, self.scores), self.held)
        return torch.cat([self.layout.cells(*part) for part in parts])

    def features(self, rows: Tensor) -> Tensor:
        """Return (n, P) features of the rows at (n,) places."""
        return self.layout.features(self.layout.hot(self.token[rows]), self.scores[rows])

    def _margins(self, token: Tensor, scores: Tensor, weight: Tensor) -> Margins:
        return margins_of(self.layout, token, scores, weight)
