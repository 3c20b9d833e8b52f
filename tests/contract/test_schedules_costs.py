"""A tick reads what is due, however many schedules there are: rows are counted, plans are looked at."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import create_engine

from plans import chain
from pypeline.runs.states import Flag
from pypeline.store.connections import Transaction
from pypeline.store.records import NewRun
from pypeline.store.schedules.records import FileSchedule
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url
from services import postgres_database
from timetable import BROKER, add, change, every, fire, later, starting

SCHEDULES = 10_000
# An index of what is due or unplanned is as short as what it is for; so is that of open runs of schedules.
SCAN = re.compile(r"SCAN (s|r|pypeline_\w+)\b(?! USING (COVERING )?INDEX ix_)")
READ = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
    WHERE relname IN ('pypeline_schedule', 'pypeline_run', 'pypeline_occurrence')
"""


def fill(store):
    """Thousands of schedules that are not due, and runs of one of them that nobody works on."""
    wanted = [FileSchedule(f"s{number:05}", every(), enabled=True) for number in range(SCHEDULES)]
    store.schedules.bring_in(wanted, next_after=lambda schedule, created_at, now: later(3600)(now))
    plan = chain(1)
    runs = [(plan, NewRun(f"r{number}", {}, "schedule:s00001", BROKER)) for number in range(2_000)]
    store.create_runs(runs)
    store.cancel(plan, "r0", Flag.CANCEL)


@pytest.fixture(scope="module")
def full_postgres(postgres_url):
    """Thousands of schedules in a database that was never analyzed."""
    with postgres_database(postgres_url.rpartition("/")[0]) as url:
        engine = create_engine(driver_url(url))
        upgrade(engine)
        engine.dispose()
        with SqlStore(url) as store:
            fill(store)
            yield store


def rows_read(store, work):
    """How many rows of schedules, occurrences and runs the transactions of the work read."""
    read = []
    begin, commit = store._dialect.begin, store._dialect.commit

    def counted_begin(connection):
        begin(connection)
        # What earlier transactions read may not have been reported yet.
        read.append(-connection.execute(READ).fetchone()[0])

    def counted_commit(connection, *, durable):
        read.append(connection.execute(READ).fetchone()[0])
        commit(connection, durable=durable)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._dialect, "begin", counted_begin)
        patch.setattr(store._dialect, "commit", counted_commit)
        work()
    assert len(read) == 2
    return sum(read)


def until_due_as_a_transaction(store):
    from pypeline.store.schedules.firing import until_due

    store._connections.transact(lambda tx: until_due(tx, app="default", without=[]))


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
def test_a_tick_reads_what_is_due_only(full_postgres, analyzed, mode):
    connection = full_postgres._connections.current()
    if analyzed:
        connection.execute("ANALYZE")
    connection.execute(f"SET plan_cache_mode = {mode}")
    add(full_postgres, f"{analyzed}{mode}1", f"{analyzed}{mode}2", due_in=0)

    settled = []
    due = rows_read(full_postgres, lambda: settled.append(fire(full_postgres, starting(again=3600))))
    idle = rows_read(full_postgres, lambda: fire(full_postgres))
    asked = rows_read(full_postgres, lambda: until_due_as_a_transaction(full_postgres))

    assert len(settled[0].fired) == 2
    assert due <= 40
    assert idle <= 10
    assert asked <= 10


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
def test_whether_a_run_is_going_is_asked_of_one_run(full_postgres, analyzed):
    if analyzed:
        full_postgres._connections.current().execute("ANALYZE")
    change(full_postgres, "s00001", enabled=False)
    change(full_postgres, "s00001", enabled=True, due_in=0)
    going = []

    def decide(record, now):
        going.append(record.is_going)
        return starting(again=3600)(record, now)

    assert rows_read(full_postgres, lambda: fire(full_postgres, decide)) <= 40
    assert going == [True]


def test_on_sqlite_a_tick_searches_by_index(sqlite, monkeypatch):
    plans = {}
    execute = Transaction._execute

    def listen(tx, statement, params):
        if "pypeline_" in statement:
            rows = execute(tx, "EXPLAIN QUERY PLAN " + statement.strip(), params).fetchall()
            plans[statement] = "\n".join(str(row[-1]) for row in rows)
        return execute(tx, statement, params)

    add(sqlite, "a", due_in=0)
    monkeypatch.setattr(Transaction, "_execute", listen)
    assert sqlite.schedules.until_due() == 0
    fire(sqlite)

    assert len(plans) >= 5
    assert {statement: plan for statement, plan in plans.items() if SCAN.search(plan)} == {}
