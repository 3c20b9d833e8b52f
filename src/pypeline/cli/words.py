"""How the terminal spells durations, times, states and values."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypeline.store.records import Progress
    from pypeline.types import JsonValue

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGES = {"m": _MINUTE, "h": _HOUR, "d": _DAY, "w": 7 * _DAY}
_AGE = re.compile(r"(\d{1,9})([mhdw])")
_CENTURY = 36_525 * _DAY


def duration(seconds: float) -> str:
    """``412ms``, ``3.1s``, ``7m 26s``, ``6h 12m``, ``2d 4h``."""
    seconds = max(0.0, seconds)
    if round(seconds * 1000) < 1000:  # noqa: PLR2004 - milliseconds in a second
        return f"{round(seconds * 1000)}ms"
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def took(started: datetime | None, finished: datetime | None, *, now: datetime | None = None) -> str:
    """How long it took, or takes until ``now``; nothing where that is not known."""
    end = finished or now
    return "" if started is None or end is None else duration((end - started).total_seconds())


def ago(moment: datetime, *, now: datetime | None = None) -> str:
    """``now``, ``12s ago``, ``4m ago``, ``3h ago``, ``2d ago``."""
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for length, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s")):
        if seconds >= length:
            return f"{seconds // length}{letter} ago"
    return "now"


def exactly(moment: datetime) -> str:
    """The time in the zone of this terminal, to the second."""
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def counted(number: int, word: str) -> str:
    """``1 node``, ``2,000 nodes``, ``3 retries``."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word[:-1]}ies" if word.endswith("ry") else f"{number:,} {word}s"


def progress(said: Progress) -> str:
    """``1,200 of 3,000``, or ``1,200 done`` where nobody knows of how many."""
    done = _number(said.done)
    return f"{done} done" if said.total is None else f"{done} of {_number(said.total)}"


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.4g}"


def compact(value: JsonValue, *, limit: int) -> str:
    """The value as JSON on one line, in at most ``limit`` characters."""
    # A long list is cut before it is written: it may have a million elements.
    short: Any = value[:limit] if isinstance(value, list) else value
    return shortened(json.dumps(short, ensure_ascii=False), limit)


def shortened(text: str, limit: int) -> str:
    """The text on one line, in at most ``limit`` characters, an ellipsis where it was cut."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def seconds_of(text: str) -> float:
    """A duration above zero: seconds, or ``90s``, ``5m``, ``2h``, ``1d``. Raises ValueError."""
    units = {"s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{text!r} is no duration: write seconds, such as 30, or 5m, or 2h")
    return seconds


def age_of(text: str) -> float:
    """The seconds of an age: ``90m``, ``12h``, ``30d``, ``2w``. Raises ValueError."""
    found = _AGE.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _AGES[found[2]] if found else 0
    if not 0 < seconds <= _CENTURY:
        raise ValueError(f"{text!r} is no age: write a number with its unit, such as 90m, 12h, 30d or 2w")
    return float(seconds)
