"""Planted images: a bright bar across where the label is 0, and down where it is 1; and small plans that learn them."""

from dataclasses import replace

import torch

from models import IMAGE_MODELS
from models.encoding import Encoded, Span
from models.images.flow_matching import FLOW
from models.images.gan import RIVALRY
from models.images.gmm import PATTERNS
from models.images.vae import LATENT
from models.life import Terms

_SMALL = {"channels": 16, "blocks": 1, "batch": 64, "round_steps": 10, "shown": 16_000, "passes": 1_000, "average": 50}
PLANS = {
    "flow_matching": replace(FLOW, training=replace(FLOW.training, **_SMALL), density_steps=8),
    "vae": replace(LATENT, training=replace(LATENT.training, **_SMALL), codes=8, rows_a_component=20),
    "gan": replace(RIVALRY, training=replace(RIVALRY.training, **{**_SMALL, "shown": 24_000}), codes=16),
    "gmm": replace(PATTERNS, rows_a_component=20, rows_a_direction=5),
}
SPANS = (Span("image", 0, 1, pixels=(1, 8, 8)), Span("label", 1, 2))


def seeded(seed=0):
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def bars(count, *, shape=(1, 8, 8), seed=0):
    """Return rows of an image and its label; bars are of any place, brightness and a little noise."""
    generator, (channels, height, width) = seeded(seed), shape
    label = torch.randint(2, (count,), generator=generator)
    bright = torch.randint(150, 230, (count, 1, 1, 1), generator=generator)
    across = torch.arange(height)[None, :, None] == torch.randint(height, (count, 1, 1), generator=generator)
    down = torch.arange(width)[None, None, :] == torch.randint(width, (count, 1, 1), generator=generator)
    bar = torch.where(label[:, None, None] == 0, across.expand(-1, -1, width), down.expand(-1, height, -1))
    noise = torch.randint(20, (count, channels, height, width), generator=generator)
    pixels = (bar[:, None] * bright + noise).to(torch.uint8)
    return Encoded(torch.stack([torch.zeros_like(label), label], 1), torch.zeros(count, 0), pixels)


def spans_of(shape):
    """Return the spans of rows with images of a shape."""
    return (Span("image", 0, 1, pixels=shape), SPANS[1])


def fit(name, x, spans=SPANS, *, seed=1, **terms):
    """Return a small model of a name, fitted."""
    return IMAGE_MODELS[name](PLANS[name]).fit(x, spans, generator=seeded(seed), terms=Terms(**terms))


def directions(pixels):
    """Return (n,) labels by what is seen: whether means of columns differ more than those of rows."""
    grey = pixels.float().mean(1)
    return (grey.mean(1).var(1) > grey.mean(2).var(1)).long()
