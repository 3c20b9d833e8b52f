"""``SqlStore``: the port on a SQL database."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError

from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import Succeeded
from pypeline.store import (
    attempts,
    control,
    creation,
    nodes,
    questions,
    runs,
    settle,
    upkeep,
    versions,
    workers,
)
from pypeline.store.audit import SqlAudit
from pypeline.store.connections import Connections
from pypeline.store.dialects import dialect_for
from pypeline.store.insights.sql_insights import SqlInsights
from pypeline.store.one_statement import OneStatement
from pypeline.store.progress import SqlProgress
from pypeline.store.records import NODE
from pypeline.store.schedules.sql_schedules import SqlSchedules
from pypeline.store.schema import ensure_schema
from pypeline.store.sql_retention import SqlRetention
from pypeline.store.sqlite import SqliteDialect
from pypeline.store.urls import driver_url, parsed_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from sqlalchemy import Engine

    from pypeline.runs.outcome import ErrorInfo, Outcome
    from pypeline.runs.plan import Plan
    from pypeline.runs.states import Flag, NodeState, RunState
    from pypeline.store.audit_base import AuditStore
    from pypeline.store.base import ProgressStore
    from pypeline.store.insights.base import InsightStore
    from pypeline.store.records import (
        AttemptRecord,
        AttemptRef,
        Claim,
        Created,
        NewRun,
        NodeRecord,
        QueueRecord,
        Ready,
        Recorded,
        Resent,
        RunContext,
        RunFilter,
        RunRecord,
        RunVersion,
        WorkerBeat,
        WorkerRecord,
    )
    from pypeline.store.retention_base import RetentionStore
    from pypeline.store.schedules.base import ScheduleStore
    from pypeline.store.timestamps import Clock
    from pypeline.types import JsonObject

_PAGE = 100  # elements that are in memory at once; each may be as large as a result


class SqlStore:
    """
    Runs in SQLite or PostgreSQL, seen by one application (``app``).

    Opening it checks the schema: SQLite creates and upgrades itself, PostgreSQL is upgraded by ``pypeline
    db upgrade``. Raises DatabaseUnavailable and SchemaNotReady.

    A ``patient`` one waits for a server that says nothing, until the machines drop the connection. Another
    gives it up within 2 seconds, though not one that is merely slow.
    """

    def __init__(
        self, url: str, *, app: str = "default", clock: Clock | None = None, patient: bool = True
    ) -> None:
        self._app = app
        self._dialect = dialect_for(driver_url(url), clock=clock, patient=patient)
        self._shown = parsed_url(url).render_as_string()
        self._engine = _engine(url)
        if isinstance(self._dialect, SqliteDialect):
            event.listen(self._engine, "connect", partial(_prepare, self._dialect))
        elif not patient:
            # SQLAlchemy would wait.
            self._dialect.connect().close()
        try:
            ensure_schema(self._engine, shown=self._shown)
        finally:
            # Nothing more is asked through it: a process shall hold one connection, not two.
            self._engine.dispose()
        self._connections = Connections(self._dialect, url=self._shown)
        self._hot = OneStatement(self._connections) if self._dialect.one_statement else None
        self.schedules: ScheduleStore = SqlSchedules(self._connections, app=app)
        self.progress: ProgressStore = SqlProgress(self._connections)
        self.retention: RetentionStore = SqlRetention(self._connections, app=app)
        self.insights: InsightStore = SqlInsights(self._connections, app=app)
        self.audit: AuditStore = SqlAudit(self._connections, app=app)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connections.close()
        self._engine.dispose()

    # ruff: noqa: D102 - the docstrings of all that follows stand in the port

    def create_run(self, plan: Plan, new: NewRun) -> Created:
        created = self._hot.create(plan, new, app=self._app) if self._hot else None
        if created is None:
            work = partial(creation.create_run, plan=plan, new=new, app=self._app)
            created = self._connections.transact(work, durable=True)
        self._connections.note_growth(len(plan.dag))
        return created

    def create_runs(self, batch: Sequence[tuple[Plan, NewRun]]) -> list[Created]:
        work = partial(creation.create_runs, batch=batch, app=self._app)
        created = self._connections.transact(work, durable=True)
        self._connections.note_growth(sum(len(plan.dag) for plan, _ in batch))
        return created

    def claim(self, ref: AttemptRef, *, token: str, worker: str, lease: float) -> Claim | None:
        if self._hot:
            claim = self._hot.claim(ref, token=token, worker=worker, lease=lease)
            if claim is not None:
                return claim
        work = partial(attempts.claim, ref=ref, token=token, worker=worker, lease=lease)
        return self._connections.transact(work)

    def record(self, plan: Plan, claim: Claim, outcome: Outcome, *, delay: float | None = None) -> Recorded:
        if self._hot:
            recorded = self._hot.record(plan, claim, outcome, delay=delay)
            if recorded is not None:
                return recorded
        work = partial(attempts.record, plan=plan, held=claim, outcome=outcome, delay=delay)
        recorded = self._connections.transact(work)
        if isinstance(outcome, Succeeded) and outcome.elements:
            self._connections.note_growth(len(outcome.elements))
        return recorded

    def lose(self, plan: Plan, lost: Claim, *, delay: float | None, error: ErrorInfo) -> Recorded:
        work = partial(attempts.lose, plan=plan, held=lost, delay=delay, error=error)
        return self._connections.transact(work)

    def give_back(self, claim: Claim) -> Ready | None:
        return self._connections.transact(partial(attempts.give_back, held=claim))

    def cancel(self, plan: Plan, run_id: str, flag: Flag) -> RunState:
        work = partial(control.cancel, plan=plan, run_id=run_id, flag=flag)
        return self._connections.transact(work, durable=True)

    def reset(self, plan: Plan, run_id: str, *, from_position: int | None, broker: str) -> tuple[Ready, ...]:
        work = partial(control.reset, plan=plan, run_id=run_id, start=from_position, broker=broker)
        return self._connections.transact(work, durable=True)

    def take_over(self, plan: Plan, run_id: str, *, owner: str, broker: str) -> tuple[Ready, ...]:
        work = partial(control.take_over, plan=plan, run_id=run_id, owner=owner, broker=broker)
        return self._connections.transact(work, durable=True)

    def beat(self, beat: WorkerBeat, held: Iterable[AttemptRef], *, lease: float) -> frozenset[str]:
        work = partial(workers.beat, said=beat, held=tuple(held), app=self._app, lease=lease)
        return self._connections.transact(work)

    def held(self, ref: AttemptRef, *, worker: str) -> Claim | None:
        return self._connections.read(partial(attempts.held_by, ref=ref, worker=worker))

    def note_claims(self, broker: str, claims: Mapping[str, datetime]) -> None:
        self._connections.transact(partial(workers.note_claims, broker=broker, claims=claims))

    def flagged_among(self, run_ids: Iterable[str]) -> frozenset[str]:
        return self._connections.read(partial(workers.flagged_among, run_ids=run_ids))

    def forget_worker(self, worker_id: str) -> None:
        self._connections.transact(partial(workers.forget, worker_id=worker_id))

    def _mine(self, broker: str) -> upkeep.Mine:
        return upkeep.Mine(self._app, broker)

    def begin_sweep(self, broker: str, *, interval: float, lease: float) -> bool:
        work = partial(upkeep.begin_sweep, mine=self._mine(broker), interval=interval, lease=lease)
        return self._connections.transact(work)

    def queue_due(self, broker: str, *, limit: int) -> list[Resent]:
        return self._connections.transact(partial(upkeep.queue_due, mine=self._mine(broker), limit=limit))

    def lapsed(self, broker: str, *, limit: int) -> list[tuple[Claim, str]]:
        return self._connections.read(partial(upkeep.lapsed, mine=self._mine(broker), limit=limit))

    def requeue_unclaimed(self, broker: str, *, margin: float, grace: float, limit: int) -> list[Resent]:
        mine = self._mine(broker)
        work = partial(upkeep.requeue_unclaimed, mine=mine, margin=margin, grace=grace, limit=limit)
        return self._connections.transact(work)

    def overdue(self, broker: str, *, limit: int) -> list[str]:
        return self._connections.read(partial(upkeep.overdue, mine=self._mine(broker), limit=limit))

    def flagged(self, broker: str, *, limit: int) -> list[str]:
        return self._connections.read(partial(upkeep.flagged, mine=self._mine(broker), limit=limit))

    def with_room(self, broker: str, *, limit: int) -> list[str]:
        return self._connections.read(partial(upkeep.with_room, mine=self._mine(broker), limit=limit))

    def admit(self, run_id: str) -> tuple[Ready, ...]:
        return self._connections.transact(partial(settle.admit, run_id=run_id))

    def context(self, run_id: str) -> RunContext:
        return self._connections.read(partial(questions.context, run_id=run_id, app=self._app))

    def definition(self, definition_id: str) -> JsonObject:
        return self._connections.read(partial(questions.definition, definition_id=definition_id))

    def run(self, run_id: str) -> RunRecord:
        return self._connections.read(partial(runs.run, run_id=run_id, app=self._app))

    def run_state(self, run_id: str) -> RunState:
        return self._connections.read(partial(questions.run_state, run_id=run_id, app=self._app))

    def run_version(self, run_id: str) -> RunVersion:
        return self._connections.read(partial(versions.run_version, run_id=run_id, app=self._app))

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        return self._connections.read(partial(runs.runs, wanted=wanted, app=self._app))

    def runs_version(self, wanted: RunFilter) -> str:
        return self._connections.read(partial(versions.runs_version, wanted=wanted, app=self._app))

    def nodes(
        self,
        run_id: str,
        *,
        limit: int,
        states: frozenset[NodeState] = frozenset(),
        items: bool = True,
        after: tuple[int, int] | None = None,
        position: int | None = None,
    ) -> list[NodeRecord]:
        wanted = nodes.NodeFilter(limit, states, items, after, position)
        return self._connections.read(partial(nodes.nodes, run_id=run_id, wanted=wanted))

    def node(self, run_id: str, position: int, item: int = NODE) -> NodeRecord | None:
        return self._connections.read(partial(nodes.node, run_id=run_id, position=position, item=item))

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        return self._connections.read(partial(nodes.attempts, run_id=run_id))

    def result(self, run_id: str, position: int) -> str | None:
        return self._connections.read(partial(questions.result, run_id=run_id, position=position))

    def element_count(self, run_id: str, position: int) -> int | None:
        return self._connections.read(partial(questions.element_count, run_id=run_id, position=position))

    def elements(
        self, run_id: str, position: int, start: int = 0, stop: int | None = None
    ) -> Iterator[str | None]:
        # In pages: a statement that is half read would keep SQLite from writing on the same connection.
        while stop is None or start < stop:
            end = start + _PAGE if stop is None else min(start + _PAGE, stop)
            work = partial(questions.elements, run_id=run_id, position=position, start=start, stop=end)
            page = self._connections.read(work)
            yield from page
            if len(page) < end - start:
                return
            start = end

    def logs(self, run_id: str, position: int, item: int = NODE) -> list[tuple[int, str]]:
        return self._connections.read(lambda tx: questions.logs(tx, run_id, position, item))

    def owner_seen(self, broker: str) -> float | None:
        return self._connections.read(partial(workers.owner_seen, broker=broker))

    def workers(self, broker: str) -> list[WorkerRecord]:
        return self._connections.read(partial(workers.workers, broker=broker))

    def queues(self, broker: str) -> list[QueueRecord]:
        return self._connections.read(partial(workers.queues, broker=broker, app=self._app))

    def clock(self) -> datetime:
        return self._connections.read(workers.clock)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """The database of a URL, whatever its schema: for `pypeline.store.schema`. Raises DatabaseUnavailable."""
    engine = _engine(url)
    try:
        yield engine
    except DBAPIError as error:
        raise DatabaseUnavailable(parsed_url(url).render_as_string(), error.orig) from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    parsed = parsed_url(driver_url(url))
    if parsed.get_backend_name() != "postgresql":
        return create_engine(parsed)
    # Nothing is prepared: a pooler may stand between.
    return create_engine(parsed, pool_pre_ping=True, connect_args={"prepare_threshold": None})


def _prepare(dialect: SqliteDialect, connection: Any, record: object) -> None:
    del record
    dialect.prepare(connection)
