"""The scheduler by hand: what a tick settles, what it leaves, and when it comes again."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
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
def open_scheduler(store, broker):
    """Makes schedulers, each of the pipelines of a configuration of its own."""

    def target_of(schedule, has_gone):
        if schedule.target == "gone" and not has_gone:
            raise UnknownPipeline("gone", ["demo"])
        if schedule.target == "silent":
            raise KeyError
        return BROKEN if schedule.target == "broken" else chain(1), schedule.payload

    identity = Identity("beat", "here", ("default",))
    engine = Engine(store, broker, identity=identity, load_plan=lambda pipeline_id, document: chain(1))
    return lambda *, has_gone: Scheduler(engine, partial(target_of, has_gone=has_gone), limit=2)


@pytest.fixture
def scheduler(open_scheduler):
    return open_scheduler(has_gone=False)


@pytest.fixture
def add(store):
    def create(schedule_id, seconds=60, *, target="demo", **fields):
        text = Timing(TimingKind.INTERVAL, f"{seconds} seconds")
        schedule = Schedule(TargetKind.PIPELINE, target, text, **fields)
        store.schedules.create(schedule_id, schedule, enabled=True, next_after=later(seconds))

    return create


@pytest.fixture
def away(store):
    """While it lasts, nobody reaches the database."""

    @contextmanager
    def hide():
        store.close()
        path, store._dialect._path = store._dialect._path, "/nowhere/runs.db"
        yield
        store._dialect._path = path

    return hide


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


def test_one_that_cannot_be_stored_is_switched_off_and_the_others_go_on(scheduler, store, add, forward):
    add("a", target="broken")
    add("b")
    forward(60)

    assert scheduler.tick() == 1.0

    first, second = store.schedules.schedules()
    assert (first.enabled, first.count, second.count) == (False, 0, 1)
    assert "stored" in first.problem
    assert "change it, then enable it again" in first.problem


@pytest.mark.parametrize(("target", "says"), [("gone", "gone"), ("silent", "KeyError")])
def test_one_without_a_target_is_switched_off_once_nobody_has_started_it_for_a_minute(
    scheduler, store, add, forward, target, says
):
    add("a", 3600, target=target)
    forward(3600)
    for seconds in (0, 59.5):
        forward(seconds)
        assert scheduler.tick() == 1.0
        assert store.schedules.schedule("a").enabled

    forward(0.5)
    scheduler.tick()

    record = store.schedules.schedule("a")
    assert (record.enabled, record.count) == (False, 0)
    assert says in record.problem
    assert "change it, then enable it again" in record.problem


def test_what_one_scheduler_has_no_target_for_another_one_starts(open_scheduler, store, add, forward):
    old, new = open_scheduler(has_gone=False), open_scheduler(has_gone=True)
    add("a", 30, target="gone", misfire=Misfire.SKIP)

    for _ in range(10):
        forward(30)
        old.tick()
        forward(20)
        old.tick()
        new.tick()
        forward(-20)

    record = store.schedules.schedule("a")
    assert (record.enabled, record.count, record.problem) == (True, 10, None)
    assert reasons(store, "a") == [None] * 10


def test_what_was_missed_is_left_out_by_one_that_could_have_started_it(open_scheduler, store, add, forward):
    add("a", 3600, target="gone", misfire=Misfire.SKIP, misfire_grace=5)
    forward(3610)

    open_scheduler(has_gone=False).tick()
    assert reasons(store, "a") == []

    open_scheduler(has_gone=True).tick()
    assert reasons(store, "a") == ["was due while no scheduler ran (misfire: skip)"]


def test_those_without_a_target_hold_up_no_others(scheduler, store, add, forward):
    for name in "abcde":
        add(name, target="gone")
    forward(1)
    add("z")
    forward(60)

    assert scheduler.tick() == 1.0

    counts = {record.schedule_id: record.count for record in store.schedules.schedules()}
    assert counts == {**dict.fromkeys("abcde", 0), "z": 1}


def test_one_that_is_given_a_target_meanwhile_is_started_at_the_next_look(scheduler, store, add, forward):
    add("a", target="gone")
    forward(60)
    scheduler.tick()
    due_at = store.schedules.schedule("a").next_at

    sql(store, "UPDATE pypeline_schedule SET target = 'demo'")
    scheduler.tick()

    record = store.schedules.schedule("a")
    assert (record.count, record.last_at) == (1, due_at)


def test_an_outage_of_the_database_is_no_time_to_start_anything(scheduler, store, add, forward, away):
    add("a", 3600, target="gone")
    forward(3600)
    scheduler.tick()

    with away(), pytest.raises(DatabaseUnavailable):
        scheduler.tick()
    forward(600)
    scheduler.tick()

    assert store.schedules.schedule("a").enabled


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
    for _ in range(4):
        forward(60)
        scheduler.tick()

    assert len(caplog.messages) == 2
    assert any(message.startswith("schedule a is switched off") for message in caplog.messages)


def test_one_that_is_left_to_others_is_told_of_once(scheduler, add, forward, caplog):
    caplog.set_level(logging.WARNING)
    add("a", target="gone")
    for _ in range(3):
        forward(29)
        scheduler.tick()

    [message] = caplog.messages
    assert message.startswith("schedule a is left to a scheduler of another configuration")


def test_one_that_fails_again_after_it_was_mended_is_told_of_again(scheduler, store, add, forward, caplog):
    add("a", target="gone")
    for target in ("gone", "demo", "gone"):
        sql(store, "UPDATE pypeline_schedule SET target = :target, enabled = true", target=target)
        for seconds in (0, 60, 60):
            forward(seconds)
            scheduler.tick()

    assert len([message for message in caplog.messages if "is switched off" in message]) == 2


def test_a_database_that_is_away_is_the_callers_to_wait_for(scheduler, store, add, forward, away):
    add("a")
    forward(60)
    with away(), pytest.raises(DatabaseUnavailable):
        scheduler.tick()

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
