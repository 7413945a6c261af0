"""The Gaussian mixture of images: principal components, a mixture of them for each class, and noise for the rest.

    x = mean + P·z + e,    z ~ Σ_k share_k N(B·features + mean_k, covariance_k),    e ~ N(0, diag ψ)

Tipping, Bishop: Mixtures of probabilistic principal component analyzers, 1999; Ghahramani, Hinton: The EM algorithm for
mixtures of factor analyzers, 1996.  The density is exact.

When to choose it: for a first look in seconds, and as the measure of what the others add.
How it fails, and what is done about it:

- blur and ghosts: an image is a sum of few smooth patterns, and shapes that differ overlap; more rows allow more
  components, but edges that move are not Gaussian;
- memorising: there are ten images and more for each direction and a hundred for each component, whose mean and
  covariance are drawn to its class's; passes end when images held in are no likelier.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from models.columns import widths
from models.encoding import Encoded
from models.images.components import principal
from models.images.joint import Joint
from models.images.mixture import Fitting, Mixture
from models.images.training import Learner, Rows, require_finite
from models.life import State, learned
from models.states import part, prefixed

__all__ = ["GaussianImages", "Patterns"]


@dataclass(frozen=True, slots=True)
class Patterns:
    """What is learned.

    Args:
        directions: of the principal components, at most.
        rows_a_direction: images for each, at least.
        components: of a class, at most.
        rows_a_component: images for each, at least.
        passes: of expectation and maximisation, at most.
        gain: nats by which a pass must make images held in likelier, or it is the last but two.
        holdin: share of the images that judge.
        looked: images that the directions are found by, at most.
    """

    directions: int = 100
    rows_a_direction: int = 10
    components: int = 30
    rows_a_component: int = 100
    passes: int = 30
    gain: float = 0.01
    holdin: float = 0.05
    looked: int = 20_000


PATTERNS = Patterns()
_PATIENCE = 2  # passes without gain


class Drawing:
    """What images are drawn by.

    Args:
        mean: (D,) of all images.
        basis: (D, Z) orthonormal directions.
        left: (D,) variances of what they leave.
        mixture: of the (N, Z) codes.
    """

    def __init__(self, mean: Tensor, basis: Tensor, left: Tensor, mixture: Mixture) -> None:
        self.mean, self.basis, self.left, self.mixture = mean, basis, left, mixture

    def draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return (n, D) numbers drawn given (n, P) features."""
        codes = self.mixture.draw(features, generator=generator).float()
        noise = torch.randn(len(features), len(self.mean), generator=generator)
        return self.mean + codes @ self.basis.T + noise * self.left.sqrt()

    def log_prob(self, numbers: Tensor, features: Tensor) -> Tensor:
        """Return the (n,) log-densities of (n, D) numbers given (n, P) features.

        The codes are integrated out by Woodbury's identity: with whitened directions A = P / √ψ and G = A'A, a
        component's covariance I + A·C·A' has the inverse I - A (C⁻¹ + G)⁻¹ A'.
        """
        spread = self.left.double().sqrt()
        steep = self.basis.double() / spread[:, None]
        expected = self.mixture.expected(features)
        white = (numbers.double() - self.mean) / spread - expected @ steep.T
        inner, seen, square = steep.T @ steep, white @ steep, white.square().sum(1)
        logs = []
        for mean, covariance in zip(self.mixture.means, self.mixture.covariances, strict=True):
            lower = torch.linalg.cholesky(torch.linalg.inv(covariance) + inner)
            apart = seen - inner @ mean
            whitened = torch.linalg.solve_triangular(lower, apart.T, upper=False).square().sum(0)
            distance = square - 2 * seen @ mean + mean @ inner @ mean - whitened
            log_volume = torch.linalg.slogdet(covariance)[1] / 2 + lower.diagonal().log().sum()
            logs.append(-0.5 * distance - log_volume)
        constant = -0.5 * len(self.mean) * math.log(2 * math.pi) - spread.log().sum()
        return (torch.stack(logs, 1) + self.mixture.log_shares(features)).logsumexp(1) + constant


