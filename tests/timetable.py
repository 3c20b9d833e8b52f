"""Small schedules for tests, and decisions made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from plans import chain
from pypeline.schedules.decision import Occurrence
from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.schedules.records import Firing
from pypeline.store.schedules.sql_schedules import SqlSchedules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from pypeline.runs.plan import Plan
    from pypeline.store.schedules.records import ScheduleRecord, Settled
    from pypeline.store.sql_store import SqlStore

BROKER = "memory://here"
PLAN = chain(2)


def every(text: str = "60 seconds", **fields: Any) -> Schedule:
    """A schedule of an interval."""
    return Schedule(TargetKind.TASK, "demo.tasks.refresh", Timing(TimingKind.INTERVAL, text), **fields)


def later(seconds: float = 60.0) -> Callable[[datetime], datetime]:
    """What answers that the next time is so many seconds from now."""
    return lambda now: now + timedelta(seconds=seconds)


def add(store: SqlStore, *schedule_ids: str, due_in: float = 60.0, **fields: Any) -> None:
    """Create users' schedules that are due in so many seconds."""
    for schedule_id in schedule_ids:
        store.schedules.create(schedule_id, every(**fields), enabled=True, next_after=later(due_in))


def change(
    store: SqlStore,
    schedule_id: str,
    schedule: Schedule | None = None,
    *,
    enabled: bool | None = None,
    due_in: float = 60.0,
) -> None:
    """Change what is said of a schedule; where its times are other ones, it is due in so many seconds."""

    def alter(record: ScheduleRecord) -> ScheduleRecord:
        is_on = record.enabled if enabled is None else enabled
        return replace(record, schedule=schedule or record.schedule, enabled=is_on)

    store.schedules.change(schedule_id, alter, next_after=lambda _, __, now: now + timedelta(seconds=due_in))


def starting(
    plan: Plan = PLAN, *, again: float = 60.0, **payload: Any
) -> Callable[[ScheduleRecord, datetime], Firing]:
    """Decides that what is due starts the plan, and is due again so many seconds later."""

    def decide(record: ScheduleRecord, now: datetime) -> Firing:
        if record.next_at is None:
            return Firing(next_at=now + timedelta(seconds=again))
        following = record.next_at + timedelta(seconds=again)
        return Firing((Occurrence(record.next_at),), following, plan, payload)

    return decide


def fire(
    store: SqlStore,
    decide: Callable[[ScheduleRecord, datetime], Firing | None] | None = None,
    *,
    limit: int = 100,
    without: Collection[str] = (),
) -> Settled:
    """Settle what is due."""
    return store.schedules.fire(decide or starting(), broker=BROKER, limit=limit, without=without)


def sql(store: SqlStore, statement: str, **params: Any) -> int:
    """What somebody does to the tables by hand; answers how many rows that changed."""
    return store._connections.transact(lambda tx: tx.run(statement, **params))


def of_another_app(store: SqlStore) -> SqlSchedules:
    """The schedules of another application in the same database."""
    return SqlSchedules(store._connections, app="other")
