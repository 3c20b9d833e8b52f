"""The grammar of crontab fields, as Celery has it and as cron has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_WEEK = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_YEAR = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_SUNDAY = 7
_DAYS = {name[:3]: number for number, name in enumerate(_WEEK)}
_MONTHS = {name[:3]: number for number, name in enumerate(_YEAR, 1)}
_WHOLE_DAYS = {name: number for number, name in enumerate(_WEEK)}
_WHOLE_MONTHS = {name: number for number, name in enumerate(_YEAR, 1)}
_PART = re.compile(
    r"(?:(?P<star>\*)|(?P<first>\w{1,20})(?:-(?P<last>\w{1,20}))?)(?:/(?P<step>\w{0,20}))?", re.ASCII
)
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


_REMEDY = "write `*`, `5`, `1-5`, `*/15` or a list of them"


class BadCrontab(ValueError):  # noqa: N818 - names say what is wrong
    """A crontab that names no time. ``problem`` says why, ``remedy`` what to write instead."""

    def __init__(self, problem: str, remedy: str = _REMEDY) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}, {remedy}")


@dataclass(frozen=True, slots=True)
class Field:
    """
    One field of a crontab: its name, the values it may hold, and their names.

    Of a name only so many ``letters`` are looked at; None: all of them.
    """

    name: str
    lowest: int
    highest: int
    names: Mapping[str, int] = field(default_factory=lambda: {**_DAYS, **_MONTHS})
    letters: int | None = 3


CELERY_FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("dayOfMonth", 1, 31),
    Field("monthOfYear", 1, 12),
    Field("dayOfWeek", 0, 6),
)
"""The fields of Celery, in cron's order. It knows the names of days and of months in each of them."""

CRON_FIELDS = (
    Field("minute", 0, 59, {}),
    Field("hour", 0, 23, {}),
    Field("day of month", 1, 31, {}),
    Field("month", 1, 12, _MONTHS | _WHOLE_MONTHS, None),
    Field("day of week", 0, 7, _DAYS | _WHOLE_DAYS, None),
)
"""The fields of cron, in its order. It has Sunday as 0 and as 7, and names of three letters or in full."""

FIELDS = MappingProxyType({field.name: field for field in CELERY_FIELDS})
"""The fields of Celery, by their names in the file."""


def parse_field(text: str, name: str) -> frozenset[int]:
    """
    The values that a field of Celery's names: lists, ranges that may wrap around, steps, and names.

    ``name`` is the field's in the file, such as ``dayOfWeek``; Sunday is 0. Raises BadCrontab.
    """
    return parse_values(text, FIELDS[name])


def parse_values(text: str, bounds: Field) -> frozenset[int]:
    """The values that a text names within these bounds; Sunday is 0. Raises BadCrontab."""
    values = {value for part in text.split(",") for value in _parse_part(part.strip(), bounds)}
    return frozenset(value % _SUNDAY for value in values) if bounds.highest == _SUNDAY else frozenset(values)


def is_any(text: str) -> bool:
    """Whether a field begins with ``*``, with a step or without: cron does not count it as set then."""
    return text.startswith("*")


def check_days(days: frozenset[int], months: frozenset[int]) -> None:
    """Raise BadCrontab if none of the days is in any of the months, as in 30 February."""
    if not any(day <= _DAYS_IN_MONTH[month - 1] for month in months for day in days):
        raise BadCrontab("none of its days is in any of its months", "choose days that the months have")


def _parse_part(part: str, bounds: Field) -> range | list[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise BadCrontab(f"{part!r} is no crontab value")
    values = _values(match, bounds)
    if match["step"] is None:
        return values
    if match["star"] is None and match["last"] is None:
        remedy = f"write `{match['first']}-{bounds.highest}/{match['step']}`"
        raise BadCrontab(f"{part!r} steps from one value", remedy)
    if not match["step"].isdecimal() or not int(match["step"]):
        raise BadCrontab(f"{part!r} has no step from 1 up after its `/`")
    return values[:: int(match["step"])]


def _values(match: re.Match[str], bounds: Field) -> range | list[int]:
    if match["star"]:
        return range(bounds.lowest, bounds.highest + 1)
    first = _number(match["first"], bounds)
    last = first if match["last"] is None else _number(match["last"], bounds)
    if first <= last:
        return range(first, last + 1)
    return [*range(first, bounds.highest + 1), *range(bounds.lowest, last + 1)]


def _number(text: str, bounds: Field) -> int:
    value = int(text) if text.isdecimal() else bounds.names.get(text[: bounds.letters].lower())
    if value is None or not bounds.lowest <= value <= bounds.highest:
        raise BadCrontab(f"{text!r} is not within {bounds.lowest} to {bounds.highest}")
    return value
