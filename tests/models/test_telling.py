"""Who was learned from: the attack by a score, and the models and contests that are bounded by it."""

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score

from models.encoding import Encoded, Span
from models.gmm import GaussianMixture
from models.mixture import fitting
from models.telling import BOUND, area

WORDS = tuple(Span(name, place, 30) for place, name in enumerate("abcdef"))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(rows, *, seed):
    """Return rows of which no column says anything of another: all that can be learned of one is its own."""
    return Encoded(torch.randint(30, (rows, 6), generator=seeded(seed)), torch.zeros(rows, 0))


@pytest.mark.parametrize("draw", ["normal", "tied"])
def test_the_area_is_that_under_the_roc_curve(draw):
    make = {"normal": torch.randn, "tied": lambda count, generator: torch.randint(4, (count,), generator=generator) / 2}
    members, others = make[draw](700, generator=seeded(1)) + 0.5, make[draw](300, generator=seeded(2))

    found, error = area(members, others)

    truth = torch.cat([torch.ones(700), torch.zeros(300)])
    assert found == pytest.approx(roc_auc_score(truth.numpy(), torch.cat([members, others]).numpy()))
    assert 0.01 < error < 0.03


def test_its_error_is_what_chance_alone_makes():
    areas = [
        area(torch.randn(200, generator=seeded(seed)), torch.randn(300, generator=seeded(-seed - 1)))
        for seed in range(400)
    ]

    found, errors = map(torch.tensor, zip(*areas, strict=True))
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(found.std()) == pytest.approx(float(errors[0]), rel=0.15)


def test_a_mixture_ends_before_its_density_tells_who_was_learned_from(monkeypatch):
    sizes = tuple(fitting.Size(*size) for size in ((1, 1), (1, 16), (4, 64)))
    plan = replace(fitting.PLAN, sizes=sizes, members=1, slack=9.0)  # so that likelihood does not end it
    learn, unseen = noise(6_000, seed=0), noise(6_000, seed=1)

    def told():
        model = GaussianMixture(plan).fit(learn, WORDS, generator=seeded())
        return area(model.log_prob(learn), model.log_prob(unseen))[0]

    bounded = told()
    monkeypatch.setattr(fitting, "BOUND", 1.0)

    assert bounded < BOUND + 0.03  # its error: six hundred rows judge
    assert told() > 0.8
