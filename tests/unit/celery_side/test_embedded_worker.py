"""The Celery worker inside this process, on a fake engine."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from celery import _state as celery_state

from celery_fakes import HANDLER, QUEUE, FakeEngine, a_message, a_ref, our_threads, succeed, wait_until
from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import ErrorInfo, Failed, Succeeded
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.chained import ChainedTask, chain
from pypeline.tasks.workers.embedded import EmbeddedWorker, embedded_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pypeline.store.records import AttemptRef
    from pypeline.tasks.attempts.worker import Execute


class Embedded:
    """An embedded worker with its dispatcher: ``send`` puts one message for each attempt on its queue."""

    def __init__(self, app: Celery, nodes: NodeWorker, worker: EmbeddedWorker) -> None:
        self.app = app
        self.nodes = nodes
        self.worker = worker
        self.dispatcher = CeleryDispatcher(app)

    def send(self, *refs: AttemptRef) -> None:
        self.dispatcher.send([a_message(ref) for ref in refs])


@contextmanager
def embedded(
    engine: FakeEngine,
    *,
    execute: Execute = succeed,
    call: Callable[..., Any] = lambda event: event,
    app: Celery | None = None,
    **options: Any,
) -> Iterator[Embedded]:
    app = app or embedded_app()
    nodes = NodeWorker(engine, execute)
    chain(app, HANDLER, call=call, perform=nodes.perform)
    with EmbeddedWorker(app, queues=[QUEUE], nodes=nodes, **options) as worker:
        yield Embedded(app, nodes, worker)


def test_a_thousand_attempts_are_each_recorded_once():
    engine = FakeEngine()
    refs = [a_ref(item) for item in range(1000)]

    with embedded(engine) as here:
        here.send(*refs)
        engine.wait_for(1000)

    assert sorted(ref.item for ref, _ in engine.recorded) == list(range(1000))


def test_a_copy_of_a_message_is_dropped():
    engine = FakeEngine()

    with embedded(engine) as here:
        here.send(a_ref(1), a_ref(1), a_ref(1), a_ref(2))
        engine.wait_for(2)
        here.send(a_ref(1), a_ref(3))
        engine.wait_for(3)

    assert sorted(ref.item for ref, _ in engine.recorded) == [1, 2, 3]


def test_attempts_run_in_several_threads_at_once():
    engine = FakeEngine()
    together = threading.Barrier(3)

    def meet(_: Any) -> Succeeded:
        together.wait(10)
        return Succeeded("null")

    with embedded(engine, execute=meet, concurrency=3) as here:
        here.send(a_ref(1), a_ref(2), a_ref(3))
        engine.wait_for(3)

    assert all(isinstance(outcome, Succeeded) for _, outcome in engine.recorded)


def test_a_chain_goes_on_while_messages_are_sent_from_handlers():
    engine = FakeEngine()
    with embedded(engine) as here:
        engine.on_record = lambda work, _: (
            here.send(a_ref(work.claim.ref.item + 1)) if work.claim.ref.item < 50 else None
        )
        here.send(a_ref(1))
        engine.wait_for(50)

    assert [ref.item for ref, _ in engine.recorded] == list(range(1, 51))


def test_delay_of_a_generated_task_calls_the_function_with_its_event():
    called: list[dict[str, Any]] = []
    engine = FakeEngine()

    with embedded(engine, call=called.append) as here:
        here.app.tasks[HANDLER].apply_async(({"day": "today"},), queue=QUEUE)
        wait_until(lambda: bool(called))

    assert called == [{"day": "today"}]
    assert not engine.claimed


def test_a_generated_task_that_is_called_directly_is_the_function():
    app = embedded_app()
    task = chain(app, HANDLER, call=lambda event: event["a"] + 1, perform=lambda _: None)

    assert task({"a": 1}) == 2


def test_a_claim_that_raises_leaves_the_worker_alive(caplog):
    def refuse(ref: AttemptRef) -> None:
        if ref.item == 1:
            raise RuntimeError("no such luck")

    engine = FakeEngine(on_claim=refuse)

    with caplog.at_level(logging.CRITICAL, "celery.app.trace"), embedded(engine) as here:
        here.send(*[a_ref(1)] * 10, a_ref(2))
        engine.wait_for(1)

    assert [ref.item for ref, _ in engine.recorded] == [2]


def test_a_garbled_header_leaves_the_worker_alive(caplog):
    engine = FakeEngine()

    with caplog.at_level(logging.ERROR, "pypeline"), embedded(engine) as here:
        here.app.tasks[HANDLER].apply_async((), queue=QUEUE, headers={"pypeline": ["run"]})
        here.send(a_ref(2))
        engine.wait_for(1)

    assert "dropped a message for demo.tasks.clean" in caplog.text


def test_an_outcome_is_recorded_again_and_again_until_the_database_answers():
    answers = iter([False, False, True])

    def away(*_: Any) -> None:
        if not next(answers):
            raise DatabaseUnavailable("sqlite:///x", "locked")

    engine = FakeEngine(on_record=away)

    with embedded(engine) as here:
        here.send(a_ref(1))
        engine.wait_for(1)

    assert [ref.item for ref, _ in engine.recorded] == [1]


def test_an_outcome_that_the_store_refuses_is_recorded_as_a_failure(caplog):
    def refuse(_: Any, outcome: Any) -> None:
        if isinstance(outcome, Succeeded):
            raise ValueError("a NUL in the text")  # noqa: TRY004 - as a driver says it

    engine = FakeEngine(on_record=refuse)

    with caplog.at_level(logging.CRITICAL, "pypeline"), embedded(engine) as here:
        here.send(a_ref(1))
        engine.wait_for(1)

    [(_, outcome)] = engine.recorded
    assert isinstance(outcome, Failed)
    assert "a NUL in the text" in outcome.error.message


def test_a_failure_is_left_to_be_shown_by_who_runs_it_here(caplog):
    engine = FakeEngine()

    with embedded(engine, execute=lambda _: Failed(ErrorInfo("NoStock", "apples"))) as here:
        here.send(a_ref(1))
        engine.wait_for(1)

    assert "NoStock" not in caplog.text


def test_leaving_waits_for_a_handler_that_runs():
    engine = FakeEngine()
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Any) -> Succeeded:
        begun.set()
        go_on.wait(10)
        return Succeeded('"done"')

    with embedded(engine, execute=wait) as here:
        here.send(a_ref(1))
        begun.wait(10)
        threading.Timer(0.05, go_on.set).start()
        left = here.worker.stop()

    assert left == 0
    assert [outcome for _, outcome in engine.recorded] == [Succeeded('"done"')]
    assert engine.given_back == []


def test_what_had_not_begun_is_not_claimed_once_the_worker_stops():
    engine = FakeEngine()
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Any) -> Succeeded:
        begun.set()
        go_on.wait(10)
        return Succeeded("null")

    with embedded(engine, execute=wait, concurrency=1) as here:
        here.send(*(a_ref(item) for item in range(100)))
        begun.wait(10)
        threading.Timer(0.05, go_on.set).start()

    assert engine.claimed == {a_ref(0)}


def test_a_hanging_handler_is_left_behind_and_its_attempt_given_back(caplog):
    engine, others = FakeEngine(), our_threads()
    begun, go_on = threading.Event(), threading.Event()

    def hang(_: Any) -> Succeeded:
        begun.set()
        go_on.wait(60)
        return Succeeded("null")

    with caplog.at_level(logging.WARNING, "pypeline"), embedded(engine, execute=hang, grace=0.05) as here:
        here.send(a_ref(1))
        begun.wait(10)
        left = here.worker.stop()

    assert left == 1
    assert engine.given_back == [a_ref(1)]
    assert "did not return within 0.05 s" in caplog.text
    go_on.set()
    wait_until(lambda: our_threads() <= others)


def test_a_thread_that_is_stuck_past_its_limit_is_replaced(caplog):
    engine = FakeEngine()
    hangs, go_on = threading.Event(), threading.Event()
    stuck: list[Any] = []

    def hang_once(work: Any) -> Succeeded:
        if work.claim.ref.item == 1:
            stuck.append(work)
            hangs.set()
            go_on.wait(60)
        return Succeeded("null")

    with (
        caplog.at_level(logging.ERROR, "pypeline"),
        embedded(engine, execute=hang_once, concurrency=1) as here,
    ):
        here.send(a_ref(1), a_ref(2))
        hangs.wait(10)
        here.nodes.expire(stuck[0])
        engine.wait_for(2)
        before = threading.active_count()
        go_on.set()
        wait_until(lambda: threading.active_count() < before)
        here.send(a_ref(3))
        engine.wait_for(3)

    assert [(ref.item, type(outcome)) for ref, outcome in engine.recorded] == [
        (1, Failed),
        (2, Succeeded),
        (3, Succeeded),
    ]
    assert engine.recorded[0][1].error.message.startswith("timed out")


def test_two_workers_in_one_process_do_not_mix():
    here_engine, there_engine = FakeEngine(), FakeEngine()

    with embedded(here_engine) as here, embedded(there_engine) as there:
        here.send(*(a_ref(item) for item in range(50)))
        there.send(*(a_ref(item) for item in range(50, 100)))
        here_engine.wait_for(50)
        there_engine.wait_for(50)

    assert {ref.item for ref in here_engine.claimed} == set(range(50))
    assert {ref.item for ref in there_engine.claimed} == set(range(50, 100))


def test_stopping_one_worker_leaves_the_other_at_work():
    here_engine, there_engine = FakeEngine(), FakeEngine()

    with embedded(here_engine) as here:
        with embedded(there_engine) as there:
            there.send(a_ref(1))
            there_engine.wait_for(1)
        here.send(a_ref(2))
        here_engine.wait_for(1)

    assert [ref.item for ref, _ in here_engine.recorded] == [2]


def test_a_worker_can_be_started_again_on_the_same_application():
    app = embedded_app()
    engine = FakeEngine()

    for item in (1, 2):
        with embedded(engine, app=app) as here:
            here.send(a_ref(item))
            engine.wait_for(item)

    assert [ref.item for ref, _ in engine.recorded] == [1, 2]


def test_a_task_of_the_users_own_keeps_its_name_and_its_behaviour():
    app = embedded_app()
    plain: list[Any] = []

    @app.task(name=HANDLER, bind=True, max_retries=5, shared=False)
    def clean(self: Any, event: Any, *, twice: bool = False) -> None:
        plain.append((self.request.id, event, twice))

    engine = FakeEngine()
    with embedded(engine, app=app) as here:
        clean.apply_async(({"a": 1},), {"twice": True}, task_id="mine", queue=QUEUE)
        here.send(a_ref(1))
        engine.wait_for(1)
        wait_until(lambda: bool(plain))

    assert app.tasks[HANDLER].max_retries == 5
    assert plain == [("mine", {"a": 1}, True)]
    assert [ref.item for ref, _ in engine.recorded] == [1]


def test_a_task_that_celery_shares_with_every_application_is_passed_by(monkeypatch):
    monkeypatch.setattr(celery_state, "_on_app_finalizers", set(celery_state._on_app_finalizers))

    @Celery("shop", set_as_current=False).task(name=HANDLER)
    def clean(event: Any) -> None:
        raise AssertionError("not for nodes")

    engine = FakeEngine()
    with embedded(engine) as here:
        here.send(a_ref(1))
        engine.wait_for(1)

    assert [ref.item for ref, _ in engine.recorded] == [1]
    assert not isinstance(here.app.tasks[HANDLER], ChainedTask)


def test_other_tasks_of_the_application_work_beside_ours():
    app = embedded_app()
    added: list[int] = []

    @app.task(name="shop.add", shared=False)
    def add(a: int, b: int) -> None:
        added.append(a + b)

    engine = FakeEngine()
    with embedded(engine, app=app) as here:
        add.apply_async((1, 2), queue=QUEUE)
        here.send(a_ref(1))
        engine.wait_for(1)
        wait_until(lambda: bool(added))

    assert added == [3]


def test_an_unknown_task_leaves_the_worker_alive(caplog):
    engine = FakeEngine()

    with caplog.at_level(logging.CRITICAL, "celery"), embedded(engine) as here:
        here.dispatcher.send([a_message(handler="nobody.has.this")])
        here.send(a_ref(2))
        engine.wait_for(1)

    assert [ref.item for ref, _ in engine.recorded] == [2]


@pytest.mark.parametrize("variable", ["CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_RESULT_BACKEND"])
def test_it_stays_in_process_whatever_the_environment_says(monkeypatch, variable):
    monkeypatch.setenv(variable, "redis://nowhere.invalid:1/0")
    engine = FakeEngine()

    with embedded(engine) as here:
        here.send(a_ref(1))
        engine.wait_for(1)

    assert [ref.item for ref, _ in engine.recorded] == [1]


def test_starting_and_stopping_leaves_no_thread_and_no_log_level_behind():
    level, others = logging.getLogger("celery.worker.strategy").level, our_threads()

    with embedded(FakeEngine()):
        assert logging.getLogger("celery.worker.strategy").level == logging.WARNING

    assert logging.getLogger("celery.worker.strategy").level == level
    assert our_threads() <= others
