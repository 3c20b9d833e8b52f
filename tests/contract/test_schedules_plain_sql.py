"""Schedules that somebody edits with plain SQL: in force when the scheduler looks next."""

from __future__ import annotations

import pytest

from timetable import add, every, fire, sql, starting


def edit(store, columns, **params):
    sql(store, f"UPDATE pypeline_schedule SET {columns} WHERE app = 'default' AND id = 'a'", **params)


@pytest.mark.parametrize(
    "columns",
    [
        "timing = '5 seconds'",
        "kind = 'cron', timing = '0 2 * * *'",
        "timezone = 'Europe/Berlin'",
        "start_at = '2026-01-01'",
        "end_at = '2099-01-01'",
    ],
)
def test_an_edit_of_the_times_is_planned_anew_and_fires_nothing(store, columns):
    add(store, "a", "b", due_in=0)
    fire(store)
    before = store.schedules.schedule("b")

    edit(store, f"{columns}, next_at = now()")
    assert store.schedules.until_due() == 0
    settled = fire(store, starting(again=5))

    record = store.schedules.schedule("a")
    assert (settled.schedules, settled.fired) == (1, ())
    assert 4 < store.schedules.until_due() <= 5
    assert (record.count, record.next_at is not None) == (1, True)
    assert store.schedules.schedule("b") == before


@pytest.mark.parametrize("column", ["payload = '{}'", "misfire = 'skip'", "queue = 'q'", "target = 't'"])
def test_an_edit_of_anything_else_leaves_the_next_time(store, column):
    add(store, "a")
    before = store.schedules.schedule("a").next_at

    edit(store, column)

    assert fire(store).schedules == 0
    assert store.schedules.schedule("a").next_at == before


def test_a_schedule_that_is_switched_off_is_not_fired(store):
    add(store, "a", due_in=0)

    edit(store, "enabled = :off", off=False)
    settled = fire(store)

    assert settled.fired == ()
    assert store.schedules.schedule("a").next_at is None
    assert store.schedules.until_due() is None


def test_a_schedule_that_is_switched_on_is_due_after_now_and_has_no_problem(store):
    add(store, "a", due_in=0)
    store.schedules.switch_off("a", "broken")

    edit(store, "enabled = :on", on=True)
    settled = fire(store)

    record = store.schedules.schedule("a")
    assert (settled.fired, record.problem, record.enabled) == ((), None, True)
    assert record.next_at is not None


def test_a_schedule_that_is_inserted_has_what_is_usual(store):
    sql(
        store,
        "INSERT INTO pypeline_schedule (app, id, target_kind, target, kind, timing)"
        " VALUES ('default', 'a', 'task', 'demo.tasks.refresh', 'interval', '60 seconds')",
    )

    fire(store)

    record = store.schedules.schedule("a")
    assert record.schedule == every()
    assert (record.source, record.enabled, record.next_at is not None) == ("user", True, True)
    assert abs((record.created_at - store.clock()).total_seconds()) < 60


def test_a_schedule_that_is_deleted_takes_its_history_along(store):
    add(store, "a", due_in=0)
    fire(store)

    sql(store, "DELETE FROM pypeline_schedule WHERE app = 'default' AND id = 'a'")

    assert store.schedules.occurrences("a") == []


@pytest.mark.parametrize(
    "columns",
    [
        "source = 'me'",
        "target_kind = 'job'",
        "kind = 'solar'",
        "misfire = 'none'",
        "overlap = 'queue'",
        "misfire_grace = -1",
        "expires = -1",
        "payload = 'none'",
        "payload = '[]'",
        "timing = NULL",
    ],
)
def test_what_a_row_cannot_hold_is_refused_where_it_is_written(store, columns):
    add(store, "a")

    with pytest.raises(store._dialect.errors):
        edit(store, columns)

    assert store.schedules.schedule("a").schedule == every()


@pytest.mark.parametrize("column", ["created_at", "updated_at", "next_at", "last_at"])
@pytest.mark.parametrize(
    ("store", "value"),
    [
        ("sqlite", "garbage"),
        ("sqlite", "2026-13-01"),
        ("postgresql", "-infinity"),
        ("postgresql", "infinity"),
        ("postgresql", "0044-01-01 BC"),
        ("postgresql", "294000-01-01"),
    ],
    indirect=["store"],
)
def test_a_time_that_cannot_be_read_is_the_problem_of_its_schedule_alone(store, column, value):
    add(store, "a", "b", due_in=0)

    edit(store, f"{column} = '{value}'")
    shown = {record.schedule_id: record.problem for record in store.schedules.schedules()}
    wait, settled = store.schedules.until_due(), fire(store)

    assert f"its row cannot be read: {column} is no time" in shown["a"]
    assert shown["b"] is None
    assert (wait, [fired.schedule_id for fired in settled.fired]) == (0, ["b"])


def test_one_whose_times_cannot_be_read_is_switched_off_and_works_once_it_is_mended(store):
    add(store, "a", "b", due_in=0)
    edit(store, "created_at = '-infinity'" if store._dialect.locks_rows else "created_at = 'garbage'")
    fire(store)
    edit(store, "created_at = now()")
    off = store.schedules.schedule("a")

    edit(store, "enabled = :on", on=True)
    fire(store)

    on = store.schedules.schedule("a")
    assert (off.enabled, "cannot be read" in off.problem) == (False, True)
    assert (on.enabled, on.problem, on.next_at is not None) == (True, None, True)


def test_a_time_without_a_zone_is_one_of_utc(sqlite):
    add(sqlite, "a")

    edit(sqlite, "created_at = '2026-05-01 08:00:00'")

    record = sqlite.schedules.schedule("a")
    assert (record.problem, record.created_at.isoformat()) == (None, "2026-05-01T08:00:00+00:00")
