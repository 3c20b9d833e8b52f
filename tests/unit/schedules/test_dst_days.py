"""The days on which clocks change: what a crontab and a cron do there is the same."""

from __future__ import annotations

import pytest

from due_times import chain, scheduled, shown, shown_on, utc
from pypeline.schedules.timing import cron, crontab, interval, once

# Clocks go forward: 02:00 to 03:00 in Berlin and New York, 02:00 to 02:30 on Lord Howe Island.
BERLIN_GAP = ("Europe/Berlin", "2026-03-29")
YORK_GAP = ("America/New_York", "2026-03-08")
HOWE_GAP = ("Australia/Lord_Howe", "2026-10-04")
# They go back: 03:00 to 02:00 in Berlin, 02:00 to 01:00 in New York, 02:00 to 01:30 on Lord Howe Island.
BERLIN_FOLD = ("Europe/Berlin", "2026-10-25")
YORK_FOLD = ("America/New_York", "2026-11-01")
HOWE_FOLD = ("Australia/Lord_Howe", "2026-04-05")
# Where it happens at midnight.
HAVANA_GAP = ("America/Havana", "2026-03-08")
HAVANA_FOLD = ("America/Havana", "2026-11-01")

FIXED = [
    (BERLIN_GAP, "30 1 * * *", ["01:30+0100"]),
    (BERLIN_GAP, "0 2 * * *", ["03:00+0200"]),
    (BERLIN_GAP, "30 2 * * *", ["03:00+0200"]),
    (BERLIN_GAP, "0-59 2 * * *", ["03:00+0200"]),
    (BERLIN_GAP, "30 1-3 * * *", ["01:30+0100", "03:00+0200", "03:30+0200"]),
    (BERLIN_GAP, "0 2,3 * * *", ["03:00+0200"]),
    (BERLIN_GAP, "30 2 29 3 *", ["03:00+0200"]),
    (BERLIN_GAP, "30 2 * * sun", ["03:00+0200"]),
    (BERLIN_GAP, "30 2 * * mon", []),
    (BERLIN_FOLD, "30 1 * * *", ["01:30+0200"]),
    (BERLIN_FOLD, "0 2 * * *", ["02:00+0200"]),
    (BERLIN_FOLD, "30 2 * * *", ["02:30+0200"]),
    (BERLIN_FOLD, "15,45 2 * * *", ["02:15+0200", "02:45+0200"]),
    (BERLIN_FOLD, "0 3 * * *", ["03:00+0100"]),
    (BERLIN_FOLD, "30 1-3 * * *", ["01:30+0200", "02:30+0200", "03:30+0100"]),
    (YORK_GAP, "30 2 * * *", ["03:00-0400"]),
    (YORK_GAP, "30 1,2,3 * * *", ["01:30-0500", "03:00-0400", "03:30-0400"]),
    (YORK_FOLD, "30 1 * * *", ["01:30-0400"]),
    (YORK_FOLD, "0 2 * * *", ["02:00-0500"]),
    (HOWE_GAP, "0 2 * * *", ["02:30+1100"]),
    (HOWE_GAP, "15 2 * * *", ["02:30+1100"]),
    (HOWE_GAP, "30 2 * * *", ["02:30+1100"]),
    (HOWE_GAP, "0,15,30,45 2 * * *", ["02:30+1100", "02:45+1100"]),
    (HOWE_FOLD, "30 1 * * *", ["01:30+1100"]),
    (HOWE_FOLD, "15,45 1 * * *", ["01:15+1100", "01:45+1100"]),
    (HOWE_FOLD, "0 2 * * *", ["02:00+1030"]),
    (HAVANA_GAP, "0 0 * * *", ["01:00-0400"]),
    (HAVANA_GAP, "30 0 * * sun", ["01:00-0400"]),
    (HAVANA_FOLD, "0 0 * * *", ["00:00-0400"]),
    (HAVANA_FOLD, "30 0,23 * * *", ["00:30-0400", "23:30-0500"]),
]
RHYTHMS = [
    (BERLIN_GAP, "30 * * * *", ["00:30+0100", "01:30+0100", "03:30+0200", "04:30+0200"]),
    (BERLIN_GAP, "*/20 2 * * *", []),
    (BERLIN_GAP, "*/30 1-3 * * *", ["01:00+0100", "01:30+0100", "03:00+0200", "03:30+0200"]),
    (BERLIN_FOLD, "30 * * * *", ["00:30+0200", "01:30+0200", "02:30+0200", "02:30+0100"]),
    (BERLIN_FOLD, "*/30 2 * * *", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
    (YORK_GAP, "*/30 1-3 * * *", ["01:00-0500", "01:30-0500", "03:00-0400", "03:30-0400"]),
    (YORK_FOLD, "0 */1 * * *", ["00:00-0400", "01:00-0400", "01:00-0500", "02:00-0500"]),
    (HOWE_GAP, "*/15 2 * * *", ["02:30+1100", "02:45+1100"]),
    (HOWE_GAP, "*/30 3 * * *", ["03:00+1100", "03:30+1100"]),
    (HOWE_GAP, "0 * * * *", ["00:00+1030", "01:00+1030", "03:00+1100", "04:00+1100"]),
    (HOWE_FOLD, "*/20 1 * * *", ["01:00+1100", "01:20+1100", "01:40+1100", "01:40+1030"]),
    (HOWE_FOLD, "*/15 2 * * *", ["02:00+1030", "02:15+1030", "02:30+1030", "02:45+1030"]),
    (HOWE_FOLD, "45 * * * *", ["00:45+1100", "01:45+1100", "01:45+1030", "02:45+1030"]),
    (HAVANA_GAP, "*/30 0-1 * * sun", ["01:00-0400", "01:30-0400"]),
    (HAVANA_FOLD, "*/30 0 * * sun", ["00:00-0400", "00:30-0400", "00:00-0500", "00:30-0500"]),
]
BOTH_KINDS = pytest.mark.parametrize(
    "timing_of", [cron, lambda text: crontab(*text.split())], ids=["cron", "crontab"]
)


@BOTH_KINDS
@pytest.mark.parametrize(("zone_and_day", "text", "times"), FIXED)
def test_a_time_of_the_day_runs_once_after_a_gap_and_once_in_a_fold(timing_of, zone_and_day, text, times):
    zone, day = zone_and_day

    assert shown_on(day, scheduled(timing_of(text), zone)) == times


@BOTH_KINDS
@pytest.mark.parametrize(("zone_and_day", "text", "times"), RHYTHMS)
def test_a_rhythm_goes_on_in_real_time(timing_of, zone_and_day, text, times):
    zone, day = zone_and_day

    assert shown_on(day, scheduled(timing_of(text), zone))[: len(times) or None] == times


@pytest.mark.parametrize("zone_and_day", [BERLIN_GAP, BERLIN_FOLD, YORK_GAP, YORK_FOLD, HOWE_GAP, HOWE_FOLD])
@pytest.mark.parametrize(("text", "seconds"), [("* * * * *", 60), ("*/30 * * * *", 1800)])
def test_a_rhythm_that_divides_the_change_never_stumbles(zone_and_day, text, seconds):
    zone, day = zone_and_day
    times = chain(scheduled(cron(text), zone), utc(day) - (utc("2026-01-02") - utc("2026-01-01")))
    first = next(times)

    steps = {
        (later - first).total_seconds() / number for number, later in zip(range(1, 150), times, strict=False)
    }

    assert steps == {seconds}


@pytest.mark.parametrize(("zone", "day"), [BERLIN_GAP, BERLIN_FOLD, HOWE_GAP, HOWE_FOLD])
def test_an_interval_knows_no_clocks(zone, day):
    schedule = scheduled(interval("20 minutes"), zone, start_at=f"{day}T00:00+00:00")

    times = [due for due, _ in zip(chain(schedule, utc(day)), range(100), strict=False)]

    assert [(due - utc(day)).total_seconds() for due in times] == [1200 * number for number in range(1, 101)]


@pytest.mark.parametrize(
    ("zone", "at", "time"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "29 03:00 +0200"),
        ("Europe/Berlin", "2026-03-29T02:30:15.5", "29 03:00 +0200"),
        ("Europe/Berlin", "2026-10-25T02:30", "25 02:30 +0200"),
        ("Europe/Berlin", "2026-10-25T02:30+01:00", "25 02:30 +0100"),
        ("America/New_York", "2026-03-08T02:00", "08 03:00 -0400"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "04 02:30 +1100"),
        ("Australia/Lord_Howe", "2026-04-05T01:40", "05 01:40 +1100"),
        ("Pacific/Apia", "2011-12-30T12:00", "31 00:00 +1400"),
    ],
)
def test_a_single_time_runs_once_after_a_gap_and_once_in_a_fold(zone, at, time):
    assert shown(chain(scheduled(once(at), zone), utc("2000-01-01")), zone) == [time]


def test_a_start_in_a_gap_is_the_first_minute_after_it():
    schedule = scheduled(cron("* * * * *"), "Europe/Berlin", start_at="2026-03-29T02:30")

    assert next(chain(schedule, utc("2026-01-01"))) == utc("2026-03-29T01:00")


def test_an_end_in_a_fold_is_its_first_time():
    schedule = scheduled(cron("*/30 2 * * *"), "Europe/Berlin", end_at="2026-10-25T02:30")

    assert shown(chain(schedule, utc("2026-10-24T12:00")), "Europe/Berlin") == [
        "25 02:00 +0200",
        "25 02:30 +0200",
    ]