class _Passes:
    """Expectation and maximisation, judged by images that are held in."""

    def __init__(self, model: "GaussianImages", rows: Rows, *, seed: int) -> None:
        self.model, plan, own = model, model.plan, torch.Generator().manual_seed(seed)
        held = min(512, math.ceil(len(rows) * plan.holdin)) if len(rows) > 1 else 0
        places = torch.arange(held, len(rows))
        count = max(1, min(plan.directions, len(places) // plan.rows_a_direction, rows.frame.numbers))
        self.mean, self.basis, self.left = principal(rows, places[: plan.looked], count, generator=own)
        z, features = self._codes(rows, places)
        self.fitting = Fitting(
            z,
            features,
            widths(rows.attributes.axes),
            components=plan.components,
            floor=plan.rows_a_component,
            generator=own,
        )
        self.judged = self._codes(rows, torch.arange(held)) if held else (z, features)
        self.rounds, self.stale, self.kept_loss = 0, 0, math.inf
        self.kept = self.fitting.mixture()

    @property
    def planned(self) -> int:
        """Return how many passes at most."""
        return self.model.plan.passes

    @property
    def done(self) -> bool:
        """Return whether the plan is at its end, or the images held in are no likelier."""
        return self.rounds >= self.planned or self.stale >= _PATIENCE

    @property
    def loss(self) -> float:
        """Return the negative log-likelihood of the codes of images held in."""
        return self.kept_loss

    @property
    def note(self) -> str:
        """Return how far it is, for people."""
        return f"held-in log-likelihood of the codes {-self.kept_loss:.3f}"

    def round(self) -> None:
        """Take a pass, and keep its mixture if it is better.

        Raises:
            ModelError: the likelihood is not finite.
        """
        self.fitting.pass_over()
        mixture = self.fitting.mixture()
        loss = require_finite(-float(mixture.log_prob(*self.judged).mean()))
        better = loss < self.kept_loss - self.model.plan.gain
        self.rounds, self.stale = self.rounds + 1, 0 if better else self.stale + 1
        if loss < self.kept_loss:
            self.kept, self.kept_loss = mixture, loss

    def settle(self) -> None:
        """Give the model the mixture that was kept."""
        self.model.drawing = Drawing(self.mean, self.basis, self.left, self.kept)

    def shown(self) -> AbstractContextManager[None]:
        """Let the model be what has been learned so far."""
        self.settle()
        return nullcontext()

    def state(self) -> State:
        """Return how many passes there were: they are taken again, within seconds."""
        return {}, {"rounds": self.rounds}

    def load(self, state: State) -> None:
        """Take the passes again."""
        for _ in range(state[1]["rounds"]):
            self.round()

    def _codes(self, rows: Rows, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (m, Z) codes and the (m, P) features of images."""
        parts = [rows.at(part) for part in torch.split(places, 2_048)]
        codes = torch.cat([(images.cpu().flatten(1) - self.mean) @ self.basis for images, _ in parts])
        return codes, torch.cat([features for _, features in parts]).cpu()


@final
class GaussianImages(Joint):
    """Principal components, and mixtures of them.

    Args:
        plan: what is learned.
    """

    def __init__(self, plan: Patterns = PATTERNS) -> None:
        super().__init__()
        self.plan = plan
        self.drawing: Drawing | None = None

    def log_prob(self, x: Encoded) -> Tensor:
        """Return the (N,) log-densities of (N,) rows, of pixels as numbers from -1 to 1."""
        drawing = learned(self.drawing)
        return self._weighed(x, lambda images, features: drawing.log_prob(images.cpu().flatten(1), features.cpu()))

    def _learner(self, rows: Rows, *, seed: int) -> Learner:
        return _Passes(self, rows, seed=seed)

    def _draw(self, features: Tensor, *, generator: torch.Generator) -> Tensor:
        return learned(self.drawing).draw(features.cpu(), generator=generator).view(-1, *self.frame.shape)

    def _own(self) -> State:
        one = learned(self.drawing)
        tensors = {"mean": one.mean, "basis": one.basis, "left": one.left}
        return tensors | prefixed("mixture", one.mixture.state()), asdict(self.plan)

    def _take(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        self.plan = Patterns(**config)
        mixture = Mixture.from_state(part("mixture", tensors))
        self.drawing = Drawing(tensors["mean"], tensors["basis"], tensors["left"], mixture)
