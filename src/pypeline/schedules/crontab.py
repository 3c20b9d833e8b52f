"""The grammar of crontab fields, as Celery has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {
    **{name: number for number, name in enumerate(_DAYS)},
    **{name: number for number, name in enumerate(_MONTHS, 1)},
}
_PART = re.compile(r"(?:(?P<star>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\w*))?", re.ASCII)
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class BadCrontab(ValueError):  # noqa: N818 - names say what is wrong
    """A crontab that names no time; the message says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a crontab: its name in the file, and the values it may hold."""

    name: str
    lowest: int
    highest: int


FIELDS = MappingProxyType(
    {
        field.name: field
        for field in (
            Field("minute", 0, 59),
            Field("hour", 0, 23),
            Field("dayOfWeek", 0, 6),
            Field("dayOfMonth", 1, 31),
            Field("monthOfYear", 1, 12),
        )
    }
)


def parse_field(text: str, field: str) -> frozenset[int]:
    """
    The values that a field names: lists, ranges that may wrap around, steps, and names of days and months.

    ``field`` is its name in the file, such as ``dayOfWeek``; Sunday is 0. Raises BadCrontab.
    """
    bounds = FIELDS[field]
    return frozenset(value for part in text.split(",") for value in _parse_part(part.strip(), bounds))


def check_days(days: frozenset[int], months: frozenset[int]) -> None:
    """Raise BadCrontab if none of the days is in any of the months, as in 30 February."""
    if not any(day <= _DAYS_IN_MONTH[month - 1] for month in months for day in days):
        raise BadCrontab("none of its days is in any of its months")


def _parse_part(part: str, field: Field) -> range | list[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise BadCrontab(f"{part!r} is no crontab value: write `*`, `5`, `1-5`, `*/15` or a list of them")
    values = _values(match, field)
    if match["step"] is None:
        return values
    if match["star"] is None and match["last"] is None:
        raise BadCrontab(
            f"{part!r} steps from one value: write `{match['first']}-{field.highest}/{match['step']}`"
        )
    if not match["step"].isdecimal() or not int(match["step"]):
        raise BadCrontab(f"{part!r} has no step from 1 up after its `/`")
    return values[:: int(match["step"])]


def _values(match: re.Match[str], field: Field) -> range | list[int]:
    if match["star"]:
        return range(field.lowest, field.highest + 1)
    first = _number(match["first"], field)
    last = first if match["last"] is None else _number(match["last"], field)
    if first <= last:
        return range(first, last + 1)
    return [*range(first, field.highest + 1), *range(field.lowest, last + 1)]


def _number(text: str, field: Field) -> int:
    value = int(text) if text.isdecimal() else _NAMES.get(text[:3].lower())
    if value is None or not field.lowest <= value <= field.highest:
        raise BadCrontab(f"{text!r} is not within {field.lowest} to {field.highest}")
    return value
