"""
Retention on a SQL database.

A run is forgotten first: it moves to an application that cannot be, so that nobody sees half of it while
its rows go, some at a time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pypeline.store import tables
from pypeline.store.retention_base import FORGOTTEN, Old

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pypeline.store.connections import Connections, Transaction

_ENDED = "state IN ('success', 'failed', 'cancelled')"
# A run ends after it was created: the index on that finds the old ones.
_OLD = f"app = :app AND created_at < :before AND finished_at < :before AND {_ENDED}"
_COUNT_RUNS = f"SELECT count(*) FROM pypeline_run WHERE {_OLD}"
_COUNT_NODES = (
    f"SELECT count(*) FROM pypeline_node WHERE run_id IN (SELECT id FROM pypeline_run WHERE {_OLD})"
)
_OCCURRENCES = """
    FROM pypeline_schedule s JOIN pypeline_occurrence o ON o.app = s.app AND o.schedule_id = s.id
    WHERE s.app = :app AND o.due_at < :before
"""
_COUNT_OCCURRENCES = f"SELECT count(*) {_OCCURRENCES}"
_GOING = f"SELECT id FROM pypeline_run WHERE ({_OLD}) OR app = :forgotten"
# Counted so, and not searched for: of a rare text PostgreSQL would compare each row to all runs.
_BEGINS_SO = "count(CASE WHEN substr({text}, 1, :length) = :mark THEN 1 END)"
_COUNT_RESULTS = f"""
    SELECT (SELECT {_BEGINS_SO.format(text="result")} FROM pypeline_node WHERE run_id IN ({_GOING}))
        + (SELECT {_BEGINS_SO.format(text="value")} FROM pypeline_element WHERE run_id IN ({_GOING}))
"""
_FORGET = f"""
    WITH old AS MATERIALIZED (
        SELECT id FROM pypeline_run WHERE {_OLD} ORDER BY created_at LIMIT :limit {{skip_locked}})
    UPDATE pypeline_run SET app = :forgotten, idempotency_key = NULL
    WHERE id IN (SELECT id FROM old) RETURNING id
"""
_FORGOTTEN = (
    f"SELECT id FROM pypeline_run WHERE app = :forgotten AND {_ENDED} ORDER BY created_at LIMIT :limit"
)
# Of one run: of several PostgreSQL would rather read the whole table than its index.
# By where they lie: by their keys it would join the table with itself.
_ERASE_ROWS = {
    "postgresql": """
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {table} WHERE run_id = :run LIMIT :limit))
    """,
    "sqlite": """
        DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE run_id = :run LIMIT :limit)
    """,
}
_ERASE_RUN = f"DELETE FROM pypeline_run WHERE id = :run AND app = :forgotten AND {_ENDED}"
_ERASE_OCCURRENCES = f"""
    DELETE FROM pypeline_occurrence WHERE app = :app AND (schedule_id, due_at) IN (
        SELECT o.schedule_id, o.due_at {_OCCURRENCES} LIMIT :limit)
"""
_ERASE_DEFINITIONS = """
    DELETE FROM pypeline_definition WHERE id IN (
        SELECT id FROM pypeline_definition
        WHERE created_at < :before AND id NOT IN (SELECT definition_id FROM pypeline_run) LIMIT :limit)
"""
_ERASE_WORKERS = "DELETE FROM pypeline_worker WHERE app = :app AND seen_at < :before"
_ERASE_BEATS = "DELETE FROM pypeline_beat WHERE app = :app AND seen_at < :before"
_ERASE_TURNS = """
    DELETE FROM pypeline_turn WHERE swept_at < :before
        AND broker NOT IN (SELECT broker FROM pypeline_run WHERE state IN ('pending', 'running'))
"""
_ERASE_QUEUES = """
    DELETE FROM pypeline_queue WHERE broker NOT IN (SELECT broker FROM pypeline_turn)
        AND coalesce(claimed_at, resent_at, sent_at) < :before
        AND broker NOT IN (SELECT broker FROM pypeline_run WHERE state IN ('pending', 'running'))
