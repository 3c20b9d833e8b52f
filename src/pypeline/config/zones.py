"""IANA time zones, and what to say of a name that is none."""

from __future__ import annotations

from zoneinfo import available_timezones

from pypeline.config.findings import Hints
from pypeline.schedules.local_time import zone_of
from pypeline.schedules.timing import BadTiming


def zone_fault(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a zone, and what to do about it; None where it is one."""
    try:
        zone_of(name)
    except BadTiming as error:
        return error.problem, Hints().of(name, available_timezones(), error.remedy)
    return None
