"""The values that the schedules of a store take and answer with. Times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.runs.plan import Plan
    from pypeline.runs.states import RunState
    from pypeline.schedules.decision import Occurrence
    from pypeline.schedules.schedule import Schedule
    from pypeline.store.records import Ready
    from pypeline.types import JsonObject


class Source(StrEnum):
    """Who wrote a schedule down: sermos.yaml, or a user."""

    FILE = "file"
    USER = "user"


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """
    A schedule as it stands: what was written down, and what the scheduler remembers of it.

    ``next_at`` is None where it is off or has no more times. ``last_at`` is the due time that was started
    last, ``last_run`` the newest run, ``count`` how many due times were started. ``problem`` says why the
    scheduler switched it off, or why it will: a time of its row that cannot be read is None then, or 1970.
    ``retired_at`` is when the file ceased to have it. ``is_going`` is True while a run of it is open.
    ``is_planned`` is False until the scheduler has looked at the times that are written down now.
    """

    schedule_id: str
    source: Source
    enabled: bool
    schedule: Schedule
    created_at: datetime
    updated_at: datetime
    next_at: datetime | None
    last_at: datetime | None
    last_run: str | None
    last_state: RunState | None
    count: int
    problem: str | None
    retired_at: datetime | None
    is_going: bool
    is_planned: bool


@dataclass(frozen=True, slots=True)
class Firing:
    """
    What is decided for a schedule that is due, or whose times have to be planned anew.

    ``plan`` and ``payload`` are what each occurrence without a reason starts. A ``problem`` switches the
    schedule off; nothing is started then.
    """

    occurrences: tuple[Occurrence, ...] = ()
    next_at: datetime | None = None
    plan: Plan | None = None
    payload: JsonObject | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """
    An occurrence that is recorded now: its run with what is to be dispatched, or why there is none.

    ``late`` is in seconds.
    """

    schedule_id: str
    due_at: datetime
    late: float
    run_id: str | None = None
    plan: Plan | None = None
    ready: tuple[Ready, ...] = ()
    reason: str | None = None

    def __str__(self) -> str:
        due = f"{self.schedule_id}: due {format_time(self.due_at)}"
        if self.run_id is None:
            return f"{due}, left out: {self.reason}"
        return f"{due}, run {self.run_id} started {self.late:.3f} s late"


@dataclass(frozen=True, slots=True)
class Settled:
    """How many schedules were settled in one transaction, and the occurrences that it recorded, in order."""

    schedules: int = 0
    fired: tuple[Fired, ...] = ()


@dataclass(frozen=True, slots=True)
class OccurrenceRecord:
    """A due time in the history of a schedule: ``fired_at`` is when it was settled."""

    due_at: datetime
    fired_at: datetime
    reason: str | None
    run_id: str | None
    state: RunState | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class FileSchedule:
    """A schedule that sermos.yaml has now. ``enabled`` is what it says there."""

    schedule_id: str
    schedule: Schedule
    enabled: bool


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """What bringing in the file's schedules changed: their ids."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    """Left out: users have schedules of these ids."""


@dataclass(frozen=True, slots=True)
class BeatRecord:
    """A scheduler that lives; ``silent`` is how many seconds ago it was seen last."""

    beat_id: str
    version: str
    started_at: datetime
    silent: float
