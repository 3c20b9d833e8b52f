"""Old runs go: forgotten at once, deleted a little at a time."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from plans import chain, fan, mapping
from pypeline.errors import NotPossible, UnknownRun
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag
from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.records import RunFilter, WorkerBeat
from pypeline.store.retention_base import Old
from pypeline.store.sql_store import SqlStore

HOUR = 3600.0
OCCURRENCE = """
    INSERT INTO pypeline_occurrence (app, schedule_id, due_at, fired_at, reason)
    VALUES (:app, :id, shift(now(), :age), shift(now(), :age), :reason)
"""
EVERY_TABLE = ("run", "node", "element", "attempt", "log", "progress")


@pytest.fixture
def ended(start):
    """Starts a run and lets everything in it succeed."""

    def ended(plan, **new):
        run = start(plan, **new)
        run.drain()
        return run

    return ended


@pytest.fixture
def other(store):
    """The store of another application in the same database."""
    with SqlStore(store._engine.url.render_as_string(hide_password=False), app="other") as other:
        yield other


@pytest.fixture
def rows(store):
    """How many rows a table has."""
    return lambda table: store._connections.read(
        lambda tx: tx.all(f"SELECT count(*) FROM pypeline_{table}")[0][0]
    )


@pytest.fixture
def schedule(store):
    """Adds a schedule with occurrences that were due so many seconds ago."""

    def schedule(schedule_id, *ages, of=store):
        timing = Timing(TimingKind.INTERVAL, "1 hours")
        of.schedules.create(
            schedule_id,
            Schedule(TargetKind.PIPELINE, "p", timing),
            enabled=True,
            next_after=lambda now: now + timedelta(hours=1),
        )
        for seconds in ages:
            values = {"app": of._app, "id": schedule_id, "age": -seconds, "reason": f"{seconds:g} s ago"}
            of._connections.transact(lambda tx, values=values: tx.run(OCCURRENCE, **values))

    return schedule


def an_hour_ago(store):
    return store.clock() - timedelta(seconds=HOUR)


def forget(store, limit=100):
    return store.retention.forget_runs(an_hour_ago(store), limit=limit)


def erase(store, runs, limit=1000):
    """How many steps it took."""
    steps = 1
    while runs := store.retention.erase_runs(runs, limit=limit):
        steps += 1
    return steps


def test_finished_runs_of_every_state_are_forgotten_oldest_first(store, start, ended, age):
    succeeded = ended(chain(2))
    age(1)
    failed = start(chain(2))
    failed.fail("n0")
    age(1)
    cancelled = start(chain(2))
    store.cancel(cancelled.plan, cancelled.run_id, Flag.CANCEL)
    age(2 * HOUR)

    assert {*forget(store, limit=2)} == {succeeded.run_id, failed.run_id}
    assert forget(store, limit=2) == [cancelled.run_id]
    assert forget(store) == []


def test_open_and_young_runs_stay(store, start, ended, age, run_ids):
    waiting = start(chain(2))
    working = start(chain(2))
    working.claim("n0")
    late = start(chain(1))
    age(2 * HOUR)
    late.drain()
    young = ended(chain(1))

    assert forget(store) == []
    assert {*run_ids()} == {run.run_id for run in (waiting, working, late, young)}


def test_runs_of_other_applications_stay(store, other, drive, age):
    theirs = drive(other, chain(1))
    theirs.drain()
    age(2 * HOUR)

    assert forget(store) == []
    assert forget(other) == [theirs.run_id]
    assert store.retention.forgotten_runs(limit=10) == []
    assert other.retention.forgotten_runs(limit=10) == [theirs.run_id]


def test_a_forgotten_run_is_unknown_at_once(store, ended, age):
    run = ended(chain(2))
    age(2 * HOUR)
    forget(store)

    with pytest.raises(UnknownRun):
        store.run(run.run_id)
    with pytest.raises(UnknownRun):
        store.context(run.run_id)
    assert store.runs(RunFilter()) == []


def test_a_run_that_was_just_forgotten_cannot_be_opened_again(store, start, age):
    run = start(chain(2))
    run.fail("n0")
    age(2 * HOUR)
    forget(store)

    with pytest.raises(NotPossible):
        store.reset(run.plan, run.run_id, from_position=None, broker="memory://here")
    assert erase(store, [run.run_id]) == 1


def test_an_idempotency_key_is_free_once_its_run_is_forgotten(store, start, ended, age):
    for _ in range(2):
        run = ended(chain(1), idempotency_key="monday", body_hash="0")
        age(2 * HOUR)
        assert forget(store) == [run.run_id]

    assert not start(chain(1), idempotency_key="monday", body_hash="1").created.existing


def test_nothing_of_an_erased_run_is_left_in_any_table(store, start, age, rows):
    run = start(mapping())
    run.postpone("list")
    age(10)
    run.queued(store.queue_due("memory://here", limit=10)[0].ready)
    run.fail("list", delay=0)
    run.queued(store.queue_due("memory://here", limit=10)[0].ready)
    run.record(run.claim("list"), Succeeded(None, ("1", "2", "3"), log="three"))
    run.drain()
    age(2 * HOUR)

    erase(store, forget(store))

    assert {table: rows(table) for table in EVERY_TABLE} == dict.fromkeys(EVERY_TABLE, 0)


def test_a_large_run_is_erased_in_short_steps_beside_small_ones(store, ended, age, rows):
    runs = [ended(plan).run_id for plan in (chain(1), fan(30), chain(2))]
    age(2 * HOUR)
    assert {*forget(store)} == {*runs}

    assert store.retention.erase_runs(runs, limit=10) == runs[1:]
    assert rows("node") == 35 - 9
    assert erase(store, runs[1:], limit=10) == 3
    assert rows("run") == 0


def test_what_was_forgotten_is_found_by_the_next_one(store, ended, age):
    runs = [ended(fan(5)).run_id for _ in range(3)]
    age(2 * HOUR)
    forget(store)
    store.retention.erase_runs(runs, limit=10)

    assert store.retention.forgotten_runs(limit=10) == runs[1:]


def test_only_what_was_forgotten_is_erased(store, ended, rows):
    run = ended(chain(1))

    erase(store, [run.run_id])

    assert store.run(run.run_id).run_id == run.run_id


def test_what_is_old_is_counted_and_left_alone(store, start, ended, age, schedule):
    ended(fan(3))
    start(chain(7))
    schedule("nightly", 3 * HOUR, 2 * HOUR)
    age(2 * HOUR)

    assert store.retention.old(an_hour_ago(store)) == Old(runs=1, nodes=5, occurrences=2)
    assert len(store.runs(RunFilter())) == 2


def test_a_result_that_begins_with_a_mark_is_found_in_old_runs_alone(store, start, ended, age):
    whole, part = start(chain(1)), start(mapping())
    part.record(part.claim("list"), Succeeded(None, ("1", "@ref:1:r/0")))
    part.drain()
    old = ended(chain(1))
    assert not store.retention.has_result_like(store.clock(), "@ref:gone")
    assert store.retention.has_result_like(store.clock(), "@ref:")
    age(2 * HOUR)
    whole.succeed("n0", result="@ref:1:r/1")

    assert store.retention.has_result_like(an_hour_ago(store), "@ref:")
    erase(store, [run_id for run_id in forget(store) if run_id != old.run_id])
    assert not store.retention.has_result_like(an_hour_ago(store), "@ref:")
    assert store.retention.has_result_like(store.clock(), "@ref:")


def test_definitions_go_that_no_run_has(store, other, drive, start, age, rows):
    unused = start(chain(2))
    unused.drain()
    start(chain(3))
    drive(other, chain(4)).drain()
    age(2 * HOUR)
    erase(store, forget(store))
    start(chain(1))

    assert store.retention.erase_definitions(an_hour_ago(store), limit=10) == 1
    assert rows("definition") == 3
    assert start(unused.plan).state == "pending"


def test_a_definition_that_is_used_anew_while_it_goes_disturbs_nobody(store, drive, age):
    plan, errors, stop = chain(1), [], threading.Event()

    def start_runs():
        try:
            for _ in range(60):
                drive(store, plan).drain()
        except Exception as error:  # noqa: BLE001 - any is a failure of this test
            errors.append(error)
        finally:
            stop.set()

    starter = threading.Thread(target=start_runs)
    starter.start()
    while not stop.is_set():
        now = store.clock() + timedelta(hours=1)
        erase(store, store.retention.forget_runs(now, limit=100))
        store.retention.erase_definitions(now, limit=10)
    starter.join()

    assert errors == []


def test_old_occurrences_of_schedules_go_some_at_a_time(store, other, schedule, rows):
    schedule("nightly", 4 * HOUR, 3 * HOUR, 2 * HOUR, 0)
    schedule("hourly", 2 * HOUR)
    schedule("theirs", 2 * HOUR, of=other)

    gone = [store.retention.erase_occurrences(an_hour_ago(store), limit=3) for _ in range(3)]

    assert gone == [3, 1, 0]
    assert [occurrence.reason for occurrence in store.schedules.occurrences("nightly")] == ["0 s ago"]
    assert len(other.schedules.occurrences("theirs")) == 1


def test_silent_workers_and_schedulers_go(store, other, age, rows):
    for of in (store, other):
        of.beat(WorkerBeat(f"silent {of._app}", "amqp://here", ("q",)), [], lease=30)
        of.schedules.beat(f"silent {of._app}", "1.0")
    age(2 * HOUR)
    store.beat(WorkerBeat("alive", "amqp://here", ("q",)), [], lease=30)

    assert store.retention.erase_silent(an_hour_ago(store)) == 2
    assert [worker.worker_id for worker in store.workers("amqp://here")] == ["alive", "silent other"]
    assert rows("beat") == 1


def test_what_is_known_of_a_broker_goes_once_nobody_works_on_it(store, drive, age, rows):
    drive(store, chain(1), broker="memory://open")
    for broker in ("memory://gone", "memory://open"):
        store.begin_sweep(broker, interval=1, lease=30)
        store.note_claims(broker, {"q": store.clock()})
    age(2 * HOUR)
    store.begin_sweep("amqp://alive", interval=1, lease=30)

    store.retention.erase_silent(an_hour_ago(store))

    assert rows("turn") == 2
    assert [queue.name for queue in store.queues("memory://open")] == ["q"]
    assert store.queues("memory://gone") == []
