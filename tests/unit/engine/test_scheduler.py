"""The scheduler by hand: what a tick settles, what it leaves, and when it comes again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from plans import chain
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.engine.scheduler import Scheduler
from pypeline.errors import DatabaseUnavailable, DispatchFailed, UnknownPipeline
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.sql_store import SqlStore
from timetable import later, sql

BROKEN = chain(1, max_concurrency=2**80)


class Broker:
    def __init__(self):
        self.sent = []
        self.away = False

    def send(self, messages):
        if self.away:
            raise DispatchFailed("away")
        self.sent.append([message.handler for message in messages])


@pytest.fixture
def clock():
    return SimpleNamespace(now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def forward(clock):
    def move(seconds):
        clock.now += timedelta(seconds=seconds)

    return move


@pytest.fixture
def store(tmp_path, clock):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}", clock=lambda: clock.now) as store:
        yield store


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def scheduler(store, broker):
    def target_of(schedule):
        if schedule.target == "gone":
            raise UnknownPipeline("gone", ["demo"])
        if schedule.target == "silent":
            raise KeyError
        return BROKEN if schedule.target == "broken" else chain(1), schedule.payload

    identity = Identity("beat", "here", ("default",))
    engine = Engine(store, broker, identity=identity, load_plan=lambda pipeline_id, document: chain(1))
    return Scheduler(engine, target_of, limit=2)


@pytest.fixture
def add(store):
    def create(schedule_id, seconds=60, *, target="demo", **fields):
        text = Timing(TimingKind.INTERVAL, f"{seconds} seconds")
        schedule = Schedule(TargetKind.PIPELINE, target, text, **fields)
        store.schedules.create(schedule_id, schedule, enabled=True, next_after=later(seconds))

    return create


def reasons(store, schedule_id):
    return [one.reason for one in store.schedules.occurrences(schedule_id)]


def test_with_nothing_to_do_it_comes_again_after_a_second(scheduler):
    assert scheduler.tick() == 1.0


def test_it_comes_again_when_the_next_one_is_due(scheduler, add, forward):
    add("a", 60)
    forward(59.75)

    assert scheduler.tick() == 0.25


def test_what_is_due_is_started_and_sent(scheduler, store, broker, add, forward):
    add("a", payload={"day": "today"})
    forward(60)

    assert scheduler.tick() == 1.0

    record = store.schedules.schedule("a")
    assert broker.sent == [["demo.n0"]]
    assert (record.count, record.next_at) == (1, record.created_at + timedelta(seconds=120))
    assert store.run(record.last_run).payload == {"day": "today"}


def test_a_tick_goes_on_until_nothing_is_due(scheduler, store, broker, add, forward):
    for name in "abcde":
        add(name)
    forward(60)

    scheduler.tick()

    assert [len(batch) for batch in broker.sent] == [2, 2, 1]
    assert [record.count for record in store.schedules.schedules()] == [1] * 5


def test_more_than_a_transaction_settles_of_one_schedule_is_settled_by_one_tick(
    scheduler, store, add, forward
):
    add("a", 1, misfire=Misfire.ALL, misfire_grace=600)
    forward(250)

    scheduler.tick()

    assert store.schedules.schedule("a").count == 250


def test_an_edit_by_hand_is_planned_and_fires_nothing(scheduler, store, broker, add, forward):
    add("a")
    forward(60)
    sql(store, "UPDATE pypeline_schedule SET timing = '7 seconds'")

    scheduler.tick()

    record = store.schedules.schedule("a")
    assert broker.sent == []
    assert record.next_at == record.created_at + timedelta(seconds=63)


@pytest.mark.parametrize(("target", "says"), [("gone", "gone"), ("silent", "KeyError"), ("broken", "stored")])
def test_one_that_cannot_be_started_is_switched_off_and_the_others_go_on(
    scheduler, store, add, forward, target, says
):
    add("a", target=target)
    add("b")
    forward(60)

    assert scheduler.tick() == 1.0

    first, second = store.schedules.schedules()
    assert (first.enabled, first.count, second.count) == (False, 0, 1)
    assert says in first.problem
    assert "change it, then enable it again" in first.problem


def test_one_that_names_no_times_is_switched_off(scheduler, store, add, forward):
    add("a")
    add("b")
    sql(store, "UPDATE pypeline_schedule SET timezone = 'Mars/Base' WHERE id = 'a'")
    forward(60)

    scheduler.tick()

    first, second = store.schedules.schedules()
    assert (first.enabled, second.count) == (False, 1)
    assert "Mars/Base" in first.problem


def test_one_that_is_switched_off_is_told_of_once(scheduler, store, add, forward, caplog):
    caplog.set_level(logging.ERROR)
    add("a", target="gone")
    add("b", target="broken")
    forward(60)

    scheduler.tick()

    assert len(caplog.messages) == 2
    assert any(message.startswith("schedule a is switched off") for message in caplog.messages)


def test_one_that_fails_again_after_it_was_mended_is_told_of_again(scheduler, store, add, forward, caplog):
    add("a", target="gone")
    for target in ("gone", "demo", "gone"):
        sql(store, "UPDATE pypeline_schedule SET target = :target, enabled = true", target=target)
        scheduler.tick()
        forward(60)
        scheduler.tick()

    assert len([message for message in caplog.messages if "switched off" in message]) == 2


def test_a_database_that_is_away_is_the_callers_to_wait_for(scheduler, store, add, forward):
    add("a")
    forward(60)
    store.close()
    path = store._dialect._path
    store._dialect._path = "/nowhere/runs.db"
    with pytest.raises(DatabaseUnavailable):
        scheduler.tick()
    store._dialect._path = path

    scheduler.tick()

    assert store.schedules.schedule("a").count == 1


def test_a_broker_that_is_away_stops_no_schedule(scheduler, store, broker, add, forward):
    broker.away = True
    add("a")
    forward(60)

    scheduler.tick()

    record = store.schedules.schedule("a")
    assert (record.count, record.enabled, record.last_state) == (1, True, "pending")


def test_a_run_that_is_going_keeps_the_next_from_starting(scheduler, store, add, forward):
    add("a", overlap=Overlap.SKIP)
    for _ in range(2):
        forward(60)
        scheduler.tick()

    assert reasons(store, "a") == ["a run of it was still going (overlap: skip)", None]
    assert store.schedules.schedule("a").count == 1


def test_what_another_scheduler_holds_is_looked_at_again_soon(scheduler, store, add, forward, monkeypatch):
    add("a")
    forward(60)
    # SQLite has one writer at a time, so nothing is ever held: as PostgreSQL passes over locked rows.
    monkeypatch.setattr(store._dialect, "skip_locked", "OFFSET 1")

    assert 0 < scheduler.tick() < 1

    monkeypatch.undo()
    scheduler.tick()
    assert store.schedules.schedule("a").count == 1


def test_a_schedule_that_has_no_more_times_rests(scheduler, store, clock, add, forward):
    end = (clock.now + timedelta(seconds=90)).isoformat()
    add("a", end_at=end)
    forward(60)

    scheduler.tick()

    record = store.schedules.schedule("a")
    assert (record.count, record.next_at, record.enabled) == (1, None, True)
