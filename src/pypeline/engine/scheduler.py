"""The scheduler: settles what is due, starts what that names, and says when to come again."""

from __future__ import annotations

import logging
from dataclasses import replace
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
_GRACE = 60.0  # seconds that other schedulers have for what this one cannot start


class Scheduler:
    """
    Fires the schedules of an application. It keeps no list of them: any number of schedulers may run at once.

    ``target_of`` answers what a schedule starts, as this process has it. Where it raises, the schedule stays
    due, since another scheduler may have another configuration; once none has started it for a minute it is
    switched off with the reason. One that is wrong in itself is switched off at once. The others go on.
    ``limit`` bounds the schedules of one transaction.
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
        # What it cannot start: passed over in this tick; and since when, by the due time.
        self._passed: set[str] = set()
        self._since: dict[str, tuple[datetime, datetime]] = {}

    def tick(self) -> float:
        """
        Settle all that is due; answers the seconds to sleep until the next tick.

        Raises DatabaseUnavailable; what was settled by then is settled, and what was not is due at the next
        tick.
        """
        try:
            return self._settle_all()
        except DatabaseUnavailable:
            # Nor could the others start anything.
            self._since.clear()
            raise

    def _settle_all(self) -> float:
        for _ in range(_MOST_ROUNDS):
            wait = self._store.until_due(without=self._passed)
            if wait is None or wait > 0:
                # Looked at again by the next tick, and not before all else is settled: they hold up nothing.
                self._passed.clear()
                return _LONGEST if wait is None else min(wait, _LONGEST)
            if not self._settle():
                return _WHILE_HELD
        return 0.0

    def _settle(self) -> bool:
        """One transaction, and the messages of what it started. False if there was nothing left to take."""
        try:
            settled = self._store.fire(
                self._decide,
                broker=self._engine.identity.broker,
                limit=self._limit,
                without=self._passed,
            )
        except Unfireable as error:
            problem = f"what it starts cannot be stored: {error.problem}; change it, then enable it again"
            self._tell(logging.ERROR, error.schedule_id, f"is switched off: {problem}")
            self._store.switch_off(error.schedule_id, problem)
            return True
        self._engine.dispatch_fired(settled.fired)
        for one in settled.fired:
            logger.info("%s", one)
        return settled.schedules > 0

    def _decide(self, record: ScheduleRecord, now: datetime) -> Firing | None:
        try:
            firing = _times(record, now)
        except Exception as error:  # noqa: BLE001 - one that is broken holds up no other
            return self._off(record, error)
        if firing.occurrences:
            try:
                plan, payload = self._target_of(record.schedule)
            except Exception as error:  # noqa: BLE001 - as above
                return self._left(record, now, error)
            firing = replace(firing, plan=plan, payload=payload)
        self._told.pop(record.schedule_id, None)
        self._since.pop(record.schedule_id, None)
        return firing

    def _left(self, record: ScheduleRecord, now: datetime, error: Exception) -> Firing | None:
        """Leave it to the other schedulers, as long as they may still start it."""
        schedule_id, due_at = record.schedule_id, record.next_at
        assert due_at is not None, "what is due has its time"  # noqa: S101 - it had occurrences
        known, since = self._since.get(schedule_id, (due_at, now))
        if known != due_at:  # another scheduler has settled the one before
            since = now
        if (now - since).total_seconds() >= _GRACE:
            return self._off(record, error)
        self._since[schedule_id] = (due_at, since)
        self._passed.add(schedule_id)
        what = (
            f"is left to a scheduler of another configuration, and switched off in {_GRACE:g} s without one"
        )
        self._tell(logging.WARNING, schedule_id, f"{what}: {_text(error)}")
        return None

    def _off(self, record: ScheduleRecord, error: Exception) -> Firing:
        problem = f"{_text(error)}; change it, then enable it again"
        self._tell(logging.ERROR, record.schedule_id, f"is switched off: {problem}")
        self._since.pop(record.schedule_id, None)
        return Firing(problem=problem)

    def _tell(self, level: int, schedule_id: str, what: str) -> None:
        # Once: a transaction that is undone decides again, and one that is passed over is decided each tick.
        if self._told.get(schedule_id) != what:
            self._told[schedule_id] = what
            logger.log(level, "schedule %s %s", schedule_id, what)


def _times(record: ScheduleRecord, now: datetime) -> Firing:
    """What is due now, and the next time. Raises BadTiming."""
    schedule, created_at = record.schedule, record.created_at
    if record.next_at is None:
        return Firing(next_at=next_after(schedule, created_at=created_at, moment=now))
    decision = decide(
        schedule, created_at=created_at, next_at=record.next_at, now=now, is_going=record.is_going
    )
    return Firing(decision.occurrences, decision.next_at)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
