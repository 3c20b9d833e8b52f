"""The JSON documents of schedules: the same on the command line and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pypeline.schedules.schedule import TargetKind
from pypeline.schedules.timing import TimingKind
from pypeline.store.timestamps import format_time, time_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.application.schedules.times import Due
    from pypeline.schedules.timing import Timing
    from pypeline.store.schedules.records import OccurrenceRecord, ScheduleRecord

_CRONTAB = ("minute", "hour", "dayOfMonth", "monthOfYear", "dayOfWeek")


def schedules_document(records: Iterable[ScheduleRecord]) -> dict[str, Any]:
    """A page of schedules."""
    return {"schedules": [schedule_document(record) for record in records]}


def schedule_document(record: ScheduleRecord) -> dict[str, Any]:
    """A schedule: what was written down, and what the scheduler remembers of it."""
    schedule = record.schedule
    kind = "task" if schedule.target_kind is TargetKind.TASK else "pipeline"
    return {
        "id": record.schedule_id,
        "name": schedule.name,
        "enabled": record.enabled,
        "target": {kind: schedule.target},
        "queue": schedule.queue,
        "schedule": timing_document(schedule.timing),
        "timezone": schedule.timezone,
        "next_at": time_text(record.next_at),
        "last_at": time_text(record.last_at),
        "last_run": _last_run(record),
        "count": record.count,
        "source": record.source.value,
        "problem": record.problem,
        "payload": schedule.payload,
        "misfire": schedule.misfire.value,
        "misfire_grace": schedule.misfire_grace,
        "overlap": schedule.overlap.value,
        "start_at": schedule.start_at,
        "end_at": schedule.end_at,
        "expires": schedule.expires,
        "created_at": time_text(record.created_at),
        "updated_at": time_text(record.updated_at),
        "retired_at": time_text(record.retired_at),
    }


def timing_document(timing: Timing) -> dict[str, Any]:
    """When, in parts that a program can read."""
    match timing.kind:
        case TimingKind.INTERVAL:
            every, period = timing.text.split()
            return {"type": "interval", "every": int(every), "period": period}
        case TimingKind.CRONTAB:
            fields = zip(_CRONTAB, timing.text.split(), strict=True)
            return {"type": "crontab", **dict(fields)}
        case TimingKind.CRON:
            return {"type": "cron", "cron": timing.text}
        case TimingKind.ONCE:
            return {"type": "once", "at": timing.text}


def upcoming_document(times: Iterable[Due], zone: str) -> dict[str, Any]:
    """Times that lie ahead, also as the clocks of a zone show them."""
    return {
        "timezone": zone,
        "upcoming": [
            {
                "due_at": format_time(due.due_at),
                "local": due.due_at.astimezone(ZoneInfo(zone)).isoformat(),
                "note": due.note,
            }
            for due in times
        ],
    }


def history_document(records: Iterable[OccurrenceRecord]) -> dict[str, Any]:
    """A page of a schedule's history."""
    return {"history": [occurrence_document(record) for record in records]}


def occurrence_document(record: OccurrenceRecord) -> dict[str, Any]:
    """A due time that was settled: its run, or the reason why there is none."""
    run = None
    if record.run_id is not None:
        run = {
            "execution_id": record.run_id,
            "state": None if record.state is None else record.state.value,
            "started_at": time_text(record.started_at),
            "finished_at": time_text(record.finished_at),
        }
    return {
        "due_at": time_text(record.due_at),
        "fired_at": time_text(record.fired_at),
        "reason": record.reason,
        "run": run,
    }


def _last_run(record: ScheduleRecord) -> dict[str, Any] | None:
    if record.last_run is None:
        return None
    state = None if record.last_state is None else record.last_state.value
    return {"execution_id": record.last_run, "state": state}
