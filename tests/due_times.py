"""Schedules for tests of when they are due, and words for their times."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.times import due_times, next_after

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def scheduled(timing, timezone="UTC", **said):
    return Schedule(TargetKind.TASK, "shop.tasks.tidy", timing, timezone=timezone, **said)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def chain(schedule, after, *, created_at=CREATED):
    """All due times after a moment, each asked for with the one before it."""
    moment = next_after(schedule, created_at=created_at, moment=after)
    while moment is not None:
        yield moment
        moment = next_after(schedule, created_at=created_at, moment=moment)


def latest_until(schedule, *, since, moment, created_at=CREATED):
    """The latest due time between two moments, both inclusive, or None."""
    latest = next(due_times(schedule, created_at=created_at).until(moment), None)
    return latest if latest is not None and latest >= since else None


def first_times(schedule, after, count):
    return list(islice(chain(schedule, after), count))


def shown(instants, zone):
    """The times as a clock on the wall shows them, with its distance from UTC."""
    return [instant.astimezone(ZoneInfo(zone)).strftime("%d %H:%M %z") for instant in instants]


def shown_on(day, schedule):
    """What the clock of its zone shows at each due time of a day there."""
    zone = ZoneInfo(schedule.timezone)
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone)
    times = []
    for instant in chain(schedule, midnight.astimezone(UTC).replace(microsecond=0) - datetime.resolution):
        local = instant.astimezone(zone)
        if local.date() > midnight.date():
            return times
        times.append(local.strftime("%H:%M%z"))
    return times
