"""The plan of a fit: from one component to families to components, sizes by held-out likelihood, then all rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from data_contracts import ModelError
from models.encoding import Encoded
from models.life import require_rows
from models.mixture.components import Components, Layout, Shrinkage, expect, log_joint, log_likelihood, maximise
from models.telling import BOUND, area

__all__ = ["PLAN", "Pass", "Plan", "Size", "passes", "root", "split"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many components a member has, and in how many families; G must divide nothing, only be the smaller."""

    families: int
    components: int

    def __str__(self) -> str:
        """Return the size for people."""
        return f"{self.components} components in {self.families} families"


_WEAK = Shrinkage(codes=0.5, mean=0.1, variance=1.0)  # families have hundreds of rows, and speak for themselves
_FAMILIAR = Shrinkage(codes=4.0, mean=1.0, variance=8.0)  # components have tens: measured in docs/decisions/0002


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried, in which order, and how long.

    Args:
        sizes: from small to large; the climb ends at the first that is no better than the last.
        members: M mixtures from different starts, averaged.
        family_passes: of EM, before the families are split into components.
        passes: of EM at most, after that.
        slack: held-out log-likelihood per row, in nats, that a larger size or one more pass may lose: the likelihood
            is flat about its best, and two-sample tests still gain there (docs/decisions/0002).
        holdin: share of the training rows that judge sizes and passes.
        judged_rows: at most so many rows are used for judging; the last fit uses all.
        family_shrinkage: of families to the whole.
        shrinkage: of components to their family.
    """

    sizes: tuple[Size, ...]
    members: int = 4
    family_passes: int = 8
    passes: int = 12
    slack: float = 0.03
    holdin: float = 0.1
    judged_rows: int = 50_000
    family_shrinkage: Shrinkage = _WEAK
    shrinkage: Shrinkage = _FAMILIAR

    @property
    def most_passes(self) -> int:
        """Return how many passes there are if every size is tried, and the last is fitted again to all rows."""
        sizes = [*self.sizes, self.sizes[-1]]
        return sum(self.passes + (self.family_passes if size.families > 1 else 0) for size in sizes)


_SIZES = ((1, 1), (1, 4), (1, 8), (1, 16), (2, 32), (4, 64), (8, 128), (16, 256), (32, 512), (64, 1024))
PLAN = Plan(sizes=tuple(Size(families, components) for families, components in _SIZES))

_ROWS_PER_COMPONENT = 30  # with 8, held-out rows were content, but shoppers' copies went beyond the holdout's
_ROWS_ENOUGH = 2_000  # so many rows a component are enough for more components: smaller sizes are passed over
_FULL_VALUES = 24  # columns: full covariance costs their square in every pass


@dataclass(frozen=True, slots=True)
class Pass:
    """Where a fit stands after one pass.

    Args:
        best: what would be kept if it ended here.
        note: for people.
        score: the best mean log-likelihood of held-out rows so far.
        last: the plan is done.
    """

    best: Components
    note: str
    score: float
    last: bool = False


def passes(x: Encoded, layout: Layout, *, plan: Plan, generator: torch.Generator) -> Iterator[Pass]:
    """Carry out a plan on (N,) rows, and say after each pass where it stands.

    Raises:
        ModelError: there are no rows, or the likelihood is not finite.
    """
    require_rows(x)
    order = torch.randperm(len(x), generator=generator)[: plan.judged_rows].to(x.codes.device)
    held = int(len(order) * plan.holdin)
    best, top = _Trial(root(x, layout, members=plan.members), -math.inf, Size(1, 1), 0), -math.inf
    for form in _forms(x, layout):
        for trial in _climb(x[order[held:]], x[order[:held]], form, plan=plan, generator=generator):
            top = top if trial.tells else max(top, trial.score)
            best = trial if trial.score >= top - plan.slack and trial.passes and not trial.tells else best
            yield Pass(pruned(best.components), f"{trial}", top)
    form = best.components.layout
    for components, done in _grow(x, form, plan=plan, size=best.size, generator=generator):
        if done >= max(best.passes, 1):
            yield Pass(pruned(components), f"{best.size} on all rows", top, last=True)
            return
        yield Pass(pruned(best.components), f"{best.size} on all rows", top)


def pruned(components: Components) -> Components:
    """Return the components without those that died: with less weight than a thousandth of an equal share."""
    members = components.members
    log_share = components.log_weight + math.log(len(components.log_weight) / members)
    keep = log_share > math.log(_DEAD_SHARE)
    return Components(
        components.layout,
        members,
        components.family[keep],
        components.log_weight[keep],
        components.tables[:, keep],
        components.mean[:, keep],
        components.scale[keep] if components.layout.full else components.scale[:, keep],
    )


_DEAD_SHARE = 1e-3  # together at most this share of the rows is taken from


@dataclass(frozen=True, slots=True)
class _Trial:
    """A size after some passes, its mean log-likelihood of held-out rows, and whether it tells who was learned from."""

    components: Components
    score: float
    size: Size
    passes: int
    tells: bool = False

    def __str__(self) -> str:
        """Return the trial for people."""
        judged = f"held-out log-likelihood {self.score:.3f}" if math.isfinite(self.score) else "families first"
        return f"{self.size}, {judged}"


def _climb(
    learn: Encoded, judge: Encoded, layout: Layout, *, plan: Plan, generator: torch.Generator
) -> Iterator[_Trial]:
    """Try sizes from small to large until one is no better than the best before it, or tells who was learned from."""
    best = -math.inf
    for size in _within(plan.sizes, rows=len(learn)):
        top = -math.inf
        for components, done in _grow(learn, layout, plan=plan, size=size, generator=generator):
            trial = _tried(components, learn, judge, size=size, passes=done)
            yield trial
            if trial.tells:
                return
            top = max(top, trial.score)
            if done and trial.score < top - plan.slack:
                break
        if top < best - plan.slack:
            return
        best = max(best, top)


def _tried(components: Components, learn: Encoded, judge: Encoded, *, size: Size, passes: int) -> _Trial:
    """Return a size after some passes, judged by (N,) rows that it learned from and (M,) that it did not."""
    if not passes or not len(judge):
        return _Trial(components, -math.inf, size, passes)
    unseen, seen = (log_likelihood(components, rows) for rows in (judge, learn[: len(judge)]))
    told, error = area(seen, unseen)
    return _Trial(components, float(unseen.double().mean()), size, passes, told > BOUND + error)


def _within(sizes: tuple[Size, ...], *, rows: int) -> list[Size]:
    """Return the sizes that a number of rows can bear, without those far too small for it."""
    bearable = [size for size in sizes if size.components * _ROWS_PER_COMPONENT <= rows]
    return [size for size in bearable if size.components * _ROWS_ENOUGH >= rows] or bearable[-1:] or list(sizes[:1])


def _grow(
    x: Encoded, layout: Layout, *, plan: Plan, size: Size, generator: torch.Generator
) -> Iterator[tuple[Components, int]]:
    """Yield the components after each pass, and how many passes they had since they were split from families."""
    parents = split(root(x, layout, members=plan.members), x, count=size.families, generator=generator)
    for _ in range(plan.family_passes if size.families > 1 else 0):
        parents = _pass(parents, x, shrinkage=plan.family_shrinkage)
        yield parents, 0
    components = split(parents, x, count=size.components, generator=generator)
    for done in range(1, plan.passes + 1):
        components = _pass(components, x, shrinkage=plan.shrinkage)
        yield components, done


def _pass(components: Components, x: Encoded, *, shrinkage: Shrinkage) -> Components:
    """Return the components after one E-step and one M-step.

    Raises:
        ModelError: the likelihood is not finite.
    """
    statistics = expect(components, x)
    if not math.isfinite(statistics.log_likelihood):
        raise ModelError(
            "training keeps a finite likelihood",
            f"it was {statistics.log_likelihood} after a pass over {len(x):,} rows",
            "Look for columns of extreme range, and bound them in the contract",
        )
    return maximise(statistics, components, shrinkage=shrinkage)


def root(x: Encoded, layout: Layout, *, members: int) -> Components:
    """Return one component a member, fitted to all rows."""
    size, device = layout.values, x.codes.device
    scale = torch.ones(size, members, device=device)
    blank = Components(
        layout,
        members,
        torch.arange(members, device=device),
        torch.zeros(members, device=device),
        torch.zeros(layout.width + 1, members, device=device),
        torch.zeros(size, members, device=device),
        torch.eye(size, device=device).repeat(members, 1, 1) if layout.full else scale,
    )
    return maximise(expect(blank, x), blank, shrinkage=Shrinkage(0.0, 0.0, 0.0))


def split(parents: Components, x: Encoded, *, count: int, generator: torch.Generator) -> Components:
    """Return `count` components a member, each half a row that was drawn, half the parent that explains the row best.

    The parents become the families.
    """
    layout, members, device = parents.layout, parents.members, x.codes.device
    rows = x[torch.cat([_seeds(x, layout, count=count, generator=generator) for _ in range(members)])]
    owner = torch.arange(members, device=device).repeat_interleave(count)
    places = torch.arange(len(owner), device=device)
    blocks = torch.cat(list(log_joint(parents, rows))).view(len(owner), members, -1)
    family = blocks[places, owner].argmax(1) + owner * blocks.shape[2]
    tables = parents.tables[:, family].exp() * (1 - _OWN)
    index = layout.index(rows)
    tables.index_put_((index, places[:, None].expand_as(index)), tables.new_tensor(_OWN), accumulate=True)
    tables = tables.clamp(min=_FLOOR).log()
    tables[-1] = 0.0
    values, mean = rows.values.T, parents.mean[:, family]
    mean = torch.where(values.isnan(), mean, (1 - _OWN) * mean + _OWN * values)
    scale = (parents.scale[family] if layout.full else parents.scale[:, family]) * math.sqrt(1 - _OWN**2)
    log_weight = torch.full((len(owner),), -math.log(count), device=device)
    return Components(layout, members, family, log_weight, tables, mean, scale)


_OWN = 0.5  # how much of a new component is its own row: less and it stays its parent, more and it stays its row
_FLOOR = 1e-30
_SAMPLE_ROWS = 4_096  # among which starts are sought, or four a component


def _seeds(x: Encoded, layout: Layout, *, count: int, generator: torch.Generator) -> Tensor:
    """Return (count,) positions of rows far apart: k-means++ on codes that differ and values' distance."""
    device = x.codes.device
    sample = torch.randint(len(x), (max(_SAMPLE_ROWS, 4 * count),), generator=generator).to(device)
    index, values = layout.index(x[sample]), torch.nan_to_num(x[sample].values)
    chosen = torch.zeros(count, dtype=torch.int64, device=device)
    distance = torch.ones(len(sample), device=device)
    for place in range(count):
        reach = distance.double().cumsum(0)
        uniform = torch.rand(1, generator=generator, dtype=torch.float64).to(device) * reach[-1]
        chosen[place] = torch.searchsorted(reach, uniform).clamp(max=len(sample) - 1)[0]
        here = (index != index[chosen[place]]).sum(1) + ((values - values[chosen[place]]) ** 2).sum(1) / 2
        distance = torch.minimum(distance, here) if place else here.float()
    return sample[chosen]


def _forms(x: Encoded, layout: Layout) -> list[Layout]:
    """Return the layouts worth trying: with full covariance where all values are present and there are several."""
    numeric = 2 <= layout.values <= _FULL_VALUES and not bool(x.values.isnan().any())  # noqa: PLR2004 - covary
    return [layout, replace(layout, full=True)] if numeric else [layout]
