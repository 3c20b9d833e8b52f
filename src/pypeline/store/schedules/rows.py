"""How a schedule stands in its row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pypeline.runs.states import RunState
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.schedules.records import ScheduleRecord, Source

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.store.connections import Transaction
    from pypeline.store.dialects import Dialect

WRITTEN = (
    "name",
    "target_kind",
    "target",
    "queue",
    "kind",
    "timing",
    "timezone",
    "start_at",
    "end_at",
    "payload",
    "misfire",
    "misfire_grace",
    "overlap",
    "expires",
)
"""The columns of what somebody wrote down."""

OFF = "off"
"""The ``plan_key`` of a schedule that is off or retired."""

_REMEMBERED = ("next_at", "last_at", "last_run", "count", "problem", "retired_at")
_OWN = ("id", "source", "enabled", "created_at", "updated_at", *_REMEMBERED, *WRITTEN)
# What was planned for other times than those that are written down now is no next time.
_NEXT = "CASE WHEN s.planned = s.plan_key THEN s.next_at END"
_STATE = "(SELECT r.state FROM pypeline_run r WHERE r.id = s.last_run)"
ROWS = f"""
    SELECT {", ".join(_NEXT if column == "next_at" else f"s.{column}" for column in _OWN)}, {_STATE}
    FROM pypeline_schedule s WHERE s.app = :app
"""
"""Rows that `record_of` reads, told whether a run is going; conditions on ``s`` may follow."""

# The limit keeps the server from reading all open runs for the few that are asked for.
_GOING = """
    SELECT w.schedule_id, (
        SELECT 1 FROM pypeline_run r
        WHERE r.app = :app AND r.trigger = 'schedule:' || w.schedule_id
            AND r.state IN ('pending', 'running') AND substr(r.trigger, 1, 9) = 'schedule:' LIMIT 1)
    FROM rows(:wanted AS w, schedule_id text)
"""
_NOW = "SELECT now()"


def trigger_of(schedule_id: str) -> str:
    """The trigger of the runs of a schedule."""
    return f"schedule:{schedule_id}"


def moment_of(tx: Transaction) -> datetime:
    """The time of this transaction."""
    row = tx.one(_NOW)
    assert row is not None, "a time is always answered"  # noqa: S101 - SELECT without FROM
    return tx.dialect.time(row[0])


def columns_of(schedule: Schedule) -> dict[str, Any]:
    """The columns `WRITTEN`."""
    return {
        "name": schedule.name,
        "target_kind": schedule.target_kind,
        "target": schedule.target,
        "queue": schedule.queue,
        "kind": schedule.timing.kind,
        "timing": schedule.timing.text,
        "timezone": schedule.timezone,
        "start_at": schedule.start_at,
        "end_at": schedule.end_at,
        "payload": json.dumps(schedule.payload),
        "misfire": schedule.misfire,
        "misfire_grace": schedule.misfire_grace,
        "overlap": schedule.overlap,
        "expires": schedule.expires,
    }


def records(tx: Transaction, statement: str, *, app: str, **params: Any) -> list[ScheduleRecord]:
    """The records of a statement that is `ROWS` with conditions."""
    rows = tx.all(statement, app=app, **params)
    going = going_among(tx, [row[0] for row in rows], app=app)
    return [record_of(tx.dialect, row, is_going=row[0] in going) for row in rows]


def going_among(tx: Transaction, schedule_ids: list[str], *, app: str) -> frozenset[str]:
    """Those of the schedules of which a run is open."""
    wanted = json.dumps([{"schedule_id": schedule_id} for schedule_id in schedule_ids])
    found = tx.all(_GOING, app=app, wanted=wanted) if schedule_ids else []
    return frozenset(schedule_id for schedule_id, is_going in found if is_going)


def record_of(dialect: Dialect, row: tuple[Any, ...], *, is_going: bool) -> ScheduleRecord:
    """The record of a row of `ROWS`. Raises ValueError where somebody spoilt the row by hand."""
    *own, last_state = row
    found = dict(zip(_OWN, own, strict=True))
    return ScheduleRecord(
        schedule_id=found["id"],
        source=Source(found["source"]),
        enabled=bool(found["enabled"]),
        schedule=_schedule(found),
        created_at=dialect.time(found["created_at"]),
        updated_at=dialect.time(found["updated_at"]),
        next_at=_time(dialect, found["next_at"]),
        last_at=_time(dialect, found["last_at"]),
        last_run=found["last_run"],
        last_state=None if last_state is None else RunState(last_state),
        count=found["count"],
        problem=found["problem"],
        retired_at=_time(dialect, found["retired_at"]),
        is_going=is_going,
    )


def _schedule(found: dict[str, Any]) -> Schedule:
    same = ("target", "timezone", "queue", "misfire_grace", "start_at", "end_at", "expires", "name")
    return Schedule(
        **{name: found[name] for name in same},
        target_kind=TargetKind(found["target_kind"]),
        timing=Timing(TimingKind(found["kind"]), found["timing"]),
        payload=json.loads(found["payload"]),
        misfire=Misfire(found["misfire"]),
        overlap=Overlap(found["overlap"]),
    )


def _time(dialect: Dialect, value: Any) -> datetime | None:
    return None if value is None else dialect.time(value)
