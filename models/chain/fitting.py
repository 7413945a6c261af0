"""Learning one column's conditional distribution: passes over the rows, judged by rows that are held in."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from data_contracts import ModelError
from models.chain.boosting import MOST_TOKENS, boost
from models.chain.conditional import Conditional
from models.chain.guard import BOUND
from models.columns import Axis
from models.encoding import Encoded
from models.life import State
from models.states import load_optimiser, load_weights, of_optimiser, part, prefixed

__all__ = ["PLAN", "Learner", "Plan", "Rows"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained and how long.

    Args:
        hidden: H, units of a layer.
        bins: B for the values of a column.
        gaussians: K beside the bins.
        knots: Q features for the rank of a number.
        curve: knots of the smooth part of the logits.
        cell_passes: rows times columns times passes, at most.
        passes: the least and the most passes.
        batches: in a pass, at least; but batches of no fewer than 64 rows, nor more than 512.
        rate: of learning, until it falls.
        fall: share of the planned steps, at the end, over which the rate falls to nothing in a straight line.
        decay: of weights.
        dropout: share of hidden units left out.
        average: of the weights over so many steps, exponentially.
        patience: passes that keep nothing and end a column.
        certainty: standard errors by which later weights must be better than those kept, on the rows held in.
        honesty: of what later weights gain on rows learned from, the least share that holds for rows held in too;
            a gain beyond it is of these rows, not of what they have in common.
        folds: F, where the columns before a column all but name a row; 1: none.
        folded: times as many passes, where there are folds: more learn by heart what lies beside a row left out.
        holdin: share of the training rows that judge.
        judged_rows: at most so many.
        guards: shares of the planned passes after which a membership attack on rows held in is tried.
        leak: of its area under the ROC curve, beyond the standard errors' worth, that ends the training.
        leak_errors: standard errors that the area may be above that by chance.
        feature_cells: rows beyond so many features in all are not learned from.
    """

    hidden: int = 128
    bins: int = 64
    gaussians: int = 6
    knots: int = 32
    curve: int = 8
    cell_passes: int = 20_000_000
    passes: tuple[int, int] = (4, 50)
    batches: int = 32
    rate: float = 2e-3
    fall: float = 1.0
    decay: float = 0.1
    dropout: float = 0.1
    average: int = 200
    patience: int = 4
    certainty: float = 1.0
    honesty: float = 0.1
    folds: int = 2
    folded: float = 0.75
    holdin: float = 0.1
    judged_rows: int = 10_000
    guards: tuple[float, ...] = (0.15, 0.3, 0.6)
    leak: float = BOUND
    leak_errors: float = 1.0
    feature_cells: int = 2**30

    def passes_over(self, rows: int, columns: int) -> int:
        """Return how many passes are planned over so many rows and columns."""
        least, most = self.passes
        return max(least, min(most, self.cell_passes // max(rows * columns, 1)))

    def held(self, rows: int) -> int:
        """Return how many of so many rows judge; none of a single one, which then judges itself."""
        return min(self.judged_rows, math.ceil(rows * self.holdin)) if rows > 1 else 0

    def batch(self, rows: int) -> int:
        """Return how many of so many rows a step takes."""
        return max(64, min(512, 1 << int(math.log2(max(rows, 1) / self.batches + 1))))


PLAN = Plan()

_WARM_STEPS = 20  # the rate rises over so many steps: the optimiser's own averages are of nothing yet
_LAST_PASSES = 2  # that a rate needs to fall, where it does not fall by plan
_LAST_RATE = 0.02  # of the first: at the end of the line
_YOUNG = 0.3  # the average spans about 3 times the steps so far, while these are few
_NEVER_BETTER = 1e-5  # nats: less is rounding
_JUDGED_BATCH = 4_096


@dataclass(frozen=True, slots=True)
class Rows:
    """What one column is learned from.

    Args:
        features: (N, P) of the columns before it.
        token: (N,) target.
        score: (N,) target's value.
    """

    features: Tensor
    token: Tensor
    score: Tensor

    def __getitem__(self, rows: Tensor) -> "Rows":
        """Return the rows at (n,) positions."""
        return Rows(self.features[rows], self.token[rows], self.score[rows])


class Learner:
    """One network on its way.

    Args:
        network: to be trained.
        rows: N of them, in random order.
        among: (n,) positions of those that are its own; the first of them judge it.
        plan: how it learns.
        passes: over the rows, at most.
        seed: for the order of rows and for dropout.
        half: multiply bfloat16.
    """

    def __init__(
        self, network: Conditional, rows: Rows, *, among: Tensor, plan: Plan, passes: int, seed: int, half: bool
    ) -> None:
        self.network, self.rows, self.plan, self.half = network, rows, plan, half
        self._among = places = among
        held = plan.held(len(places))
        self.judged, self.learned = places[:held], places[held:]
        if not held:
            self.judged = places
        self._own = self.learned[: len(self.judged)]
        self.generator = torch.Generator().manual_seed(seed)
        self.batch = plan.batch(len(self.learned))
        self.planned = passes * max(1, len(self.learned) // self.batch)
        self.parameters = [one for one in network.parameters() if one.numel()]
        self.average = [one.detach().clone() for one in self.parameters]
        self.kept, self.steps, self.stale, self.done = [one.clone() for one in self.average], 0, 0, False
        self.kept_losses, self.kept_own = self._judge(self.judged), self._judge(self._own)
        matrices, vectors = [p for p in self.parameters if p.dim() > 1], [p for p in self.parameters if p.dim() < 2]  # noqa: PLR2004
        groups = [{"params": matrices, "weight_decay": plan.decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99), fused=True)
        self._drop = _Masks(plan, self.batch, generator=self.generator, half=half, device=rows.token.device)

    def pass_over(self) -> None:
        """Take one pass over the rows, and keep its weights if they are surely better.

        Raises:
            ModelError: the likelihood is not finite.
        """
        order = self.learned[torch.randperm(len(self.learned), generator=self.generator).to(self.learned.device)]
        for low in range(0, max(1, len(order) - self.batch + 1), self.batch):
            self._step(self.rows[order[low : low + self.batch]])
        losses = self._judge(self.judged)
        loss = float(losses.mean())
        if not math.isfinite(loss):
            raise ModelError(
                "training keeps a finite likelihood",
                f"it was {-loss} for column {self.network.axis.span.column!r}",
                "Look for columns of extreme range, and bound them in the contract",
            )
        self._keep(losses, self._judge(self._own))

    def boost(self, before: Sequence[Axis], x: Encoded) -> None:
        """Set trees on the settled network, if the column has few tokens and they are better on the rows held in.

        Args:
            before: the axes of the columns before.
            x: the (N,) rows themselves, in the same order.
        """
        axis = self.network.axis
        if axis.bins or axis.tokens > MOST_TOKENS or all(one.constant for one in before) or not len(self.learned):
            return
        own = self._among.cpu()
        parts = [self.rows.features[some].cpu() for some in torch.split(self._among, _JUDGED_BATCH)]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            out = torch.cat([self.network(part) for part in parts])
        seed = int(torch.randint(2**31, (1,), generator=self.generator))
        token = self.rows.token.cpu()[own]
        self.network.boosted = boost(before, x[own], out, token=token, held=len(self.judged), seed=seed)

    def settle(self) -> None:
        """Give the network the weights that were kept, where rows are drawn."""
        load_weights(self.parameters, self.kept)
        self.network.cpu()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the network be settled for as long as the block runs."""
        current = [one.detach().clone() for one in self.parameters]
        self.settle()
        yield
        self.network.to(self.rows.token.device)
        load_weights(self.parameters, current)

    def wind_down(self) -> None:
        """Let the rate fall to nothing within the next passes, and learn no longer."""
        passes = _LAST_PASSES * max(1, len(self.learned) // self.batch)
        self.planned = min(self.planned, self.steps + passes)

    def state(self) -> State:
        """Return how far it is: all that `take_up` needs to go on as if it had never stopped."""
        lists: dict[str, list[Tensor]] = {"now": [*self.parameters], "average": self.average, "kept": self.kept}
        tensors: dict[str, Tensor] = {}
        for name, ones in lists.items():
            tensors |= {f"{name}.{place}": one for place, one in enumerate(ones)}
        tensors |= {"losses": self.kept_losses, "own": self.kept_own, "generator": self.generator.get_state()}
        tensors |= prefixed("optimiser", of_optimiser(self._optimiser))
        return tensors, {"steps": self.steps, "stale": self.stale, "done": self.done, "planned": self.planned}

    def take_up(self, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        """Go on where a learner of the same network, rows, plan and seed was when it gave its `state`."""
        device = self.rows.token.device
        load_weights(self.parameters, _listed("now", tensors))
        self.average, self.kept = ([one.to(device) for one in _listed(name, tensors)] for name in ("average", "kept"))
        self.kept_losses, self.kept_own = tensors["losses"].to(device), tensors["own"].to(device)
        self.generator.set_state(tensors["generator"])
        load_optimiser(self._optimiser, part("optimiser", tensors))
        self.steps, self.stale, self.done = config["steps"], config["stale"], config["done"]
        self.planned = config["planned"]

    def _keep(self, losses: Tensor, own: Tensor) -> None:
        """Keep the weights if their (m,) losses on rows held in, and on rows learned from, say so."""
        gain, own_gain = self.kept_losses - losses, float((self.kept_own - own).mean())
        error = float(gain.std()) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
        least = max(self.plan.certainty * error, self.plan.honesty * own_gain, _NEVER_BETTER)
        better = float(gain.mean()) > least
        if better:
            self.kept, self.kept_losses, self.kept_own = [one.clone() for one in self.average], losses, own
        self.stale = 0 if better else self.stale + 1
        self.done = self.stale >= self.plan.patience or self.steps >= self.planned

    def _step(self, rows: Rows) -> None:
        """Descend along the gradient of one batch's (n,) mean loss."""
        self.steps += 1
        left = min(1.0, max(_LAST_RATE, (1 - self.steps / self.planned) / self.plan.fall), self.steps / _WARM_STEPS)
        for group in self._optimiser.param_groups:
            group["lr"] = self.plan.rate * left
        masks = self._drop.two(len(rows.token))
        with torch.autocast(rows.token.device.type, torch.bfloat16, enabled=self.half):
            out = self.network(rows.features, *masks)
        loss = -self.network.head.log_prob(out, rows.token, rows.score).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        share = max(1 / self.plan.average, 1 / (1 + self.steps * _YOUNG))
        torch._foreach_lerp_(self.average, [one.detach() for one in self.parameters], share)

    @torch.no_grad()
    def _judge(self, places: Tensor) -> Tensor:
        """Return (m,) losses of the rows at (m,) places under the averaged weights."""
        current = [one.detach().clone() for one in self.parameters]
        load_weights(self.parameters, self.average)
        losses = []
        for some in torch.split(places, _JUDGED_BATCH):
            rows = self.rows[some]
            with torch.autocast(some.device.type, torch.bfloat16, enabled=self.half):
                out = self.network(rows.features)
            losses.append(-self.network.head.log_prob(out, rows.token, rows.score))
        load_weights(self.parameters, current)
        return torch.cat(losses)


def _listed(name: str, tensors: dict[str, Tensor]) -> list[Tensor]:
    """Return the tensors named `name.0`, `name.1`, ... in order."""
    return [tensors[f"{name}.{place}"] for place in range(len(part(name, tensors)))]


class _Masks:
    """Dropout masks, cut at random places from a supply: drawing each anew costs more than the network."""

    def __init__(self, plan: Plan, batch: int, *, generator: torch.Generator, half: bool, device: torch.device) -> None:
        self._generator, self._rows = generator, _SUPPLY * batch
        kept = torch.rand(self._rows + batch, plan.hidden, generator=generator) >= plan.dropout
        self._supply = (kept / (1 - plan.dropout)).to(device, torch.bfloat16 if half else torch.float32)

    def two(self, rows: int) -> list[Tensor]:
        """Return two (rows, H) masks."""
        places = torch.randint(self._rows, (2,), generator=self._generator).tolist()
        return [self._supply[place : place + rows] for place in places]


_SUPPLY = 8  # batches' worth
