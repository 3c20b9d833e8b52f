"""Bringing in the file's schedules: what the file has now, beside what users write down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pypeline.schedules.timing import BadTiming
from pypeline.store.schedules.records import BroughtIn, Source
from pypeline.store.schedules.rows import OFF, ROWS, columns_of, moment_of, records
from pypeline.store.schedules.writing import INSERT, PLAN, REWRITE, insertion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from pypeline.schedules.schedule import Schedule
    from pypeline.store.connections import Transaction
    from pypeline.store.schedules.records import FileSchedule, ScheduleRecord

# Locked in one order: several schedulers may start at once.
_LOCK = """
    SELECT id, source, file_enabled FROM pypeline_schedule
    WHERE app = :app AND (source = 'file' OR id IN each(:ids)) ORDER BY id {lock}
"""
_OF_THE_FILE = f"{ROWS} AND s.source = 'file'"
_SWITCH = """
    UPDATE pypeline_schedule SET enabled = :enabled, file_enabled = :file_enabled, problem = NULL,
        retired_at = NULL, updated_at = now()
    WHERE app = :app AND id = :id
"""
_RETIRE = f"""
    UPDATE pypeline_schedule SET retired_at = now(), next_at = NULL, planned = '{OFF}'
    WHERE app = :app AND id IN each(:ids)
"""
_UNPLANNED = f"{ROWS} AND s.source = 'file' AND s.planned <> s.plan_key"


@dataclass(slots=True)
class _Changes:
    """What is to be written, and the ids for the answer."""

    inserted: list[dict[str, Any]] = field(default_factory=list)
    rewritten: list[dict[str, Any]] = field(default_factory=list)
    switched: list[dict[str, Any]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


def bring_in(
    tx: Transaction,
    schedules: Iterable[FileSchedule],
    *,
    app: str,
    next_after: Callable[[Schedule, datetime, datetime], datetime | None],
) -> BroughtIn:
    """Insert what is new, rewrite what is other, retire what is gone; then plan what has to be."""
    wanted = {wish.schedule_id: wish for wish in sorted(schedules, key=lambda wish: wish.schedule_id)}
    now = moment_of(tx)
    lock = _LOCK.format(lock=tx.dialect.row_lock)
    switches = {id_: (source, on) for id_, source, on in tx.all(lock, app=app, ids=list(wanted))}
    known = {record.schedule_id: record for record in records(tx, _OF_THE_FILE, app=app)}
    changes = _Changes()
    for schedule_id, wish in wanted.items():
        source, file_enabled = switches.get(schedule_id, (None, None))
        if source == Source.USER:
            changes.taken.append(schedule_id)
        elif source is None:
            row = insertion(tx, schedule_id, wish.schedule, app=app, enabled=wish.enabled, now=now)
            changes.inserted.append(row | {"source": Source.FILE, "file_enabled": wish.enabled})
        else:
            _compare(changes, known[schedule_id], wish, app=app, file_enabled=bool(file_enabled))
    gone = [id_ for id_, record in known.items() if id_ not in wanted and record.retired_at is None]
    _write(tx, changes, gone, app=app)
    _plan(tx, next_after, app=app, now=now)
    return BroughtIn(
        created=tuple(row["id"] for row in changes.inserted),
        updated=tuple(row["id"] for row in changes.switched),
        retired=tuple(gone),
        taken=tuple(changes.taken),
    )


def _compare(
    changes: _Changes, record: ScheduleRecord, wish: FileSchedule, *, app: str, file_enabled: bool
) -> None:
    is_other = record.schedule != wish.schedule
    # What the scheduler switched off may be mended by now, by other code: it is given another chance.
    file_decides = wish.enabled != file_enabled or record.problem is not None
    if not (is_other or file_decides or record.retired_at is not None):
        return
    key = {"app": app, "id": record.schedule_id}
    if is_other:
        changes.rewritten.append(key | columns_of(wish.schedule))
    enabled = wish.enabled if file_decides else record.enabled
    changes.switched.append(key | {"enabled": enabled, "file_enabled": wish.enabled})


def _write(tx: Transaction, changes: _Changes, gone: list[str], *, app: str) -> None:
    tx.many(INSERT, changes.inserted)
    tx.many(REWRITE, changes.rewritten)
    tx.many(_SWITCH, changes.switched)
    if gone:
        tx.run(_RETIRE, app=app, ids=gone)


def _plan(
    tx: Transaction,
    next_after: Callable[[Schedule, datetime, datetime], datetime | None],
    *,
    app: str,
    now: datetime,
) -> None:
    rows = []
    for record in records(tx, _UNPLANNED, app=app):
        is_on = record.enabled and record.retired_at is None
        try:
            next_at = next_after(record.schedule, record.created_at, now) if is_on else None
        except BadTiming:
            continue  # the scheduler says so, and switches it off
        moment = None if next_at is None else tx.dialect.moment(next_at)
        rows.append({"app": app, "id": record.schedule_id, "next_at": moment})
    tx.many(PLAN, rows)
