"""How often a run is looked at, and what happens while the database is away."""

from __future__ import annotations

import signal
import time

import pytest

from pypeline.cli.interrupts import interrupts
from pypeline.cli.outages import Outages
from pypeline.cli.pace import Pace
from pypeline.errors import DatabaseUnavailable


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Sentences:
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(("passed", "pause"), [(0, 0.005), (2, 0.1), (10, 0.5), (3600, 1.0)])
def test_an_end_is_noticed_within_a_twentieth_of_the_time(clock, passed, pause):
    pace = Pace(0.25, clock=clock)
    clock.now = passed

    assert pace.pause == pytest.approx(pause)


def test_a_local_run_is_asked_for_more_often(clock):
    pace = Pace(0.25, rarest=0.1, clock=clock)
    clock.now = 3600

    assert pace.pause == pytest.approx(0.1)


@pytest.mark.parametrize(("cost", "later"), [(0.001, 0.25), (0.5, 10.0)])
def test_a_picture_that_costs_much_is_made_rarely(clock, cost, later):
    pace = Pace(0.25, clock=clock)
    with pace.looking():
        clock.now += cost

    clock.now = cost + later - 0.01
    early = pace.may_look
    clock.now = cost + later

    assert (early, pace.may_look) == (False, True)


def test_a_database_that_is_away_is_told_once_for_each_time(clock):
    view = Sentences()
    outages = Outages(view, "run-1", clock=clock)

    answers = [outages.survive(look, default="away") for look in (away, away, back, away)]

    assert answers == ["away", "away", "back", "away"]
    assert view.said == ["The database does not answer; waiting for it. The run is run-1."] * 2


def test_a_database_that_stays_away_ends_the_waiting(clock):
    outages = Outages(Sentences(), "run-1", clock=clock)
    outages.survive(away, default=None)
    clock.now = 121

    with pytest.raises(DatabaseUnavailable):
        outages.survive(away, default=None)


def test_an_interrupt_ends_a_pause():
    begun = time.monotonic()
    with interrupts() as heard:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        heard.pause(30)
        signal.signal(signal.SIGALRM, before)

    assert heard.asked
    assert time.monotonic() - begun < 10


def away():
    raise DatabaseUnavailable("postgresql://host/runs", "connection refused")


def back():
    return "back"
