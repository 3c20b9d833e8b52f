"""Time limits in a child of a pool, which are those of its main thread: so these tests run there."""

import time

import pytest

from pypeline.tasks.limits.alarm import Alarm
from pypeline.tasks.limits.deadlines import SLOTS, Deadlines
from pypeline.tasks.limits.timeouts import SoftTimeLimit

SOON = 0.02
FOREVER = 30.0


@pytest.fixture
def deadlines():
    deadlines = Deadlines()
    yield deadlines
    deadlines.close()


def test_a_function_within_its_limit_returns_its_value():
    assert Alarm(None).run(lambda _: "done", limit=FOREVER, subject="a") == "done"


def test_a_function_that_sleeps_past_its_limit_is_woken():
    begun = time.monotonic()

    with pytest.raises(SoftTimeLimit):
        Alarm(None).run(lambda _: time.sleep(FOREVER), limit=SOON, subject="a")

    assert time.monotonic() - begun < FOREVER


def test_nothing_is_raised_once_the_function_has_returned():
    Alarm(None).run(lambda _: None, limit=SOON, subject="a")

    time.sleep(3 * SOON)  # the limit passes: what would be raised, would be here


def test_one_that_is_known_to_wait_for_something_else_is_told_in_place_of_interrupted():
    told = []

    def function(watch):
        watch.interrupt = lambda: told.append("end")
        while not told:
            time.sleep(SOON)
        return "ended by itself"

    assert Alarm(None).run(function, limit=SOON, subject="a") == "ended by itself"


def test_the_parent_sees_when_a_handler_has_to_have_ended_and_only_while_it_runs(deadlines):
    alarm = Alarm(deadlines.slot(3), grace=10.0)
    far = time.monotonic() + 1000

    during = alarm.run(lambda _: deadlines.passed(far), limit=20.0, subject="a")
    in_time = alarm.run(lambda _: deadlines.passed(time.monotonic()), limit=20.0, subject="a")

    assert (len(during), len(in_time), len(deadlines.passed(far))) == (1, 0, 0)


def test_a_handler_that_was_interrupted_has_no_deadline_any_more(deadlines):
    alarm = Alarm(deadlines.slot(0))

    with pytest.raises(SoftTimeLimit):
        alarm.run(lambda _: time.sleep(FOREVER), limit=SOON, subject="a")

    assert deadlines.passed(time.monotonic() + 1000) == frozenset()


def test_a_child_beyond_the_table_has_no_slot(deadlines):
    assert deadlines.slot(SLOTS) is None
