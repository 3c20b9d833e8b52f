"""What a store tells of schedules at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pypeline.store.schedules.records import FileSchedule
from timetable import add, every, fire, later, starting

HOUR = 3_600


def test_the_first_due_time_is_told_with_how_late_it_is(store, age):
    add(store, "soon", due_in=60)
    add(store, "later", due_in=600)
    age(90)

    found = store.insights.outlook(grace=20)

    assert (found.planned, found.next_id, found.overdue) == (2, "soon", ("soon",))
    assert found.late == pytest.approx(30, abs=5)


def test_what_is_not_due_yet_is_not_late(store):
    add(store, "soon", due_in=60)

    found = store.insights.outlook(grace=0)

    assert found.next_at - datetime.now(UTC) < timedelta(seconds=61)
    assert (found.late, found.overdue) == (0, ())


def test_without_schedules_nothing_is_next(store):
    found = store.insights.outlook(grace=60)

    assert (found.planned, found.next_id, found.next_at, found.overdue) == (0, None, None, ())


def test_a_schedule_that_was_switched_off_is_told_with_its_problem(store):
    brought = [FileSchedule("of-file", every(), enabled=True)]
    store.schedules.bring_in(brought, next_after=lambda schedule, created_at, now: later(60)(now))
    add(store, "mine", "fine")
    store.schedules.switch_off("mine", "no such task")
    store.schedules.switch_off("of-file", "no such pipeline")

    found = store.insights.switched_off(limit=9)

    assert [(one.schedule_id, one.problem, one.in_file) for one in found] == [
        ("mine", "no such task", False),
        ("of-file", "no such pipeline", True),
    ]
    assert store.insights.switched_off(limit=1) == found[:1]


def test_each_target_is_told_with_its_earliest_due_time(store):
    add(store, "far", due_in=900)
    add(store, "near", due_in=300)

    found = store.insights.next_due()

    assert list(found) == ["demo.tasks.refresh"]
    due_in = (found["demo.tasks.refresh"] - datetime.now(UTC)).total_seconds()
    assert due_in == pytest.approx(300, abs=5)


def test_lateness_is_that_of_what_was_started_lately(store, age):
    add(store, "a", "b", due_in=10)
    age(3 * HOUR)
    fire(store, starting(again=3 * HOUR - 30))
    fire(store)

    found = store.insights.lateness(HOUR)

    assert found.count == 2
    assert found.most == pytest.approx(20, abs=5)
    assert found.total == pytest.approx(40, abs=10)


def test_a_due_time_that_was_settled_long_after_is_as_late_as_that(store, age):
    add(store, "a", due_in=10)
    age(5 * HOUR)
    fire(store)

    found = store.insights.lateness(HOUR)

    assert (found.count, found.most) == (1, pytest.approx(5 * HOUR - 10, abs=5))


def test_what_was_started_before_is_not_late_any_more(store, age):
    add(store, "a", due_in=-60)
    fire(store)
    age(2 * HOUR)

    assert store.insights.lateness(HOUR).count == 0


def test_nothing_was_late_where_nothing_was_started(store):
    add(store, "a", due_in=600)

    assert store.insights.lateness(HOUR).count == 0
