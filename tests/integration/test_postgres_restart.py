"""A PostgreSQL that is stopped, started and killed under a store."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from sqlalchemy import create_engine

from plans import fan
from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import RunState
from pypeline.store.records import AttemptRef, NewRun, RunFilter, WorkerBeat
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from services import private_postgres

BROKER = "memory://here"
PLAN = fan(3)


@pytest.fixture(scope="module")
def server():
    with private_postgres() as started:
        yield started


@pytest.fixture
def store(server):
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
        connection.execute(f"create database {name}")
    url = f"{server.url}/{name}"
    engine = create_engine(driver_url(url))
    upgrade(engine)
    engine.dispose()
    with SqlStore(url) as opened:
        yield opened


def claimed(store):
    """A run whose first node runs."""
    run_id = str(uuid.uuid4())
    store.create_run(PLAN, NewRun(run_id, {}, "cli", BROKER))
    return store.claim(AttemptRef(run_id, 0, -1, 1), token="t", worker="w", lease=30)


def calls(store, claim):
    """One call of each kind."""
    run_id = claim.ref.run_id
    return {
        "claim": lambda: store.claim(claim.ref, token="t", worker="w", lease=30),
        "record": lambda: store.record(PLAN, claim, Succeeded("1")),
        "create": lambda: store.create_run(PLAN, NewRun(str(uuid.uuid4()), {}, "cli", BROKER)),
        "beat": lambda: store.beat(WorkerBeat("w", BROKER, ("q",)), [claim.ref], lease=30),
        "state": lambda: store.run_state(run_id),
        "page": lambda: store.runs(RunFilter()),
    }


KINDS = ["claim", "record", "create", "beat", "state", "page"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_call_after_a_restart_works(server, store, kind):
    claim = claimed(store)
    call = calls(store, claim)[kind]
    store.runs(RunFilter())

    server.stop()
    server.start()

    assert call() is not None
    assert store.run_state(claim.ref.run_id) is RunState.RUNNING


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_while_it_is_away_says_so_and_works_once_it_is_back(server, store, kind):
    call = calls(store, claimed(store))[kind]
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                call()
    finally:
        server.start()

    assert call() is not None


def test_what_was_durable_survives_a_crash(server, store):
    run_id = str(uuid.uuid4())
    store.create_run(PLAN, NewRun(run_id, {}, "cli", BROKER))

    server.kill()
    server.start()

    assert store.run_state(run_id) is RunState.PENDING


def test_a_run_that_ended_has_ended_after_a_crash(server, store):
    claim = claimed(store)
    messages = list(store.record(PLAN, claim, Succeeded("1")).ready)
    while messages:
        ready = messages.pop()
        ref = AttemptRef(claim.ref.run_id, ready.position, ready.item, ready.attempt)
        next_claim = store.claim(ref, token="t", worker="w", lease=30)
        messages.extend(store.record(PLAN, next_claim, Succeeded("1")).ready)

    server.kill()
    server.start()

    assert store.run_state(claim.ref.run_id) is RunState.SUCCESS
