"""PgBouncer in transaction mode between us and PostgreSQL: each transaction may reach another session."""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import create_engine

from plans import fan, layers, mapping
from pooling import pgbouncer
from pypeline.runs.outcome import ErrorInfo, Failed, Succeeded
from pypeline.runs.states import Flag, RunState
from pypeline.store.records import AttemptRef, NewRun, RunFilter, WorkerBeat
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from services import postgres_database, postgres_server

BROKER = "memory://here"
SESSIONS = 2  # fewer than connections, so that transactions change sessions all the time


@pytest.fixture(scope="module")
def pooled_url():
    """The URL of a database with our tables, through PgBouncer."""
    with postgres_server() as server, postgres_database(server) as url:
        engine = create_engine(driver_url(url))
        upgrade(engine)
        engine.dispose()
        with pgbouncer(server, sessions=SESSIONS) as pooled:
            yield f"{pooled}/{url.rpartition('/')[2]}"


@pytest.fixture
def store(pooled_url):
    with SqlStore(pooled_url) as opened:
        yield opened


def drain(store, plan, run_id, messages, errors):
    """Sweep, then work until nothing is left."""
    try:
        for resent in store.queue_due(BROKER, limit=99):
            messages.extend(resent.ready)
        for bounded in store.with_room(BROKER, limit=9):
            messages.extend(store.admit(bounded))
        while messages:
            with suppress(IndexError):  # another thread was faster
                attempt(store, plan, run_id, messages)
    except Exception as error:  # noqa: BLE001 - whatever reaches a caller fails the test
        errors.append(error)


def attempt(store, plan, run_id, messages):
    ready = messages.pop()
    ref = AttemptRef(run_id, ready.position, ready.item, ready.attempt)
    claim = store.claim(ref, token=uuid.uuid4().hex, worker="w", lease=30)
    store.beat(WorkerBeat("w", BROKER, ("q",), claims={"q": claim.sent_at}), [ref], lease=30)
    messages.extend(store.record(plan, claim, outcome_of(plan, ref), delay=0.0).ready)


def outcome_of(plan, ref):
    if plan.steps[ref.position].name == "list":
        return Succeeded(None, tuple(str(number) for number in range(40)))
    fails = ref.attempt == 1 and (ref.position + ref.item) % 7 == 3
    return Failed(ErrorInfo("E", "m")) if fails else Succeeded("1")


@pytest.mark.parametrize("plan", [layers(8, 8), fan(60), mapping(window=9), layers(4, 6, max_concurrency=5)])
def test_runs_end_as_without_it(store, plan):
    run_id = str(uuid.uuid4())
    messages = list(store.create_run(plan, NewRun(run_id, {}, "cli", BROKER)).ready)
    errors = []
    while not (errors or store.run_state(run_id).is_terminal):
        threads = [
            threading.Thread(target=drain, args=(store, plan, run_id, messages, errors)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []
    assert store.run(run_id).state is RunState.SUCCESS


def test_every_question_is_answered_again_and_again(store):
    plan = fan(3)
    run_id = str(uuid.uuid4())
    store.create_run(plan, NewRun(run_id, {}, "cli", BROKER))

    def ask():
        for _ in range(20):
            assert store.run(run_id).counts
            assert len(store.nodes(run_id, limit=9)) == 5
            assert store.runs(RunFilter(pipeline_id="p"))
            assert store.run_state(run_id) is RunState.PENDING
            store.workers(BROKER)
            store.queues(BROKER)
        answered.append(True)

    answered = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answered == [True] * 4
    assert store.cancel(plan, run_id, Flag.CANCEL) is RunState.CANCELLED


def test_nothing_is_prepared_where_another_session_may_answer(store):
    connection = store._connections.current()

    assert connection.prepare_threshold is None


def test_a_pooler_that_was_not_known_as_one_is_found_out_by_its_errors(store):
    connection = store._connections.current()
    connection.prepare_threshold = 0
    store.clock()
    forget_what_was_prepared(store)

    assert store.clock() is not None
    assert connection.prepare_threshold is None


def forget_what_was_prepared(store):
    """In every session of the pool: each of these holds one, in a transaction."""
    others = [psycopg.connect(store._dialect._conninfo, prepare_threshold=None) for _ in range(SESSIONS)]
    for other in others:
        other.execute("DEALLOCATE ALL")
    for other in others:
        other.close()
