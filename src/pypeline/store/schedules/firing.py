"""
Firing: what is due is settled, in one transaction with the runs that it starts.

A schedule's row is locked first, and passed over where another scheduler has it. Whatever still comes
twice meets the key of the occurrences: it starts nothing.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.errors import Unfireable
from pypeline.store.creation import create_runs
from pypeline.store.records import NewRun
from pypeline.store.schedules.records import Fired, Firing, Settled
from pypeline.store.schedules.rows import READABLE, ROWS, going_among, moment_of, record_of, trigger_of
from pypeline.store.schedules.writing import switch_off
from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pypeline.runs.plan import Plan
    from pypeline.schedules.decision import Occurrence
    from pypeline.store.connections import Transaction
    from pypeline.store.records import Created
    from pypeline.store.schedules.records import ScheduleRecord
    from pypeline.types import JsonObject

# A scheduler whose host vanished holds nobody's rows for longer.
_LIMIT_IDLENESS = "SELECT set_config('idle_in_transaction_session_timeout', '4000', true)"
_UNPLANNED = f"{ROWS} AND s.planned <> s.plan_key ORDER BY s.id LIMIT :limit {{skip_locked}}"
_DUE = f"""
    {ROWS} AND s.next_at <= now() AND s.planned = s.plan_key AND NOT s.id IN each(:without)
    ORDER BY s.next_at LIMIT :limit {{skip_locked}}
"""
_RECORD = """
    INSERT INTO pypeline_occurrence (app, schedule_id, due_at, fired_at, run_id, reason)
    SELECT :app, o.schedule_id, o.due_at, now(), o.run_id, o.reason
    FROM rows(:rows AS o, schedule_id text, due_at timestamptz, run_id text, reason text)
    WHERE true
    ON CONFLICT (app, schedule_id, due_at) DO NOTHING
    RETURNING schedule_id, due_at
"""
# One by one, by key: joined to a list, a table without statistics is read as a whole.
_SETTLE = """
    UPDATE pypeline_schedule SET next_at = :next_at, planned = plan_key, problem = NULL,
        last_at = coalesce(:last_at, last_at), last_run = coalesce(:last_run, last_run),
        count = count + :started
    WHERE app = :app AND id = :id
