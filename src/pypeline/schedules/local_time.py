"""
What a clock on the wall shows, and when it shows it.

Clocks go forward and leave a gap of times that do not exist; they go back and show a fold of times twice.
A wall time is a naive datetime here, an instant an aware one in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pypeline.schedules.timing import BadTiming, parse_moment

_MINUTE = timedelta(minutes=1)


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises BadTiming."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        remedy = "use an IANA name such as Europe/Berlin"
        raise BadTiming(f"there is no time zone `{name}`", remedy) from error


def wall_of(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows at an instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instants_of(wall: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """When the clock shows this: once, twice in a fold, never in a gap."""
    first, second = _offsets(wall, zone)
    if first < second:
        return ()
    return tuple((wall - offset).replace(tzinfo=UTC) for offset in dict.fromkeys((first, second)))


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The one instant that a wall time means: in a fold the first, in a gap the first minute after it."""
    if is_in_gap(wall, zone):
        wall = wall.replace(second=0, microsecond=0)
        while is_in_gap(wall, zone):
            wall += _MINUTE
    return instants_of(wall, zone)[0]


def instant_of_text(text: str, zone: ZoneInfo) -> datetime:
    """The instant that an ISO 8601 time names; without an offset it is a wall time. Raises BadTiming."""
    moment = parse_moment(text)
    try:
        return instant_of(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise BadTiming(f"{text!r} is beyond the calendar", "choose a year of this age") from error


def are_in_order(first: str, second: str, zone: ZoneInfo) -> bool:
    """Whether the second of two ISO 8601 times is after the first. Raises BadTiming."""
    return instant_of_text(first, zone) < instant_of_text(second, zone)


def is_in_gap(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock never shows this: it goes forward over it."""
    first, second = _offsets(wall, zone)
    return first < second


def fold_at(wall: datetime, zone: ZoneInfo) -> timedelta:
    """How far the clock goes back where it shows this twice; else nothing."""
    first, second = _offsets(wall, zone)
    return max(first - second, timedelta())


def _offsets(wall: datetime, zone: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The zone's distance from UTC if the clocks have not changed yet, and if they have."""
    before = wall.replace(tzinfo=zone, fold=0).utcoffset()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset()
    return before or timedelta(), after or timedelta()
