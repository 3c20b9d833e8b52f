"""The end of a worker: it waits for what runs, within a grace."""

import threading

import pytest

from pypeline.tasks.workers.ending import Ending

FOREVER = 30.0


class Work:
    """What runs, and whether it was broken off."""

    def __init__(self):
        self.running = 1
        self.broken_off = threading.Event()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def ending(work):
    ending = Ending(lambda: not work.running, work.broken_off.set)
    ending.start()
    return ending


def joined(ending):
    ending._thread.join(FOREVER)
    return not ending._thread.is_alive()


def test_what_ends_in_time_is_not_broken_off(ending, work):
    ending.within(FOREVER)
    work.running = 0
    ending.changed()

    assert joined(ending)
    assert not work.broken_off.is_set()


def test_what_does_not_end_in_time_is_broken_off(ending, work):
    ending.within(0.02)

    assert joined(ending)
    assert work.broken_off.is_set()


def test_the_most_urgent_of_several_calls_counts(ending, work):
    ending.within(1000.0)
    ending.within(0.0)
    ending.within(1000.0)

    assert joined(ending)
    assert work.broken_off.is_set()


def test_nothing_happens_while_nobody_asks_for_the_end(ending, work):
    work.running = 0
    ending.changed()

    assert ending._thread.is_alive()
    ending.within(0.0)
    assert joined(ending)
