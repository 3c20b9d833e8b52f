"""How due times, intervals and zones are spelt."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from pypeline.cli.schedules import words as schedule_words
from pypeline.schedules.timing import cron, crontab, interval, once

NOON = datetime(2026, 3, 25, 12, tzinfo=UTC)


@pytest.fixture
def terminal_in(monkeypatch):
    def move(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("timing", "shown"),
    [
        (interval("30 seconds"), "every 30 seconds"),
        (interval("1 day"), "every day"),
        (interval("500000 microseconds"), "every 0.5 seconds"),
        (cron("30 2 * * 1-5"), "30 2 * * 1-5"),
        (crontab("0", "2", "*", "*", "*"), "0 2 * * *"),
        (once("2026-05-01T08:00"), "once, 2026-05-01 08:00"),
    ],
    ids=str,
)
def test_a_timing_is_told_in_few_words(timing, shown):
    assert schedule_words.when(timing) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "in 0s"),
        (-0.4, "in 0s"),
        (11.2, "in 12s"),
        (330, "in 5m 30s"),
        (59_160, "in 16h 26m"),
        (187_200, "in 2d 4h"),
        (-250, "due 4m ago"),
    ],
)
def test_a_due_time_is_told_by_its_distance(seconds, shown):
    assert schedule_words.ahead(NOON + timedelta(seconds=seconds), now=NOON) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 3, 26, 1, 30, tzinfo=UTC), "Thu 26 Mar, 02:30 CET"),
        (datetime(2026, 3, 29, 1, 0, 5, tzinfo=UTC), "Sun 29 Mar, 03:00:05 CEST"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Fri 1 Jan 2027, 00:30 CET"),
    ],
)
def test_a_time_is_told_in_the_zone_of_its_schedule(moment, shown):
    assert schedule_words.at(moment, "Europe/Berlin", now=NOON) == shown


@pytest.mark.parametrize(
    ("terminal", "shown"),
    [
        ("Europe/Paris", ""),
        ("UTC", "01:30 UTC"),
        ("America/New_York", "25 Mar, 21:30 EDT"),
    ],
)
def test_a_time_is_told_once_more_where_this_terminal_is_in_another_zone(terminal, shown, terminal_in):
    terminal_in(terminal)

    moment = datetime(2026, 3, 26, 1, 30, tzinfo=UTC)

    assert schedule_words.here(moment, "Europe/Berlin", now=NOON) == shown


def test_both_zones_stand_together(terminal_in):
    terminal_in("UTC")

    moment = datetime(2026, 3, 26, 1, 30, tzinfo=UTC)

    assert schedule_words.at_both(moment, "Europe/Berlin", now=NOON) == "Thu 26 Mar, 02:30 CET (01:30 UTC)"
