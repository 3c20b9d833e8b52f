"""How the times of a schedule are said, as values that a person can read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from pypeline.schedules.crontab import (
    CELERY_FIELDS,
    CRON_FIELDS,
    BadCrontab,
    check_days,
    is_any,
    parse_values,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.schedules.crontab import Field

UNITS = MappingProxyType(
    {
        "microseconds": timedelta(microseconds=1),
        "seconds": timedelta(seconds=1),
        "minutes": timedelta(minutes=1),
        "hours": timedelta(hours=1),
        "days": timedelta(days=1),
    }
)
"""The units of an interval."""
_SHORT_UNITS = {
    "us": "microseconds",
    "s": "seconds",
    "sec": "seconds",
    "m": "minutes",
    "min": "minutes",
    "h": "hours",
    "d": "days",
}
_UNIT_OF = {**_SHORT_UNITS, **{word: unit for unit in UNITS for word in (unit, unit.removesuffix("s"))}}
_INTERVAL = re.compile(r"(?P<count>\d{1,18})\s*(?P<unit>[a-z]+)", re.ASCII | re.IGNORECASE)
_SHORTEST = timedelta(microseconds=100_000)
# A century: more is a slip of the pen, and the calendar of Python ends.
_LONGEST = timedelta(days=36_500)

_MACROS = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)


class TimingKind(StrEnum):
    """
    The four ways to say when.

    ``crontab`` is Celery's: both day fields must match. ``cron`` is cron's: either does, where both are set.
    """

    INTERVAL = "interval"
    CRONTAB = "crontab"
    CRON = "cron"
    ONCE = "once"


class BadTiming(ValueError):  # noqa: N818 - names say what is wrong
    """It names no times. ``problem`` says why, ``remedy`` what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}, {remedy}")


@dataclass(frozen=True, slots=True)
class Timing:
    """
    When, as canonical text.

    ``30 seconds`` of an interval; ``minute hour day-of-month month day-of-week`` of a crontab or a cron;
    an ISO 8601 time of ``once``, local to the schedule's zone where it has no offset.
    """

    kind: TimingKind
    text: str

    def __str__(self) -> str:
        return f"every {self.text}" if self.kind is TimingKind.INTERVAL else self.text


def interval(text: str) -> Timing:
    """Again and again, so far apart: a whole number and a unit, such as ``5 seconds``. Raises BadTiming."""
    count, unit = _count_and_unit(text)
    length_of(text)
    return Timing(TimingKind.INTERVAL, f"{count} {unit}")


def crontab(
    minute: str = "*",
    hour: str = "*",
    day_of_month: str = "*",
    month_of_year: str = "*",
    day_of_week: str = "*",
) -> Timing:
    """Due where all five fields match, in Celery's grammar. Raises BadTiming."""
    texts = [_squeezed(text) for text in (minute, hour, day_of_month, month_of_year, day_of_week)]
    _, _, days, months, _ = _values(texts, CELERY_FIELDS)
    _check_days(days, months)
    return Timing(TimingKind.CRONTAB, " ".join(texts))


def cron(text: str) -> Timing:
    """
    Due as cron has it: where minute, hour and month match, and the day does.

    The day matches by either day field where both are set, else by the one that is. Raises BadTiming.
    """
    texts = five_fields(text)
    _, _, days, months, _ = _values(texts, CRON_FIELDS)
    if is_any(texts[2]) or is_any(texts[4]):
        _check_days(days, months)
    return Timing(TimingKind.CRON, " ".join(texts))


def once(text: str) -> Timing:
    """At one time, as ISO 8601: local to the schedule's zone where it has no offset. Raises BadTiming."""
    moment = parse_moment(text)
    whole = not (moment.second or moment.microsecond)
    return Timing(TimingKind.ONCE, moment.isoformat(timespec="minutes" if whole else "auto"))


def parse_moment(text: str) -> datetime:
    """The time that a text names, aware where it has an offset. Raises BadTiming."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadTiming(f"{text!r} is no time", "write it as 2026-05-01T08:00") from error


def length_of(text: str) -> timedelta:
    """How long the interval is that a text names. Raises BadTiming."""
    count, unit = _count_and_unit(text)
    if count > _LONGEST // UNITS[unit]:
        raise BadTiming("the interval is too long", f"make it at most {_LONGEST.days} days")
    length = count * UNITS[unit]
    if length < _SHORTEST:
        raise BadTiming("the interval is too short", "make it at least 100000 microseconds")
    return length


def values_of(timing: Timing) -> list[frozenset[int]]:
    """The values of the five fields of a crontab or a cron; Sunday is 0. Raises BadTiming."""
    fields = CRON_FIELDS if timing.kind is TimingKind.CRON else CELERY_FIELDS
    return _values(timing.text.split(), fields)


def five_fields(text: str) -> list[str]:
    """The fields of a crontab or of a cron, whose ``@daily`` and the like are spelt out. Raises BadTiming."""
    words = text.lower().split()
    if len(words) == 1 and words[0].startswith("@"):
        expanded = _MACROS.get(words[0])
        if expanded is None:
            raise BadTiming(f"{text!r} names no times", f"write five fields or one of {', '.join(_MACROS)}")
        words = expanded.split()
    if len(words) != len(CRON_FIELDS):
        problem = f"{text!r} has {len(words)} fields"
        raise BadTiming(problem, "write minute, hour, day of month, month and day of week: `0 2 * * mon`")
    return words


def _values(texts: Sequence[str], fields: Sequence[Field]) -> list[frozenset[int]]:
    return [_parsed(text, field) for text, field in zip(texts, fields, strict=True)]


def _parsed(text: str, field: Field) -> frozenset[int]:
    try:
        return parse_values(text, field)
    except BadCrontab as error:
        raise BadTiming(f"{field.name}: {error.problem}", error.remedy) from error


def _count_and_unit(text: str) -> tuple[int, str]:
    match = _INTERVAL.fullmatch(text.strip())
    unit = _UNIT_OF.get(match["unit"].lower()) if match else None
    if match is None or unit is None:
        remedy = f"write a whole number and a unit ({', '.join(UNITS)}), such as `30 seconds`"
        raise BadTiming(f"{text!r} is no interval", remedy)
    return int(match["count"]), unit


def _squeezed(text: str) -> str:
    """Without the spaces that Celery allows around a comma: canonical text is cut at spaces."""
    return ",".join(part.strip() for part in text.lower().split(","))


def _check_days(days: frozenset[int], months: frozenset[int]) -> None:
    try:
        check_days(days, months)
    except BadCrontab as error:
        raise BadTiming(error.problem, error.remedy) from error
