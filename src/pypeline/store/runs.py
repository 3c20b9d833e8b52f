"""Reading runs: each question is one statement, which counts the nodes of the runs that it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pypeline.errors import UnknownRun
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.store.connections import Transaction
    from pypeline.store.records import RunFilter

# One text: what is counted are the columns of no table.
_COUNTS = " || ',' || ".join(f"count(*) FILTER (WHERE state = '{state}')" for state in NodeState)
_COLUMNS = """
    id, app, pipeline_id, definition_id, broker, state, flag, trigger, payload, error,
    created_at, started_at, finished_at
"""
_COUNTED = f"SELECT r.*, (SELECT {_COUNTS} FROM pypeline_node WHERE run_id = r.id)"
_RUN = f"{_COUNTED} FROM (SELECT {_COLUMNS} FROM pypeline_run WHERE id = :run AND app = :app) AS r"
_NEWEST_FIRST = "ORDER BY created_at DESC, id DESC"
# The page first, then what is in it: ordered again, for a subquery promises no order.
_RUNS = f"{_COUNTED} FROM ({{page}}) AS r {_NEWEST_FIRST}"
_AFTER_RUN = "(created_at, id) < ((SELECT created_at FROM pypeline_run WHERE id = :after), :after)"


def run(tx: Transaction, run_id: str, *, app: str) -> RunRecord:
    """One run with the counts of its nodes."""
    row = tx.one(_RUN, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    return _run_record(tx, row)


def runs(tx: Transaction, wanted: RunFilter, *, app: str) -> list[RunRecord]:
    """A page of runs, newest first."""
    page, params = page_of(tx, wanted, app=app)
    return [_run_record(tx, row) for row in tx.all(_RUNS.format(page=page), **params)]


def page_of(tx: Transaction, wanted: RunFilter, *, app: str) -> tuple[str, dict[str, Any]]:
    """What selects the rows of a page of runs, and its parameters."""
    conditions = ["app = :app"]
    params: dict[str, Any] = {"app": app, "limit": wanted.limit}
    for condition, given in _conditions(tx, wanted):
        conditions.append(condition)
        params |= given
    where = " AND ".join(conditions)
    return f"SELECT {_COLUMNS} FROM pypeline_run WHERE {where} {_NEWEST_FIRST} LIMIT :limit", params


def _conditions(tx: Transaction, wanted: RunFilter) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a filter asks for, each with the parameters that it names."""
    if wanted.pipeline_id is not None:
        yield "pipeline_id = :pipeline", {"pipeline": wanted.pipeline_id}
    if wanted.states:
        yield "state IN each(:states)", {"states": sorted(wanted.states)}
    if wanted.prefix is not None:
        yield _begins("id", "prefix", wanted.prefix)
    if wanted.broker is not None:
        yield "broker = :broker", {"broker": wanted.broker}
    if wanted.trigger is not None:
        yield _matches("trigger", wanted.trigger)
    if wanted.created_from is not None:
        yield "created_at >= :created_from", {"created_from": tx.dialect.moment(wanted.created_from)}
    if wanted.created_before is not None:
        yield "created_at < :created_before", {"created_before": tx.dialect.moment(wanted.created_before)}
    if wanted.after is not None:
        yield _after(tx, wanted.after, wanted)


def _matches(column: str, pattern: str) -> tuple[str, dict[str, Any]]:
    if pattern.endswith("*"):
        return _begins(column, column, pattern[:-1])
    return f"{column} = :{column}", {column: pattern}


def _begins(column: str, name: str, beginning: str) -> tuple[str, dict[str, Any]]:
    # No LIKE: SQLite would not tell cases apart, and what users type would have to be escaped.
    length = f"{name}_length"
    return f"substr({column}, 1, :{length}) = :{name}", {name: beginning, length: len(beginning)}


def _after(tx: Transaction, after: str, wanted: RunFilter) -> tuple[str, dict[str, Any]]:
    if wanted.after_at is None:
        return _AFTER_RUN, {"after": after}
    return "(created_at, id) < (:after_at, :after)", {
        "after": after,
        "after_at": tx.dialect.moment(wanted.after_at),
    }


def _run_record(tx: Transaction, row: tuple[Any, ...]) -> RunRecord:
    run_id, app, pipeline_id, definition_id, broker, state, flag, *rest = row
    trigger, payload, error, created_at, started_at, finished_at, counts = rest
    return RunRecord(
        run_id=run_id,
        app=app,
        pipeline_id=pipeline_id,
        definition_id=definition_id,
        broker=broker,
        state=RunState(state),
        flag=None if flag is None else Flag(flag),
        trigger=trigger,
        payload=json.loads(payload),
        created_at=tx.dialect.time(created_at),
        started_at=None if started_at is None else tx.dialect.time(started_at),
        finished_at=None if finished_at is None else tx.dialect.time(finished_at),
        error=error,
        counts=dict(zip(NodeState, map(int, counts.split(",")), strict=True)),
    )
