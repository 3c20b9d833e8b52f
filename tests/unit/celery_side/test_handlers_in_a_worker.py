"""Real handlers in the embedded worker, on a fake engine: from message to outcome."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from celery_fakes import QUEUE, FakeEngine, a_message, a_ref, our_threads, wait_until
from pypeline.runs.outcome import Failed, Postponed, Succeeded
from pypeline.tasks.attempts.execution import Executor
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.generate import generate_tasks
from pypeline.tasks.limits.timeouts import Watchdog
from pypeline.tasks.workers.embedded import EmbeddedWorker, embedded_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.engine import Engine
    from pypeline.runs.outcome import Outcome

HANDLER = "celery_side_real.clean"


@pytest.fixture
def handlers(monkeypatch):
    module = SimpleNamespace(__name__="celery_side_real")
    monkeypatch.setitem(sys.modules, "celery_side_real", module)
    return module


@contextmanager
def working(engine: FakeEngine, *, grace: float = 10.0) -> Iterator[CeleryDispatcher]:
    app = embedded_app()
    registry = Registry({HANDLER: {}}, {})
    store: Any = None  # these nodes have no predecessors to read from it
    executor = Executor(registry, store, result_limit=1000)
    nodes = NodeWorker(cast("Engine", engine), executor)
    executor.limits = watchdog = Watchdog(nodes.expire, grace=grace)
    generate_tasks(app, registry, nodes.perform)
    with EmbeddedWorker(app, queues=[QUEUE], nodes=nodes, concurrency=1):
        yield CeleryDispatcher(app)
    watchdog.close()


def outcome_of_one(engine: FakeEngine, *, grace: float = 10.0) -> Outcome:
    with working(engine, grace=grace) as dispatcher:
        dispatcher.send([a_message(a_ref(), handler=HANDLER)])
        engine.wait_for(1)
    [(_, outcome)] = engine.recorded
    return outcome


def test_what_a_handler_returns_is_its_outcome(handlers):
    handlers.clean = lambda event: {"node": event["node"], "attempt": event["attempt"]}

    outcome = outcome_of_one(FakeEngine(handler=HANDLER))

    assert outcome == Succeeded('{"node": "clean", "attempt": 1}')


def test_a_handler_that_is_missing_here_is_postponed(handlers):
    outcome = outcome_of_one(FakeEngine(handler=HANDLER))

    assert isinstance(outcome, Postponed)
    assert outcome.seconds == 5
    assert HANDLER in outcome.reason


def test_a_handler_that_outlives_its_limit_is_timed_out(handlers):
    def clean(event: dict[str, Any]) -> None:
        while True:
            threading.Event().wait(0.005)

    handlers.clean = clean

    outcome = outcome_of_one(FakeEngine(handler=HANDLER, max_ttl=0.1))

    assert isinstance(outcome, Failed)
    assert outcome.error.message == "timed out after 0.1 s"


@pytest.mark.skipif(
    sys.gettrace() is not None and sys.version_info < (3, 12),
    reason="under a tracer CPython 3.11 spins while an exception is pending in a thread that blocks",
)
def test_a_handler_that_hangs_past_its_limit_is_timed_out_and_the_next_one_runs(handlers, caplog):
    go_on, others = threading.Event(), our_threads()

    def clean(event: dict[str, Any]) -> str:
        if event["attempt"] == 1:
            go_on.wait(60)  # one call into C: nothing can be raised in it
        return "done"

    handlers.clean = clean
    engine = FakeEngine(handler=HANDLER, max_ttl=0.05)

    with caplog.at_level(logging.ERROR, "pypeline"), working(engine, grace=0.05) as dispatcher:
        attempts = [a_ref(attempt=1), a_ref(attempt=2)]
        dispatcher.send([a_message(ref, handler=HANDLER) for ref in attempts])
        engine.wait_for(2)
        go_on.set()
    wait_until(lambda: our_threads() <= others)

    assert [type(outcome) for _, outcome in engine.recorded] == [Failed, Succeeded]
