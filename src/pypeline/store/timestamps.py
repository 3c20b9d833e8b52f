"""Times as SQLite keeps them: ISO 8601 in UTC with microseconds, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Clock: TypeAlias = "Callable[[], datetime]"


def format_time(moment: datetime) -> str:
    """``2026-01-01T00:00:00.000000Z``; the same form that JSON documents have."""
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def time_text(moment: datetime | None) -> str | None:
    """As `format_time`; None of None."""
    return None if moment is None else format_time(moment)


def parse_time(text: str) -> datetime:
    """The aware time that `format_time` wrote."""
    return datetime.fromisoformat(text)


def shift_time(text: str | None, seconds: float | None) -> str | None:
    """The time that many seconds later, as text; None of either gives None, as in SQL."""
    if text is None or seconds is None:
        return None
    return format_time(parse_time(text) + timedelta(seconds=seconds))
