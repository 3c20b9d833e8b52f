"""Schedules as a list: a line each where the terminal has room for it, else a few."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.marks import mark, word
from pypeline.cli.schedules import words as schedule_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pypeline.runs.states import RunState
    from pypeline.store.schedules.records import ScheduleRecord

_COLUMNS = ("", "schedule", "starts", "when", "zone", "next", "", "here", "last run", "count", "from")
_ID, _STARTS, _HERE, _COUNT = 1, 2, 7, 9
_INDENT = "     "


def schedules_list(records: Sequence[ScheduleRecord], console: Console) -> Text:
    """Schedules with what they start, when, and what became of it; what is wrong with one is beneath it."""
    now = datetime.now(UTC)
    head, *lines = _table([_row(record, now) for record in records], console.width)
    if any(line.cell_len > console.width for line in lines):
        blocks = [_block(record, now) for record in records]
        return Text("\n").join(_with_problems(blocks, records))
    return Text("\n").join([head, *_with_problems(lines, records)])


def on_or_off(record: ScheduleRecord) -> Text:
    """The switch, in a word."""
    return Text("on", "bold") if record.enabled else Text("off", "dim")


def problem_line(record: ScheduleRecord) -> Text:
    """Why the scheduler switched it off, or cannot use it where nobody has yet."""
    found = "the scheduler cannot use it" if record.enabled else "switched off by the scheduler"
    return Text(f"{found}: {record.problem}", "bold red")


def why_no_next(record: ScheduleRecord) -> str:
    """What stands in place of a next time."""
    if record.retired_at is not None:
        return "gone from the file"
    if not record.enabled:
        return ""
    return "no more times" if has_ended(record) else "planned at once"


def has_ended(record: ScheduleRecord) -> bool:
    """Whether none of the times of a schedule that is on lies ahead."""
    return record.enabled and record.is_planned and record.next_at is None


def last_run(record: ScheduleRecord) -> Text:
    """The state of the newest run."""
    if record.last_run is None:
        return Text()
    return state_word(record.last_state)


def state_word(state: RunState | None) -> Text:
    """``✓ success``; of a run that was pruned nothing is known."""
    return Text("gone", "dim") if state is None else Text.assemble(mark(state), " ", word(state))


def _with_problems(shown: Sequence[Text], records: Sequence[ScheduleRecord]) -> list[Text]:
    problems = [[Text(_INDENT) + problem_line(record)] if record.problem else [] for record in records]
    return list(chain.from_iterable((one, *below) for one, below in zip(shown, problems, strict=True)))


def _table(rows: Sequence[Sequence[Text | str]], width: int) -> list[Text]:
    """The header and a line for each row: wider than the terminal where it has no room for them."""
    keep = [at for at in range(len(_COLUMNS)) if at != _HERE or any(row[_HERE] for row in rows)]
    header = [_COLUMNS[at] for at in keep]
    chosen = [[row[at] for at in keep] for row in rows]
    right = frozenset({keep.index(_COUNT)})
    return list(aligned(header, chosen, width=width, right=right, elastic=(_STARTS, _ID)).split("\n"))


def _row(record: ScheduleRecord, now: datetime) -> tuple[Text | str, ...]:
    schedule, due = record.schedule, record.next_at
    return (
        on_or_off(record),
        Text(record.schedule_id, "bold"),
        schedule_words.starts(schedule),
        schedule_words.when(schedule.timing),
        schedule.timezone,
        why_no_next(record) if due is None else schedule_words.shortly(due, schedule.timezone, now=now),
        "" if due is None else schedule_words.ahead(due, now=now),
        "" if due is None else schedule_words.here(due, schedule.timezone, now=now),
        _last(record, now),
        f"{record.count:,}",
        record.source.value,
    )


def _last(record: ScheduleRecord, now: datetime) -> Text:
    """The newest run, and how long ago the last due time was started."""
    due = Text("" if record.last_at is None else words.ago(record.last_at, now=now), "dim")
    return Text(" ").join(part for part in (last_run(record), due) if part)


def _block(record: ScheduleRecord, now: datetime) -> Text:
    schedule = record.schedule
    switch = on_or_off(record)
    first = Text.assemble(switch, " " * (len(_INDENT) - len(switch)), (record.schedule_id, "bold"), "  ")
    first.append(f"{schedule_words.when(schedule.timing)}, {schedule.timezone}  ")
    first.append(schedule_words.starts(schedule), "dim")
    coming = coming_words(record, now)
    lines = [f"next {coming}" if coming.startswith("in ") else coming] if coming else []
    return Text(f"\n{_INDENT}").join([first, *map(Text, lines), _past(record, now)])


def coming_words(record: ScheduleRecord, now: datetime) -> str:
    """``in 5h 2m: Thu 26 Mar, 02:30 CET (01:30 UTC)``, or why there is no next time."""
    if record.next_at is None:
        return why_no_next(record)
    there = schedule_words.at_both(record.next_at, record.schedule.timezone, now=now)
    return f"{schedule_words.ahead(record.next_at, now=now)}: {there}"


def _past(record: ScheduleRecord, now: datetime) -> Text:
    last = _last(record, now)
    said = Text.assemble("last run ", last, ", ") if last else Text()
    return said.append(f"started {words.counted(record.count, 'time')}, from {record.source.value}")
