"""Calls that a signal does not break off."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import pytest

from pypeline.tasks.scheduling.aside import Aside


@pytest.fixture
def aside():
    return Aside("test")


def test_a_call_answers_what_the_work_answers(aside):
    assert aside.call(lambda: threading.current_thread().name) == "test"


def test_a_call_raises_what_the_work_raises_and_the_next_one_works(aside):
    with pytest.raises(ZeroDivisionError):
        aside.call(lambda: 1 / 0)

    assert aside.call(lambda: 2) == 2


def test_a_handler_that_raises_ends_the_waiting_and_not_the_work(aside):
    def interrupt(number, frame):
        raise SystemExit

    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        assert go_on.wait(10)
        done.set()

    before = signal.signal(signal.SIGUSR1, interrupt)
    threading.Thread(target=lambda: begun.wait(10) and os.kill(os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(SystemExit):
            aside.call(work)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert not done.is_set()
    go_on.set()
    assert aside.call(done.is_set)


def test_a_call_that_takes_too_long_is_left_alone(aside):
    go_on = threading.Event()
    with pytest.raises(TimeoutError):
        aside.call(go_on.wait, timeout=0.01)
    go_on.set()

    with suppress(TimeoutError):
        assert aside.call(lambda: "next", timeout=10) == "next"
