"""What schedules do next, which were switched off, and how late they were."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pypeline.store.insights.records import Lateness, ScheduleOutlook, SwitchedOff
from pypeline.store.insights.spans import seconds_between
from pypeline.store.schedules.records import Source
from pypeline.store.schedules.rows import READABLE
from pypeline.store.workers import clock

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.store.connections import Transaction

# What was planned for other times than those that are written down now is no next time.
_PLANNED = f"app = :app AND next_at {READABLE} AND planned = plan_key"
_COUNT = f"SELECT count(*) FROM pypeline_schedule WHERE {_PLANNED}"
_FIRST = f"SELECT id, next_at FROM pypeline_schedule WHERE {_PLANNED} ORDER BY next_at, id LIMIT 1"
_OVERDUE = f"""
    SELECT id FROM pypeline_schedule WHERE {_PLANNED} AND next_at < :before ORDER BY next_at, id LIMIT :most
"""
_MOST_OVERDUE = 1000
_SWITCHED_OFF = """
    SELECT id, problem, source FROM pypeline_schedule
    WHERE app = :app AND problem IS NOT NULL AND retired_at IS NULL ORDER BY id LIMIT :limit
"""
_NEXT_DUE = f"SELECT target, min(next_at) FROM pypeline_schedule WHERE {_PLANNED} GROUP BY target"
# Asked for each schedule by the key of its occurrences, and not joined, which may read all of them: what it
# did lately, or its newest due time where that was settled long after.
_LATELY = """
    FROM pypeline_occurrence o WHERE o.app = :app AND o.schedule_id = s.id
        AND o.due_at >= CASE WHEN s.last_at < :since THEN s.last_at ELSE :since END
        AND o.fired_at >= :since AND o.run_id IS NOT NULL
"""
_LATENESS = f"""
    SELECT coalesce(sum(number), 0), coalesce(sum(total), 0), coalesce(max(most), 0) FROM (
        SELECT (SELECT count(*) {_LATELY}) AS number, (SELECT sum({{late}}) {_LATELY}) AS total,
            (SELECT max({{late}}) {_LATELY}) AS most
        FROM pypeline_schedule s WHERE s.app = :app AND s.last_at IS NOT NULL) AS schedules
"""


def outlook(tx: Transaction, *, grace: float, app: str) -> ScheduleOutlook:
    """The first of the due times, and those that were let pass."""
    now = clock(tx)
    first, counted = tx.one(_FIRST, app=app), tx.one(_COUNT, app=app)
    if first is None or counted is None:
        return ScheduleOutlook()
    next_at = tx.dialect.time(first[1])
    before = tx.dialect.moment(now - timedelta(seconds=grace))
    overdue = tx.all(_OVERDUE, app=app, before=before, most=_MOST_OVERDUE)
    return ScheduleOutlook(
        planned=counted[0],
        next_id=first[0],
        next_at=next_at,
        late=max(0.0, (now - next_at).total_seconds()),
        overdue=tuple(schedule_id for (schedule_id,) in overdue),
    )


def switched_off(tx: Transaction, *, limit: int, app: str) -> list[SwitchedOff]:
    """Those that have a problem."""
    rows = tx.all(_SWITCHED_OFF, app=app, limit=limit)
    return [SwitchedOff(found, problem, source == Source.FILE) for found, problem, source in rows]


def next_due(tx: Transaction, *, app: str) -> dict[str, datetime]:
    """The earliest due time of each target."""
    return {target: tx.dialect.time(next_at) for target, next_at in tx.all(_NEXT_DUE, app=app)}


def lateness(tx: Transaction, *, seconds: float, app: str) -> Lateness:
    """From due time to firing, of what was started."""
    statement = _LATENESS.format(late=seconds_between(tx.dialect, "o.due_at", "o.fired_at"))
    since = tx.dialect.moment(clock(tx) - timedelta(seconds=seconds))
    row = tx.one(statement, app=app, since=since)
    assert row is not None, "an aggregate answers a row"  # noqa: S101 - SQL
    count, total, most = row
    return Lateness(int(count), float(total), float(most))
