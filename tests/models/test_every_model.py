"""Laws that hold for every model: one life, whatever the family."""

import json
import math
from dataclasses import replace

import pytest
import torch
from interruptions import Clock
from safetensors.torch import load, save

from data_contracts import ModelError
from models import MODELS
from models.adversarial.table import PLAN as GAN_PLAN
from models.chain.fitting import PLAN as CHAIN_PLAN
from models.encoding import UNKNOWN, Encoded, Span
from models.life import Density, Terms

FEW_STEPS = 3  # enough for laws that do not ask how well a model has learned
ENOUGH_STEPS = 25  # enough to tell rows from shuffled ones
SMALL = {
    "gan": {"plan": replace(GAN_PLAN, hidden=32, latent=16, batch=64, round_steps=5, judged_rows=500, raked=8_192)},
    "autoregressive": {"plan": replace(CHAIN_PLAN, hidden=48, bins=16)},
}  # where the plan itself takes minutes over all laws


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


SPANS = (Span("word", 0, 3), Span("constant", 1, 1), Span("number", 2, 2, 0, 0), Span("rank", 3, 8, ordered=True))


def mixed(count, *, seed=0):
    """The number is about 1 for the last word, else about -1, and absent with a fifth; the rank leans to the word."""
    generator = seeded(seed)
    word = torch.randint(3, (count,), generator=generator)
    absent = (torch.rand(count, generator=generator) < 0.2).long()
    number = torch.where(word == 2, 1.0, -1.0) + 0.3 * torch.randn(count, generator=generator)
    number[absent == 1] = torch.nan
    rank = (2 * word + torch.randint(4, (count,), generator=generator)).clamp(max=7)
    return Encoded(torch.stack([word, torch.zeros_like(word), absent, rank], 1), number[:, None])


def categories(count, *sizes):
    codes = torch.stack([torch.randint(size, (count,), generator=seeded(size)) for size in sizes], 1)
    return Encoded(codes, torch.zeros(count, 0)), tuple(Span(f"c{i}", i, size) for i, size in enumerate(sizes))


def numbers(count, columns):
    spans = tuple(Span(f"n{place}", place, 1, place, 0, ordered=True) for place in range(columns))
    return Encoded(torch.zeros(count, columns).long(), torch.randn(count, columns, generator=seeded())), spans


def beside(rows, spans, span):
    """Return a table with one more column, all of whose codes are 0, before its others."""
    shifted = tuple(Span(one.column, one.code + 1, one.size, one.value, one.regular, one.ordered) for one in spans)
    return Encoded(torch.cat([torch.zeros(len(rows), 1).long(), rows.codes], 1), rows.values), (span, *shifted)


TABLES = {
    "mixed": (mixed(300), SPANS),
    "one row": (mixed(1), SPANS),
    "ten rows": (mixed(10), SPANS),
    "a constant column": beside(mixed(100), SPANS, Span("always", 0, 1, ordered=True)),
    "nothing but nulls": (Encoded(torch.zeros(60, 2).long(), torch.zeros(60, 0)), (Span("a", 0, 1), Span("b", 1, 1))),
    "1,000 codes": categories(1_500, 1_000, 2),
    "all categories": categories(200, 2, 5, 30),
    "all numbers": numbers(200, 3),
}


def fit(name, x, spans=SPANS, *, seed=1, **terms):
    made = MODELS[name](**SMALL.get(name, {}))
    return made.fit(x, spans, generator=seeded(seed), terms=Terms(**{"steps": FEW_STEPS, **terms}))


def draws(model, count=50, *, seed=2):
    """Return what is drawn as bytes."""
    drawn = model.sample(count, generator=seeded(seed))
    return save({"codes": drawn.codes.contiguous(), "values": drawn.values.contiguous()})


