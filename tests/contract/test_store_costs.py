"""No step reads more of the database because a run is large: the plans of the statements are looked at."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import create_engine

from explained import SCAN, Explained, analyze, execute_alone
from plans import chain, fan, layers, mapping, plan_of
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag
from pypeline.store import connections
from pypeline.store.records import WorkerBeat
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from services import postgres_database

BROKER = "memory://here"
PACE = {"margin": 5.0, "grace": 30.0}
# All nodes of a run, found by its id alone; the index of ready nodes is short again.
WHOLE_RUN = re.compile(
    r"SEARCH (pypeline_node|i) USING \S*(COVERING )?INDEX \S*autoindex\S* \(run_id=\?\)$"
    r"|using pk_pypeline_node .*\nIndex Cond: \(\(run_id\)::text = \S+\)$",
    re.MULTILINE,
)


@pytest.fixture
def explained(store, start, monkeypatch):
    """A database that holds much, and an ear for the statements that follow."""
    for _ in range(3):
        start(fan(1_500)).succeed("first")
        start(mapping(window=700)).list("list", 1_500)
    analyze(store)
    return Explained(store, monkeypatch)


def test_what_these_tests_look_for_is_found_where_it_is(start, store, explained):
    run = start(layers(2, 20))
    for statement in (
        "SELECT count(*) FROM pypeline_node WHERE result = 'x'",
        "SELECT count(*) FROM pypeline_node WHERE run_id = :run AND result = 'x'",
    ):
        store._connections.read(lambda tx, it=statement: tx.one(it, run=run.run_id))

    assert len(explained.that(SCAN)) == 1
    assert len(explained.that(WHOLE_RUN)) == 1


@pytest.mark.parametrize("bound", [None, 40])
def test_a_claim_and_a_record_of_a_node_find_their_rows_by_key(start, explained, bound):
    plan = layers(2, 60, max_concurrency=bound)
    run = start(plan)
    run.succeed("l0_0")
    explained.clear()

    for name in ("l0_1", "l0_2"):
        claim = run.claim(name)
        run.record(claim, Succeeded("1"))

    assert len(explained) >= 2
    assert explained.that(SCAN) == {}
    assert explained.that(WHOLE_RUN) == {}


def test_a_claim_and_a_record_of_an_item_find_their_rows_by_key(start, explained):
    run = start(mapping(window=50))
    run.list("list", 1_500)
    explained.clear()

    run.succeed("each", 0)
    run.fail("each", 1, delay=60)
    run.skip("each", 2)

    assert len(explained) >= 3
    assert explained.that(SCAN) == {}
    assert explained.that(WHOLE_RUN) == {}


def test_what_a_success_unlocks_is_queued_by_key(start, explained):
    run = start(plan_of({"a": ["b", "c"], "b": ["d"], "c": ["d"]}))

    for name in "abc":
        run.succeed(name)

    assert len(explained) >= 3
    assert explained.that(SCAN) == {}
    assert explained.that(WHOLE_RUN) == {}


def test_the_sweep_reads_what_is_due_only(start, store, age, explained):
    run = start(layers(2, 40, max_concurrency=5))
    run.fail("l0_0", delay=1)
    claim = run.claim("l0_1")
    age(600)
    explained.clear()

    store.beat(WorkerBeat("w", BROKER, ("q",), claims={"q": claim.sent_at}), [claim.ref], lease=30)
    store.begin_sweep(BROKER, interval=1, lease=3_000)
    store.lapsed(BROKER, limit=100)
    store.overdue(BROKER, limit=100)
    store.flagged(BROKER, limit=100)
    store.with_room(BROKER, limit=100)
    store.admit(run.run_id)
    store.queue_due(BROKER, limit=100)
    store.requeue_unclaimed(BROKER, **PACE, limit=100)

    assert len(explained) >= 14
    assert explained.that(SCAN) == {}


def test_a_page_of_a_list_is_read_by_key(start, store, explained):
    run = start(mapping(window=1))
    run.list("list", 1_500)
    explained.clear()

    assert list(store.elements(run.run_id, 0, 700, 702)) == ["700", "701"]
    assert list(store.elements(run.run_id, 1, 700, 702)) == [None, None]

    assert explained.that(SCAN) == {}
    assert explained.that(WHOLE_RUN) == {}


def test_a_cancel_of_one_run_does_not_read_the_others(start, store, explained):
    run = start(layers(3, 20))

    store.cancel(run.plan, run.run_id, Flag.CANCEL)

    assert explained.that(SCAN) == {}


@pytest.fixture
def fresh(postgres_url):
    """A PostgreSQL database whose tables were never analyzed."""
    with postgres_database(postgres_url.rpartition("/")[0]) as url:
        engine = create_engine(driver_url(url))
        upgrade(engine)
        engine.dispose()
        with SqlStore(url) as opened:
            yield opened


@pytest.mark.parametrize("plan", [fan(3_000), mapping()])
def test_the_first_large_run_of_a_fresh_database_reads_no_more_than_a_small_one(fresh, drive, plan):
    # A prepared statement is planned without its parameters after a few executions: the worst case.
    generic = "SET plan_cache_mode = force_generic_plan"
    fresh._connections.current().execute(generic)
    run = drive(fresh, plan)
    if plan.steps[0].name == "list":
        run.list("list", 3_000)
    else:
        run.succeed("first")

    name, item = next(iter(run.out))
    assert rows_read(fresh, lambda: run.succeed(name, item)) < 100


def rows_read(store, work):
    """How many rows of nodes were read meanwhile, whatever for."""
    counter = (
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'pypeline_node'"
    )
    numbers = []
    begin, commit = store._dialect.begin, store._dialect.commit

    def count(connection):
        numbers.append(connection.execute(counter).fetchone()[0])

    def counted_begin(connection):
        begin(connection)
        count(connection)

    def counted_commit(connection, *, durable):
        count(connection)
        commit(connection, durable=durable)

    def counted_alone(connection, *, statement, params):
        with connection.transaction():
            count(connection)
            rows = execute_alone(connection, statement=statement, params=params)
            count(connection)
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "_execute_alone", counted_alone)
        patch.setattr(store._dialect, "begin", counted_begin)
        patch.setattr(store._dialect, "commit", counted_commit)
        work()
    assert len(numbers) >= 4
    return sum(numbers[1::2]) - sum(numbers[::2])


@pytest.mark.parametrize("plan", [fan(20), chain(20), layers(4, 6), mapping()])
def test_what_is_done_for_each_node_is_planned_once(fresh, drive, plan):
    analyze(fresh)
    if plan.steps[0].name == "list":
        runs = [drive(fresh, plan)]
        runs[0].list("list", 20)
    else:
        runs = [drive(fresh, plan) for _ in range(3)]
    for run in runs:
        run.drain()

    assert min(planned_once(fresh).values()) > 0
    assert len(planned_once(fresh)) >= 2


def planned_once(store):
    """Statements of the hot path that ran often -> how many of their executions used a plan that was kept."""
    asked = (
        "SELECT statement, generic_plans FROM pg_prepared_statements WHERE generic_plans + custom_plans > 8"
    )
    found = store._connections.current().execute(asked).fetchall()
    return {statement: kept for statement, kept in found if "set_config" in statement}
