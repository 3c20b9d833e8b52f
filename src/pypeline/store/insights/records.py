"""The values that insights answer with. Times are aware UTC, durations are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.runs.states import NodeState, RunState
    from pypeline.store.records import AttemptRecord

    RunCounts = Mapping[RunState, int]
    """How many runs are in each state; a state that none is in may be missing."""


AttemptPlace = tuple[datetime, int, int, int]
"""Where an attempt stands among those of its run: when it ended, its position, item and number."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The runs that ended in a stretch of time, ``until`` excluded, by state."""

    since: datetime
    until: datetime
    counts: RunCounts


@dataclass(frozen=True, slots=True)
class Endings:
    """
    The runs that ended within a week before ``now``, by state.

    ``slots`` are the half hours of the last ``day``, the first and the last cut off: their sum is ``day``.
    ``day_before`` are the 24 hours before that, ``week`` all seven days. ``truncated`` says that there are
    older runs which were not looked at.
    """

    now: datetime
    slots: tuple[Slot, ...]
    day: RunCounts
    day_before: RunCounts
    week: RunCounts
    truncated: bool


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run as a row of a list that shows many; ``error`` is cut at 500 characters."""

    run_id: str
    pipeline_id: str
    definition_id: str
    state: RunState
    trigger: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    @property
    def seconds(self) -> float | None:
        """From its start to its end; None before."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Cell:
    """
    A node in one run. ``seconds`` is its last attempt's time, of a ``forEach`` node that of all its items.

    ``items`` is how many a ``forEach`` node has, ``failed_items`` how many of them have failed.
    """

    run_id: str
    position: int
    name: str
    state: NodeState
    attempt: int
    tries: int
    seconds: float | None
    items: int | None
    failed_items: int


@dataclass(frozen=True, slots=True)
class Happened:
    """An attempt that failed or was lost, with the name of its node."""

    name: str
    attempt: AttemptRecord

    @property
    def place(self) -> AttemptPlace:
        """Where it stands among those of its run."""
        ref = self.attempt.ref
        return self.attempt.finished_at, ref.position, ref.item, ref.attempt


@dataclass(frozen=True, slots=True)
class ScheduleOutlook:
    """
    What is due next, of so many schedules that are ``planned``.

    ``next_id`` and ``next_at`` are None where none is. ``late`` is how many seconds the first has been due,
    ``overdue`` are those that were let wait for too long, the first ones first.
    """

    planned: int = 0
    next_id: str | None = None
    next_at: datetime | None = None
    late: float = 0.0
    overdue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A schedule that the scheduler switched off, and why; ``in_file`` where sermos.yaml has it."""

    schedule_id: str
    problem: str
    in_file: bool


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the runs of schedules were started: ``count`` of them, ``total`` and ``most`` in seconds."""

    count: int
    total: float
    most: float


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """
    A node or item (``item`` None: the node) that failed, and how.

    ``trace`` is the end of the traceback, from somewhere within it.
    """

    run_id: str
    pipeline_id: str
    name: str
    position: int
    item: int | None
    type: str
    message: str
    trace: str | None
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class NodeTally:
    """
    The nodes of one name, queue and state, items among them.

    ``ended`` of them have a time from start to end, ``seconds`` in all; ``claimed`` have a time from queue to
    worker, ``waited`` seconds in all.
    """

    pipeline_id: str
    name: str
    queue: str
    state: NodeState
    count: int
    ended: int
    seconds: float
    claimed: int
    waited: float


@dataclass(frozen=True, slots=True)
class AttemptTally:
    """Attempts that did not succeed, ``failed`` or ``lost``; after ``retried`` of them came another."""

    pipeline_id: str
    outcome: str
    count: int
    retried: int
