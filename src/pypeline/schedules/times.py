"""When a schedule is due. Times are aware UTC."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from pypeline.schedules.local_time import (
    fold_at,
    instant_of,
    instant_of_text,
    is_in_gap,
    wall_of,
    zone_of,
)
from pypeline.schedules.pattern import pattern_of
from pypeline.schedules.series import Once, Steps, WallTimes
from pypeline.schedules.timing import TimingKind, length_of, parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from pypeline.schedules.schedule import Schedule
    from pypeline.schedules.series import Series
    from pypeline.schedules.timing import Timing


def next_after(schedule: Schedule, *, created_at: datetime, moment: datetime) -> datetime | None:
    """
    The first due time strictly after a moment, None where there is none any more.

    It lies within ``start_at`` and ``end_at``. An interval counts from ``start_at``, which is its first due
    time, else from ``created_at``, which is none. Raises BadTiming.
    """
    return next(due_times(schedule, created_at=created_at).after(moment), None)


def due_times(schedule: Schedule, *, created_at: datetime) -> Series:
    """All due times of a schedule. Raises BadTiming."""
    zone = zone_of(schedule.timezone)
    start = instant_of_text(schedule.start_at, zone) if schedule.start_at else None
    end = instant_of_text(schedule.end_at, zone) if schedule.end_at else None
    return _Within(_unbounded(schedule, zone, start, created_at), start, end)


def dst_note(schedule: Schedule, due_at: datetime) -> str | None:
    """
    What a change of the clocks means for a due time, as sentences for people; None if nothing.

    Raises BadTiming.
    """
    zone = zone_of(schedule.timezone)
    wall = wall_of(due_at, zone)
    missing = _missing(schedule.timing, zone, due_at)
    if missing is not None:
        return f"{missing:%H:%M} does not exist: clocks go forward. Runs at {wall:%H:%M}."
    if fold_at(wall, zone) and _names_wall_times(schedule.timing):
        which = "the first time" if _is_fixed(schedule.timing) else "both times"
        return f"{wall:%H:%M} comes twice: clocks go back. Runs {which}."
    return None


@dataclass(frozen=True, slots=True)
class _Within:
    """The due times of a series from a start to an end, both inclusive."""

    series: Series
    start: datetime | None
    end: datetime | None

    def after(self, moment: datetime) -> Iterator[datetime]:
        if self.start is not None and self.start > moment:
            moment = self.start - timedelta(microseconds=1)
        with suppress(OverflowError):  # the calendar of Python ends
            yield from takewhile(lambda due: self.end is None or due <= self.end, self.series.after(moment))

    def until(self, moment: datetime) -> Iterator[datetime]:
        moment = moment if self.end is None else min(moment, self.end)
        return takewhile(lambda due: self.start is None or due >= self.start, self.series.until(moment))


def _unbounded(schedule: Schedule, zone: ZoneInfo, start: datetime | None, created_at: datetime) -> Series:
    timing = schedule.timing
    if timing.kind is TimingKind.INTERVAL:
        return Steps(start or created_at, length_of(timing.text), first=0 if start else 1)
    if timing.kind is TimingKind.ONCE:
        return Once(instant_of_text(timing.text, zone))
    return WallTimes(pattern_of(timing), zone)


def _names_wall_times(timing: Timing) -> bool:
    if timing.kind is TimingKind.ONCE:
        return parse_moment(timing.text).tzinfo is None
    return timing.kind is not TimingKind.INTERVAL


def _is_fixed(timing: Timing) -> bool:
    return timing.kind is TimingKind.ONCE or pattern_of(timing).is_fixed


def _missing(timing: Timing, zone: ZoneInfo, due_at: datetime) -> datetime | None:
    """The first wall time that is named, but passed over by the clock, so that it is due now instead."""
    if not (_names_wall_times(timing) and _is_fixed(timing)):
        return None
    if timing.kind is TimingKind.ONCE:
        walls: Iterable[datetime] = [parse_moment(timing.text)]
    else:
        walls = WallTimes(pattern_of(timing), zone).walls_before(wall_of(due_at, zone))
    missing = takewhile(lambda wall: is_in_gap(wall, zone) and instant_of(wall, zone) == due_at, walls)
    return min(missing, default=None)
