"""Reading schedules and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.errors import UnknownSchedule
from pypeline.runs.states import RunState
from pypeline.store.schedules.records import OccurrenceRecord
from pypeline.store.schedules.rows import ROWS, records

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.store.connections import Transaction
    from pypeline.store.schedules.records import ScheduleRecord, Source

_ONE = f"{ROWS} AND s.id = :id"
_PAGE = f"{ROWS} AND s.id > :after {{conditions}} ORDER BY s.id LIMIT :limit"
_OF_SOURCE = "AND s.source = :source"
_NOT_RETIRED = "AND s.retired_at IS NULL"
_HISTORY = """
    SELECT o.due_at, o.fired_at, o.reason, o.run_id, r.state, r.started_at, r.finished_at
    FROM pypeline_occurrence o LEFT JOIN pypeline_run r ON r.id = o.run_id
    WHERE o.app = :app AND o.schedule_id = :id {earlier} ORDER BY o.due_at DESC LIMIT :limit
"""
_EARLIER = "AND o.due_at < :before"


def schedule(tx: Transaction, schedule_id: str, *, app: str) -> ScheduleRecord:
    """One schedule. Raises UnknownSchedule."""
    found = records(tx, _ONE, app=app, id=schedule_id)
    if not found:
        raise UnknownSchedule(schedule_id)
    return found[0]


def schedules(
    tx: Transaction, *, app: str, source: Source | None, retired: bool, limit: int, after: str
) -> list[ScheduleRecord]:
    """A page of schedules by id."""
    params: dict[str, Any] = {"after": after, "limit": limit}
    conditions = [] if retired else [_NOT_RETIRED]
    if source is not None:
        conditions.append(_OF_SOURCE)
        params["source"] = source
    return records(tx, _PAGE.format(conditions=" ".join(conditions)), app=app, **params)


def occurrences(
    tx: Transaction, schedule_id: str, *, app: str, limit: int, before: datetime | None
) -> list[OccurrenceRecord]:
    """A page of the history, newest first."""
    params: dict[str, Any] = {"app": app, "id": schedule_id, "limit": limit}
    if before is not None:
        params["before"] = tx.dialect.moment(before)
    statement = _HISTORY.format(earlier="" if before is None else _EARLIER)
    return [_occurrence(tx, row) for row in tx.all(statement, **params)]


def _occurrence(tx: Transaction, row: tuple[Any, ...]) -> OccurrenceRecord:
    due_at, fired_at, reason, run_id, state, started_at, finished_at = row
    return OccurrenceRecord(
        due_at=tx.dialect.time(due_at),
        fired_at=tx.dialect.time(fired_at),
        reason=reason,
        run_id=run_id,
        state=None if state is None else RunState(state),
        started_at=None if started_at is None else tx.dialect.time(started_at),
        finished_at=None if finished_at is None else tx.dialect.time(finished_at),
    )
