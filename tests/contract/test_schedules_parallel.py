"""Eight schedulers, each on a connection of its own, fire at once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from pypeline.errors import UnknownSchedule
from pypeline.store.schedules.records import FileSchedule
from timetable import add, change, every, fire, later, starting

SCHEDULERS = 8
SCHEDULES = [f"s{number:02}" for number in range(40)]


def at_once(work, number=SCHEDULERS):
    """What the work answers in so many threads that begin together."""
    gate = threading.Barrier(number)

    def begin(index):
        gate.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def fire_all(store, *, limit, decide=None):
    """Fire until nothing is due; answers what was fired here."""
    fired = []
    while store.schedules.until_due() == 0:
        fired += fire(store, decide, limit=limit).fired
    return fired


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_what_is_due_is_fired_once_whoever_fires(store, run_ids, limit):
    add(store, *SCHEDULES, due_in=0)

    fired = [one for some in at_once(lambda _: fire_all(store, limit=limit)) for one in some]

    assert sorted(one.schedule_id for one in fired) == SCHEDULES
    assert len(run_ids(limit=100)) == len(SCHEDULES)
    assert {record.count for record in store.schedules.schedules()} == {1}


def test_due_times_in_quick_succession_are_fired_once_each(store, age):
    add(store, *SCHEDULES[:5], due_in=0)
    age(2)

    everything = at_once(lambda _: fire_all(store, limit=3, decide=starting(again=0.1)))

    fired = Counter((one.schedule_id, one.due_at) for some in everything for one in some)
    assert max(fired.values()) == 1
    counts = {record.schedule_id: record.count for record in store.schedules.schedules()}
    assert counts == Counter(schedule_id for schedule_id, _ in fired)
    assert min(counts.values()) >= 20


def test_schedules_that_are_edited_and_deleted_meanwhile_stop_nobody(store):
    add(store, *SCHEDULES, due_in=0)

    def work(index):
        if index == 0:
            for schedule_id in SCHEDULES[::4]:
                change(store, schedule_id, every("5 seconds"))
            return []
        if index == 1:
            for schedule_id in SCHEDULES[1::4]:
                with suppress(UnknownSchedule):
                    store.schedules.delete(schedule_id)
            return []
        return fire_all(store, limit=5)

    fired = Counter(one.schedule_id for some in at_once(work) for one in some)

    assert set(fired.values()) == {1}
    assert {*SCHEDULES[2::4], *SCHEDULES[3::4]} <= set(fired)


def test_changes_at_once_are_all_made(store):
    add(store, "a")

    def count(index):
        def alter(record):
            payload = {**record.schedule.payload, str(index): record.schedule.payload.get(str(index), 0) + 1}
            return replace(record, schedule=replace(record.schedule, payload=payload))

        for _ in range(10):
            store.schedules.change("a", alter, next_after=lambda _, __, now: later()(now))

    at_once(lambda index: change(store, "a", enabled=False) if index == 0 else count(index))

    record = store.schedules.schedule("a")
    assert record.schedule.payload == {str(index): 10 for index in range(1, SCHEDULERS)}
    assert not record.enabled


def test_several_schedulers_may_bring_in_the_file_at_once(store):
    wanted = [FileSchedule(schedule_id, every(), enabled=True) for schedule_id in SCHEDULES]

    at_once(
        lambda index: store.schedules.bring_in(
            wanted if index % 2 else wanted[::-1],
            next_after=lambda schedule, created_at, now: later()(now),
        )
    )

    assert [record.schedule_id for record in store.schedules.schedules()] == SCHEDULES
    assert 0 < store.schedules.until_due() <= 60


def test_what_another_scheduler_holds_is_left_to_it(postgres):
    add(postgres, "a", "b", due_in=0)
    with postgres._engine.begin() as holder:
        holder.exec_driver_sql("SELECT 1 FROM pypeline_schedule WHERE id = 'a' FOR UPDATE")

        settled = fire(postgres)
        assert [fired.schedule_id for fired in settled.fired] == ["b"]
        assert fire(postgres).schedules == 0

    assert [fired.schedule_id for fired in fire(postgres).fired] == ["a"]


def test_one_that_hangs_in_its_transaction_loses_its_rows_soon(postgres):
    add(postgres, "a", due_in=0)
    limits = []

    def decide(record, now):
        connection = postgres._connections.current()
        limits.extend(connection.execute("SHOW idle_in_transaction_session_timeout").fetchone())
        return starting()(record, now)

    fire(postgres, decide)

    after = postgres._connections.current().execute("SHOW idle_in_transaction_session_timeout").fetchone()
    assert (limits, after) == (["4s"], ("0",))
