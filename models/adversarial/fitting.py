"""A generator and a critic on their way: rounds against each other, then rounds of the critic against what is kept."""

import math
from functools import partial

import torch
from torch import Tensor, nn

from data_contracts import ModelError
from models.adversarial.conditions import given_by
from models.adversarial.drawing import Drawer, Source, outputs, source_of
from models.adversarial.layout import Layout, choose, pick, shares
from models.adversarial.losses import gradient_penalty, pairing_loss
from models.adversarial.networks import Critic, Generator
from models.adversarial.table import Plan, Table
from models.states import load_optimiser, of_optimiser, part, prefixed

__all__ = ["Rivals", "networks"]


_FLAT = 0.5  # of the steps at the full rate; then it falls in a straight line
_LAST_RATE = 0.02  # of the first: at the end of the line
_YOUNG = 0.3  # the average spans about 3 times the steps so far, while these are few
_BETAS = (0.5, 0.99)  # of Adam: less momentum than usual, for the other network moves as well
_UNSEEN_ROWS = 0.1  # of a token that no row has
_NO_CRITIC = math.log(2)  # the pairing loss of one that scores all rows alike


class Rivals:
    """One generator and one critic.

    Args:
        table: what they learn from.
        plan: how.
        seed: of all their draws.
        half: multiply bfloat16.
    """

    def __init__(self, table: Table, plan: Plan, *, seed: int, half: bool) -> None:
        self.table, self.plan, self.half, self.seed = table, plan, half, seed
        self.random = torch.Generator().manual_seed(seed)
        share = (table.conditions.count + _UNSEEN_ROWS) / (len(table) + _UNSEEN_ROWS)
        self.generator, self.critic = networks(table.layout, plan, generator=self.random)
        self.generator.leave_bias.data[: len(share)] = share.log()
        self.average = _copied(self.generator)
        self.kept, self.kept_distance = _copied(self.generator), math.inf
        self.refined, self.refined_loss = _copied(self.critic), _NO_CRITIC
        self.steps, self._columns = 0, table.layout.columns
        self._optimisers = {
            "generator": torch.optim.Adam(self.generator.parameters(), betas=_BETAS, fused=True),
            "critic": torch.optim.Adam(self.critic.parameters(), betas=_BETAS, fused=True),
            "refining": torch.optim.AdamW(
                self.critic.parameters(), weight_decay=plan.decay, betas=(0.9, 0.99), fused=True
            ),
        }

    @property
    def planned(self) -> int:
        """Return how many steps the two have against each other."""
        return self.plan.rounds(len(self.table)) * self.plan.round_steps

    def compete(self) -> None:
        """Take a round of steps against each other, and keep the averaged generator if its margins are the best.

        Raises:
            ModelError: a loss is not finite.
        """
        for _ in range(self.plan.round_steps):
            self._criticise()
            self._generate()
            self.steps += 1
            share = max(1 / self.plan.average, 1 / (1 + self.steps * _YOUNG))
            for name, one in self.generator.named_parameters():
                self.average[name].lerp_(one.detach(), share)
        distance = self._distance()
        if not math.isfinite(distance):
            raise ModelError(
                "training keeps finite weights",
                f"the distance of margins was {distance}",
                "Look for columns of extreme range, and bound them in the contract",
            )
        if distance < self.kept_distance:
            self.kept, self.kept_distance = {name: one.clone() for name, one in self.average.items()}, distance

    def source(self) -> Source:
        """Return the generator that was kept, with the marginals of its values."""
        network, _ = networks(self.table.layout, self.plan, generator=torch.Generator())
        network.load_state_dict(self.kept)
        own = torch.Generator().manual_seed(self.seed)
        return source_of(network, self.table.layout, count=self.table.conditions.count, half=self.half, generator=own)

    def refine(self, drawer: Drawer, *, last: int) -> None:
        """Take a round of the critic against what all kept generators draw, and keep it if it judges rows held in best.

        Args:
            drawer: of the candidates.
            last: steps in all, after which the rate has fallen.
        """
        table, batch, optimiser = self.table, 2 * self.plan.batch, self._optimisers["refining"]
        for _ in range(self.plan.round_steps):
            rows = torch.randint(len(table), (batch,), generator=self.random)
            drawn = drawer.features(batch, generator=self.random)
            _set_rate(optimiser, self.plan.refining_rate * max(_LAST_RATE, 1 - (self.steps - self.planned) / last))
            _descend(optimiser, self._pairing(table.features(rows), drawn))
            self.steps += 1
        with torch.no_grad():
            held = table.layout.features(table.layout.hot(table.held[0]), table.held[1])
            drawn = drawer.features(len(held), generator=self.random)
            loss = float(self._pairing(held, drawn))
        if loss < self.refined_loss:
            self.refined, self.refined_loss = _copied(self.critic), loss

    @property
    def useful(self) -> bool:
        """Return whether the critic tells rows held in from drawn ones."""
        return self.refined_loss < _NO_CRITIC

    def judge(self) -> Critic:
        """Return the critic that was kept; before it was refined, as it is."""
        _, critic = networks(self.table.layout, self.plan, generator=torch.Generator())
        critic.load_state_dict(self.refined if self.useful else _copied(self.critic))
        return critic

    def state(self) -> dict[str, Tensor]:
        """Return all that the next round depends on."""
        figures = torch.tensor([self.steps, self.kept_distance, self.refined_loss], dtype=torch.float64)
        optimisers = {f"{name}_optimiser": of_optimiser(one) for name, one in self._optimisers.items()}
        groups = {**self._weights(), **optimisers, "own": {"figures": figures, "random": self.random.get_state()}}
        return {key: one for name, tensors in groups.items() for key, one in prefixed(name, tensors).items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Go on where `state` was taken."""
        self.generator.load_state_dict(part("generator", tensors))
        self.critic.load_state_dict(part("critic", tensors))
        self.average, self.kept, self.refined = (part(name, tensors) for name in ("average", "kept", "refined"))
        for name, optimiser in self._optimisers.items():
            load_optimiser(optimiser, part(f"{name}_optimiser", tensors))
        steps, self.kept_distance, self.refined_loss = part("own", tensors)["figures"].tolist()
        self.steps = int(steps)
        self.random.set_state(part("own", tensors)["random"])

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {
            "generator": _copied(self.generator),
            "critic": _copied(self.critic),
            "average": self.average,
            "kept": self.kept,
            "refined": self.refined,
        }

    def _outputs(self, given: Tensor) -> tuple[Tensor, Tensor]:
        return outputs(self.generator, self.table.layout, given, half=self.half, generator=self.random)

    @torch.no_grad()
    def _draw(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, T) marks of tokens and (n, V) raw scores for (n,) given tokens."""
        logits, scores = self._outputs(given)
        layout = self.table.layout
        return layout.hot(pick(logits, layout.sizes, generator=self.random)), scores

    def _pairing(self, real: Tensor, drawn: Tensor, given: Tensor | None = None) -> Tensor:
        """Return the critic's loss on (n, P) pairs of rows."""
        twice = None if given is None else given.repeat(2)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            better, worse = self.critic(torch.cat([real, drawn]), twice).chunk(2)
        return pairing_loss(better, worse)

    def _criticise(self) -> None:
        """Take the critic's step."""
        plan, layout = self.plan, self.table.layout
        given, rows = self.table.conditions.draw(plan.batch, generator=self.random)
        column, real = self._columns[given], self.table.features(rows)
        drawn = layout.features(*self._draw(given))
        loss = self._pairing(real, drawn, column)
        if self.steps % plan.penalty_every == 0:
            critic = partial(self._criticised, given=column)
            slopes = gradient_penalty(critic, real) + gradient_penalty(critic, drawn)
            loss = loss + plan.penalty / 2 * plan.penalty_every * slopes
        _set_rate(self._optimisers["critic"], self._rate)
        _descend(self._optimisers["critic"], loss)

    def _criticised(self, features: Tensor, given: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            scores: Tensor = self.critic(features, given)
        return scores

    def _generate(self) -> None:
        """Take the generator's step: towards the critic's favour, and towards the margins of the training rows."""
        plan, layout = self.plan, self.table.layout
        given, rows = self.table.conditions.draw(plan.batch, generator=self.random)
        (logits, scores), column = self._outputs(given), self._columns[given]
        hot = choose(logits, layout.sizes, warmth=plan.warmth, generator=self.random)
        drawn = self._criticised(layout.features(hot, scores), column)
        with torch.no_grad():
            real = self._criticised(self.table.features(rows), column)
        expected, half = shares(logits, layout.sizes), plan.batch // 2
        first, second = (
            self.table.margins.moments(expected[rows], scores[rows], half=self.half)
            for rows in (slice(half), slice(half, None))
        )
        loss = pairing_loss(drawn, real) + plan.margins * self.table.margins.between(first, second)
        _set_rate(self._optimisers["generator"], self._rate)
        _descend(self._optimisers["generator"], loss)

    @property
    def _rate(self) -> float:
        left = (1 - self.steps / self.planned) / (1 - _FLAT)
        return self.plan.rate * max(_LAST_RATE, min(1.0, left))

    @torch.no_grad()
    def _distance(self) -> float:
        """Return how far the margins of the averaged generator's rows are from those of the rows held in."""
        current = _copied(self.generator)
        self.generator.load_state_dict(self.average)
        moments = []
        for _ in range(2):
            given = given_by(self.table.conditions.count, self.plan.judged_rows // 2, generator=self.random)
            moments.append(self.table.held_margins.moments(*self._draw(given)))
        self.generator.load_state_dict(current)
        return float(self.table.held_margins.between(*moments))


def networks(layout: Layout, plan: Plan, *, generator: torch.Generator) -> tuple[Generator, Critic]:
    """Return the two networks of a member."""
    tokens, values = sum(layout.sizes), len(layout.valued)
    first = Generator(plan.latent, plan.hidden, tokens=tokens, values=values, generator=generator)
    return first, Critic(layout.width, plan.hidden, columns=len(layout.axes), generator=generator)


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in network.state_dict().items()}


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