def is_of_the_encoding(drawn, spans):
    """Every code is one of its span's, and a value is there exactly where the code says "regular"."""
    sizes = torch.tensor([span.size for span in spans])
    regular = {span.value: drawn.codes[:, span.code] == span.regular for span in spans if span.value is not None}
    there = torch.stack([regular[place] for place in sorted(regular)], 1) if regular else torch.zeros(len(drawn), 0) > 0
    return (
        drawn.codes.shape == (len(drawn), len(spans))
        and (drawn.codes.dtype, drawn.values.dtype) == (torch.int64, torch.float32)
        and bool(((drawn.codes >= 0) & (drawn.codes < sizes)).all())
        and torch.equal(drawn.values.isfinite(), there)
        and torch.equal(drawn.values.isnan(), ~there)
    )


class Kept:
    """A checkpoint in memory, written and read as files are."""

    def __init__(self):
        self.saved = None

    def save(self, state):
        """Keep a state."""
        self.saved = save(state[0]), json.dumps(state[1], allow_nan=False)

    def load(self):
        """Return the state that was kept."""
        return None if self.saved is None else (load(self.saved[0]), json.loads(self.saved[1]))


every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module", params=MODELS)
def learned(request):
    """A model of each name that has learned something; it is only looked at."""
    return fit(request.param, mixed(600), steps=ENOUGH_STEPS)


@every_model
@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_learned_and_each_draw_is_a_row_of_its_encoding(name, table):
    x, spans = TABLES[table]
    before = x.clone()

    model = fit(name, x, spans)

    for count in (0, 1, 257):
        drawn = model.sample(count, generator=seeded())
        assert len(drawn) == len(drawn.values) == count
        assert is_of_the_encoding(drawn, spans)
    assert torch.equal(x.codes, before.codes)
    assert torch.equal(x.values.nan_to_num(9), before.values.nan_to_num(9))
    if isinstance(model, Density):
        assert model.log_prob(x).shape == (len(x),)
        assert bool(model.log_prob(x).isfinite().all())
        assert model.log_prob(x[:0]).shape == (0,)


@every_model
def test_equal_generators_give_equal_bytes_and_others_give_others(name):
    first, second = fit(name, mixed(300)), fit(name, mixed(300))

    assert save(first.state()[0]) == save(second.state()[0])
    assert first.state()[1] == second.state()[1]
    assert draws(first) == draws(second) != draws(first, seed=3)


def test_draws_do_not_depend_on_what_was_drawn_before(learned):
    first = draws(learned)
    learned.sample(7, generator=seeded(8))

    assert draws(learned) == first


def test_the_state_holds_the_whole_model(learned):
    tensors, config = learned.state()
    again = type(learned).from_state(load(save(tensors)), json.loads(json.dumps(config, allow_nan=False)))

    assert draws(again) == draws(learned)
    assert save(again.state()[0]) == save(tensors)
    if isinstance(learned, Density):
        assert torch.equal(again.log_prob(mixed(50)), learned.log_prob(mixed(50)))


@every_model
def test_the_state_of_very_many_codes_goes_round(name):
    x, spans = TABLES["1,000 codes"]
    model = fit(name, x, spans)
    tensors, config = model.state()

    again = type(model).from_state(load(save(tensors)), json.loads(json.dumps(config, allow_nan=False)))

    assert draws(again) == draws(model)


@pytest.fixture
def clock(monkeypatch):
    """A step takes ten seconds, and nothing else takes any: what a budget does hangs on no processor."""
    clock = Clock(10.0)
    monkeypatch.setattr("models.life.time", clock)
    return clock


@every_model
@pytest.mark.parametrize("budget_seconds", [1.0, 35.0, 75.0])
def test_a_budget_bounds_a_fit_and_the_steps_at_which_it_cut_give_the_same_bytes_again(name, budget_seconds, clock):
    cut = fit(name, mixed(300), steps=None, budget_seconds=budget_seconds, on_progress=clock.told)
    again = fit(name, mixed(300), steps=cut.fitted.steps)

    assert cut.fitted.cut or (name, budget_seconds) == ("trees", 75)  # four columns, and then it is done
    assert cut.fitted.seconds == 10 * cut.fitted.steps <= max(budget_seconds, 10)
    assert again.fitted.steps == cut.fitted.steps == clock.steps
    assert draws(again) == draws(cut)


