"""What users do with schedules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pypeline.application.schedules.targets import target_of
from pypeline.application.schedules.times import (
    have_other_times,
    preview_times,
    require_time_ahead,
    times_after,
)
from pypeline.application.schedules.wishes import schedule_of
from pypeline.config.schedule_rules import NO_IDS
from pypeline.config.timetable import file_schedules
from pypeline.errors import InvalidSchedule
from pypeline.schedules.times import next_after
from pypeline.store.schedules.records import FileSchedule, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.application.schedules.times import Due
    from pypeline.application.schedules.wishes import ScheduleWish
    from pypeline.config import Config, Settings
    from pypeline.engine import Engine
    from pypeline.runs.plan import Plan
    from pypeline.schedules.schedule import Schedule
    from pypeline.schedules.timing import Timing
    from pypeline.store.schedules.base import ScheduleStore
    from pypeline.store.schedules.records import BroughtIn, OccurrenceRecord, ScheduleRecord
    from pypeline.types import JsonObject

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class Schedules:
    """
    Create, change, switch, run and look at the schedules of one application.

    ``config`` may be None where they are only looked at, switched or deleted. Those of sermos.yaml can be
    enabled, disabled and run; the rest of them is changed in the file.
    """

    def __init__(self, engine: Engine, config: Config | None, settings: Settings) -> None:
        self._engine = engine
        self._config = config
        self._settings = settings

    def create(self, schedule_id: str, wish: ScheduleWish) -> ScheduleRecord:
        """
        Add a schedule; it is on unless the wish says otherwise.

        Raises InvalidSchedule, InvalidPayload and ScheduleExists.
        """
        if not _ID.fullmatch(schedule_id) or schedule_id in NO_IDS:
            raise InvalidSchedule(
                f"{schedule_id!r} is no id of a schedule: use at most 200 letters, digits, `_`, `-` and `.`, "
                "and not `.` or `..` alone"
            )
        schedule = schedule_of(wish, timezone=self._settings.timezone)
        self.target_of(schedule)
        now = datetime.now(UTC)
        require_time_ahead(schedule, created_at=now, moment=now)
        enabled = wish.enabled is not False
        self._store.create(schedule_id, schedule, enabled=enabled, next_after=_from_now(schedule))
        return self.get(schedule_id)

    def update(self, schedule_id: str, wish: ScheduleWish) -> ScheduleRecord:
        """
        Change what the wish says, and nothing else. Other times are due strictly after now.

        One that the scheduler had switched off is on again, unless the wish says otherwise. Raises
        UnknownSchedule, InvalidSchedule (also for one of sermos.yaml) and InvalidPayload.
        """

        def alter(record: ScheduleRecord) -> ScheduleRecord:
            schedule = schedule_of(wish, record.schedule, timezone=self._settings.timezone)
            return self._altered(record, schedule, enabled=wish.enabled)

        return self._change(schedule_id, alter)

    def replace(self, schedule_id: str, wish: ScheduleWish) -> ScheduleRecord:
        """As `update`, but what the wish does not say is as by default."""

        def alter(record: ScheduleRecord) -> ScheduleRecord:
            schedule = schedule_of(wish, timezone=self._settings.timezone)
            return self._altered(record, schedule, enabled=wish.enabled is not False)

        return self._change(schedule_id, alter)

    def enable(self, schedule_id: str) -> ScheduleRecord:
        """
        Switch it on, and forget the problem that it had.

        One that is on keeps its next time. Raises UnknownSchedule, and InvalidSchedule where none of its
        times lies ahead.
        """
        return self._change(schedule_id, _switched_on)

    def disable(self, schedule_id: str) -> ScheduleRecord:
        """Switch it off; runs that it started go on. Raises UnknownSchedule."""
        return self._change(schedule_id, _switched_off)

    def delete(self, schedule_id: str) -> None:
        """
        Remove a user's schedule, or one that is gone from sermos.yaml, with its history; its runs stay.

        Raises UnknownSchedule, and InvalidSchedule for one that sermos.yaml has.
        """
        record = self.get(schedule_id)
        if record.retired_at is None:
            _require_own(record, "remove it there, or disable it")
        self._store.delete(schedule_id)

    def run(self, schedule_id: str) -> str:
        """
        Start now what it starts, also where it is off; answers the run's id. Its times stay as they are.

        Raises UnknownSchedule, InvalidSchedule and InvalidPayload.
        """
        plan, payload = self.target_of(_present(self.get(schedule_id)).schedule)
        run_id = self._engine.start(plan, payload, trigger=f"schedule:{schedule_id}")
        self._store.note_run(schedule_id, run_id)
        return run_id

    def get(self, schedule_id: str) -> ScheduleRecord:
        """One schedule, also one that is gone from sermos.yaml. Raises UnknownSchedule."""
        return self._store.schedule(schedule_id)

    def history(
        self, schedule_id: str, *, limit: int = 20, before: datetime | None = None
    ) -> Sequence[OccurrenceRecord]:
        """The due times that were settled, newest first. Raises UnknownSchedule."""
        self.get(schedule_id)
        return self._store.occurrences(schedule_id, limit=limit, before=before)

    def upcoming(self, schedule_id: str, *, count: int = 5) -> Sequence[Due]:
        """
        The next times of a schedule; none where it is off or has no more.

        Raises UnknownSchedule, and InvalidSchedule where what the database holds names no times.
        """
        record = self.get(schedule_id)
        if not record.enabled or record.retired_at is not None:
            return ()
        return times_after(record.schedule, record.created_at, datetime.now(UTC), count=count)

    def preview(
        self,
        timing: Timing | str,
        *,
        timezone: str | None = None,
        count: int = 10,
        after: datetime | None = None,
    ) -> Sequence[Due]:
        """
        The first ``count`` times strictly after a moment, by default now; a text is cron's five fields.

        ``timezone`` is an IANA name, by default that of the settings; ``after`` without an offset is local to
        it. Raises InvalidSchedule.
        """
        zone = timezone or self._settings.timezone
        return preview_times(timing, zone, after or datetime.now(UTC), count=count)

    def bring_in(self) -> BroughtIn:
        """Make the file's schedules those that the configuration has now."""
        entries = file_schedules(self._configured(), self._settings.timezone)
        brought = [FileSchedule(entry.schedule_id, entry.schedule, entry.enabled) for entry in entries]
        return self._store.bring_in(brought, next_after=_next_after)

    def target_of(self, schedule: Schedule) -> tuple[Plan, JsonObject]:
        """
        What a schedule starts, as the configuration has it now: the plan and the payload of a run.

        Raises InvalidSchedule where there is no such task or pipeline, and InvalidPayload.
        """
        return target_of(self._configured(), schedule, default_queue=self._settings.default_queue)

    def list(
        self, *, source: Source | None = None, retired: bool = False, limit: int = 1000, after: str = ""
    ) -> Sequence[ScheduleRecord]:
        """Schedules by id, from the first behind ``after`` on; with ``retired`` those gone from the file."""
        return self._store.schedules(source=source, retired=retired, limit=limit, after=after)

    @property
    def _store(self) -> ScheduleStore:
        return self._engine.store.schedules

    def _configured(self) -> Config:
        assert self._config is not None, "what is started stands in a configuration"  # noqa: S101 - by the door
        return self._config

    def _change(self, schedule_id: str, alter: Callable[[ScheduleRecord], ScheduleRecord]) -> ScheduleRecord:
        self._store.change(schedule_id, alter, next_after=_next_after)
        return self.get(schedule_id)

    def _altered(self, record: ScheduleRecord, schedule: Schedule, *, enabled: bool | None) -> ScheduleRecord:
        _require_own(record, "change it there")
        self.target_of(schedule)
        was_on = record.enabled or record.problem is not None
        is_on = was_on if enabled is None else enabled
        # One that has had its times may still be renamed.
        if is_on and (not record.enabled or have_other_times(schedule, record.schedule)):
            require_time_ahead(schedule, created_at=record.created_at, moment=datetime.now(UTC))
        return replace(record, schedule=schedule, enabled=is_on)


def _present(record: ScheduleRecord) -> ScheduleRecord:
    if record.retired_at is not None:
        raise InvalidSchedule(
            f"schedule {record.schedule_id!r} is gone from sermos.yaml: write it there again"
        )
    return record


def _switched_on(record: ScheduleRecord) -> ScheduleRecord:
    # One that is on may wait for a time that was missed.
    if not _present(record).enabled or record.next_at is None:
        require_time_ahead(record.schedule, created_at=record.created_at, moment=datetime.now(UTC))
    return replace(record, enabled=True)


def _switched_off(record: ScheduleRecord) -> ScheduleRecord:
    return replace(_present(record), enabled=False)


def _require_own(record: ScheduleRecord, remedy: str) -> None:
    if record.source is Source.FILE:
        raise InvalidSchedule(f"schedule {record.schedule_id!r} is set in sermos.yaml: {remedy}")


def _from_now(schedule: Schedule) -> Callable[[datetime], datetime | None]:
    return lambda now: next_after(schedule, created_at=now, moment=now)


def _next_after(schedule: Schedule, created_at: datetime, now: datetime) -> datetime | None:
    return next_after(schedule, created_at=created_at, moment=now)