"""
_OF_RUNS = [
    table.name
    for table in tables.metadata.sorted_tables
    if any(key.column.table is tables.run for key in table.foreign_keys)
]
"""The tables whose rows belong to runs."""


class SqlRetention:
    """The port of retention, on the connections of its store."""

    def __init__(self, connections: Connections, *, app: str) -> None:
        self._connections = connections
        self._app = app
        self._forgotten = FORGOTTEN + app

    # ruff: noqa: D102 - the docstrings of all that follows stand in the port

    def old(self, before: datetime) -> Old:
        return self._connections.read(partial(_old, app=self._app, before=before))

    def has_result_like(self, before: datetime, mark: str) -> bool:
        work = partial(_has_result, app=self._app, forgotten=self._forgotten, before=before, mark=mark)
        return self._connections.read(work)

    def forget_runs(self, before: datetime, *, limit: int) -> list[str]:
        work = partial(_forget, app=self._app, forgotten=self._forgotten, before=before, limit=limit)
        # What is not in the database is removed after this: it must not come back.
        return self._connections.transact(work, durable=True)

    def forgotten_runs(self, *, limit: int) -> list[str]:
        work = partial(_forgotten, forgotten=self._forgotten, limit=limit)
        return self._connections.read(work)

    def erase_runs(self, run_ids: Sequence[str], *, limit: int) -> list[str]:
        work = partial(_erase_runs, runs=run_ids, forgotten=self._forgotten, limit=limit)
        return self._connections.transact(work)

    def erase_occurrences(self, before: datetime, *, limit: int) -> int:
        return self._connections.transact(
            lambda tx: tx.run(
                _ERASE_OCCURRENCES, app=self._app, before=tx.dialect.moment(before), limit=limit
            )
        )

    def erase_definitions(self, before: datetime, *, limit: int) -> int:
        return self._connections.transact(
            lambda tx: tx.run(_ERASE_DEFINITIONS, before=tx.dialect.moment(before), limit=limit)
        )

    def erase_silent(self, before: datetime) -> int:
        return self._connections.transact(partial(_erase_silent, app=self._app, before=before))


def _old(tx: Transaction, *, app: str, before: datetime) -> Old:
    cut = {"app": app, "before": tx.dialect.moment(before)}
    counts = (tx.one(count, **cut) for count in (_COUNT_RUNS, _COUNT_NODES, _COUNT_OCCURRENCES))
    return Old(*(row[0] if row else 0 for row in counts))


def _has_result(tx: Transaction, *, app: str, forgotten: str, before: datetime, mark: str) -> bool:
    cut = {"app": app, "forgotten": forgotten, "before": tx.dialect.moment(before)}
    return bool(tx.all(_COUNT_RESULTS, **cut, mark=mark, length=len(mark))[0][0])


def _forget(tx: Transaction, *, app: str, forgotten: str, before: datetime, limit: int) -> list[str]:
    statement = _FORGET.format(skip_locked=tx.dialect.skip_locked)
    rows = tx.all(statement, app=app, forgotten=forgotten, before=tx.dialect.moment(before), limit=limit)
    return [run_id for (run_id,) in rows]


def _forgotten(tx: Transaction, *, forgotten: str, limit: int) -> list[str]:
    return [run_id for (run_id,) in tx.all(_FORGOTTEN, forgotten=forgotten, limit=limit)]


def _erase_runs(tx: Transaction, *, runs: Sequence[str], forgotten: str, limit: int) -> list[str]:
    erase = _ERASE_ROWS[tx.dialect.name]
    for at, run_id in enumerate(runs):
        for table in _OF_RUNS:
            limit -= tx.run(erase.format(table=table), run=run_id, limit=limit)
            if limit <= 0:
                return list(runs[at:])
        limit -= tx.run(_ERASE_RUN, forgotten=forgotten, run=run_id)
    return []


def _erase_silent(tx: Transaction, *, app: str, before: datetime) -> int:
    cut = tx.dialect.moment(before)
    silent = sum(tx.run(statement, app=app, before=cut) for statement in (_ERASE_WORKERS, _ERASE_BEATS))
    tx.run(_ERASE_TURNS, before=cut)
    tx.run(_ERASE_QUEUES, before=cut)
    return silent
