"""The times that lie ahead of a schedule, to be shown or checked."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from pypeline.config.zones import zone_fault
from pypeline.errors import InvalidSchedule
from pypeline.schedules.local_time import instant_of
from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.times import dst_note, due_times, next_after
from pypeline.schedules.timing import BadTiming, TimingKind, cron

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.schedules.timing import Timing

_MOST = 1000


class Due(NamedTuple):
    """A time at which a schedule is due, aware UTC, and what a change of the clocks does to it, if any."""

    due_at: datetime
    note: str | None


def require_time_ahead(schedule: Schedule, *, created_at: datetime, moment: datetime) -> None:
    """Raise InvalidSchedule if the schedule is never due after this moment."""
    try:
        due_at = next_after(schedule, created_at=created_at, moment=moment)
    except BadTiming as error:
        raise InvalidSchedule(str(error)) from error
    if due_at is not None:
        return
    if schedule.timing.kind is TimingKind.ONCE:
        raise InvalidSchedule(
            f"{schedule.timing} ({schedule.timezone}) is not ahead, or not between start_at and end_at: "
            "choose a later time"
        )
    raise InvalidSchedule("none of its times lies ahead: choose a later end_at, or take it away")


def times_after(schedule: Schedule, created_at: datetime, moment: datetime, *, count: int) -> list[Due]:
    """The first ``count`` times strictly after this moment, if there are so many. Raises InvalidSchedule."""
    if not 1 <= count <= _MOST:
        raise InvalidSchedule(f"the count of times is from 1 to {_MOST}, not {count}")
    try:
        times = due_times(schedule, created_at=created_at).after(moment)
        return [Due(due_at, dst_note(schedule, due_at)) for due_at in islice(times, count)]
    except BadTiming as error:
        raise InvalidSchedule(str(error)) from error


def have_other_times(one: Schedule, other: Schedule) -> bool:
    """True if two schedules may be due at different times."""
    fields = ("timing", "timezone", "start_at", "end_at")
    return any(getattr(one, field) != getattr(other, field) for field in fields)


def preview_times(timing: Timing | str, timezone: str, after: datetime, *, count: int) -> list[Due]:
    """The times of a timing alone; a text is cron's five fields. Raises InvalidSchedule."""
    fault = zone_fault(timezone)
    if fault is not None:
        raise InvalidSchedule(", ".join(fault))
    try:
        parsed = cron(timing) if isinstance(timing, str) else timing
    except BadTiming as error:
        raise InvalidSchedule(str(error)) from error
    moment = _instant(after, timezone)
    nothing = Schedule(TargetKind.TASK, "", parsed, timezone=timezone)
    return times_after(nothing, moment, moment, count=count)


def _instant(moment: datetime, timezone: str) -> datetime:
    try:
        return moment if moment.tzinfo else instant_of(moment, ZoneInfo(timezone))
    except OverflowError as error:
        raise InvalidSchedule(f"after: {moment} is beyond the calendar, choose a year of this age") from error
