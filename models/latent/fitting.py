"""Learning the autoencoder: passes over the rows, judged by the evidence lower bound of rows that are held in."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from data_contracts import ModelError
from models.latent.networks import Autoencoder, Rows, Size
from models.life import State
from models.states import load_optimiser, load_weights, of_optimiser, part, prefixed

__all__ = ["PLAN", "Learner", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained and how long.

    Args:
        latent: Z; at most two for a column.
        hidden: the least and the most units of a layer.
        blocks: residual, of encoder and decoder.
        prior: units of a layer of the prior.
        gaussians: of each latent code's prior.
        bins: B for the values of a column.
        bells: K Gaussians beside the bins.
        knots: Q features for the rank of a number.
        row_passes: rows times passes, at most.
        passes: the least and the most passes.
        batches: in a pass, at least; but batches of no fewer than 64 rows, nor more than 512.
        rate: of learning, until it falls in a straight line.
        decay: of weights.
        warm: share of the planned steps over which the divergence's weight rises to 1 (Bowman et al. 2016).
        average: of the weights over so many steps, exponentially.
        patience: passes that keep nothing and end the fit.
        certainty: standard errors by which later weights must be better than those kept, on the rows held in.
        honesty: of what later weights gain on rows learned from, the least share that holds for rows held in too.
        holdin: share of the training rows that judge.
        judged_rows: at most so many.
        feature_cells: rows beyond so many features in all are not learned from.
    """

    latent: int = 16
    hidden: tuple[int, int] = (32, 256)
    blocks: int = 2
    prior: int = 128
    gaussians: int = 8
    bins: int = 64
    bells: int = 6
    knots: int = 32
    row_passes: int = 700_000
    passes: tuple[int, int] = (4, 120)
    batches: int = 32
    rate: float = 2e-3
    decay: float = 0.02
    warm: float = 0.1
    average: int = 200
    patience: int = 6
    certainty: float = 1.0
    honesty: float = 0.1
    holdin: float = 0.1
    judged_rows: int = 10_000
    feature_cells: int = 2**30

    def size(self, rows: int, columns: int) -> Size:
        """Return how large the networks are for so many rows and columns."""
        least, most = self.hidden
        fitting = 1 << int(math.log2(max(1.5 * math.sqrt(rows), 1)))
        hidden = max(least, min(most, fitting))
        return Size(min(self.latent, 2 * columns), hidden, self.blocks, min(hidden, self.prior), self.gaussians)

    def passes_over(self, rows: int) -> int:
        """Return how many passes are planned over so many rows."""
        least, most = self.passes
        return max(least, min(most, self.row_passes // max(rows, 1)))

    def held(self, rows: int) -> int:
        """Return how many of so many rows judge; none of a single one, which then judges itself."""
        return min(self.judged_rows, math.ceil(rows * self.holdin)) if rows > 1 else 0

    def batch(self, rows: int) -> int:
        """Return how many of so many rows a step takes."""
        return max(64, min(512, 1 << int(math.log2(max(rows, 1) / self.batches + 1))))


PLAN = Plan()

_WARM_STEPS = 20  # the rate rises over so many steps: the optimiser's own averages are of nothing yet
_LAST_RATE = 0.02  # of the first: at the end of the line
_YOUNG = 0.3  # the average spans about 3 times the steps so far, while these are few
_NEVER_BETTER = 1e-5  # nats: less is rounding
_JUDGED_BATCH = 4_096
_CLIP = 10.0  # the greatest norm of a step's gradient; a bound sampled by one latent code has outliers


class Learner:
    """The autoencoder on its way.

    Args:
        model: to be trained.
        rows: N of them, in random order; the first of them judge it.
        plan: how it learns.
        seed: for the order of rows and all noise.
        half: multiply bfloat16.
    """

    def __init__(self, model: Autoencoder, rows: Rows, *, plan: Plan, seed: int, half: bool) -> None:
        self.model, self.rows, self.plan, self.half = model, rows, plan, half
        places = torch.arange(len(rows), device=rows.tokens.device)
        held = plan.held(len(rows))
        self.judged, self.learned = places[:held] if held else places, places[held:]
        self._own = self.learned[: len(self.judged)]
        self.generator = torch.Generator().manual_seed(seed)
        self._fixed = torch.randn(len(self.judged), model.size.latent, generator=self.generator).to(places.device)
        self.batch = plan.batch(len(self.learned))
        self.planned = plan.passes_over(len(rows)) * max(1, len(self.learned) // self.batch)
        self.parameters = [one for one in model.parameters() if one.numel()]
        self.average = [one.detach().clone() for one in self.parameters]
        self.kept, self.steps, self.stale = [one.clone() for one in self.average], 0, 0
        self.kept_losses, self.kept_own = self._judge(self.judged), self._judge(self._own)
        matrices, vectors = [p for p in self.parameters if p.dim() > 1], [p for p in self.parameters if p.dim() < 2]  # noqa: PLR2004
        groups = [{"params": matrices, "weight_decay": plan.decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99), fused=True)

    @property
    def loss(self) -> float:
        """Return the negative bound of a row that is held in, in nats, under the weights that are kept."""
        return float(self.kept_losses.mean())

    @property
    def done(self) -> bool:
        """Return whether the plan is at its end, or has kept nothing for long."""
        return self.stale >= self.plan.patience or self.steps >= self.planned

    def pass_over(self) -> None:
        """Take one pass over the rows, and keep its weights if they are surely better.

        Raises:
            ModelError: the bound is not finite.
        """
        order = self.learned[torch.randperm(len(self.learned), generator=self.generator).to(self.learned.device)]
        for low in range(0, max(1, len(order) - self.batch + 1), self.batch):
            self._step(self.rows[order[low : low + self.batch]])
        losses = self._judge(self.judged)
        if not bool(losses.mean().isfinite()):
            raise ModelError(
                "training keeps a finite bound of the likelihood",
                f"it was {-float(losses.mean())}",
                "Look for columns of extreme range, and bound them in the contract",
            )
        self._keep(losses, self._judge(self._own))

    def state(self) -> State:
        """Return all that the next pass depends on, beside the rows."""
        ones: dict[str, list[Tensor]] = {"now": [*self.parameters], "average": self.average, "kept": self.kept}
        named = {f"{name}.{place}": one for name, those in ones.items() for place, one in enumerate(those)}
        judged = {"kept_losses": self.kept_losses, "kept_own": self.kept_own, "random": self.generator.get_state()}
        tensors = {**named, **judged, **prefixed("optimiser", of_optimiser(self._optimiser))}
        return prefixed("learner", tensors), {"steps": self.steps, "stale": self.stale}

    def load(self, state: State) -> None:
        """Take up what `state` returned."""
        tensors, config = part("learner", state[0]), state[1]
        load_weights(self.parameters, [tensors[f"now.{place}"] for place in range(len(self.parameters))])
        for name in ("average", "kept"):
            old = getattr(self, name)
            setattr(self, name, [tensors[f"{name}.{place}"].to(one.device) for place, one in enumerate(old)])
        self.kept_losses, self.kept_own = (tensors[name].to(self.judged.device) for name in ("kept_losses", "kept_own"))
        self.generator.set_state(tensors["random"])
        self.steps, self.stale = config["steps"], config["stale"]
        load_optimiser(self._optimiser, part("optimiser", tensors))

    def settle(self) -> None:
        """Give the model the weights that were kept, where rows are drawn."""
        load_weights(self.parameters, self.kept)
        self.model.cpu()

    def _keep(self, losses: Tensor, own: Tensor) -> None:
        """Keep the weights if their (m,) losses on rows held in, and on rows learned from, say so."""
        gain, own_gain = self.kept_losses - losses, float((self.kept_own - own).mean())
        error = float(gain.std()) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
        least = max(self.plan.certainty * error, self.plan.honesty * own_gain, _NEVER_BETTER)
        better = float(gain.mean()) > least
        if better:
            self.kept, self.kept_losses, self.kept_own = [one.clone() for one in self.average], losses, own
        self.stale = 0 if better or self._weight < 1 else self.stale + 1

    @property
    def _weight(self) -> float:
        """Return the divergence's weight at this step."""
        return min(1.0, (self.steps + 1) / (self.plan.warm * self.planned + 1))

    def _step(self, rows: Rows) -> None:
        """Descend along the gradient of one batch's (n,) mean loss."""
        noise = torch.randn(len(rows), self.model.size.latent, generator=self.generator).to(rows.tokens.device)
        weight = self._weight
        self.steps += 1
        left = min(1.0, max(_LAST_RATE, 1 - self.steps / self.planned), self.steps / _WARM_STEPS)
        for group in self._optimiser.param_groups:
            group["lr"] = self.plan.rate * left
        with torch.autocast(rows.tokens.device.type, torch.bfloat16, enabled=self.half):
            losses = self.model.losses(rows, noise, weight=weight)
        self._optimiser.zero_grad(set_to_none=True)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP)
        self._optimiser.step()
        share = max(1 / self.plan.average, 1 / (1 + self.steps * _YOUNG))
        torch._foreach_lerp_(self.average, [one.detach() for one in self.parameters], share)

    @torch.no_grad()
    def _judge(self, places: Tensor) -> Tensor:
        """Return (m,) losses of the rows at (m,) places under the averaged weights, at fixed noise."""
        current = [one.detach().clone() for one in self.parameters]
        load_weights(self.parameters, self.average)
        losses = []
        for low in range(0, len(places), _JUDGED_BATCH):
            rows = self.rows[places[low : low + _JUDGED_BATCH]]
            with torch.autocast(rows.tokens.device.type, torch.bfloat16, enabled=self.half):
                losses.append(self.model.losses(rows, self._fixed[low : low + len(rows)]))
        load_weights(self.parameters, current)
        return torch.cat(losses)
