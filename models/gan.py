"""The adversarial networks: x = G(z, given token), and a critic that learns how G's rows differ from the training rows.

A generator turns noise and one given token into a choice of a token a column, and values; a critic scores rows, and the
two descend along the pairing loss: softplus(D(generated) - D(real)) for the critic, the reverse for the generator.  In
the end the critic's score is the log-ratio of the two densities but for a constant, and draws are selected by it.
Goodfellow et al.: Generative adversarial nets, 2014; for tables: Xu et al.: Modeling tabular data using conditional
GAN, 2019; pairing and its penalty: Huang, Gokaslan, Kuleshov, Tompkin: The GAN is dead; long live the GAN!, 2024.

When to choose it: where a score of how real a row looks is wanted beside the rows, or rows by noise alone; where the
density or the nearest fidelity is wanted, the autoregressive model is ahead.
How it fails, and what is done about it:

- mode collapse: each generated row is scored beside a real one; margins of every two columns' tokens, over the batch,
  are a loss of their own; a token is given and real rows are drawn to have it; there are several generators;
- a critic that outruns the generator: a penalty on its slope, at real and at generated rows;
- no likelihood to end by: of the generators, averaged over steps, the one is kept whose margins are nearest to
  those of rows held in, which no critic sees;
- wrong marginals: values are mapped to theirs by rank, and codes' frequencies are raked.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, final

import torch
from torch import Tensor

from models.adversarial.drawing import Drawer, Source
from models.adversarial.fitting import Rivals, networks
from models.adversarial.layout import Layout, layout_of, steps_of
from models.adversarial.table import PLAN, Plan, Table
from models.columns import Axis
from models.encoding import Encoded, Span
from models.life import FREELY, Course, Fitted, State, Terms, learned, require_rows
from models.processors import half_is_fast, in_chunks, one_thread, together
from models.states import part, prefixed

if TYPE_CHECKING:
    from models.adversarial.networks import Critic

__all__ = ["Gan"]

_ENDING = 2.0  # rounds' worth of time, that the marginals take: on Adult 1 of processors', and some of it on one thread
_CHUNK = 512  # rows that one thread draws at a time, from 16 times as many candidates


@final
class Gan:
    """Pairs of a generator and a critic, drawn from together.

    Args:
        plan: what is trained and how long.
    """

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.drawer: Drawer | None = None
        self.critics: tuple[Critic, ...] = ()
        self.fitted = Fitted()

    def fit(
        self,
        x: Encoded,
        spans: Sequence[Span],
        *,
        generator: torch.Generator,
        terms: Terms = FREELY,
    ) -> Self:
        """Learn (N,) rows; a step is a round of all members, against each other or of the critics alone.

        Args:
            x: (N,) encoded rows, on any device; the fit is on the CPU.
            spans: of the encoding.
            generator: all randomness.
            terms: what bounds the fit beside the plan.

        Raises:
            ModelError: there are no rows, nothing is known of them, or a loss is not finite.
        """
        course, state = Course.begin(terms)
        table, members = self._begin(x, spans, generator=generator)
        rounds = self.plan.rounds(len(table))
        planned = rounds + self.plan.refining_rounds(len(table))
        course.ready(planned=planned, ending=_ENDING)
        for place, one in enumerate(members if state else []):
            one.load(part(f"member{place}", state[0] if state else {}))
        going, drawer = True, None
        while going and len(course.history) < planned:
            if len(course.history) < rounds:
                together(Rivals.compete, members)
            else:
                drawer = drawer or _drawer(table, members)
                together(
                    partial(Rivals.refine, drawer=drawer, last=(planned - rounds) * self.plan.round_steps), members
                )
            going = course.passed(_loss(members), _note(members))
            course.keep(partial(_state_of, members))
        self._end(table, members, generator=generator)
        self.fitted = course.ended(cut=len(course.history) < planned)
        return self

    def sample(self, n: int, *, generator: torch.Generator) -> Encoded:
        """Draw n rows: (n,) encoded, in random order."""
        drawer = self._learned

        def drawn(rows: int, own: torch.Generator) -> Encoded:
            return drawer.draw(max(1, rows), generator=own)[:rows]  # none cannot be selected from candidates

        return Encoded.join(in_chunks(n, drawn, size=_CHUNK, generator=generator))

    @torch.no_grad()
    def critic_score(self, x: Encoded) -> Tensor:
        """Return the (N,) scores of (N,) rows, the mean of the critics': higher, more like the training rows.

        But for a constant it is the log-ratio of the training rows' density to the generators'.
        """
        layout = self._learned.layout

        def scored(rows: Encoded) -> Tensor:
            features = layout.features_of(rows)
            return torch.stack([critic(features) for critic in self.critics]).mean(0)

        parts = together(scored, [x[low : low + _SCORED] for low in range(0, len(x), _SCORED)])
        return torch.cat(parts or [torch.zeros(0)])

    def state(self) -> State:
        """Return the weights as tensors, and the configuration as JSON holds it."""
        drawer = self._learned
        tensors = {"share": drawer.share, "rake": drawer.rake}
        for place, (source, critic) in enumerate(zip(drawer.sources, self.critics, strict=True)):
            own = {"marks": source.marks, "cut": source.cut}
            for name, group in (("generator", source.network.state_dict()), ("critic", critic.state_dict()), ("", own)):
                tensors |= prefixed(f"member{place}{name}", group)
        axes = drawer.layout.axes
        for place, axis in enumerate(axes):
            tensors |= prefixed(f"column{place}", {name: getattr(axis, name) for name in _KEPT})
        selecting = [place for place, critic in enumerate(self.critics) if critic in drawer.critics]
        config = {"plan": asdict(self.plan), "half": drawer.half, "selecting": selecting}
        columns = [{"span": asdict(axis.span), "ends": list(axis.ends)} for axis in axes]
        return tensors, {**config, "columns": columns}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], config: dict[str, Any]) -> Self:
        """Return the model that `state` described."""
        plan = Plan(**{**config["plan"], "steps": tuple(config["plan"]["steps"])})
        axes = tuple(
            Axis(Span(**column["span"]), 0, 0, 0, *_kept(place, tensors), tuple(column["ends"]))
            for place, column in enumerate(config["columns"])
        )
        layout = Layout(axes, plan.knots, steps_of(axes, plan.knots))
        model = cls(plan)
        sources = []
        for place in range(plan.members):
            network, critic = networks(layout, plan, generator=torch.Generator())
            network.load_state_dict(part(f"member{place}generator", tensors))
            critic.load_state_dict(part(f"member{place}critic", tensors))
            sources.append(Source(network, **part(f"member{place}", tensors)))
            model.critics += (critic,)
        critics = [model.critics[place] for place in config["selecting"]]
        model.drawer = Drawer(layout, sources, critics, tensors["share"], config["half"], tensors["rake"])
        return model

    @property
    def _learned(self) -> Drawer:
        return learned(self.drawer)

    def _begin(self, x: Encoded, spans: Sequence[Span], *, generator: torch.Generator) -> tuple[Table, list[Rivals]]:
        """Return what is learned from, and the members at their start.

        Raises:
            ModelError: there are no rows, or nothing is known of them.
        """
        require_rows(x)
        x = x.to("cpu")[torch.randperm(len(x), generator=generator)]
        table = Table(layout_of(spans, x, self.plan.knots), x, self.plan)
        seeds = torch.randint(2**62, (self.plan.members,), generator=generator).tolist()
        return table, [Rivals(table, self.plan, seed=seed, half=half_is_fast()) for seed in seeds]

    def _end(self, table: Table, members: Sequence[Rivals], *, generator: torch.Generator) -> None:
        """Make what rows are drawn by: the kept generators, the critics that are of use, the marginals raked."""
        self.critics = tuple(one.judge() for one in members)
        useful = [critic for critic, one in zip(self.critics, members, strict=True) if one.useful]
        drawer = replace(_drawer(table, members), critics=useful)
        with one_thread():
            self.drawer = replace(drawer, rake=drawer.raked(table.cells, self.plan.raked, generator=generator))


_KEPT = ("token", "log_share", "rank")  # of an axis, as tensors


def _kept(place: int, tensors: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    token, log_share, rank = (tensors[f"column{place}.{name}"] for name in _KEPT)
    return token, log_share, rank


_SCORED = 8_192  # rows that one thread scores at a time


def _drawer(table: Table, members: Sequence[Rivals]) -> Drawer:
    """Return what the kept generators draw, not selected."""
    layout, share = table.layout, table.conditions.share
    none = torch.zeros(sum(layout.sizes) + len(layout.valued) * layout.knots)
    return Drawer(layout, together(Rivals.source, members), (), share, members[0].half, none)


def _loss(members: Sequence[Rivals]) -> float:
    """Return the distance of margins of the generators kept."""
    return sum(one.kept_distance for one in members) / len(members)


def _note(members: Sequence[Rivals]) -> str:
    """Return how far the members are, for people."""
    refined = sum(one.refined_loss for one in members) / len(members)
    return f"held-in distance of margins {_loss(members):.4f}, held-in loss of the critics {refined:.3f}"


def _state_of(members: Sequence[Rivals]) -> State:
    """Return all that the next round depends on."""
    tensors: dict[str, Tensor] = {}
    for place, one in enumerate(members):
        tensors |= prefixed(f"member{place}", one.state())
    return tensors, {}
