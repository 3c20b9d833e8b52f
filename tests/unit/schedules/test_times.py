from __future__ import annotations

from datetime import timedelta

import pytest

from due_times import CREATED, chain, first_times, latest_until, scheduled, utc
from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.times import dst_note, due_times, next_after
from pypeline.schedules.timing import BadTiming, Timing, TimingKind, cron, crontab, interval, once

BERLIN = "Europe/Berlin"


def test_an_interval_counts_from_its_creation_which_is_no_due_time():
    schedule = scheduled(interval("90 minutes"))

    times = first_times(schedule, CREATED - timedelta(days=1), 3)

    assert times == [CREATED + timedelta(minutes=90 * number) for number in (1, 2, 3)]


def test_an_interval_counts_from_its_start_which_is_a_due_time():
    schedule = scheduled(interval("90 minutes"), BERLIN, start_at="2026-02-01T08:00")

    assert first_times(schedule, CREATED, 2) == [utc("2026-02-01T07:00"), utc("2026-02-01T08:30")]


def test_an_interval_does_not_drift():
    schedule = scheduled(interval("100001 microseconds"))
    number = 365 * 24 * 3600 * 9

    late = next_after(schedule, created_at=CREATED, moment=CREATED + number * timedelta(microseconds=100_001))

    assert late == CREATED + (number + 1) * timedelta(microseconds=100_001)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-01T07:59:59.999999", "2026-03-01T08:00"),
        ("2026-03-01T08:00", "2026-03-02T08:00"),
        ("2026-03-01T08:00:00.000001", "2026-03-02T08:00"),
    ],
)
@pytest.mark.parametrize(
    "timing", [cron("0 8 * * *"), crontab("0", "8"), interval("1 day")], ids=lambda timing: timing.kind
)
def test_the_next_time_is_strictly_after(timing, moment, expected):
    schedule = scheduled(timing, start_at="2026-01-01T08:00" if timing.kind is TimingKind.INTERVAL else None)

    assert next_after(schedule, created_at=CREATED, moment=utc(moment)) == utc(expected)


def test_start_and_end_are_both_inclusive():
    schedule = scheduled(cron("0 8 * * *"), BERLIN, start_at="2026-05-01T08:00", end_at="2026-05-03T08:00")

    times = list(chain(schedule, CREATED))

    assert times == [utc("2026-05-01T06:00"), utc("2026-05-02T06:00"), utc("2026-05-03T06:00")]


def test_bounds_with_an_offset_are_no_local_times():
    schedule = scheduled(
        cron("0 * * * *"), "America/New_York", start_at="2026-05-01T08:00Z", end_at="2026-05-01T12:30+02:00"
    )

    assert list(chain(schedule, CREATED)) == [utc(f"2026-05-01T{hour}:00") for hour in ("08", "09", "10")]


def test_an_end_before_the_start_leaves_nothing():
    schedule = scheduled(interval("1 hour"), start_at="2026-05-02", end_at="2026-05-01")

    assert next_after(schedule, created_at=CREATED, moment=CREATED) is None
    assert latest_until(schedule, created_at=CREATED, since=CREATED, moment=utc("2027-01-01")) is None


@pytest.mark.parametrize("bounds", [{"start_at": "2026-05-02"}, {"end_at": "2026-04-30"}])
def test_a_single_time_outside_of_its_bounds_never_comes(bounds):
    schedule = scheduled(once("2026-05-01T08:00"), **bounds)

    assert next_after(schedule, created_at=CREATED, moment=CREATED) is None


@pytest.mark.parametrize(
    ("timing", "latest"),
    [
        (cron("0 8 * * *"), "2026-06-01T06:00"),
        (cron("* * * * *"), "2026-06-01T09:59"),
        (crontab("0", "0", "1", "1", "*"), None),
        (interval("7 minutes"), "2026-06-01T09:56"),
        (once("2026-06-01T11:00"), "2026-06-01T09:00"),
        (once("2026-06-01T13:00"), None),
    ],
    ids=str,
)
def test_the_latest_time_is_found_over_any_outage(timing, latest):
    schedule = scheduled(timing, BERLIN)

    found = latest_until(schedule, created_at=CREATED, since=CREATED, moment=utc("2026-06-01T09:59:30"))

    assert found == (None if latest is None else utc(latest))


def test_the_latest_time_may_be_either_end_of_the_outage():
    schedule = scheduled(cron("0 8 * * *"))
    due = utc("2026-06-01T08:00")

    assert latest_until(schedule, created_at=CREATED, since=due, moment=due + timedelta(hours=1)) == due
    assert latest_until(schedule, created_at=CREATED, since=due - timedelta(hours=1), moment=due) == due


