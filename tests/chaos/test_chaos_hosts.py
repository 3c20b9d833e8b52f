"""Hosts and handlers that misbehave, while every server is well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from chaos.checks import charged
from chaos.sabotage import sabotaged_sending
from chaos.shapes import GREEDY
from pypeline.tasks.brokers.dispatch import CeleryDispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def own_workers(rabbit_stage) -> Iterator[None]:
    """No worker of another test, and none that stays for the next."""
    rabbit_stage.dismiss()
    yield
    rabbit_stage.dismiss()


def test_an_attempt_whose_message_comes_five_times_runs_once(trial, own_workers, monkeypatch):
    fault = trial("every message five times, to two workers")
    fault.stage.crew(CHAOS_REPEAT="5")
    monkeypatch.setattr(CeleryDispatcher, "send", sabotaged_sending.repeating(5))
    fault.start(sets=2 * fault.stage.form.sets)

    evidence = fault.judge()

    assert all(move.attempt <= 2 for moves in evidence.moves.values() for move in moves)


def test_a_host_whose_clock_is_ten_minutes_ahead_neither_takes_nor_leaves_too_much(trial, own_workers):
    fault = trial("clock of one host 10 min ahead, the other killed")
    early = fault.stage.hire("one", host="one", CHAOS_CLOCK="600")
    _, victim = fault.stage.crew()
    fault.start()
    fault.until_busy(early)
    fault.until_busy(victim)
    victim.kill()

    evidence = fault.judge(since=time.time())

    assert all(move.worker and move.worker.endswith(f":{victim.pid}") for move in charged(evidence))


def test_a_handler_that_holds_the_interpreters_lock_keeps_its_lease(trial):
    fault = trial("handler holds the GIL for longer than a lease")
    fault.stage.crew()
    fault.start(GREEDY, sets=2, pause=1.5 * fault.stage.form.lease)

    evidence = fault.judge()

    moves = [move for moves in evidence.moves.values() for move in moves]
    assert {(move.attempt, move.tries) for move in moves} == {(0, 0), (1, 0)}
