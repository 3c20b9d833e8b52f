"""What a user says becomes a schedule, or every reason why it cannot."""

from __future__ import annotations

import pytest

from pypeline.application.schedules.wishes import ScheduleWish, schedule_of
from pypeline.errors import InvalidSchedule
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind

EVERY = Timing(TimingKind.INTERVAL, "5 seconds")
BEFORE = Schedule(
    TargetKind.TASK,
    "demo.one",
    EVERY,
    timezone="Europe/Berlin",
    payload={"a": 1},
    queue="slow",
    misfire=Misfire.ALL,
    misfire_grace=5.0,
    overlap=Overlap.SKIP,
    start_at="2026-01-01T00:00",
    end_at="2027-01-01T00:00",
    expires=60.0,
    name="Before",
)
LOOP: list[object] = []
LOOP.append(LOOP)


def made(before=None, **words):
    return schedule_of(ScheduleWish(**words), before, timezone="UTC")


def refused(before=None, **words):
    with pytest.raises(InvalidSchedule) as caught:
        made(before, **words)
    return str(caught.value)


def test_a_task_and_an_interval_are_enough():
    assert made(task="demo.one", every="5 s") == Schedule(TargetKind.TASK, "demo.one", EVERY)


def test_the_zone_of_a_new_schedule_is_that_of_the_settings():
    wish = ScheduleWish(task="demo.one", every="5 s")

    assert schedule_of(wish, timezone="Asia/Tokyo").timezone == "Asia/Tokyo"


def test_nothing_said_changes_nothing():
    assert made(BEFORE) == BEFORE


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"every": "90 minutes"}, "90 minutes"),
        ({"cron": "0 2 * * mon"}, "0 2 * * mon"),
        ({"at": "2026-05-01 08:00"}, "2026-05-01T08:00"),
    ],
)
def test_each_way_to_say_when_takes_the_place_of_the_one_before(words, text):
    assert made(BEFORE, **words).timing.text == text


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("timezone", "UTC"),
        ("payload", {}),
        ("queue", None),
        ("misfire", Misfire.LATEST),
        ("misfire_grace", 60.0),
        ("overlap", Overlap.ALLOW),
        ("start_at", None),
        ("end_at", None),
        ("expires", None),
        ("name", None),
    ],
)
def test_an_empty_text_takes_away_what_was_there(name, default):
    assert getattr(made(BEFORE, **{name: ""}), name) == default


def test_a_schedule_that_starts_a_pipeline_from_now_on_loses_the_queue_of_its_task():
    changed = made(BEFORE, pipeline="load")

    assert (changed.target_kind, changed.target, changed.queue) == (TargetKind.PIPELINE, "load", None)


def test_a_schedule_of_a_pipeline_is_given_no_queue():
    pipeline = made(BEFORE, pipeline="load")

    assert "`queue` is for a task" in refused(pipeline, queue="slow")
    assert made(pipeline, task="demo.one", queue="slow").queue == "slow"


def test_a_schedule_needs_a_target_and_times():
    said = refused()

    assert "needs `task` or `pipeline`" in said
    assert "needs `every` or `cron` or `at`" in said


@pytest.mark.parametrize("words", [{"task": ""}, {"every": ""}])
def test_what_a_schedule_needs_is_not_taken_away(words):
    assert "say one of them" in refused(BEFORE, **words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"task": "demo.one", "pipeline": "load"}, "`task` and `pipeline` exclude each other"),
        ({"every": "5 s", "cron": "* * * * *"}, "`every` and `cron` exclude each other"),
        ({"every": "5 fortnights"}, "'5 fortnights' is no interval"),
        ({"cron": "61 * * * *"}, "minute: '61'"),
        ({"at": "tomorrow"}, "'tomorrow' is no time"),
        ({"timezone": "Europe/Berlim"}, "did you mean `Europe/Berlin`?"),
        ({"payload": [1]}, "the payload is no JSON object"),
        ({"payload": {1: 2}}, "the payload is no JSON object"),
        ({"payload": {"a": {1, 2}}}, "not what JSON can hold"),
        ({"payload": {"a": float("nan")}}, "not what JSON can hold"),
        ({"payload": {"a": LOOP}}, "not what JSON can hold"),
        ({"misfire": "sometimes"}, "choose one of latest, all, skip"),
        ({"misfire_grace": -1}, "misfire_grace: -1 is no number of seconds"),
        ({"overlap": "queue"}, "choose one of allow, skip"),
        ({"expires": True}, "expires: True is no number of seconds"),
        ({"expires": float("inf")}, "expires: inf is no number of seconds"),
        ({"start_at": "soon"}, "start_at: 'soon' is no time"),
        ({"start_at": "0001-01-01T00:00+14:00"}, "beyond the calendar"),
        ({"end_at": "2026-01-01T00:00"}, "end_at is not after start_at"),
        ({"end_at": "2025-12-31T23:00+00:00"}, "end_at is not after start_at"),
        ({"queue": "${QUEUE}"}, "variables are for sermos.yaml"),
        ({"queue": "amq.slow"}, "queue: 'amq.slow' is RabbitMQ's own"),
        ({"pipeline": "load", "queue": "slow"}, "`queue` is for a task"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(words, reason):
    assert reason in refused(BEFORE, **words)


def test_every_fault_is_said_at_once():
    said = refused(task="demo.one", every="x", timezone="Nowhere", misfire="y", expires=-1)

    assert [word in said for word in ("interval", "Nowhere", "misfire", "expires")] == [True] * 4
