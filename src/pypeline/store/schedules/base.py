"""
The port of schedules: what the scheduler and its doors ask of a database.

As in `pypeline.store.base` each method is one transaction, all times come from the database's clock, and
schedules are those of one application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from pypeline.schedules.schedule import Schedule
    from pypeline.store.schedules.records import (
        BeatRecord,
        BroughtIn,
        FileSchedule,
        Firing,
        OccurrenceRecord,
        ScheduleRecord,
        Settled,
        Source,
    )


class ScheduleStore(Protocol):
    """
    The only truth about schedules.

    ``alter``, ``next_after`` and ``decide`` are pure: a transaction that was undone calls them again.
    """

    # — what users and the file write down —

    def create(
        self,
        schedule_id: str,
        schedule: Schedule,
        *,
        enabled: bool,
        next_after: Callable[[datetime], datetime | None],
    ) -> None:
        """
        Add a user's schedule; ``next_after`` answers its first time strictly after now. Durable.

        One that the file had once, and has no more, makes room for it. Raises ScheduleExists, and
        InvalidSchedule where the database refuses it.
        """

    def change(
        self,
        schedule_id: str,
        alter: Callable[[ScheduleRecord], ScheduleRecord],
        *,
        next_after: Callable[[Schedule, datetime, datetime], datetime | None],
    ) -> None:
        """
        Write down the ``schedule`` and ``enabled`` of what ``alter`` makes of a schedule as it is. Durable.

        Changes of one schedule come one after the other: each sees what the one before it has made. A problem
        is forgotten; last time, last run and count stay. So does the next time, also one that is due and not
        settled, unless the times are others or it was off: then ``next_after`` answers it, as in `bring_in`.
        Raises UnknownSchedule, also of a retired one, InvalidSchedule where the database refuses it, and
        what ``alter`` raises, with nothing changed.
        """

    def delete(self, schedule_id: str) -> None:
        """Remove a schedule with its occurrences; its runs stay. Durable. Raises UnknownSchedule."""

    def bring_in(
        self,
        schedules: Iterable[FileSchedule],
        *,
        next_after: Callable[[Schedule, datetime, datetime], datetime | None],
    ) -> BroughtIn:
        """
        Make the file's schedules those that the file has now. Durable.

        One that is gone from the file is retired and keeps its history; one that is back goes on. The
        switch of a user holds until the file's own value changes; one that the scheduler switched off gets
        another chance. One that is as it was is left alone, and the next time of one whose times are as they
        were. ``next_after`` takes the schedule, when it was created, and now.
        """

    def note_run(self, schedule_id: str, run_id: str) -> None:
        """Say that this run is the newest of a schedule: it was asked for, not due."""

    # — the scheduler —

    def fire(
        self,
        decide: Callable[[ScheduleRecord, datetime], Firing | None],
        *,
        broker: str,
        limit: int,
        without: Collection[str] = (),
    ) -> Settled:
        """
        Settle at most ``limit`` schedules that are due, or whose times have to be planned anew. Durable.

        ``decide`` is asked about each that is on; ``next_at`` of the record is None where the times have to
        be planned anew. One for which it answers None stays due, as it is; those ``without`` are due and not
        asked about, so that they hold up no others. Each occurrence is recorded once, whoever else fires:
        together with its run, whose trigger is ``schedule:<id>``, and the next time. Schedules that another
        scheduler holds at this moment are left to it. Raises Unfireable, with nothing done, where the
        database refuses what one of them starts.
        """

    def switch_off(self, schedule_id: str, problem: str) -> None:
        """The scheduler's own switch, with its reason."""

    def until_due(self, *, without: Collection[str] = ()) -> float | None:
        """
        Seconds until the next schedule is due, 0.0 where one is or has to be planned; None if none is.

        Those ``without`` do not count as due.
        """

    def beat(self, beat_id: str, version: str) -> None:
        """Say that a scheduler lives. Those that were silent for a day are forgotten."""

    def forget_beat(self, beat_id: str) -> None:
        """A scheduler ends well."""

    # — questions —

    def schedule(self, schedule_id: str) -> ScheduleRecord:
        """One schedule, also a retired one. Raises UnknownSchedule."""

    def schedules(
        self, *, source: Source | None = None, retired: bool = False, limit: int = 1000, after: str = ""
    ) -> list[ScheduleRecord]:
        """Schedules by id, from the first behind ``after`` on; retired ones only where they are asked for."""

    def occurrences(
        self, schedule_id: str, *, limit: int = 20, before: datetime | None = None
    ) -> list[OccurrenceRecord]:
        """The history of a schedule, newest first, from before a due time on."""

    def beats(self) -> list[BeatRecord]:
        """The schedulers that were seen within a day, by id."""
