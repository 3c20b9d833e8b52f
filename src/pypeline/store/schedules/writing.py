"""What users write down: creating, changing and deleting one schedule, and what is noted of it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.errors import ScheduleExists, UnknownSchedule
from pypeline.store.schedules.records import Source
from pypeline.store.schedules.rows import OFF, ROWS, WRITTEN, columns_of, moment_of, records

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pypeline.schedules.schedule import Schedule
    from pypeline.store.connections import Transaction
    from pypeline.store.schedules.records import ScheduleRecord

INSERT = f"""
    INSERT INTO pypeline_schedule (app, id, source, enabled, file_enabled, created_at, updated_at,
        {", ".join(WRITTEN)})
    VALUES (:app, :id, :source, :enabled, :file_enabled, :now, :now,
        {", ".join(f":{column}" for column in WRITTEN)})
    ON CONFLICT (app, id) DO NOTHING
"""
REWRITE = f"""
    UPDATE pypeline_schedule SET {", ".join(f"{column} = :{column}" for column in WRITTEN)}
    WHERE app = :app AND id = :id
"""
PLAN = """
    UPDATE pypeline_schedule SET next_at = :next_at, planned = plan_key WHERE app = :app AND id = :id
"""
"""Runs after what decides the times was written: the computed key is that of the row as it was."""

_LOCKED = f"{ROWS} AND s.id = :id {{lock}}"
_SWITCH = """
    UPDATE pypeline_schedule SET enabled = :enabled, problem = NULL, updated_at = :now
    WHERE app = :app AND id = :id AND retired_at IS NULL
"""
_IS_UNPLANNED = """
    SELECT 1 FROM pypeline_schedule WHERE app = :app AND id = :id AND planned <> plan_key
"""
_SWITCH_OFF = f"""
    UPDATE pypeline_schedule SET enabled = :off, problem = :problem, next_at = NULL, planned = '{OFF}'
    WHERE app = :app AND id = :id
"""
_DELETE = "DELETE FROM pypeline_schedule WHERE app = :app AND id = :id"
_MAKE_ROOM = f"{_DELETE} AND retired_at IS NOT NULL"
_NOTE_RUN = "UPDATE pypeline_schedule SET last_run = :run WHERE app = :app AND id = :id"


def create(
    tx: Transaction,
    schedule_id: str,
    schedule: Schedule,
    *,
    app: str,
    enabled: bool,
    next_after: Callable[[datetime], datetime | None],
) -> None:
    """Insert a user's schedule. A retired one of the file makes room for it."""
    now = moment_of(tx)
    tx.run(_MAKE_ROOM, app=app, id=schedule_id)
    row = insertion(tx, schedule_id, schedule, app=app, enabled=enabled, now=now)
    if not tx.run(INSERT, **row, source=Source.USER, file_enabled=None):
        raise ScheduleExists(schedule_id)
    _plan(tx, schedule_id, next_after(now) if enabled else None, app=app)


def change(
    tx: Transaction,
    schedule_id: str,
    alter: Callable[[ScheduleRecord], ScheduleRecord],
    *,
    app: str,
    next_after: Callable[[Schedule, datetime, datetime], datetime | None],
) -> None:
    """Rewrite and switch a schedule; plan its next time where that was another one's."""
    altered = alter(_locked(tx, schedule_id, app=app))
    now = moment_of(tx)
    if not tx.run(_SWITCH, app=app, id=schedule_id, enabled=altered.enabled, now=tx.dialect.moment(now)):
        raise UnknownSchedule(schedule_id)
    tx.run(REWRITE, app=app, id=schedule_id, **columns_of(altered.schedule))
    # A time that is not settled yet stays due: a scheduler is still to start it.
    if tx.one(_IS_UNPLANNED, app=app, id=schedule_id):
        next_at = next_after(altered.schedule, altered.created_at, now) if altered.enabled else None
        _plan(tx, schedule_id, next_at, app=app)


def delete(tx: Transaction, schedule_id: str, *, app: str) -> None:
    """Its occurrences go with it: see their foreign key."""
    if not tx.run(_DELETE, app=app, id=schedule_id):
        raise UnknownSchedule(schedule_id)


def note_run(tx: Transaction, schedule_id: str, run_id: str, *, app: str) -> None:
    """Keep the newest run."""
    tx.run(_NOTE_RUN, app=app, id=schedule_id, run=run_id)


def switch_off(tx: Transaction, schedule_id: str, problem: str, *, app: str) -> None:
    """Off, with the reason; there is nothing to plan."""
    tx.run(_SWITCH_OFF, app=app, id=schedule_id, off=False, problem=problem)


def insertion(
    tx: Transaction, schedule_id: str, schedule: Schedule, *, app: str, enabled: bool, now: datetime
) -> dict[str, Any]:
    """The parameters of `INSERT`, but for whose it is."""
    moment = tx.dialect.moment(now)
    return {"app": app, "id": schedule_id, "enabled": enabled, "now": moment} | columns_of(schedule)


def _locked(tx: Transaction, schedule_id: str, *, app: str) -> ScheduleRecord:
    found = records(tx, _LOCKED.format(lock=tx.dialect.row_lock), app=app, id=schedule_id)
    if not found:
        raise UnknownSchedule(schedule_id)
    return found[0]


def _plan(tx: Transaction, schedule_id: str, next_at: datetime | None, *, app: str) -> None:
    moment = None if next_at is None else tx.dialect.moment(next_at)
    tx.run(PLAN, app=app, id=schedule_id, next_at=moment)
