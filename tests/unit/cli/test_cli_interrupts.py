from __future__ import annotations

import signal

import pytest

from pypeline.cli.failures import ExitCode
from pypeline.cli.interrupts import Left, interrupts


def test_the_first_interrupt_asks_and_the_second_leaves():
    with interrupts() as heard:
        signal.raise_signal(signal.SIGINT)

        assert heard.asked
        with pytest.raises(Left) as left:
            signal.raise_signal(signal.SIGINT)
        assert left.value.code is ExitCode.INTERRUPTED


def test_a_third_does_not_disturb_who_leaves():
    with interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Left):
            signal.raise_signal(signal.SIGINT)

        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)


def test_sigterm_leaves_at_once():
    with interrupts() as heard, pytest.raises(Left) as left:
        signal.raise_signal(signal.SIGTERM)

    assert left.value.code is ExitCode.TERMINATED
    assert not heard.asked


def test_leaving_that_was_swallowed_is_raised_again_at_the_next_pause():
    with interrupts() as heard:
        with pytest.raises(Left) as swallowed:
            signal.raise_signal(signal.SIGTERM)

        with pytest.raises(Left) as left:
            heard.pause(60)

    assert left.value is swallowed.value


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with interrupts():
        pass

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
