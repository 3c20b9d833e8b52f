"""What `schedules show` prints: all of a schedule, its next times, its history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.schedules import words as schedule_words
from pypeline.cli.schedules.tables import coming_words, last_run, on_or_off, problem_line
from pypeline.cli.schedules.times import history_table, times_table
from pypeline.cli.tables import shown_id
from pypeline.schedules.schedule import TargetKind
from pypeline.schedules.timing import TimingKind
from pypeline.store.schedules.records import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pypeline.application.schedules.times import Due
    from pypeline.store.schedules.records import OccurrenceRecord, ScheduleRecord

_PAYLOAD = 200  # characters
_ANY = 100_000  # columns: nothing is cut, the terminal wraps
_DIALECTS = {
    TimingKind.CRONTAB: "minute hour day-of-month month day-of-week; both day fields must match",
    TimingKind.CRON: "minute hour day-of-month month day-of-week; one day field suffices where both are set",
}


def print_schedule(
    record: ScheduleRecord,
    times: Sequence[Due],
    occurrences: Sequence[OccurrenceRecord],
    console: Console,
) -> None:
    """A schedule: its switch, what it says, its next times, what became of those that were."""
    title = Text.assemble(on_or_off(record), "  ", (record.schedule_id, "bold"))
    if record.schedule.name:
        title.append(f"  {record.schedule.name}")
    console.print(title, soft_wrap=True)
    if record.problem:
        console.print(problem_line(record), soft_wrap=True)
    facts = [(Text(label, "dim"), said) for label, said in _facts(record, console) if said]
    console.print(aligned(("", ""), facts, width=_ANY), soft_wrap=True)
    if times:
        _heading(f"next {words.counted(len(times), 'time')}", console)
        console.print(times_table(times, record.schedule.timezone, console), soft_wrap=True)
    if occurrences:
        _heading("history", console)
        console.print(history_table(occurrences, record.schedule.timezone, console), soft_wrap=True)


def _facts(record: ScheduleRecord, console: Console) -> list[tuple[str, Text | str]]:
    now = datetime.now(UTC)
    schedule = record.schedule
    return [
        ("starts", schedule_words.starts(schedule)),
        ("queue", _queue(record)),
        ("payload", words.compact(schedule.payload, limit=_PAYLOAD) if schedule.payload else ""),
        ("when", _when(record)),
        ("from", (schedule.start_at or "").replace("T", " ")),
        ("until", (schedule.end_at or "").replace("T", " ")),
        ("misfire", f"{schedule.misfire.value}; up to {schedule.misfire_grace:g} s late is none"),
        ("overlap", schedule.overlap.value),
        ("expires", "" if schedule.expires is None else f"{schedule.expires:g} s after it was due"),
        ("next", coming_words(record, now)),
        ("last run", _last_run(record, console)),
        ("last due", "" if record.last_at is None else _past(record.last_at, schedule.timezone, now)),
        ("started", words.counted(record.count, "time")),
        ("source", "sermos.yaml" if record.source is Source.FILE else "a user"),
    ]


def _queue(record: ScheduleRecord) -> str:
    if record.schedule.target_kind is TargetKind.PIPELINE:
        return ""
    return record.schedule.queue or "the default queue"


def _when(record: ScheduleRecord) -> str:
    timing = record.schedule.timing
    said = f"{schedule_words.when(timing)}, {record.schedule.timezone}"
    dialect = _DIALECTS.get(timing.kind)
    return f"{said} ({dialect})" if dialect else said


def _last_run(record: ScheduleRecord, console: Console) -> Text:
    if record.last_run is None:
        return Text()
    return Text.assemble(last_run(record), "  ", shown_id(record.last_run, console))


def _past(moment: datetime, zone: str, now: datetime) -> str:
    return f"{words.ago(moment, now=now)}: {schedule_words.at_both(moment, zone, now=now)}"


def _heading(text: str, console: Console) -> None:
    console.print()
    console.print(Text(text, "bold"), soft_wrap=True)