"""
# One that is due is told as now, and one that Python cannot hold not at all.
_UNTIL_DUE = f"""
    SELECT (SELECT min(id) FROM pypeline_schedule WHERE app = :app AND planned <> plan_key),
        (SELECT CASE WHEN next_at <= now() THEN now() WHEN next_at {READABLE} THEN next_at END FROM
            (SELECT min(next_at) AS next_at FROM pypeline_schedule
                WHERE app = :app AND next_at IS NOT NULL AND NOT id IN each(:without)) AS first), now()
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Which schedules are looked at: so many at most, and none of those ``without``."""

    app: str
    limit: int
    without: list[str]


@dataclass(frozen=True, slots=True)
class _Start:
    """An occurrence that is to be recorded, with the run that it starts if it does."""

    schedule_id: str
    occurrence: Occurrence
    run_id: str | None
    firing: Firing

    @property
    def row(self) -> dict[str, Any]:
        """The columns of the occurrence."""
        return {
            "schedule_id": self.schedule_id,
            "due_at": format_time(self.occurrence.due_at),
            "run_id": self.run_id,
            "reason": self.occurrence.reason,
        }


def fire(
    tx: Transaction,
    decide: Callable[[ScheduleRecord, datetime], Firing | None],
    batch: Batch,
    *,
    broker: str,
    one_by_one: bool,
) -> Settled:
    """
    Settle what is due.

    All together, in a number of round trips that does not grow; ``one_by_one`` finds out which of them the
    database refuses. Raises Unfireable then.
    """
    app = batch.app
    rows = _lock(tx, batch)
    if not rows:
        return Settled()
    tx.durable = True
    now = moment_of(tx)
    # Asked once the rows are locked: until then another scheduler may have started one.
    going = going_among(tx, [row[0] for row in rows], app=app)
    asked = [(row[0], _decided(tx, row, decide, now=now, is_going=row[0] in going)) for row in rows]
    decided = [(schedule_id, firing) for schedule_id, firing in asked if firing is not None]
    if one_by_one:
        fired = [one for each in decided for one in _written_alone(tx, each, app=app, broker=broker, now=now)]
    else:
        fired = _written(tx, decided, app=app, broker=broker, now=now)
    return Settled(len(rows), tuple(fired))


def until_due(tx: Transaction, *, app: str, without: list[str]) -> float | None:
    """Seconds until there is something to settle."""
    row = tx.one(_UNTIL_DUE, app=app, without=without)
    assert row is not None, "one row is always answered"  # noqa: S101 - SELECT without FROM
    unplanned, next_at, now = row
    if unplanned is not None:
        return 0.0
    if next_at is None:
        return None
    return max(0.0, (tx.dialect.time(next_at) - tx.dialect.time(now)).total_seconds())


def _lock(tx: Transaction, batch: Batch) -> list[tuple[Any, ...]]:
    if tx.dialect.locks_rows:
        tx.one(_LIMIT_IDLENESS)
    skip_locked = tx.dialect.skip_locked
    rows = tx.all(_UNPLANNED.format(skip_locked=skip_locked), app=batch.app, limit=batch.limit)
    if room := batch.limit - len(rows):
        due = _DUE.format(skip_locked=skip_locked)
        rows += tx.all(due, app=batch.app, limit=room, without=batch.without)
    return rows


def _decided(
    tx: Transaction,
    row: tuple[Any, ...],
    decide: Callable[[ScheduleRecord, datetime], Firing | None],
    *,
    now: datetime,
    is_going: bool,
) -> Firing | None:
    try:
        record = record_of(tx.dialect, row, is_going=is_going)
    except (TypeError, ValueError) as error:
        return Firing(problem=f"its row cannot be read: {error}; mend it, then enable it again")
    if not record.enabled or record.retired_at is not None:
        return Firing()
    return decide(record, now)


def _written_alone(
    tx: Transaction, decided: tuple[str, Firing], *, app: str, broker: str, now: datetime
) -> list[Fired]:
    try:
        return _written(tx, [decided], app=app, broker=broker, now=now)
    except (tx.dialect.errors, ValueError, OverflowError) as error:
        if tx.dialect.is_lost(error) or tx.dialect.may_repeat(error):
            raise
        raise Unfireable(decided[0], error) from error


def _written(
    tx: Transaction, decided: Sequence[tuple[str, Firing]], *, app: str, broker: str, now: datetime
) -> list[Fired]:
    settled = []
    for schedule_id, firing in decided:
        if firing.problem is None:
            settled.append((schedule_id, firing))
        else:
            switch_off(tx, schedule_id, firing.problem, app=app)
    recorded = _record(tx, settled, app=app)
    _settle(tx, settled, recorded, app=app)
    ready = _start(tx, recorded, app=app, broker=broker)
    return [_fired(start, ready, now) for start in recorded]


def _record(tx: Transaction, settled: Sequence[tuple[str, Firing]], *, app: str) -> list[_Start]:
    """Those occurrences that nobody has recorded before."""
    starts = [
        _Start(schedule_id, occurrence, str(uuid.uuid4()) if occurrence.reason is None else None, firing)
        for schedule_id, firing in settled
        for occurrence in firing.occurrences
    ]
    if not starts:
        return []
    rows = tx.all(_RECORD, app=app, rows=json.dumps([start.row for start in starts]))
    new = {(schedule_id, tx.dialect.time(due_at)) for schedule_id, due_at in rows}
    return [start for start in starts if (start.schedule_id, start.occurrence.due_at) in new]


def _start(tx: Transaction, recorded: Sequence[_Start], *, app: str, broker: str) -> dict[str, Created]:
    """The runs of those that start one, by their ids."""
    batch = []
    for start in recorded:
        if start.run_id is not None:
            plan, payload = _target(start)
            trigger = trigger_of(start.schedule_id)
            batch.append((plan, NewRun(start.run_id, payload, trigger, broker)))
    return {created.run_id: created for created in create_runs(tx, batch, app=app)}


def _target(start: _Start) -> tuple[Plan, JsonObject]:
    plan, payload = start.firing.plan, start.firing.payload
    assert plan is not None, "what starts a run says which"  # noqa: S101 - the promise of a Firing
    return plan, payload or {}


def _settle(
    tx: Transaction, settled: Sequence[tuple[str, Firing]], recorded: Sequence[_Start], *, app: str
) -> None:
    started: dict[str, list[_Start]] = {schedule_id: [] for schedule_id, _ in settled}
    for start in recorded:
        if start.run_id is not None:
            started[start.schedule_id].append(start)
    tx.many(
        _SETTLE,
        [_memory(tx, schedule_id, firing, started[schedule_id], app=app) for schedule_id, firing in settled],
    )


def _memory(
    tx: Transaction, schedule_id: str, firing: Firing, started: Sequence[_Start], *, app: str
) -> dict[str, Any]:
    """What the scheduler remembers of a schedule from now on."""
    last = started[-1] if started else None
    return {
        "app": app,
        "id": schedule_id,
        "next_at": None if firing.next_at is None else tx.dialect.moment(firing.next_at),
        "last_at": last and tx.dialect.moment(last.occurrence.due_at),
        "last_run": last and last.run_id,
        "started": len(started),
    }


def _fired(start: _Start, created: dict[str, Created], now: datetime) -> Fired:
    late = (now - start.occurrence.due_at).total_seconds()
    reason = start.occurrence.reason
    if start.run_id is None:
        return Fired(start.schedule_id, start.occurrence.due_at, late, reason=reason)
    return Fired(
        start.schedule_id,
        start.occurrence.due_at,
        late,
        run_id=start.run_id,
        plan=start.firing.plan,
        ready=created[start.run_id].ready,
    )
