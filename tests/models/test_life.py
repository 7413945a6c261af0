"""Laws of a fit under way: what a budget pays for, and what it leaves time for."""

import pytest
from interruptions import Clock, Memory

from models.life import Course, Terms


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(10.0)
    monkeypatch.setattr("models.life.time", clock)
    return clock


def steps(course, clock):
    """Return how many steps of ten seconds the terms allow."""
    clock.told(None)
    while course.passed(1.0, "a step"):
        clock.told(None)
    return len(course.history)


@pytest.mark.parametrize(
    ("budget_seconds", "ending", "taken"),
    [(1, 0.0, 1), (40, 0.0, 4), (49, 0.0, 4), (40, 1.0, 3), (45, 1.5, 3), (44, 1.5, 2)],
)
def test_no_step_begins_that_would_end_beyond_the_budget_with_what_follows_it(clock, budget_seconds, ending, taken):
    course, _ = Course.begin(Terms(budget_seconds=budget_seconds))
    course.ready(planned=100, ending=ending)

    assert steps(course, clock) == taken


def test_what_comes_before_the_first_step_is_paid_for_and_no_measure_of_a_step(clock):
    course, _ = Course.begin(Terms(budget_seconds=60))
    clock.now += 25
    course.ready(planned=100)

    assert steps(course, clock) == 3
    assert course.ended(cut=True).seconds == 55


def test_what_follows_the_steps_is_paid_for(clock):
    course, _ = Course.begin(Terms())
    course.ready(planned=1)
    clock.told(None)
    course.passed(1.0, "a step")
    clock.now += 7

    assert course.ended(cut=False).seconds == 17


def test_what_was_spent_before_an_interruption_is_spent(clock):
    memory = Memory()
    terms = Terms(budget_seconds=60, checkpoint=memory, checkpoint_seconds=0)
    course, _ = Course.begin(terms)
    course.ready(planned=100)
    for _ in range(2):
        clock.told(None)
        course.passed(1.0, "a step")
    course.keep(lambda: ({}, {}))

    again, state = Course.begin(terms)
    again.ready(planned=100)

    assert state is not None
    assert steps(again, clock) == 6
    assert again.ended(cut=True).seconds == 60


@pytest.mark.parametrize(("budget_seconds", "worth"), [(None, True), (100, True), (69, False)])
def test_what_takes_longer_than_a_step_is_begun_only_if_the_budget_allows(clock, budget_seconds, worth):
    course, _ = Course.begin(Terms(budget_seconds=budget_seconds))
    course.ready(planned=9, ending=1)
    for _ in range(3):
        clock.told(None)
        course.passed(1.0, "a step")

    assert course.affords(3) is worth


def test_the_time_left_is_that_of_all_steps_and_of_what_follows_but_no_more_than_the_budget(clock):
    told = []
    course, _ = Course.begin(Terms(budget_seconds=55, on_progress=told.append))
    course.ready(planned=5, ending=1)
    for _ in range(4):
        clock.told(None)
        course.passed(1.0, "a step")

    assert [step.seconds_left for step in told] == [45, 35, 25, 15]
    assert told[-1].seconds_left == min((5 - 4 + 1) * 10, 55 - 40)
