"""The scheduler: settles what is due, starts what that names, and says when to come again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable, Unfireable
from pypeline.schedules.decision import decide
from pypeline.schedules.times import next_after
from pypeline.store.schedules.records import Firing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pypeline.engine.engine import Engine
    from pypeline.runs.plan import Plan
    from pypeline.schedules.schedule import Schedule
    from pypeline.store.schedules.records import ScheduleRecord
    from pypeline.types import JsonObject

logger = logging.getLogger(__name__)

_LONGEST = 1.0  # seconds until a change by anyone is in force at the latest
_WHILE_HELD = 0.1  # seconds until the rows that another scheduler holds are looked at again
_MOST_ROUNDS = 100


class Scheduler:
    """
    Fires the schedules of an application. It remembers nothing: any number of them may run at once.

    ``target_of`` answers what a schedule starts. Whatever it raises, or a schedule that names no times,
    switches that schedule off with the reason; the others go on. ``limit`` bounds the schedules of one
    transaction.
    """

    def __init__(
        self,
        engine: Engine,
        target_of: Callable[[Schedule], tuple[Plan, JsonObject]],
        *,
        limit: int = 200,
    ) -> None:
        self._engine = engine
        self._store = engine.store.schedules
        self._target_of = target_of
        self._limit = limit
        self._told: dict[str, str] = {}

    def tick(self) -> float:
        """
        Settle all that is due; answers the seconds to sleep until the next tick.

        Raises DatabaseUnavailable; what was settled by then is settled, and what was not is due at the next
        tick.
        """
        for _ in range(_MOST_ROUNDS):
            wait = self._store.until_due()
            if wait is None or wait > 0:
                return _LONGEST if wait is None else min(wait, _LONGEST)
            if not self._settle():
                return _WHILE_HELD
        return 0.0

    def _settle(self) -> bool:
        """One transaction, and the messages of what it started. False if there was nothing left to take."""
        try:
            settled = self._store.fire(self._decide, broker=self._engine.identity.broker, limit=self._limit)
        except Unfireable as error:
            problem = f"what it starts cannot be stored: {error.problem}; change it, then enable it again"
            self._tell(error.schedule_id, problem)
            self._store.switch_off(error.schedule_id, problem)
            return True
        self._engine.dispatch_fired(settled.fired)
        for one in settled.fired:
            logger.info("%s", one)
        return settled.schedules > 0

    def _decide(self, record: ScheduleRecord, now: datetime) -> Firing:
        try:
            firing = self._firing(record, now)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one that is broken holds up no other
            problem = f"{_text(error)}; change it, then enable it again"
            self._tell(record.schedule_id, problem)
            return Firing(problem=problem)
        self._told.pop(record.schedule_id, None)
        return firing

    def _firing(self, record: ScheduleRecord, now: datetime) -> Firing:
        schedule, created_at = record.schedule, record.created_at
        if record.next_at is None:
            return Firing(next_at=next_after(schedule, created_at=created_at, moment=now))
        decision = decide(
            schedule,
            created_at=created_at,
            next_at=record.next_at,
            now=now,
            is_going=record.is_going,
        )
        if all(occurrence.reason is not None for occurrence in decision.occurrences):
            return Firing(decision.occurrences, decision.next_at)
        plan, payload = self._target_of(schedule)
        return Firing(decision.occurrences, decision.next_at, plan, payload)

    def _tell(self, schedule_id: str, problem: str) -> None:
        # Once: a transaction that is undone decides again.
        if self._told.get(schedule_id) != problem:
            self._told[schedule_id] = problem
            logger.error("schedule %s is switched off: %s", schedule_id, problem)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
