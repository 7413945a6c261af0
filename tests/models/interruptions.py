"""A checkpoint in memory, and a clock that stands still between steps: by these, tests end a fit and take it up."""

import json

import torch


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The process dies."""


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


class Clock:
    """Stands in the place of the module `time`: it goes on by so many seconds with each step that it is told of."""

    def __init__(self, seconds):
        self.seconds, self.now, self.steps = seconds, 0.0, 0

    def monotonic(self):
        """Return the seconds so far."""
        return self.now

    def told(self, _):
        """Let a step's time pass."""
        self.now, self.steps = self.now + self.seconds, self.steps + 1


def same_state(one, two):
    """Return whether two models hold the same bytes."""
    (first, config), (second, other) = one.state(), two.state()
    return first.keys() == second.keys() and config == other and all(torch.equal(first[k], second[k]) for k in first)
