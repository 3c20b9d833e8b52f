"""
Several schedulers over one database, under edits, crashes and a clock that steps.

A small model works out by arithmetic which due times each tick has to record, and which of them start a run;
after every tick the rows are held against it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plans import chain
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.engine.scheduler import Scheduler
from pypeline.schedules.schedule import Misfire, Schedule, TargetKind
from pypeline.schedules.times import next_after
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.sql_store import SqlStore
from pypeline.store.sqlite import SqliteDialect
from timetable import sql

GRACE = 60.0
MOST_MISFIRES = 100
PLAN = chain(1)
_NUMBERS = count()  # an application of its own for each example, in one file

NAMES = st.sampled_from("abc")
SCHEDULERS = st.integers(0, 2)
LENGTHS = st.sampled_from([10, 45, 600])
STEPS = st.sampled_from([0.5, 10.0, 61.0, 300.0, 3600.0, -1.0, -30.0, -3600.0])


class Crash(BaseException):
    """The process died."""


class Sabotaged(SqliteDialect):
    """Dies before its next commit, or commits and then says that it did not, when told to."""

    die_next = False
    lose_next = False

    def commit(self, connection: sqlite3.Connection, *, durable: bool) -> None:
        if self.die_next:
            self.die_next = False
            raise Crash
        super().commit(connection, durable=durable)
        if self.lose_next:
            self.lose_next = False
            raise sqlite3.DatabaseError("the reply was lost")


class Broker:
    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, messages: Any) -> None:
        self.sent.extend(message.ref.run_id for message in messages)


@dataclass
class Model:
    """What ought to be known of one schedule; ``recorded`` tells of a due time whether it started a run."""

    created_at: datetime
    length: int
    misfire: Misfire
    is_on: bool = True
    planned: int = 0
    next_at: datetime | None = None
    recorded: dict[datetime, bool] = field(default_factory=dict)

    @property
    def times(self) -> int:
        """What decides the times; there are none of one that is off."""
        return self.length if self.is_on else 0

    def schedule(self) -> Schedule:
        timing = Timing(TimingKind.INTERVAL, f"{self.length} seconds")
        return Schedule(TargetKind.TASK, "demo", timing, misfire=self.misfire, misfire_grace=GRACE)

    def first_after(self, moment: datetime) -> datetime:
        passed = (moment - self.created_at) // timedelta(seconds=self.length)
        return self.created_at + max(1, passed + 1) * timedelta(seconds=self.length)

    def plan(self, now: datetime) -> None:
        self.next_at = self.first_after(now) if self.is_on else None
        self.planned = self.times

    def tick(self, now: datetime) -> None:
        """Settle what is due, or plan anew."""
        if self.planned != self.times:
            self.plan(now)
            return
        due = []
        while self.next_at is not None and self.next_at <= now:
            due.append(self.next_at)
            self.next_at += timedelta(seconds=self.length)
        late = [moment for moment in due if (now - moment).total_seconds() > GRACE]
        on_time = due[len(late) :]
        fired = {Misfire.SKIP: 0, Misfire.LATEST: int(not on_time), Misfire.ALL: MOST_MISFIRES}[self.misfire]
        left_out = late[: max(0, len(late) - fired)]
        for moment in left_out[-1:]:
            self.recorded.setdefault(moment, False)
        for moment in (*late[len(left_out) :], *on_time):
            self.recorded.setdefault(moment, True)


class Schedulers(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.app = f"app {next(_NUMBERS)}"
        self.store = SqlStore(URL[0], app=self.app, clock=lambda: self.now)
        self.dialect = Sabotaged(self.store._engine.url, clock=lambda: self.now)
        self.store._connections.dialect = self.dialect
        self.brokers = [Broker() for _ in range(3)]
        self.schedulers = [self._scheduler(broker) for broker in self.brokers]
        self.models: dict[str, Model] = {}
        self.started = 0
        self.lost = 0

    def _scheduler(self, broker: Broker) -> Scheduler:
        identity = Identity("beat", "here")
        engine = Engine(self.store, broker, identity=identity, load_plan=lambda *_: PLAN)
        return Scheduler(engine, lambda schedule: (PLAN, schedule.payload), limit=2)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    # — edits: each moves one schedule and no other —

    @rule(name=NAMES, length=LENGTHS, misfire=st.sampled_from(Misfire), is_on=st.booleans())
    def write(self, name: str, length: int, misfire: Misfire, is_on: bool) -> None:  # noqa: FBT001
        others = self._others(name)
        known = self.models.get(name)
        model = known or Model(self.now, length, misfire, is_on)
        model.length, model.misfire, model.is_on = length, misfire, is_on
        if known:
            self._change(name, model)
        else:
            model.plan(self.now)
            following = self._following(model)
            self.store.schedules.create(name, model.schedule(), enabled=is_on, next_after=following)
        self.models[name] = model
        assert self._others(name) == others

    @precondition(lambda self: self.models)
    @rule(data=st.data(), is_on=st.booleans())
    def switch(self, data: Any, is_on: bool) -> None:  # noqa: FBT001
        name = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[name]
        others = self._others(name)
        model.is_on = is_on
        self._change(name, model)
        assert self._others(name) == others

    @precondition(lambda self: self.models)
    @rule(data=st.data(), length=LENGTHS, is_on=st.booleans())
    def edit_by_hand(self, data: Any, length: int, is_on: bool) -> None:  # noqa: FBT001
        name = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[name]
        others = self._others(name)
        model.length, model.is_on = length, is_on
        sql(
            self.store,
            "UPDATE pypeline_schedule SET timing = :timing, enabled = :on WHERE app = :app AND id = :id",
            timing=f"{length} seconds",
            on=is_on,
            app=self.app,
            id=name,
        )
        assert self._others(name) == others

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.models)))
        others = self._others(name)
        del self.models[name]
        self.store.schedules.delete(name)
        assert self._others(name) == others

    # — time, and schedulers that live and die —

    @rule(seconds=STEPS)
    def move_the_clock(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(which=SCHEDULERS)
    def live_an_hour_again(self, which: int) -> None:
        """The clock steps back, and what is planned anew meets due times that are settled."""
        self.now -= timedelta(hours=1)
        for name, model in self.models.items():
            is_on, model.is_on = model.is_on, False
            self._change(name, model)
            model.is_on = is_on
            self._change(name, model)
        self.now += timedelta(hours=1)
        self.tick(which)

    @rule(which=SCHEDULERS)
    def tick(self, which: int) -> None:
        self.schedulers[which].tick()
        self._expect_settled()

    @rule(which=SCHEDULERS)
    def die_before_the_commit(self, which: int) -> None:
        before = self._rows()
        self.dialect.die_next = True
        try:
            self.schedulers[which].tick()
        except Crash:
            assert self._rows() == before
        else:
            self.dialect.die_next = False
            self._expect_settled()

    @rule(which=SCHEDULERS)
    def lose_the_reply(self, which: int) -> None:
        self.dialect.lose_next = True
        self.schedulers[which].tick()
        self.dialect.lose_next = False
        self._expect_settled(may_be_unsent=True)

    @invariant()
    def every_run_is_of_one_due_time(self) -> None:
        if not hasattr(self, "store"):
            return
        sent = [run_id for broker in self.brokers for run_id in broker.sent]
        assert len(sent) == len(set(sent))

    def _expect_settled(self, *, may_be_unsent: bool = False) -> None:
        runs_before = self.started
        for name, model in self.models.items():
            known = len(started(model.recorded))
            model.tick(self.now)
            self.started += len(started(model.recorded)) - known
            record = self.store.schedules.schedule(name)
            assert record.next_at == model.next_at
            assert self._history(name) == model.recorded
        assert self._count("pypeline_run") == self.started
        sent = sum(len(broker.sent) for broker in self.brokers)
        unsent = self.started - self.lost - sent
        assert unsent >= 0
        if may_be_unsent:
            assert unsent <= self.started - runs_before
            self.lost += unsent
        else:
            assert unsent == 0

    def _change(self, name: str, model: Model) -> None:
        """Write the model down; what was planned stands unless the times are others."""
        if model.planned != model.times:
            model.plan(self.now)
        self.store.schedules.change(
            name,
            lambda record: replace(record, schedule=model.schedule(), enabled=model.is_on),
            next_after=lambda schedule, created_at, now: self._following(model)(now),
        )

    def _following(self, model: Model) -> Any:
        return lambda now: next_after(model.schedule(), created_at=model.created_at, moment=now)

    def _others(self, name: str) -> list[Any]:
        return [record for record in self.store.schedules.schedules() if record.schedule_id != name]

    def _history(self, name: str) -> dict[datetime, bool]:
        found = self.store.schedules.occurrences(name, limit=100_000)
        assert all((one.run_id is None) == (one.reason is not None) for one in found)
        return {one.due_at: one.run_id is not None for one in found}

    def _rows(self) -> list[Any]:
        history = [self._history(name) for name in sorted(self.models)]
        return [self.store.schedules.schedules(), history, self._count("pypeline_run")]

    def _count(self, table: str) -> int:
        counted = self.store._connections.read(
            lambda tx: tx.one(f"SELECT count(*) FROM {table} WHERE app = :app", app=self.app)
        )
        return int(counted[0])


def started(recorded: dict[datetime, bool]) -> list[datetime]:
    """The due times that started a run."""
    return [moment for moment, is_started in recorded.items() if is_started]


URL: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _database():
    with tempfile.TemporaryDirectory() as folder:
        URL.append(f"sqlite:///{Path(folder) / 'runs.db'}")
        yield
        URL.clear()


TestSchedulers = Schedulers.TestCase
TestSchedulers.settings = settings(
    stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
