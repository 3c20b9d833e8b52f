"""The schedules of ``sermos.yaml`` as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.config.schedule_models import Crontab, Interval
from pypeline.errors import InvalidSchedule
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import BadTiming, Timing, crontab, interval, once

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.config.config import Config
    from pypeline.config.schedule_models import ScheduleConfig, ScheduledTask


@dataclass(frozen=True, slots=True)
class Entry:
    """One of ``scheduledTasks``; ``enabled`` is what the file says."""

    schedule_id: str
    schedule: Schedule
    enabled: bool


def file_schedules(config: Config, default_timezone: str) -> list[Entry]:
    """
    What ``scheduledTasks`` has, in the order of the file; ``default_timezone`` is that of those without one.

    Raises InvalidSchedule for times that a checked file cannot have.
    """
    return [_entry(name, task, default_timezone) for name, task in config.scheduled_tasks.items()]


def _entry(schedule_id: str, task: ScheduledTask, default_timezone: str) -> Entry:
    try:
        timing = _timing(task.config)
    except BadTiming as error:
        raise InvalidSchedule(f"scheduledTasks.{schedule_id}: {error}") from error
    return Entry(schedule_id, _schedule(task, timing, default_timezone), task.enabled)


def _schedule(task: ScheduledTask, timing: Timing, default_timezone: str) -> Schedule:
    config = task.config
    kind = TargetKind.PIPELINE if config.task is None else TargetKind.TASK
    return Schedule(
        target_kind=kind,
        target=config.task or config.pipeline or "",
        timing=timing,
        timezone=config.timezone or default_timezone,
        payload=config.payload,
        # The nodes of a pipeline have queues of their own.
        queue=config.queue if kind is TargetKind.TASK else None,
        misfire=Misfire(config.misfire),
        misfire_grace=config.misfire_grace,
        overlap=Overlap(config.overlap),
        start_at=_text(config.start_at),
        end_at=_text(config.end_at),
        expires=config.expires,
        name=task.name,
    )


def _timing(config: ScheduleConfig) -> Timing:
    match config.schedule:
        case Interval(every=every, period=period):
            return interval(f"{every} {period}")
        case Crontab() as fields:
            return crontab(
                minute=fields.minute,
                hour=fields.hour,
                day_of_month=fields.day_of_month,
                month_of_year=fields.month_of_year,
                day_of_week=fields.day_of_week,
            )
        case _:
            return once(_text(config.at) or "")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else once(moment.isoformat()).text
