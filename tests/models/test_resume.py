"""A fit that was interrupted and is taken up again ends as one that never was."""

import json

import pytest
import torch
from test_autoregressive import LONGER, QUICK, SPANS, rows, seeded

from models.autoregressive import Autoregressive
from models.life import Terms


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The process dies after a save."""


class Memory:
    """Keeps what a disk would: bytes, and nothing that still hangs on the fit; dies after so many saves."""

    def __init__(self, saves=None):
        self.saves, self.state = saves, None

    def load(self):
        """Return what was saved last."""
        return self.state

    def save(self, state):
        """Keep a state, and die if it is the last save."""
        tensors, config = state
        self.state = {name: tensor.clone() for name, tensor in tensors.items()}, json.loads(json.dumps(config))
        if self.saves is not None:
            self.saves -= 1
            if self.saves == 0:
                raise Interrupted


def fitted(plan=QUICK, **terms):
    terms = Terms(checkpoint_seconds=0, **terms)
    return Autoregressive(plan).fit(rows(600), SPANS, generator=seeded(1), terms=terms)


def same_state(one, two):
    (first, config), (second, other) = one.state(), two.state()
    return first.keys() == second.keys() and config == other and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize(("saves", "plan"), [(1, QUICK), (2, QUICK), (7, LONGER)])
def test_an_interrupted_fit_ends_in_the_same_bytes(saves, plan):
    whole, checkpoint = fitted(plan), Memory(saves)

    with pytest.raises(Interrupted):
        fitted(plan, checkpoint=checkpoint)
    again = fitted(plan, checkpoint=checkpoint)

    assert same_state(whole, again)
    assert again.fitted.steps == whole.fitted.steps
    assert again.fitted.history == whole.fitted.history


def test_a_fit_interrupted_again_and_again_comes_to_its_end():
    whole, checkpoint, interruptions = fitted(LONGER), Memory(), 0
    while True:
        checkpoint.saves = 3
        try:
            again = fitted(LONGER, checkpoint=checkpoint)
            break
        except Interrupted:
            interruptions += 1

    assert interruptions > 2
    assert same_state(whole, again)


def test_a_fit_that_is_taken_up_passes_over_what_it_has_learned():
    told, checkpoint = [], Memory(2)

    with pytest.raises(Interrupted):
        fitted(checkpoint=checkpoint)
    fitted(checkpoint=checkpoint, on_progress=told.append)

    assert told[0].done == 3


def test_a_number_of_steps_counts_those_before_the_interruption():
    checkpoint = Memory(2)

    with pytest.raises(Interrupted):
        fitted(LONGER, checkpoint=checkpoint, steps=5)
    again = fitted(LONGER, checkpoint=checkpoint, steps=5)

    assert (again.fitted.steps, again.fitted.cut) == (5, True)
    assert same_state(again, fitted(LONGER, steps=5))
