"""How the terminal spells when schedules are due."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pypeline.cli import words
from pypeline.schedules.timing import TimingKind

if TYPE_CHECKING:
    from pypeline.schedules.schedule import Schedule
    from pypeline.schedules.timing import Timing

_MINUTE = 60
_MICROSECONDS = 10**6


def when(timing: Timing) -> str:
    """``every 30 seconds``, ``every day``, ``30 2 * * *``, ``once, 2026-05-01 08:00``."""
    if timing.kind is TimingKind.ONCE:
        return f"once, {timing.text.replace('T', ' ')}"
    if timing.kind is not TimingKind.INTERVAL:
        return timing.text
    number, _, unit = timing.text.partition(" ")
    if unit == "microseconds":
        number, unit = f"{int(number) / _MICROSECONDS:g}", "seconds"
    return f"every {unit.removesuffix('s')}" if number == "1" else f"every {number} {unit}"


def starts(schedule: Schedule) -> str:
    """``pipeline nightly-etl`` or ``task demo.tasks.refresh``."""
    return f"{schedule.target_kind.value} {schedule.target}"


def ahead(moment: datetime, *, now: datetime | None = None) -> str:
    """``in 12s``, ``in 5m 30s``, ``in 2d 4h``; ``due 4m ago`` for what is past."""
    now = now or datetime.now(UTC)
    seconds = (moment - now).total_seconds()
    if seconds <= -1:
        return f"due {words.ago(moment, now=now)}"
    whole = max(0, math.ceil(seconds))
    return f"in {whole}s" if whole < _MINUTE else f"in {words.duration(whole)}"


def at(moment: datetime, zone: str, *, now: datetime | None = None) -> str:
    """The time in a zone: ``Thu 26 Mar, 02:30 CET``; with its year where that is not the present one."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {_dated(local, now or datetime.now(UTC))} {local.tzname()}"


def shortly(moment: datetime, zone: str, *, now: datetime) -> str:
    """The same for a column beside one of zones: ``26 Mar, 02:30``."""
    return _dated(moment.astimezone(ZoneInfo(zone)), now)


def here(moment: datetime, zone: str, *, now: datetime | None = None) -> str:
    """The time in the zone of this terminal, as short as can be; nothing where ``zone`` tells the same."""
    there, own = moment.astimezone(ZoneInfo(zone)), moment.astimezone()
    if there.utcoffset() == own.utcoffset():
        return ""
    if there.date() == own.date():
        return f"{_clock(own)} {own.tzname()}"
    return f"{_dated(own, now or datetime.now(UTC))} {own.tzname()}"


def at_both(moment: datetime, zone: str, *, now: datetime | None = None) -> str:
    """``Thu 26 Mar, 02:30 CET (01:30 UTC)``: in the zone, and in that of this terminal if it differs."""
    own = here(moment, zone, now=now)
    return at(moment, zone, now=now) + (f" ({own})" if own else "")


def _dated(local: datetime, now: datetime) -> str:
    year = "" if local.year == now.astimezone(local.tzinfo).year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {_clock(local)}"


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
