"""Bringing in what the file has now."""

from __future__ import annotations

from datetime import timedelta
from itertools import repeat

import pytest

from pypeline.errors import ScheduleExists, UnknownSchedule
from pypeline.schedules.timing import BadTiming
from pypeline.store.schedules.records import BroughtIn, FileSchedule, Source
from timetable import add, change, every, fire


def bring_in(store, *, wait=60.0, off=(), **schedules):
    """Bring in schedules by id, all of them on but for those that are named."""
    wanted = [FileSchedule(id_, schedule, id_ not in off) for id_, schedule in schedules.items()]
    return store.schedules.bring_in(
        wanted, next_after=lambda schedule, created_at, now: now + timedelta(seconds=wait)
    )


def enable(store, schedule_id, *, on):
    change(store, schedule_id, enabled=on)


def test_what_is_new_is_created_with_its_next_time(store):
    brought = bring_in(store, a=every(), b=every("5 seconds"), off=["b"])

    first, second = store.schedules.schedules()
    assert brought == BroughtIn(created=("a", "b"))
    assert (first.source, first.enabled, first.schedule) == (Source.FILE, True, every())
    assert first.next_at == first.created_at + timedelta(seconds=60)
    assert (second.enabled, second.next_at) == (False, None)
    assert fire(store).schedules == 0


def test_what_is_as_it_was_is_left_alone(store):
    bring_in(store, a=every(), b=every())
    before = store.schedules.schedules()

    brought = bring_in(store, a=every(), b=every("5 seconds"), wait=7)

    assert brought == BroughtIn(updated=("b",))
    assert store.schedules.schedule("a") == before[0]


def test_other_times_are_planned_anew_and_fire_nothing(store):
    bring_in(store, a=every())

    bring_in(store, a=every("5 seconds"), wait=7)

    record = store.schedules.schedule("a")
    assert record.schedule.timing.text == "5 seconds"
    assert 0 < (record.next_at - record.updated_at).total_seconds() <= 7
    assert fire(store).schedules == 0


def test_a_change_of_what_is_started_keeps_a_time_that_was_missed(store, age):
    bring_in(store, a=every())
    age(90)
    before = store.schedules.schedule("a").next_at

    bring_in(store, a=every(payload={"a": 1}))

    record = store.schedules.schedule("a")
    assert (record.next_at, record.schedule.payload) == (before, {"a": 1})
    assert store.schedules.until_due() == 0


def test_what_is_gone_from_the_file_is_retired_and_keeps_its_history(store):
    bring_in(store, a=every(), b=every(), wait=0)
    fire(store)

    brought = bring_in(store, b=every())

    record = store.schedules.schedule("a")
    assert brought == BroughtIn(retired=("a",))
    assert (record.retired_at is not None, record.next_at, record.count) == (True, None, 1)
    assert [one.schedule_id for one in store.schedules.schedules()] == ["b"]
    assert [one.schedule_id for one in store.schedules.schedules(retired=True)] == ["a", "b"]
    assert len(store.schedules.occurrences("a")) == 1


def test_what_is_retired_is_retired_once(store):
    bring_in(store, a=every())
    bring_in(store)
    before = store.schedules.schedule("a")

    assert bring_in(store) == BroughtIn()
    assert store.schedules.schedule("a") == before


def test_what_is_retired_is_not_fired_and_cannot_be_switched(store):
    bring_in(store, a=every(), wait=0)
    bring_in(store)

    assert fire(store).schedules == 0
    with pytest.raises(UnknownSchedule):
        enable(store, "a", on=True)


def test_what_is_back_in_the_file_goes_on(store):
    bring_in(store, a=every(), wait=0)
    fire(store)
    created_at = store.schedules.schedule("a").created_at
    bring_in(store)

    brought = bring_in(store, a=every(), wait=60)

    record = store.schedules.schedule("a")
    assert brought == BroughtIn(updated=("a",))
    assert (record.retired_at, record.count, record.created_at) == (None, 1, created_at)
    assert 50 < store.schedules.until_due() <= 60


@pytest.mark.parametrize("on", [True, False])
def test_the_switch_of_a_user_holds_until_the_file_says_otherwise(store, on):
    file_off = ["a"] if on else []
    bring_in(store, a=every(), off=file_off)
    enable(store, "a", on=on)

    bring_in(store, a=every("5 seconds"), off=file_off)
    assert store.schedules.schedule("a").enabled is on

    bring_in(store, a=every("5 seconds"), off=[] if on else ["a"])
    assert store.schedules.schedule("a").enabled is on

    bring_in(store, a=every("5 seconds"), off=file_off)
    assert store.schedules.schedule("a").enabled is not on


def test_what_the_scheduler_switched_off_gets_another_chance(store):
    bring_in(store, a=every())
    store.schedules.switch_off("a", "no such pipeline")

    assert bring_in(store, a=every()) == BroughtIn(updated=("a",))

    record = store.schedules.schedule("a")
    assert (record.enabled, record.problem, record.next_at is not None) == (True, None, True)


def test_an_id_that_a_user_took_is_left_to_the_user(store):
    add(store, "a", queue="mine")
    before = store.schedules.schedule("a")

    assert bring_in(store, a=every(), b=every()) == BroughtIn(created=("b",), taken=("a",))
    assert bring_in(store) == BroughtIn(retired=("b",))
    assert store.schedules.schedule("a") == before


def test_a_user_may_not_take_an_id_of_the_file(store):
    bring_in(store, a=every())

    with pytest.raises(ScheduleExists):
        add(store, "a")


def test_a_user_may_take_an_id_that_the_file_has_given_up(store):
    bring_in(store, a=every(), wait=0)
    fire(store)
    bring_in(store)

    add(store, "a")

    record = store.schedules.schedule("a")
    assert (record.source, record.count, record.retired_at) == (Source.USER, 0, None)
    assert store.schedules.occurrences("a") == []


def test_times_that_cannot_be_worked_out_are_left_to_the_scheduler(store):
    def next_after(schedule, created_at, now):
        raise BadTiming("it is never due", "say when")

    store.schedules.bring_in([FileSchedule("a", every(), enabled=True)], next_after=next_after)

    assert store.schedules.until_due() == 0


def test_only_those_of_the_file_are_listed_where_they_are_asked_for(store):
    bring_in(store, a=every())
    add(store, "b")

    found = [store.schedules.schedules(source=source)[0].schedule_id for source in Source]
    assert found == ["a", "b"]


def test_thousands_are_brought_in_at_once(store):
    ids = [f"s{number:04}" for number in range(2_000)]

    brought = bring_in(store, **dict(zip(ids, repeat(every()), strict=False)))

    assert brought.created == tuple(ids)
    assert 0 < store.schedules.until_due() <= 60
