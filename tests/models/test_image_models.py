"""Laws that hold for every model of images, on planted bars."""

import json
import math

import numpy as np
import pytest
import torch
from bars import PLANS, SPANS, bars, directions, fit, seeded, spans_of
from interruptions import Clock, Interrupted, Memory, same_state
from safetensors.torch import load, save

from data_contracts import ModelError
from models import IMAGE_MODELS, MODELS, named
from models.encoding import UNKNOWN, Allowed, Encoded, Span
from models.images.frame import as_numbers
from models.life import Density, Guided, Model
from models.surprise import Critical

every_model = pytest.mark.parametrize("name", IMAGE_MODELS)
SHAPES = [(1, 8, 8), (3, 32, 32), (1, 20, 28), (1, 9, 13)]


def draws(model, count=20, *, seed=2):
    drawn = model.sample(count, generator=seeded(seed))
    return save({"codes": drawn.codes.contiguous(), "pixels": drawn.pixels.contiguous()})


@pytest.fixture(scope="module", params=IMAGE_MODELS)
def learned(request):
    """A model of each name that has learned the bars by its plan; it is only looked at."""
    return fit(request.param, bars(600))


@every_model
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_every_size_are_learned_and_drawn(name, shape):
    x, spans = bars(40, shape=shape), spans_of(shape)
    before = x.clone()

    model = fit(name, x, spans, steps=1)

    for count in (0, 1, 130):
        drawn = model.sample(count, generator=seeded())
        assert (drawn.pixels.shape, drawn.pixels.dtype) == ((count, *shape), torch.uint8)
        assert (drawn.codes.shape, drawn.values.shape) == ((count, 2), (count, 0))
        assert bool((drawn.codes[:, 0] == 0).all())
    assert torch.equal(x.pixels, before.pixels)
    if isinstance(model, Density):
        assert model.log_prob(x[:5]).shape == (5,)
        assert bool(model.log_prob(x[:5]).isfinite().all())
        assert model.log_prob(x[:0]).shape == (0,)


@every_model
def test_one_image_and_no_label_are_enough(name):
    for x, spans in ((bars(1), SPANS), (Encoded(bars(30).codes[:, :1], bars(30).values, bars(30).pixels), SPANS[:1])):
        drawn = fit(name, x, spans, steps=1).sample(3, generator=seeded())

        assert drawn.pixels.shape == (3, 1, 8, 8)


@every_model
def test_equal_generators_give_equal_bytes_whatever_the_number_of_threads(name):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        first = fit(name, bars(100), steps=2)
    finally:
        torch.set_num_threads(before)
    second = fit(name, bars(100), steps=2)

    assert same_state(first, second)
    assert draws(first) == draws(second) != draws(first, seed=3)


@every_model
def test_a_fit_that_is_interrupted_again_and_again_ends_in_the_same_bytes(name):
    whole = fit(name, bars(100), steps=4)

    memory = Memory(saves=1)
    for _ in range(2):
        with pytest.raises(Interrupted):
            fit(name, bars(100), steps=4, checkpoint=memory, checkpoint_seconds=0.0)
        memory.saves = 1
    memory.saves = None
    resumed = fit(name, bars(100), steps=4, checkpoint=memory, checkpoint_seconds=0.0)

    assert same_state(resumed, whole)
    assert (resumed.fitted.steps, resumed.fitted.history) == (whole.fitted.steps, whole.fitted.history)


@every_model
@pytest.mark.parametrize("budget_seconds", [1.0, 25.0])
def test_a_budget_bounds_a_fit_and_as_many_steps_give_the_same_bytes(name, budget_seconds, monkeypatch):
    clock = Clock(10.0)
    monkeypatch.setattr("models.life.time", clock)

    cut = fit(name, bars(100), budget_seconds=budget_seconds, on_progress=clock.told)
    again = fit(name, bars(100), steps=cut.fitted.steps)

    assert cut.fitted.cut
    assert cut.fitted.seconds <= max(budget_seconds, 10)
    assert same_state(again, cut)


def test_the_state_holds_the_whole_model(learned):
    tensors, config = learned.state()
    again = type(learned).from_state(load(save(tensors)), json.loads(json.dumps(config, allow_nan=False)))

    assert draws(again) == draws(learned)
    assert same_state(again, learned)


def test_the_direction_of_the_bars_is_recovered_by_label(learned):
    drawn = learned.sample(200, generator=seeded(3))

    assert (directions(drawn.pixels) == drawn.codes[:, 1]).float().mean() > 0.9
    assert 0.35 < drawn.codes[:, 1].float().mean() < 0.65


def test_bars_of_every_place_are_drawn(learned):
    drawn = learned.sample(400, generator=seeded(3))
    across = drawn.pixels[drawn.codes[:, 1] == 0].float().mean((1, 3)).argmax(1)

    share = torch.bincount(across, minlength=8) / len(across)

    assert share.min() > 0.125 / 4


def test_conditions_hold_and_images_follow_them(learned):
    assert isinstance(learned, Guided)
    only = [None, Allowed(np.array([False, True]))]

    drawn = learned.sample_where(60, allowed=only, generator=seeded(4))

    assert bool((drawn.codes[:, 1] == 1).all())
    assert directions(drawn.pixels).float().mean() > 0.9


