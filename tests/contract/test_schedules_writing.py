"""What users write down: creating, changing, switching and deleting schedules."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from plans import chain
from pypeline.errors import InvalidSchedule, ScheduleExists, UnknownRun, UnknownSchedule
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.schedules.records import Source
from timetable import add, change, every, fire, later, of_another_app, sql

FULL = Schedule(
    TargetKind.PIPELINE,
    "demo-pipeline",
    Timing(TimingKind.CRONTAB, "0 2 * * mon"),
    timezone="Europe/Berlin",
    payload={"b": [1, {"ü": None}], "a": 1.5},
    queue="slow",
    misfire=Misfire.ALL,
    misfire_grace=0.5,
    overlap=Overlap.SKIP,
    start_at="2026-01-01T00:00",
    end_at="2027-01-01T00:00+01:00",
    expires=30.0,
    name="Nightly load",
)


@pytest.mark.parametrize("schedule", [FULL, every()], ids=["full", "plain"])
def test_a_schedule_is_kept_as_it_was_written(store, schedule):
    store.schedules.create("nightly", schedule, enabled=True, next_after=later())

    assert store.schedules.schedule("nightly").schedule == schedule


def test_a_new_schedule_remembers_nothing_but_its_first_time(store):
    add(store, "a", due_in=5)

    record = store.schedules.schedule("a")
    assert (record.source, record.enabled, record.count, record.is_going) == (Source.USER, True, 0, False)
    assert record.next_at == record.created_at + timedelta(seconds=5)
    assert [record.last_at, record.last_run, record.last_state, record.problem] == [None] * 4


def test_a_schedule_that_is_off_has_no_next_time(store):
    store.schedules.create("a", every(), enabled=False, next_after=later())

    assert store.schedules.schedule("a").next_at is None
    assert store.schedules.until_due() is None


def test_an_id_is_given_once(store):
    add(store, "a", queue="first")

    with pytest.raises(ScheduleExists, match="'a'"):
        add(store, "a", queue="second")

    assert store.schedules.schedule("a").schedule.queue == "first"


def test_applications_do_not_see_each_other(store):
    add(store, "a")
    other = of_another_app(store)

    other.create("a", every("5 seconds"), enabled=True, next_after=later(5))
    other.delete("a")

    assert [record.schedule_id for record in store.schedules.schedules()] == ["a"]
    assert other.schedules() == []


def test_a_change_replaces_what_is_written_and_keeps_what_is_remembered(store):
    add(store, "a", due_in=0)
    fire(store)
    before = store.schedules.schedule("a")

    change(store, "a", FULL, due_in=7)

    after = store.schedules.schedule("a")
    assert after.schedule == FULL
    assert after.next_at == after.updated_at + timedelta(seconds=7)
    assert (after.count, after.last_at, after.last_run) == (1, before.last_at, before.last_run)
    assert after.created_at == before.created_at


def test_a_change_of_anything_but_the_times_keeps_a_time_that_is_due(store):
    add(store, "a", due_in=0)
    due_at = store.schedules.schedule("a").next_at

    change(store, "a", every(name="Nightly", payload={"a": 1}, misfire=Misfire.ALL))
    change(store, "a", enabled=True)

    assert store.schedules.schedule("a").next_at == due_at
    assert [fired.due_at for fired in fire(store).fired] == [due_at]


@pytest.mark.parametrize(
    "other", [every("5 seconds"), every(timezone="Europe/Berlin"), every(start_at="2026-01-01T00:00")]
)
def test_other_times_are_planned_anew_and_start_nothing(store, other):
    add(store, "a", due_in=0)

    change(store, "a", other, due_in=7)

    record = store.schedules.schedule("a")
    assert record.next_at == record.updated_at + timedelta(seconds=7)
    assert fire(store).schedules == 0


def test_times_that_somebody_wrote_by_hand_are_planned_by_the_next_change(store):
    add(store, "a", due_in=0)
    sql(store, "UPDATE pypeline_schedule SET timing = '5 seconds'")

    change(store, "a", every("5 seconds", name="Often"), due_in=7)

    record = store.schedules.schedule("a")
    assert record.next_at == record.updated_at + timedelta(seconds=7)


def test_a_change_that_is_refused_changes_nothing(store):
    def refuse(record):
        raise InvalidSchedule("no")

    add(store, "a")
    before = store.schedules.schedule("a")

    with pytest.raises(InvalidSchedule, match="no"):
        store.schedules.change("a", refuse, next_after=later())

    assert store.schedules.schedule("a") == before


def test_a_change_moves_no_other_schedule(store):
    add(store, "a", "b")
    before = store.schedules.schedule("b")

    change(store, "a", FULL, due_in=7)
    change(store, "a", enabled=False)
    store.schedules.delete("a")

    assert store.schedules.schedule("b") == before


def test_a_change_of_the_switch_alone_leaves_what_is_written(store):
    store.schedules.create("a", FULL, enabled=True, next_after=later())

    change(store, "a", enabled=False)

    record = store.schedules.schedule("a")
    assert (record.enabled, record.next_at, record.schedule) == (False, None, FULL)


def test_switching_on_plans_the_next_time_and_forgets_the_problem(store):
    add(store, "a")
    store.schedules.switch_off("a", "nobody has its handler")
    off = store.schedules.schedule("a")
    assert (off.enabled, off.problem, off.next_at) == (False, "nobody has its handler", None)

    change(store, "a", enabled=True, due_in=3)

    record = store.schedules.schedule("a")
    assert (record.enabled, record.problem) == (True, None)
    assert record.next_at == record.updated_at + timedelta(seconds=3)


def test_what_names_no_times_is_not_written(store):
    def no_times(now):
        raise InvalidSchedule("it names no times")

    with pytest.raises(InvalidSchedule):
        store.schedules.create("a", every(), enabled=True, next_after=no_times)

    assert store.schedules.schedules() == []


def test_a_deleted_schedule_leaves_its_runs_and_no_history(store):
    add(store, "a", due_in=0)
    (fired,) = fire(store).fired

    store.schedules.delete("a")

    assert store.schedules.occurrences("a") == []
    assert store.run(fired.run_id).trigger == "schedule:a"
    with pytest.raises(UnknownSchedule):
        store.schedules.schedule("a")


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.schedules.schedule("a"),
        lambda store: store.schedules.delete("a"),
        lambda store: change(store, "a", FULL),
    ],
)
def test_a_schedule_that_is_not_there_is_unknown(store, ask):
    with pytest.raises(UnknownSchedule, match="no schedule 'a'"):
        ask(store)


def test_a_run_by_hand_is_noted_and_counts_as_no_due_time(store, start):
    add(store, "a")
    run = start(chain(1), trigger="schedule:a")

    store.schedules.note_run("a", run.run_id)

    record = store.schedules.schedule("a")
    assert (record.last_run, record.last_state) == (run.run_id, "pending")
    assert (record.count, record.last_at, record.is_going) == (0, None, True)


def test_a_run_that_is_gone_is_a_last_run_without_a_state(store):
    add(store, "a")
    gone = str(uuid.uuid4())

    store.schedules.note_run("a", gone)

    record = store.schedules.schedule("a")
    assert (record.last_run, record.last_state) == (gone, None)
    with pytest.raises(UnknownRun):
        store.run_state(gone)


def test_schedules_are_listed_by_id_in_pages(store):
    add(store, *"dbca")

    first = store.schedules.schedules(limit=3)
    second = store.schedules.schedules(limit=3, after=first[-1].schedule_id)

    assert [record.schedule_id for record in (*first, *second)] == ["a", "b", "c", "d"]


def test_what_no_database_can_hold_is_refused_with_the_reason(store):
    with pytest.raises(InvalidSchedule, match=r"does not take this schedule.*surrogates"):
        add(store, "a", queue="\ud800")

    assert store.schedules.schedules() == []


def test_what_postgresql_cannot_hold_is_refused_with_the_reason(postgres):
    with pytest.raises(InvalidSchedule, match="NUL"):
        add(postgres, "a", queue="\0")
