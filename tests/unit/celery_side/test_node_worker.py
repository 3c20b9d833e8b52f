"""An attempt from claim to record."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from celery_fakes import FakeEngine, a_ref, succeed, wait_until
from pypeline.errors import DatabaseUnavailable, UnknownRun
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, Succeeded
from pypeline.tasks.attempts.worker import NodeWorker, ShuttingDown

if TYPE_CHECKING:
    from collections.abc import Callable


def away(*_: Any) -> None:
    raise DatabaseUnavailable("sqlite:///x", "locked")


def away_for(times: int) -> Callable[..., None]:
    """Answers after so many calls that found the database away."""
    left = iter(range(times))

    def call(*_: Any) -> None:
        for _ in left:
            away()

    return call


def test_an_attempt_is_claimed_run_and_recorded():
    engine = FakeEngine()

    NodeWorker(engine, succeed).perform(a_ref(3))

    assert engine.recorded == [(a_ref(3), Succeeded("null"))]


def test_a_refused_claim_runs_nothing():
    engine = FakeEngine(claimed={a_ref(3)})

    NodeWorker(engine, succeed).perform(a_ref(3))

    assert engine.recorded == []


def test_a_run_that_the_database_does_not_have_is_dropped(caplog):
    def unknown(ref: Any) -> None:
        raise UnknownRun(ref.run_id)

    with caplog.at_level(logging.WARNING, "pypeline"):
        NodeWorker(FakeEngine(on_claim=unknown), succeed).perform(a_ref())

    assert "dropped a message of run" in caplog.text


def test_a_claim_waits_for_the_database():
    engine = FakeEngine(on_claim=away_for(1))

    NodeWorker(engine, succeed).perform(a_ref(1))

    assert [ref for ref, _ in engine.recorded] == [a_ref(1)]


def test_a_claim_that_waits_is_given_up_at_shutdown():
    nodes = NodeWorker(FakeEngine(on_claim=away), succeed)
    threading.Timer(0.05, nodes.stop).start()

    with pytest.raises(ShuttingDown):
        nodes.perform(a_ref())


def test_nothing_is_claimed_after_stop():
    engine = FakeEngine()
    nodes = NodeWorker(engine, succeed)
    nodes.stop()

    with pytest.raises(ShuttingDown):
        nodes.perform(a_ref())

    assert engine.claimed == set()


def test_an_outcome_that_waits_is_given_up_when_the_worker_leaves(caplog):
    nodes = NodeWorker(FakeEngine(on_record=away), succeed)
    thread = threading.Thread(target=nodes.perform, args=(a_ref(),))

    with caplog.at_level(logging.WARNING, "pypeline"):
        thread.start()
        wait_until(lambda: "waits for the database" in caplog.text)
        nodes.leave()
        thread.join(10)

    assert not thread.is_alive()
    assert "will be attempted again" in caplog.text


def test_an_outcome_still_waits_for_the_database_after_stop():
    engine = FakeEngine(on_record=away_for(2))
    nodes = NodeWorker(engine, lambda _: nodes.stop() or Succeeded("1"))

    nodes.perform(a_ref())

    assert engine.recorded == [(a_ref(), Succeeded("1"))]


def test_a_fault_outside_the_handler_fails_the_attempt(caplog):
    def broken(_: Any) -> Any:
        raise KeyError("ours")

    engine = FakeEngine()
    with caplog.at_level(logging.CRITICAL, "pypeline"):
        NodeWorker(engine, broken).perform(a_ref())

    [(_, outcome)] = engine.recorded
    assert isinstance(outcome, Failed)
    assert outcome.error.type == "KeyError"


def test_the_delay_until_the_next_attempt_is_told():
    told: list[float] = []
    outcomes = iter(
        [
            Postponed(0.25, "later"),
            Failed(ErrorInfo("ValueError", "no")),
            Failed(ErrorInfo("ValueError", "no"), final=True),
            Succeeded("null"),
        ]
    )
    nodes = NodeWorker(FakeEngine(), lambda _: next(outcomes), on_delay=told.append)

    for item in range(4):
        nodes.perform(a_ref(item))

    assert told == [0.25, 3.0]


def test_an_attempt_is_running_until_it_is_recorded():
    seen: list[int] = []
    nodes = NodeWorker(FakeEngine(), lambda _: seen.append(len(nodes.running)) or Succeeded("null"))

    nodes.perform(a_ref())

    assert seen == [1]
    assert nodes.running == ()
