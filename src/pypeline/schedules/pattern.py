"""Which wall times a crontab or a cron matches, in the words that cronsim understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pypeline.schedules.crontab import is_any
from pypeline.schedules.timing import TimingKind, cron, crontab, five_fields, values_of

if TYPE_CHECKING:
    from pypeline.schedules.timing import Timing

# What cronsim reads as we do, and faster than a list.
_STAR = re.compile(r"\*(/\d+)?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    ``expression`` has five fields, spelt out. ``both_days``: both day fields must match, else either does.

    ``is_fixed``: it names times of the day, which are kept when the clocks change. With a ``*`` for the
    minute or the hour it is a rhythm, which goes on in real time.
    """

    expression: str
    both_days: bool
    is_fixed: bool


@lru_cache(maxsize=4096)
def pattern_of(timing: Timing) -> Pattern:
    """The pattern of a crontab or a cron. Raises BadTiming: its text may come from anywhere."""
    is_celery = timing.kind is TimingKind.CRONTAB
    timing = crontab(*five_fields(timing.text)) if is_celery else cron(timing.text)
    minute, hour, day, _, weekday = timing.text.split()
    return Pattern(
        expression=" ".join(
            text if _STAR.fullmatch(text) else ",".join(map(str, sorted(values)))
            for text, values in zip(timing.text.split(), values_of(timing), strict=True)
        ),
        both_days=is_celery or is_any(day) or is_any(weekday),
        is_fixed=not (is_any(minute) or is_any(hour)),
    )
