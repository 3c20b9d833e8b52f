"""What a worker does with a task that was published and is tracked by nothing."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from celery_fakes import HANDLER, QUEUE, FakeEngine, succeed, wait_until
from pypeline.engine.bare import BareTask
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.brokers.bare import CeleryTasks
from pypeline.tasks.chained import chain
from pypeline.tasks.workers.embedded import EmbeddedWorker, embedded_app


@contextmanager
def worker_of(app, *, call, call_published):
    nodes = NodeWorker(FakeEngine(), succeed)
    chain(app, HANDLER, call=call, call_published=call_published, perform=nodes.perform)
    with EmbeddedWorker(app, queues=[QUEUE], nodes=nodes) as worker:
        yield worker


def refuse(*_):
    raise AssertionError("this is not the way it goes")


def test_its_handler_gets_the_event_as_one_that_was_published():
    app, heard = embedded_app(), []

    with worker_of(app, call=refuse, call_published=heard.append):
        CeleryTasks(app).send([BareTask(HANDLER, {"n": 1}, QUEUE), BareTask(HANDLER, {"n": 2}, QUEUE)])
        wait_until(lambda: len(heard) == 2)

    assert sorted(event["n"] for event in heard) == [1, 2]


def test_a_plain_call_is_still_a_plain_call():
    app, heard = embedded_app(), []

    with worker_of(app, call=heard.append, call_published=refuse):
        app.tasks[HANDLER].apply_async([{"n": 1}], queue=QUEUE)
        wait_until(lambda: heard)

    assert heard == [{"n": 1}]


def test_a_task_of_the_users_own_of_that_name_does_not_get_what_is_meant_for_the_handler():
    app, heard = embedded_app(), []
    app.task(refuse, name=HANDLER, shared=False)

    with worker_of(app, call=refuse, call_published=heard.append):
        CeleryTasks(app).send([BareTask(HANDLER, {"n": 1}, QUEUE)])
        wait_until(lambda: heard)

    assert heard == [{"n": 1}]


def test_a_worker_is_idle_when_nothing_waits_and_nothing_runs():
    app, go, running = embedded_app(), threading.Event(), threading.Event()

    def wait(_):
        running.set()
        go.wait(20)

    with worker_of(app, call=refuse, call_published=wait) as worker:
        before = worker.is_idle
        CeleryTasks(app).send([BareTask(HANDLER, {}, QUEUE)] * 9)
        while_sent = worker.is_idle
        running.wait(20)
        while_running = worker.is_idle
        go.set()
        wait_until(lambda: worker.is_idle)

    assert (before, while_sent, while_running) == (True, False, False)
