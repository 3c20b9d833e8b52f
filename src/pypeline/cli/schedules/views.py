"""Looks at schedules: all of them, one, and times that nobody has a schedule for yet."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pypeline.application.schedules.documents import (
    history_document,
    schedule_document,
    schedules_document,
    upcoming_document,
)
from pypeline.application.schedules.times import preview_times
from pypeline.cli.opening import open_system
from pypeline.cli.output import console_for, print_json
from pypeline.cli.schedules.details import print_schedule
from pypeline.cli.schedules.tables import schedules_list
from pypeline.cli.schedules.times import times_table
from pypeline.config import Settings
from pypeline.errors import InvalidSchedule
from pypeline.schedules.timing import BadTiming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pypeline.application.schedules import Schedules
    from pypeline.schedules.timing import Timing
    from pypeline.store.schedules.records import ScheduleRecord

_PAGE = 1000


def print_list(*, retired: bool, as_json: bool) -> None:
    """All schedules."""
    with open_system(Settings.load()) as system:
        records = list(_pages(system.application.schedules, retired=retired))
    if as_json:
        print_json(schedules_document(records))
    elif records:
        console = console_for(sys.stdout)
        console.print(schedules_list(records, console), soft_wrap=True)
    else:
        click.echo("No schedules. `pypeline schedules create ID` makes one.", err=True)


def print_one(schedule_id: str, *, count: int, history: int, as_json: bool) -> None:
    """One schedule with its next times and its history. Raises UnknownSchedule."""
    with open_system(Settings.load()) as system:
        schedules = system.application.schedules
        record = schedules.get(schedule_id)
        times = schedules.upcoming(schedule_id, count=count) if count else ()
        occurrences = schedules.history(schedule_id, limit=history) if history else ()
    if as_json:
        upcoming = upcoming_document(times, record.schedule.timezone)
        print_json({**schedule_document(record), **upcoming, **history_document(occurrences)})
    else:
        print_schedule(record, times, occurrences, console_for(sys.stdout))


def print_preview(
    read: Callable[[str], Timing], text: str, *, zone: str | None, count: int, as_json: bool
) -> None:
    """The next times that a text names, as ``read`` understands it. Raises InvalidSchedule."""
    zone = zone or Settings.load().timezone
    now = datetime.now(UTC)
    try:
        timing = read(text)
    except BadTiming as error:
        raise InvalidSchedule(str(error)) from error
    times = preview_times(timing, zone, now, count=count)
    if as_json:
        print_json(upcoming_document(times, zone))
    elif times:
        console = console_for(sys.stdout)
        console.print(times_table(times, zone, console, now=now), soft_wrap=True)
    else:
        click.echo("None of its times lies ahead.", err=True)


def _pages(schedules: Schedules, *, retired: bool) -> Iterator[ScheduleRecord]:
    after = ""
    while page := schedules.list(retired=retired, limit=_PAGE, after=after):
        yield from page
        after = page[-1].schedule_id