@pytest.mark.parametrize(
    "schedule",
    [
        scheduled(cron("0 0 * * *")),
        scheduled(interval("36500 days"), start_at="9999-01-01"),
        # Clocks in Berlin never show it: there it is always the Sunday on which they go forward.
        scheduled(crontab("*/30", "2", "29", "3", "sun"), BERLIN),
    ],
    ids=["cron", "interval", "never"],
)
def test_there_is_no_time_after_the_last_year_of_the_calendar(schedule):
    assert next_after(schedule, created_at=CREATED, moment=utc("9999-12-31T12:00")) is None


def test_a_schedule_may_start_with_the_calendar():
    schedule = scheduled(cron("0 8 * * *"), start_at="0001-01-01")

    assert next_after(schedule, created_at=CREATED, moment=utc("2026-06-01T07:00")) == utc("2026-06-01T08:00")


@pytest.mark.parametrize("timing", [cron("0 * * * *"), interval("60 minutes")], ids=["cron", "interval"])
def test_who_asks_for_more_times_than_the_calendar_has_gets_those_that_it_has(timing):
    schedule = scheduled(timing, start_at="9999-12-31T22:00")

    times = list(due_times(schedule, created_at=CREATED).after(CREATED))

    assert times == [utc("9999-12-31T22:00"), utc("9999-12-31T23:00")]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (scheduled(cron("0 0 * * *"), "Mars/Olympus"), "no time zone `Mars/Olympus`, use an IANA name"),
        (scheduled(cron("0 0 * * *"), ""), "no time zone ``"),
        (scheduled(cron("0 0 * * *"), start_at="soon"), "'soon' is no time"),
        (scheduled(cron("0 0 * * *"), "Asia/Tokyo", end_at="0001-01-01"), "beyond the calendar"),
        (scheduled(Timing(TimingKind.CRON, "61 * * * *")), "minute: '61' is not within 0 to 59"),
        (scheduled(Timing(TimingKind.CRONTAB, "* * *")), "has 3 fields"),
        (scheduled(Timing(TimingKind.INTERVAL, "0 seconds")), "too short"),
        (scheduled(Timing(TimingKind.ONCE, "never")), "'never' is no time"),
    ],
)
def test_text_that_names_no_times_is_refused_wherever_it_comes_from(schedule, words):
    with pytest.raises(BadTiming, match=words):
        next_after(schedule, created_at=CREATED, moment=CREATED)


def note(timing, zone, due_at):
    return dst_note(Schedule(TargetKind.TASK, "shop.tasks.tidy", timing, timezone=zone), utc(due_at))


@pytest.mark.parametrize(
    "timing",
    [
        cron("30 2 * * *"),
        crontab("30", "2", "29", "3", "*"),
        cron("30,45 2,3 * * sun"),
        once("2026-03-29T02:30"),
    ],
    ids=str,
)
def test_a_time_that_does_not_exist_is_said(timing):
    said = note(timing, BERLIN, "2026-03-29T01:00")

    assert said == "02:30 does not exist: clocks go forward. Runs at 03:00."


@pytest.mark.parametrize(
    "timing", [cron("30 2 * * *"), crontab("30", "0-5"), once("2026-10-25T02:30")], ids=str
)
def test_a_time_that_comes_twice_is_said(timing):
    said = note(timing, BERLIN, "2026-10-25T00:30")

    assert said == "02:30 comes twice: clocks go back. Runs the first time."


@pytest.mark.parametrize("due_at", ["2026-04-04T14:45", "2026-04-04T15:15"])
def test_a_rhythm_says_that_it_runs_both_times(due_at):
    said = note(cron("*/15 * * * *"), "Australia/Lord_Howe", due_at)

    assert said == "01:45 comes twice: clocks go back. Runs both times."


@pytest.mark.parametrize(
    ("timing", "due_at"),
    [
        (cron("30 2 * * *"), "2026-03-28T01:30"),
        (cron("30 2 * * *"), "2026-03-30T00:30"),
        (cron("0 3 * * *"), "2026-03-29T01:00"),
        (cron("0 * * * *"), "2026-03-29T01:00"),
        (interval("1 hour"), "2026-03-29T01:00"),
        (interval("1 hour"), "2026-10-25T00:00"),
        (once("2026-03-29T03:00"), "2026-03-29T01:00"),
        (once("2026-10-25T02:30+02:00"), "2026-10-25T00:30"),
    ],
    ids=str,
)
def test_other_times_have_no_note(timing, due_at):
    assert note(timing, BERLIN, due_at) is None