@every_model
def test_progress_is_told_after_each_step(name, clock):
    told = []

    def follow(step):
        clock.told(step)
        told.append(step)

    model = fit(name, mixed(300), steps=None, budget_seconds=75, on_progress=follow)

    assert [step.done for step in told] == list(range(1, model.fitted.steps + 1))
    assert len(model.fitted.history) == model.fitted.steps
    for step in told:
        assert step.done <= step.planned
        assert math.isfinite(step.loss) or math.isnan(step.loss)
        assert 0 <= step.seconds_left < math.inf
        assert step.note


class OutsideError(Exception):
    """What ends a fit from outside."""


@every_model
def test_a_fit_that_is_interrupted_again_and_again_ends_in_the_same_bytes(name):
    whole, checkpoint, told = fit(name, mixed(300), steps=6), Kept(), []

    def interrupt(step):
        told.append(step.done)
        if len(told) in (1, 5):
            raise OutsideError

    terms = {"steps": 6, "on_progress": interrupt, "checkpoint": checkpoint, "checkpoint_seconds": 0.0}
    for _ in range(2):
        with pytest.raises(OutsideError):
            fit(name, mixed(300), **terms)
    resumed = fit(name, mixed(300), **terms)

    # a step is told before it is kept; what takes seconds keeps nothing, and a contest begins with it
    assert told[:6] == [1, 1, 2, 3, 4, 1 if name in ("trees", "gmm", "auto") else 4]
    assert save(resumed.state()[0]) == save(whole.state()[0])
    assert draws(resumed) == draws(whole)
    assert (resumed.fitted.steps, resumed.fitted.cut) == (whole.fitted.steps, whole.fitted.cut)
    assert resumed.fitted.history == whole.fitted.history


@every_model
def test_the_number_of_threads_changes_nothing(name):
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, before + 1):
            torch.set_num_threads(threads)
            made.append(draws(fit(name, mixed(300))))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)

    assert made[0] == made[1]


@every_model
def test_no_rows_cannot_be_learned(name):
    with pytest.raises(ModelError, match=r"a model learns from rows, however: there are none"):
        fit(name, mixed(1)[:0])


@every_model
def test_nothing_can_be_done_with_a_model_before_it_is_fitted(name):
    model, x = MODELS[name](), mixed(3)
    uses = [lambda: model.sample(1, generator=seeded()), model.state]
    uses += [lambda: model.log_prob(x)] if isinstance(model, Density) else []

    for use in uses:
        with pytest.raises(ModelError, match="a model is fitted before it is used"):
            use()


def test_a_density_tells_rows_from_shuffled_ones(learned):
    if not isinstance(learned, Density):
        pytest.skip("has no density")
    x = mixed(600, seed=5)
    codes = x.codes.clone()
    codes[:, 0] = codes[torch.randperm(len(x), generator=seeded()), 0]

    assert learned.log_prob(x).mean() > learned.log_prob(Encoded(codes, x.values)).mean() + 0.3


def test_a_density_passes_over_what_is_unknown(learned):
    if not isinstance(learned, Density):
        pytest.skip("has no density")
    x = mixed(600, seed=5)
    codes = x.codes.clone()
    codes[:, 3] = UNKNOWN
    blank = Encoded(torch.full((400, 4), UNKNOWN), torch.full((400, 1), torch.nan))

    without = learned.log_prob(Encoded(codes, x.values))

    assert without.mean() > learned.log_prob(x).mean() + 0.5  # the rank has an entropy of log 4 given the word
    assert abs(float(learned.log_prob(blank).mean())) < 0.1  # nothing known is certain; a bound's draws are noise
