"""Firing: what is due is recorded once, together with what it starts and the next time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plans import chain, roots
from pypeline.errors import Unfireable
from pypeline.runs.states import Flag, RunState
from pypeline.schedules.decision import Occurrence
from pypeline.store.records import Ready
from pypeline.store.schedules.records import Firing
from timetable import BROKER, add, fire, of_another_app, sql, starting

UNSTORABLE = chain(1, max_concurrency=2**80)


def starting_each(plans):
    """Decides that each schedule starts a plan of its own."""
    return lambda record, now: starting(plans[record.schedule_id])(record, now)


def test_what_is_due_starts_a_run(store):
    add(store, "a", due_in=0)
    due_at = store.schedules.schedule("a").next_at
    plan = roots(2)

    settled = fire(store, starting(plan, day="today"))

    (fired,) = settled.fired
    run = store.run(fired.run_id)
    assert settled.schedules == 1
    assert (fired.schedule_id, fired.due_at, fired.plan, fired.reason) == ("a", due_at, plan, None)
    assert fired.ready == (Ready(0, -1, 1), Ready(1, -1, 1))
    assert (run.trigger, run.payload, run.broker) == ("schedule:a", {"day": "today"}, BROKER)
    assert run.state is RunState.PENDING


def test_what_is_due_is_remembered(store):
    add(store, "a", due_in=0)
    due_at = store.schedules.schedule("a").next_at

    (fired,) = fire(store, starting(again=60)).fired

    record = store.schedules.schedule("a")
    assert (record.last_at, record.last_run, record.count) == (due_at, fired.run_id, 1)
    assert (record.next_at, record.last_state) == (due_at + timedelta(seconds=60), "pending")


def test_what_is_not_due_is_left_alone(store):
    add(store, "a", due_in=60)
    before = store.schedules.schedule("a")

    assert fire(store).schedules == 0
    assert store.schedules.schedule("a") == before


def test_lateness_is_what_lies_between_due_and_fired(store, age):
    add(store, "a", due_in=0)
    age(30)

    (fired,) = fire(store).fired

    assert 30 <= fired.late < 60


def test_each_application_fires_its_own(store):
    add(store, "a", due_in=0)
    other = of_another_app(store)

    assert other.until_due() is None
    assert other.fire(starting(), broker=BROKER, limit=10).schedules == 0


def test_a_reason_is_recorded_in_place_of_a_run(store):
    add(store, "a", due_in=0)

    def skip(record, now):
        return Firing((Occurrence(record.next_at, "was going"),), now + timedelta(hours=1))

    (fired,) = fire(store, skip).fired

    (occurrence,) = store.schedules.occurrences("a")
    assert (fired.run_id, fired.plan, fired.reason) == (None, None, "was going")
    assert (occurrence.run_id, occurrence.state, occurrence.reason) == (None, None, "was going")
    assert store.schedules.schedule("a").count == 0


def test_an_occurrence_that_is_there_starts_nothing(store, run_ids):
    add(store, "a", due_in=0)
    due_at = store.schedules.schedule("a").next_at
    (first,) = fire(store).fired

    sql(store, "UPDATE pypeline_schedule SET next_at = :due", due=store._dialect.moment(due_at))
    settled = fire(store)

    record = store.schedules.schedule("a")
    assert (settled.schedules, settled.fired) == (1, ())
    assert run_ids() == [first.run_id]
    assert (record.count, record.next_at) == (1, due_at + timedelta(seconds=60))


def test_a_schedule_without_a_next_time_rests(store):
    add(store, "a", due_in=0)

    fire(store, lambda record, now: Firing((Occurrence(record.next_at, "last"),), None))

    assert store.schedules.until_due() is None
    assert store.schedules.schedule("a").enabled


def test_a_problem_switches_one_off_and_the_others_go_on(store):
    add(store, "a", "b", due_in=0)

    def decide(record, now):
        if record.schedule_id == "a":
            return Firing(problem="no such pipeline")
        return starting()(record, now)

    settled = fire(store, decide)

    record = store.schedules.schedule("a")
    assert [fired.schedule_id for fired in settled.fired] == ["b"]
    assert (record.enabled, record.problem, record.next_at) == (False, "no such pipeline", None)
    assert fire(store, decide).schedules == 0


def test_what_is_left_to_others_stays_due_and_holds_up_nothing(store):
    add(store, "a", "b", due_in=0)
    add(store, "later", due_in=60)
    before = store.schedules.schedule("a")

    settled = fire(store, lambda record, now: None, limit=1)
    passed = fire(store, limit=1, without=["a"])

    assert (settled.schedules, settled.fired) == (1, ())
    assert [fired.schedule_id for fired in passed.fired] == ["b"]
    assert store.schedules.schedule("a") == before
    assert 30 < store.schedules.until_due(without=["a"]) <= 60
    assert store.schedules.until_due() == 0
    assert [fired.schedule_id for fired in fire(store).fired] == ["a"]


def test_what_the_database_refuses_is_named_and_nothing_is_done(store, run_ids):
    add(store, "a", "b", "c", due_in=0)
    plans = {"a": chain(1), "b": UNSTORABLE, "c": chain(1)}

    with pytest.raises(Unfireable) as refused:
        fire(store, starting_each(plans))

    assert refused.value.schedule_id == "b"
    assert run_ids() == []
    assert [store.schedules.schedule(name).count for name in "abc"] == [0, 0, 0]


def test_once_the_refused_one_is_off_the_others_are_fired(store):
    add(store, "a", "b", "c", due_in=0)
    plans = {"a": chain(1), "b": UNSTORABLE, "c": chain(1)}
    with pytest.raises(Unfireable):
        fire(store, starting_each(plans))

    store.schedules.switch_off("b", "cannot be stored")

    assert [fired.schedule_id for fired in fire(store, starting_each(plans)).fired] == ["a", "c"]


def test_a_row_that_somebody_spoilt_is_switched_off_with_the_reason(sqlite):
    add(sqlite, "a", "b", due_in=0)
    sql(sqlite, "UPDATE pypeline_schedule SET created_at = 'yesterday' WHERE id = 'a'")

    settled = fire(sqlite)

    sql(sqlite, "UPDATE pypeline_schedule SET created_at = now() WHERE id = 'a'")
    record = sqlite.schedules.schedule("a")
    assert [fired.schedule_id for fired in settled.fired] == ["b"]
    assert not record.enabled
    assert "cannot be read" in record.problem


def test_a_firing_that_is_undone_leaves_nothing(store, run_ids, monkeypatch):
    add(store, "a", due_in=0)
    before = store.schedules.schedule("a")

    def crash(*args, **how):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fire(store, crash)
    monkeypatch.setattr(store._dialect, "commit", crash)
    with pytest.raises(KeyboardInterrupt):
        fire(store)
    monkeypatch.undo()

    assert run_ids() == []
    assert store.schedules.occurrences("a") == []
    assert store.schedules.schedule("a") == before


def test_a_batch_is_bounded_and_takes_what_is_due_first(store, age):
    add(store, "late", due_in=0)
    age(5)
    add(store, "a", "b", due_in=0)

    first = fire(store, limit=2)
    second = fire(store, limit=2)

    assert [fired.schedule_id for fired in first.fired] == ["late", "a"]
    assert [fired.schedule_id for fired in second.fired] == ["b"]


def test_several_due_times_of_one_schedule_are_fired_in_order(store, age):
    add(store, "a", due_in=0)
    age(100)
    first = store.schedules.schedule("a").next_at
    times = [first + timedelta(seconds=30 * number) for number in range(3)]
    plan = chain(1)

    def decide(record, now):
        return Firing(tuple(map(Occurrence, times)), now + timedelta(hours=1), plan, {})

    fired = fire(store, decide).fired

    record = store.schedules.schedule("a")
    assert [one.due_at for one in fired] == times
    assert (record.count, record.last_at, record.last_run) == (3, times[-1], fired[-1].run_id)


def test_history_is_read_from_the_newest_on(store, age):
    add(store, "a", due_in=0)
    for _ in range(4):
        fire(store, starting(again=60))
        age(60)

    newest = store.schedules.occurrences("a", limit=3)
    older = store.schedules.occurrences("a", limit=3, before=newest[-1].due_at)

    times = [one.due_at for one in (*newest, *older)]
    assert len(times) == 4
    assert times == sorted(times, reverse=True)


def test_history_tells_how_each_run_went(store):
    plan = chain(1)
    add(store, "a", due_in=0)
    (fired,) = fire(store, starting(plan)).fired

    store.cancel(plan, fired.run_id, Flag.CANCEL)

    (occurrence,) = store.schedules.occurrences("a")
    assert (occurrence.run_id, occurrence.state) == (fired.run_id, RunState.CANCELLED)
    assert occurrence.finished_at is not None
    assert occurrence.fired_at >= occurrence.due_at


def test_a_schedule_is_going_while_a_run_of_it_is_open(store):
    plan = chain(1)
    add(store, "a", "b", due_in=0)
    going = {}

    def decide(record, now):
        going[record.schedule_id] = record.is_going
        return starting(plan, again=0)(record, now)

    fired = fire(store, decide).fired
    store.cancel(plan, fired[0].run_id, Flag.CANCEL)
    fire(store, decide)

    assert going == {fired[0].schedule_id: False, fired[1].schedule_id: True}


def test_until_due_is_what_lies_before_the_first_time(store):
    assert store.schedules.until_due() is None

    add(store, "a", due_in=3600)
    add(store, "b", due_in=60)

    assert 30 < store.schedules.until_due() <= 60


def test_until_due_is_nought_where_something_is_due(store, age):
    add(store, "a", due_in=1)
    age(100)

    assert store.schedules.until_due() == 0
