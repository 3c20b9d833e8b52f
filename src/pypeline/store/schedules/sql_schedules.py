"""``SqlSchedules``: the port of schedules on a SQL database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pypeline.errors import InvalidSchedule
from pypeline.store.schedules import beats, bringing, firing, questions, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from pypeline.schedules.schedule import Schedule
    from pypeline.store.connections import Connections, Transaction
    from pypeline.store.schedules.records import (
        BeatRecord,
        BroughtIn,
        FileSchedule,
        Firing,
        OccurrenceRecord,
        ScheduleRecord,
        Settled,
        Source,
    )

T = TypeVar("T")


class SqlSchedules:
    """Schedules of one application (``app``), on the connections of its store."""

    def __init__(self, connections: Connections, *, app: str) -> None:
        self._connections = connections
        self._app = app

    # ruff: noqa: D102 - the docstrings of all that follows stand in the port

    def create(
        self,
        schedule_id: str,
        schedule: Schedule,
        *,
        enabled: bool,
        next_after: Callable[[datetime], datetime | None],
    ) -> None:
        create = partial(writing.create, schedule_id=schedule_id, schedule=schedule, app=self._app)
        self._write(partial(create, enabled=enabled, next_after=next_after))

    def change(
        self,
        schedule_id: str,
        alter: Callable[[ScheduleRecord], ScheduleRecord],
        *,
        next_after: Callable[[Schedule, datetime, datetime], datetime | None],
    ) -> None:
        change = partial(writing.change, schedule_id=schedule_id, alter=alter, app=self._app)
        self._write(partial(change, next_after=next_after))

    def delete(self, schedule_id: str) -> None:
        self._write(partial(writing.delete, schedule_id=schedule_id, app=self._app))

    def bring_in(
        self,
        schedules: Iterable[FileSchedule],
        *,
        next_after: Callable[[Schedule, datetime, datetime], datetime | None],
    ) -> BroughtIn:
        wanted = tuple(schedules)
        bring_in = partial(bringing.bring_in, schedules=wanted, app=self._app)
        return self._write(partial(bring_in, next_after=next_after))

    def note_run(self, schedule_id: str, run_id: str) -> None:
        work = partial(writing.note_run, schedule_id=schedule_id, run_id=run_id, app=self._app)
        self._connections.transact(work)

    def fire(
        self,
        decide: Callable[[ScheduleRecord, datetime], Firing | None],
        *,
        broker: str,
        limit: int,
        without: Collection[str] = (),
    ) -> Settled:
        batch = firing.Batch(self._app, limit, list(without))
        fire = partial(firing.fire, decide=decide, batch=batch, broker=broker)
        try:
            settled = self._connections.transact(partial(fire, one_by_one=False))
        except (self._connections.dialect.errors, ValueError, OverflowError):
            # The database refuses something, and together it is not told what.
            settled = self._connections.transact(partial(fire, one_by_one=True))
        self._connections.note_growth(sum(len(fired.plan.dag) for fired in settled.fired if fired.plan))
        return settled

    def switch_off(self, schedule_id: str, problem: str) -> None:
        work = partial(writing.switch_off, schedule_id=schedule_id, problem=problem, app=self._app)
        self._connections.transact(work, durable=True)

    def until_due(self, *, without: Collection[str] = ()) -> float | None:
        work = partial(firing.until_due, app=self._app, without=list(without))
        return self._connections.read(work)

    def beat(self, beat_id: str, version: str) -> None:
        self._connections.transact(partial(beats.beat, beat_id=beat_id, version=version, app=self._app))

    def forget_beat(self, beat_id: str) -> None:
        self._connections.transact(partial(beats.forget, beat_id=beat_id, app=self._app))

    def schedule(self, schedule_id: str) -> ScheduleRecord:
        work = partial(questions.schedule, schedule_id=schedule_id, app=self._app)
        return self._connections.read(work)

    def schedules(
        self, *, source: Source | None = None, retired: bool = False, limit: int = 1000, after: str = ""
    ) -> list[ScheduleRecord]:
        page = partial(questions.schedules, limit=limit, after=after, app=self._app)
        return self._connections.read(partial(page, source=source, retired=retired))

    def occurrences(
        self, schedule_id: str, *, limit: int = 20, before: datetime | None = None
    ) -> list[OccurrenceRecord]:
        page = partial(questions.occurrences, limit=limit, before=before, app=self._app)
        return self._connections.read(partial(page, schedule_id=schedule_id))

    def beats(self) -> list[BeatRecord]:
        return self._connections.read(partial(beats.beats, app=self._app))

    def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            return self._connections.transact(work, durable=True)
        except (self._connections.dialect.errors, UnicodeError) as error:
            raise InvalidSchedule(f"the database does not take this schedule: {error}") from error
