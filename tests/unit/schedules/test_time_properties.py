"""Due times against a walk over every minute, around changes of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from due_times import CREATED, chain, latest_until, scheduled
from pypeline.schedules.times import due_times, next_after
from pypeline.schedules.timing import TimingKind, cron, crontab, interval

MINUTE = timedelta(minutes=1)
# Whole hours, half hours, midnights, two hours, a winter time that goes back, a day that was left out.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "America/Caracas",
    "Pacific/Apia",
    "Asia/Kathmandu",
)


@cache
def changes(zone):
    """The days on which the zone's clocks change, and one on which nothing happens."""
    days = [datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(365 * 22)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    changed = (day for day, (before, after) in zip(days, pairwise(offsets), strict=False) if before != after)
    return [days[0], *changed]


@st.composite
def windows(draw):
    """A zone, and two days around a change of its clocks."""
    zone = draw(st.sampled_from(ZONES))
    start = draw(st.sampled_from(changes(zone))) - timedelta(minutes=draw(st.integers(1, 24 * 60)))
    return zone, start, start + timedelta(days=2)


def fields(lowest, highest):
    values = st.integers(lowest, highest)
    lists = st.lists(values, min_size=1, max_size=3).map(lambda listed: ",".join(map(str, listed)))
    return st.one_of(st.just("*"), st.sampled_from(["*/7", "*/15", "*/30"]), lists)


HOURS = st.one_of(st.sampled_from(["*", "*/2", "0-3", "0-23", "1,2", "0,23", "2", "1", "0"]), fields(0, 23))
DAYS = st.one_of(st.just("*"), st.just("*"), fields(1, 28))
WEEKDAYS = st.one_of(st.just("*"), st.just("*"), fields(0, 6))
TIMINGS = st.one_of(
    st.builds("{} {} {} * {}".format, fields(0, 59), HOURS, DAYS, WEEKDAYS).map(cron),
    st.builds(crontab, fields(0, 59), HOURS),
)


def values_of(text, lowest, highest):
    """What the fields of these tests name."""
    if text.startswith("*"):
        return set(range(lowest, highest + 1, int(text[2:] or 1)))
    if "-" in text:
        first, last = map(int, text.split("-"))
        return set(range(first, last + 1))
    return set(map(int, text.split(",")))


def matcher(text):
    minute, hour, day, _, weekday = text.split()
    minutes, hours = values_of(minute, 0, 59), values_of(hour, 0, 23)
    days, weekdays = values_of(day, 1, 31), values_of(weekday, 0, 6)
    either = not (day.startswith("*") or weekday.startswith("*"))

    def matches(wall):
        by_day, by_weekday = wall.day in days, wall.isoweekday() % 7 in weekdays
        is_day = by_day or by_weekday if either else by_day and by_weekday
        return is_day and wall.hour in hours and wall.minute in minutes

    return matches


def walked(timing, zone, start, end):
    """All due times after start, up to end, from what the clock shows in each minute."""
    matches = matcher(timing.text)
    # Two days earlier: a time that was passed over is due behind the gap.
    first = start.replace(second=0, microsecond=0) - timedelta(days=2)
    minutes = [first + number * MINUTE for number in range(int((end - first) / MINUTE) + 1)]
    clock = [(minute, minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for minute in minutes]
    if timing.text.split()[0].startswith("*") or timing.text.split()[1].startswith("*"):
        due = [minute for minute, wall in clock if matches(wall)]
    else:
        due = first_shown(clock, matches)
    return [minute for minute in due if start < minute <= end]


def first_shown(clock, matches):
    """The first minute at which the clock shows each wall time that matches, or a later one."""
    due, reached = [], clock[0][1]
    for minute, wall in clock:
        if wall > reached:
            passed = (reached + number * MINUTE for number in range(1, int((wall - reached) / MINUTE) + 1))
            if any(map(matches, passed)):
                due.append(minute)
            reached = wall
    return due


@given(TIMINGS, windows())
def test_the_due_times_are_those_of_a_walk_over_every_minute(timing, window):
    zone, start, end = window

    times = list(takewhile(lambda due: due <= end, chain(scheduled(timing, zone), start)))

    assert times == walked(timing, zone, start, end)


@given(TIMINGS, windows(), st.timedeltas(timedelta(), timedelta(days=2)))
def test_the_due_times_are_the_same_backwards_from_any_moment(timing, window, distance):
    zone, start, end = window
    moment = start + distance
    times = due_times(scheduled(timing, zone), created_at=CREATED)

    backwards = list(takewhile(lambda due: due > start, times.until(moment)))

    assert backwards[::-1] == list(takewhile(lambda due: due <= moment, times.after(start)))
    assert backwards[::-1] == walked(timing, zone, start, min(moment, end))


@given(TIMINGS, windows(), st.timedeltas(timedelta(), timedelta(days=2)))
def test_the_latest_time_is_the_last_of_a_walk(timing, window, distance):
    zone, start, _ = window
    moment = start + distance

    latest = latest_until(
        scheduled(timing, zone), created_at=CREATED, since=start + timedelta.resolution, moment=moment
    )

    assert latest == max(walked(timing, zone, start, moment), default=None)


@given(
    st.integers(100_000, 10**12),
    st.timedeltas(-timedelta(days=9000), timedelta(days=9000)).map(CREATED.__add__),
    st.booleans(),
)
def test_the_times_of_an_interval_are_whole_steps_from_its_anchor(microseconds, moment, has_start):
    schedule = scheduled(interval(f"{microseconds} us"), start_at=CREATED.isoformat() if has_start else None)
    step = timedelta(microseconds=microseconds)

    due_at = next_after(schedule, created_at=CREATED, moment=moment)

    first = CREATED if has_start else CREATED + step
    assert due_at > moment
    assert due_at - max(moment, first) <= step
    assert (due_at - CREATED) % step == timedelta()
    assert due_at >= first
    assert latest_until(schedule, created_at=CREATED, since=first, moment=due_at) == due_at


@given(
    st.one_of(TIMINGS, st.integers(600, 10**6).map(lambda seconds: interval(f"{seconds} s"))),
    windows(),
    st.data(),
)
def test_every_time_lies_within_start_and_end(timing, window, data):
    zone, start, _ = window
    first, last = sorted(data.draw(st.tuples(*[st.timedeltas(-timedelta(days=1), timedelta(days=3))] * 2)))
    bounds = {"start_at": (start + first).isoformat(), "end_at": (start + last).isoformat()}

    times = list(chain(scheduled(timing, zone, **bounds), start))

    all_times = chain(scheduled(timing, zone, start_at=(start - timedelta(days=9)).isoformat()), start)
    if timing.kind is TimingKind.INTERVAL:
        all_times = chain(scheduled(timing, zone, start_at=bounds["start_at"]), start)
    all_times = takewhile(lambda due: due <= start + last, all_times)
    assert times == [due for due in all_times if due >= start + first]
