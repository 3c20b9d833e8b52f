"""What becomes of the times at which a schedule is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from pypeline.schedules.schedule import Misfire, Overlap
from pypeline.schedules.times import due_times, next_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pypeline.schedules.schedule import Schedule
    from pypeline.schedules.series import Series

_MOST_MISFIRES = 100
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One due time. ``reason`` says why nothing is started for it; None where a run is."""

    due_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The due times that are settled now, in order, and the next one: None where there is none any more."""

    occurrences: tuple[Occurrence, ...]
    next_at: datetime | None


def decide(
    schedule: Schedule,
    *,
    created_at: datetime,
    next_at: datetime,
    now: datetime,
    is_going: bool,
    most: int = 100,
) -> Decision:
    """
    Settle the due times from ``next_at``, the first that is not settled, to ``now``.

    At most ``most`` of them are fired; the rest is left to the next call, whose ``next_at`` is then not
    after ``now``. What a misfire policy leaves out is one occurrence, of the latest time left out. The next
    time counts from the last one settled, never from now: a clock that steps back fires nothing twice.
    ``is_going`` says whether a run of it is open. Raises BadTiming.
    """
    if now < next_at:
        return Decision((), next_at)
    times = due_times(schedule, created_at=created_at)
    border = _border(schedule, next_at, now)
    fresh = list(islice(_between(times, border, now), most))
    left_out, misfires = _misfires(schedule, times, next_at, border, is_late=not fresh)
    occurrences = [
        *left_out,
        *_judged(schedule, [*misfires, *fresh][:most], now=now, is_going=is_going),
    ]
    settled = occurrences[-1].due_at if occurrences else next_at - _MICROSECOND
    return Decision(tuple(occurrences), next_after(schedule, created_at=created_at, moment=settled))


def _border(schedule: Schedule, next_at: datetime, now: datetime) -> datetime:
    """The time from which on a due time is no misfire."""
    if (now - next_at).total_seconds() <= schedule.misfire_grace:
        return next_at
    return now - timedelta(seconds=schedule.misfire_grace)


def _between(times: Series, start: datetime, end: datetime) -> Iterator[datetime]:
    return takewhile(lambda due: due <= end, times.after(start - _MICROSECOND))


def _misfires(
    schedule: Schedule, times: Series, since: datetime, border: datetime, *, is_late: bool
) -> tuple[list[Occurrence], list[datetime]]:
    """The misfires that are left out, as one occurrence, and those that are fired."""
    if since == border:
        return [], []
    policy = schedule.misfire
    most = {Misfire.SKIP: 0, Misfire.LATEST: int(is_late), Misfire.ALL: _MOST_MISFIRES}[policy]
    behind = takewhile(lambda due: due >= since, times.until(border - _MICROSECOND))
    fired = list(islice(behind, most))
    left_out = next(behind, None)
    reason = f"was due while no scheduler ran (misfire: {policy})"
    return (
        [] if left_out is None else [Occurrence(left_out, reason)],
        fired[::-1],
    )


def _judged(
    schedule: Schedule, due_times: list[datetime], *, now: datetime, is_going: bool
) -> Iterator[Occurrence]:
    for due_at in due_times:
        reason = _reason(schedule, (now - due_at).total_seconds(), is_going=is_going)
        is_going = is_going or reason is None
        yield Occurrence(due_at, reason)


def _reason(schedule: Schedule, late: float, *, is_going: bool) -> str | None:
    """Why a time that is due starts nothing."""
    if schedule.expires is not None and late > schedule.expires:
        return f"expired: it was {late:.1f} s late"
    if is_going and schedule.overlap is Overlap.SKIP:
        return "a run of it was still going (overlap: skip)"
    return None
