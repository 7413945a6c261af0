"""Small images are enlarged as large ones teach: beyond what a kernel can, and true to the small ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from bars import seeded
from interruptions import Interrupted, Memory, same_state
from planted_images import rectangles
from safetensors.torch import load, save

from data_contracts import ModelError
from models.images.upscaling import RESTORING, Upscaling, enlarged, reduced
from models.life import Terms

SMALL = replace(
    RESTORING,
    training=replace(RESTORING.training, channels=16, blocks=1, round_steps=10, shown=25_600, passes=1_000, average=50),
)


def images(count, *, seed=0, side=8, channels=1):
    return torch.from_numpy(rectangles(count, seed=seed, side=side, channels=channels)[0].transpose(0, 3, 1, 2).copy())


def fit(pixels, factor=2, **terms):
    return Upscaling(factor, SMALL).fit(pixels, generator=seeded(1), terms=Terms(**terms))


def square(one, other):
    return float((one.float() - other.float()).square().mean())


@pytest.fixture(scope="module")
def learned():
    """A model that has learned by its plan; it is only looked at."""
    return fit(images(800))


def test_what_was_learned_goes_beyond_the_kernel(learned):
    large = images(300, seed=9)
    small = reduced(large, 2)

    kernel, mean = square(enlarged(small, 2), large), square(learned.expected(small), large)
    draw = square(learned.drawn(small, generator=seeded(3)), large)

    assert mean < kernel / 1.4  # 1.5 dB
    assert mean < draw


def test_made_small_again_it_is_the_small_image(learned):
    small = reduced(images(100, seed=9), 2)

    for large in (learned.expected(small), learned.drawn(small, generator=seeded(3))):
        assert (reduced(large, 2).int() - small.int()).abs().max() <= 1


def test_draws_are_by_the_generator_and_together_tend_to_the_mean(learned):
    small = reduced(images(40, seed=9), 2)
    draws = [learned.drawn(small, generator=seeded(seed)) for seed in range(6)]

    assert torch.equal(draws[0], learned.drawn(small, generator=seeded(0)))
    assert not torch.equal(draws[0], draws[1])
    expected, together = learned.expected(small), torch.stack(draws).float().mean(0)
    assert square(together, expected) < sum(square(draw, expected) for draw in draws) / len(draws) / 2


def test_the_state_holds_the_whole_model(learned):
    tensors, config = learned.state()
    again = Upscaling.from_state(load(save(tensors)), json.loads(json.dumps(config, allow_nan=False)))
    small = reduced(images(10, seed=9), 2)

    assert same_state(again, learned)
    assert torch.equal(again.expected(small), learned.expected(small))


@pytest.mark.parametrize(("channels", "side", "factor"), [(1, 8, 4), (3, 12, 2), (3, 36, 3)])
def test_images_of_other_sizes_and_in_colour_are_enlarged(channels, side, factor):
    large = images(40, side=side, channels=channels)
    model = fit(large, factor, steps=1)

    for count in (0, 1, 130):
        small = reduced(images(count, side=side, channels=channels), factor)
        made = model.expected(small)
        assert (made.shape, made.dtype) == ((count, channels, side, side), torch.uint8)


def test_a_fit_that_is_interrupted_ends_in_the_same_bytes():
    whole = fit(images(60), steps=3)
    memory = Memory(saves=1)
    with pytest.raises(Interrupted):
        fit(images(60), steps=3, checkpoint=memory, checkpoint_seconds=0.0)
    memory.saves = None

    resumed = fit(images(60), steps=3, checkpoint=memory, checkpoint_seconds=0.0)

    assert same_state(resumed, whole)
    assert resumed.fitted.history == whole.fitted.history


def test_the_small_image_is_the_mean_of_squares_and_the_kernel_that_of_image_libraries():
    from PIL import Image

    large = images(3, side=12)
    small = reduced(large, 3)
    means = large.numpy().reshape(3, 1, 4, 3, 4, 3).mean((3, 5))
    theirs = [Image.fromarray(each[0].numpy()).resize((12, 12), Image.Resampling.BICUBIC) for each in small]

    assert np.abs(small.numpy() - means).max() <= 0.5
    assert np.abs(np.stack(theirs).astype(int) - enlarged(small, 3)[:, 0].numpy()).max() <= 1


def test_nothing_to_learn_from_and_nothing_learned_are_refused():
    with pytest.raises(ModelError, match="a model learns from rows"):
        fit(images(1)[:0])
    with pytest.raises(ModelError, match="a model is fitted before it is used"):
        Upscaling().expected(reduced(images(1), 2))
    with pytest.raises(ModelError, match="a model is fitted before it is used"):
        Upscaling().state()