def test_a_density_prefers_bars_to_noise_and_each_to_its_own_label(learned):
    if not isinstance(learned, Density):
        pytest.skip("has no density")
    x = bars(64, seed=9)
    noise = torch.randint(256, x.pixels.shape, generator=seeded(), dtype=torch.uint8)
    swapped = x.codes.clone()
    swapped[:, 1] = 1 - swapped[:, 1]

    own = learned.log_prob(x).mean()

    assert own > learned.log_prob(Encoded(x.codes, x.values, noise)).mean() + 10
    assert own > learned.log_prob(Encoded(swapped, x.values, x.pixels)).mean() + 1
    assert torch.equal(learned.log_prob(x), learned.log_prob(x))
    assert torch.allclose(learned.log_prob(x)[9:20], learned.log_prob(x[9:20]), rtol=1e-4, atol=0.01)  # each its own


def test_a_critic_prefers_real_bars_to_what_it_was_shown_before_and_each_to_its_own_label(learned):
    if not isinstance(learned, Critical):
        pytest.skip("has no critic")
    x, drawn = bars(200, seed=9), learned.sample(200, generator=seeded(6))
    swapped = x.codes.clone()
    swapped[:, 1] = 1 - swapped[:, 1]

    own = learned.critic_score(x)

    assert own.mean() > learned.critic_score(drawn).mean()
    assert own.mean() > learned.critic_score(Encoded(swapped, x.values, x.pixels)).mean()
    assert torch.equal(own, learned.critic_score(x))
    assert torch.allclose(own[9:20], learned.critic_score(x[9:20]), rtol=1e-4, atol=1e-4)
    assert learned.critic_score(x[:0]).shape == (0,)


def test_no_training_image_is_drawn_or_kept(learned):
    x = bars(600)
    drawn = learned.sample(300, generator=seeded(5))
    known = {row.tobytes() for row in x.pixels.numpy()}

    apart = torch.cdist(x.pixels.flatten(1).float(), x.pixels.flatten(1).float()).fill_diagonal_(math.inf).min(1)[0]
    near = torch.cdist(drawn.pixels.flatten(1).float(), x.pixels.flatten(1).float()).min(1)[0]

    assert not any(row.tobytes() in known for row in drawn.pixels.numpy())
    assert near.median() > apart.median() / 3
    for tensor in learned.state()[0].values():
        if tensor.numel() % 64 == 0:
            kept = tensor.float().reshape(-1, 64)
            for known in (x.pixels.flatten(1).float(), as_numbers(x.pixels).flatten(1)):
                assert torch.cdist(kept, known).min() > 0.5


def test_no_component_of_the_mixture_is_of_few_images():
    model = fit("gmm", bars(600))
    mixture = model.drawing.mixture

    rows = mixture.shares * torch.tensor([300.0, 300.0])[mixture.group]

    assert len(rows) > 4
    assert rows.min() > 15  # of each label about 285 are learned from, and a component has 20 at least


@every_model
def test_samples_are_shown_as_they_form_and_change_nothing(name):
    shown = []

    looked = fit(name, bars(100), steps=2, on_samples=shown.append)

    assert [len(x) for x in shown] == [40]
    assert shown[0].pixels.shape == (40, 1, 8, 8)
    assert same_state(looked, fit(name, bars(100), steps=2))


@every_model
def test_more_columns_than_a_label_are_learned_by_a_model_of_tables(name):
    x = bars(200)
    bright = (x.pixels.flatten(1).max(1)[0] > 190).long()
    score = (x.pixels.flatten(1).float().mean(1, keepdim=True) - 40) / 20
    wide = Encoded(torch.cat([x.codes, bright[:, None], torch.zeros(200, 1).long()], 1), score, x.pixels)
    spans = (*SPANS, Span("bright", 2, 2), Span("mean", 3, 1, 0, 0, ordered=True))

    model = fit(name, wide, spans, steps=4)
    again = fit(name, wide, spans, steps=4)
    drawn = model.sample_where(30, allowed=[None, None, Allowed(np.array([True, False])), None], generator=seeded())

    assert same_state(model, again)
    assert model.fitted.steps == 4
    assert model.fitted.history[0].startswith("other columns: ")
    assert bool((drawn.codes[:, 2] == 0).all())
    assert bool(drawn.values.isfinite().all())
    assert draws(type(model).from_state(*model.state())) == draws(model)


@every_model
def test_an_unknown_label_is_passed_over(name):
    x = bars(60)
    x.codes[:30, 1] = UNKNOWN

    model = fit(name, x, steps=1)

    assert bool((model.sample(20, generator=seeded()).codes[:, 1] >= 0).all())


@every_model
def test_what_cannot_be_learned_or_used_is_refused(name):
    model: Model = IMAGE_MODELS[name](PLANS[name])
    with pytest.raises(ModelError, match="a model is fitted before it is used"):
        model.sample(1, generator=seeded())
    with pytest.raises(ModelError, match="a model is fitted before it is used"):
        model.state()
    with pytest.raises(ModelError, match="a model learns from rows"):
        fit(name, bars(1)[:0])
    with pytest.raises(ModelError, match="learns one column of kind image, however: there are 0"):
        fit(name, bars(5), SPANS[1:])


@pytest.mark.parametrize(("images", "register"), [(True, IMAGE_MODELS), (False, MODELS)])
def test_models_are_found_by_name_in_their_own_register_only(images, register):
    for name, model in register.items():
        assert named(name, images=images) is model
    for name in {*IMAGE_MODELS, *MODELS} - {*register}:
        with pytest.raises(ModelError, match="Choose one of: "):
            named(name, images=images)
