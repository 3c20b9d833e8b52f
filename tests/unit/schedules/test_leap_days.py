from __future__ import annotations

from datetime import timedelta

import pytest

from due_times import chain, first_times, scheduled, utc
from pypeline.schedules.timing import cron, crontab, interval, once


def days(timing, after, count):
    return [due.date().isoformat() for due in first_times(scheduled(timing), utc(after), count)]


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 0 29 2 *", "2026-01-01", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        # A year of a full century is none that leaps, but for every fourth.
        ("0 0 29 2 *", "2095-01-01", ["2096-02-29", "2104-02-29"]),
        ("0 0 29 2 *", "1995-01-01", ["1996-02-29", "2000-02-29", "2004-02-29"]),
        ("0 0 29 2 *", "2399-01-01", ["2400-02-29", "2404-02-29"]),
        ("0 0 28-31 2 *", "2027-02-27", ["2027-02-28", "2028-02-28", "2028-02-29"]),
        ("0 0 29-31 * *", "2027-01-31", ["2027-03-29", "2027-03-30", "2027-03-31", "2027-04-29"]),
        ("0 0 1 3 *", "2028-02-28", ["2028-03-01", "2029-03-01"]),
        ("0 12 31 * *", "2028-01-01", ["2028-01-31", "2028-03-31", "2028-05-31", "2028-07-31", "2028-08-31"]),
    ],
)
def test_29_february_is_a_day_of_leap_years(text, after, expected):
    assert days(cron(text), after, len(expected)) == expected
    assert days(crontab(*text.split()), after, len(expected)) == expected


def test_a_crontab_waits_for_a_leap_day_that_is_a_monday():
    assert days(crontab("0", "0", "29", "2", "mon"), "2026-01-01", 3) == [
        "2044-02-29",
        "2072-02-29",
        "2112-02-29",
    ]


def test_a_cron_runs_on_the_mondays_and_on_the_leap_day():
    expected = ["2028-02-07", "2028-02-14", "2028-02-21", "2028-02-28", "2028-02-29", "2029-02-05"]

    assert days(cron("0 0 29 2 mon"), "2028-01-31", 6) == expected


@pytest.mark.parametrize("weekday", ["*", "*/2"])
def test_a_cron_with_a_star_in_a_day_field_wants_both(weekday):
    times = first_times(scheduled(cron(f"0 0 13 * {weekday}")), utc("2026-01-01"), 24)

    assert {due.day for due in times} == {13}
    assert (
        {due.isoweekday() % 7 for due in times} <= {0, 1, 2, 3, 4, 5, 6} if weekday == "*" else {0, 2, 4, 6}
    )


def test_an_interval_of_days_counts_the_leap_day():
    schedule = scheduled(interval("1 day"), start_at="2028-02-28T08:00")

    assert first_times(schedule, utc("2028-02-28T08:00"), 2) == [
        utc("2028-02-29T08:00"),
        utc("2028-03-01T08:00"),
    ]


def test_a_single_time_may_be_a_leap_day():
    assert list(chain(scheduled(once("2028-02-29T08:00")), utc("2026-01-01"))) == [utc("2028-02-29T08:00")]


def test_every_minute_passes_over_the_leap_day():
    times = first_times(scheduled(cron("* * * * *")), utc("2028-02-28T23:59"), 1441)

    assert times[0] == utc("2028-02-29T00:00")
    assert times[-1] == times[0] + timedelta(days=1)
    assert times[-1].month == 3
