"""The times of schedules: those to come, and those that were."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.cli import words
from pypeline.cli.columns import aligned
from pypeline.cli.schedules import words as schedule_words
from pypeline.cli.schedules.tables import state_word
from pypeline.cli.tables import shown_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pypeline.application.schedules.times import Due
    from pypeline.store.schedules.records import OccurrenceRecord

_NOTE = "    "
_REASON = 60  # characters


def times_table(times: Sequence[Due], zone: str, console: Console, *, now: datetime | None = None) -> Text:
    """Due times in their zone, in UTC and here; what the clocks' change does to one is beneath it."""
    now = now or datetime.now(UTC)
    rows = [_time_row(number, due, zone, now) for number, due in enumerate(times, 1)]
    heads = ("", zone, "UTC", "here", "")
    # A column that tells nothing new is left out.
    keep = [at for at in range(len(heads)) if at in (0, 1) or any(row[at] for row in rows)]
    shown = [[row[at] for at in keep] for row in rows]
    table = aligned([heads[at] for at in keep], shown, width=console.width, right=frozenset({0}))
    head, *lines = table.split("\n")
    notes = [[Text(f"{_NOTE}{due.note}", "yellow")] if due.note else [] for due in times]
    noted = chain.from_iterable((line, *note) for line, note in zip(lines, notes, strict=True))
    return Text("\n").join([head, *noted])


def history_table(occurrences: Sequence[OccurrenceRecord], zone: str, console: Console) -> Text:
    """Due times that were settled: how late each was, its run, or why it has none."""
    now = datetime.now(UTC)
    rows = [_occurrence_row(occurrence, zone, console, now) for occurrence in occurrences]
    header = ("due", "late", "run", "", "took")
    return aligned(header, rows, width=console.width, right=frozenset({1}), elastic=(4,))


def _time_row(number: int, due: Due, zone: str, now: datetime) -> tuple[str, ...]:
    there = schedule_words.at(due.due_at, zone, now=now)
    utc = schedule_words.at(due.due_at, "UTC", now=now)
    own_is_utc = not schedule_words.here(due.due_at, "UTC", now=now)
    return (
        str(number),
        there,
        "" if utc == there else utc,
        "" if own_is_utc else schedule_words.here(due.due_at, zone, now=now),
        schedule_words.ahead(due.due_at, now=now),
    )


def _occurrence_row(
    occurrence: OccurrenceRecord, zone: str, console: Console, now: datetime
) -> tuple[Text | str, ...]:
    due = schedule_words.at(occurrence.due_at, zone, now=now)
    late = words.duration((occurrence.fired_at - occurrence.due_at).total_seconds())
    if occurrence.run_id is None:
        reason = words.shortened(occurrence.reason or "", _REASON)
        return (due, late, "", Text("left out", "dim"), reason)
    took = words.took(occurrence.started_at, occurrence.finished_at, now=now)
    return (due, late, shown_id(occurrence.run_id, console), state_word(occurrence.state), took)
