"""How a schedule stands in its row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pypeline.runs.states import RunState
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.schedules.records import ScheduleRecord, Source

if TYPE_CHECKING:
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
_TIMES = ("created_at", "updated_at", "next_at", "last_at", "retired_at")
READABLE = "BETWEEN '0001-01-02' AND '9999-12-30'"
"""
Of a time that Python can hold in every zone. PostgreSQL holds others, which its driver refuses together with
all rows of the statement.
"""
_IS_PLANNED = "s.planned = s.plan_key"


def _column(name: str) -> str:
    """How a column is asked for: a time only where it can be read."""
    if name not in _TIMES:
        return f"s.{name}"
    # What was planned for other times than those that are written down now is no next time.
    planned = f"{_IS_PLANNED} AND " if name == "next_at" else ""
    return f"CASE WHEN {planned}s.{name} {READABLE} THEN s.{name} END"


_UNREADABLE = " || ".join(f"CASE WHEN s.{name} NOT {READABLE} THEN '{name} ' ELSE '' END" for name in _TIMES)
_STATE = "(SELECT r.state FROM pypeline_run r WHERE r.id = s.last_run)"
ROWS = f"""
    SELECT {", ".join(map(_column, _OWN))}, {_IS_PLANNED}, {_UNREADABLE}, {_STATE}
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
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


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
    """
    The records of a statement that is `ROWS` with conditions.

    Times that cannot be read do not keep a schedule from being shown: that is its problem.
    """
    rows = tx.all(statement, app=app, **params)
    going = going_among(tx, [row[0] for row in rows], app=app)
    shown = []
    for row in rows:
        found, unreadable = _read(tx.dialect, row)
        if unreadable:
            found["problem"] = f"its row cannot be read: {_told(unreadable)}; mend it, then enable it again"
        shown.append(_record(found, is_going=row[0] in going))
    return shown


def going_among(tx: Transaction, schedule_ids: list[str], *, app: str) -> frozenset[str]:
    """Those of the schedules of which a run is open."""
    wanted = json.dumps([{"schedule_id": schedule_id} for schedule_id in schedule_ids])
    found = tx.all(_GOING, app=app, wanted=wanted) if schedule_ids else []
    return frozenset(schedule_id for schedule_id, is_going in found if is_going)


def record_of(dialect: Dialect, row: tuple[Any, ...], *, is_going: bool) -> ScheduleRecord:
    """The record of a row of `ROWS`. Raises ValueError where somebody spoilt the row by hand."""
    found, unreadable = _read(dialect, row)
    if unreadable:
        raise ValueError(_told(unreadable))
    return _record(found, is_going=is_going)


def _read(dialect: Dialect, row: tuple[Any, ...]) -> tuple[dict[str, Any], list[str]]:
    """The columns by name, and the names of the times that cannot be read; those are None."""
    *own, is_planned, spoilt, last_state = row
    found = dict(zip(_OWN, own, strict=True)) | {"is_planned": is_planned, "last_state": last_state}
    unreadable = spoilt.split()
    for name in _TIMES:
        try:
            found[name] = _time(dialect, found[name])
        except (TypeError, ValueError):
            found[name] = None
            unreadable.append(name)
    return found, unreadable


def _time(dialect: Dialect, value: Any) -> datetime | None:
    time = None if value is None else dialect.time(value)
    # Whoever writes rows of SQLite by hand may leave the zone away.
    return time if time is None or time.tzinfo is not None else time.replace(tzinfo=UTC)


def _told(unreadable: list[str]) -> str:
    return (
        f"{' and '.join(unreadable)} {'is no time' if len(unreadable) == 1 else 'are no times'} to work with"
    )


def _record(found: dict[str, Any], *, is_going: bool) -> ScheduleRecord:
    last_state = found["last_state"]
    return ScheduleRecord(
        schedule_id=found["id"],
        source=Source(found["source"]),
        enabled=bool(found["enabled"]),
        schedule=_schedule(found),
        created_at=found["created_at"] or _UNKNOWN,
        updated_at=found["updated_at"] or _UNKNOWN,
        next_at=found["next_at"],
        last_at=found["last_at"],
        last_run=found["last_run"],
        last_state=None if last_state is None else RunState(last_state),
        count=found["count"],
        problem=found["problem"],
        retired_at=found["retired_at"],
        is_going=is_going,
        is_planned=bool(found["is_planned"]),
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
