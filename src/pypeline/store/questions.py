"""Reading: what is asked often goes through the driver, what is asked in many forms through SQLAlchemy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from pypeline.errors import UnknownRun
from pypeline.runs.outcome import ErrorInfo
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store import tables
from pypeline.store.records import NODE, AttemptRecord, AttemptRef, NodeRecord, RunContext, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Select

    from pypeline.store.connections import Transaction
    from pypeline.store.records import RunFilter
    from pypeline.types import JsonObject

_CONTEXT = """
    SELECT id, pipeline_id, definition_id, payload, replacements FROM pypeline_run
    WHERE id = :run AND app = :app
"""
_DEFINITION = "SELECT document FROM pypeline_definition WHERE id = :definition"
_RUN_STATE = "SELECT state FROM pypeline_run WHERE id = :run AND app = :app"
_RESULT = "SELECT result FROM pypeline_node WHERE run_id = :run AND position = :position AND item = -1"
_LENGTH = """
    SELECT coalesce(elements, items) FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item = -1 AND state IN ('success', 'failed')
"""
_IS_MAPPED = "SELECT items FROM pypeline_node WHERE run_id = :run AND position = :position AND item = -1"
_ELEMENTS = """
    SELECT value FROM pypeline_element
    WHERE run_id = :run AND position = :position AND element >= :start AND element < :stop ORDER BY element
"""
_ITEM_RESULTS = """
    SELECT result FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item >= :start AND item < :stop ORDER BY item
"""
_LOGS = """
    SELECT attempt, text FROM pypeline_log
    WHERE run_id = :run AND position = :position AND item = :item ORDER BY attempt
"""


def context(tx: Transaction, run_id: str, *, app: str) -> RunContext:
    """What the attempts of a run share."""
    row = tx.one(_CONTEXT, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    found, pipeline_id, definition_id, payload, replacements = row
    return RunContext(found, pipeline_id, definition_id, json.loads(payload), json.loads(replacements))


def definition(tx: Transaction, definition_id: str) -> JsonObject:
    """A definition's document."""
    row = tx.one(_DEFINITION, definition=definition_id)
    assert row is not None, "a run has a definition"  # noqa: S101 - its foreign key
    document: JsonObject = json.loads(row[0])
    return document


def run_state(tx: Transaction, run_id: str, *, app: str) -> RunState:
    """The state of a run."""
    row = tx.one(_RUN_STATE, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    return RunState(row[0])


def result(tx: Transaction, run_id: str, position: int) -> str | None:
    """A node's result that is kept whole."""
    row = tx.one(_RESULT, run=run_id, position=position)
    return row[0] if row else None


def element_count(tx: Transaction, run_id: str, position: int) -> int | None:
    """The length of a result that is kept in parts."""
    row = tx.one(_LENGTH, run=run_id, position=position)
    return row[0] if row else None


def elements(tx: Transaction, run_id: str, position: int, *, start: int, stop: int) -> list[str | None]:
    """Some parts of a result: of a mapped node its items' results, else its stored elements."""
    row = tx.one(_IS_MAPPED, run=run_id, position=position)
    statement = _ITEM_RESULTS if row and row[0] is not None else _ELEMENTS
    return [text for (text,) in tx.all(statement, run=run_id, position=position, start=start, stop=stop)]


def logs(tx: Transaction, run_id: str, position: int, item: int) -> list[tuple[int, str]]:
    """What each attempt logged."""
    return [(attempt, text) for attempt, text in tx.all(_LOGS, run=run_id, position=position, item=item)]


def runs(connection: Connection, wanted: RunFilter, *, app: str) -> list[RunRecord]:
    """A page of runs, newest first."""
    statement = _runs_where(wanted, app=app)
    rows = [dict(row) for row in connection.execute(statement).mappings()]
    counts = _counts(connection, [row["id"] for row in rows])
    return [_run_record(row, counts[row["id"]]) for row in rows]


def run(connection: Connection, run_id: str, *, app: str) -> RunRecord:
    """One run with the counts of its nodes."""
    statement = select(tables.run).where(tables.run.c.id == run_id, tables.run.c.app == app)
    row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    return _run_record(row, _counts(connection, [run_id])[run_id])


def nodes(
    connection: Connection, run_id: str, *, limit: int, states: frozenset[NodeState], items: bool
) -> list[NodeRecord]:
    """The first nodes of a run, with or without their items."""
    node = tables.node.c
    statement = (
        select(tables.node).where(node.run_id == run_id).order_by(node.position, node.item).limit(limit)
    )
    if states:
        statement = statement.where(node.state.in_(sorted(states)))
    if not items:
        statement = statement.where(node.item == NODE)
    return [_node_record(row) for row in connection.execute(statement).mappings()]


def node(connection: Connection, run_id: str, *, position: int, item: int) -> NodeRecord | None:
    """One node or item."""
    key = tables.node.c
    statement = select(tables.node).where(key.run_id == run_id, key.position == position, key.item == item)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else _node_record(row)


def attempts(connection: Connection, run_id: str) -> list[AttemptRecord]:
    """The attempts that failed or were lost."""
    attempt = tables.attempt.c
    statement = (
        select(tables.attempt)
        .where(attempt.run_id == run_id)
        .order_by(attempt.finished_at, attempt.position, attempt.item, attempt.attempt)
    )
    return [_attempt_record(row) for row in connection.execute(statement).mappings()]


def _runs_where(wanted: RunFilter, *, app: str) -> Select[Any]:
    run_ = tables.run.c
    statement = select(tables.run).where(run_.app == app).order_by(run_.created_at.desc(), run_.id.desc())
    if wanted.pipeline_id is not None:
        statement = statement.where(run_.pipeline_id == wanted.pipeline_id)
    if wanted.states:
        statement = statement.where(run_.state.in_(sorted(wanted.states)))
    if wanted.prefix is not None:
        statement = statement.where(run_.id.startswith(wanted.prefix, autoescape=True))
    if wanted.after is not None:
        last = select(run_.created_at).where(run_.id == wanted.after).scalar_subquery()
        older = or_(run_.created_at < last, and_(run_.created_at == last, run_.id < wanted.after))
        statement = statement.where(older)
    return statement.limit(wanted.limit)


def _counts(connection: Connection, run_ids: Iterable[str]) -> dict[str, dict[NodeState, int]]:
    node = tables.node.c
    ids = list(run_ids)
    counts = {run_id: dict.fromkeys(NodeState, 0) for run_id in ids}
    statement = (
        select(node.run_id, node.state, func.count())
        .where(node.run_id.in_(ids))
        .group_by(node.run_id, node.state)
    )
    for run_id, state, number in connection.execute(statement):
        counts[run_id][NodeState(state)] = number
    return counts


def _run_record(row: Mapping[Any, Any], counts: Mapping[NodeState, int]) -> RunRecord:
    return RunRecord(
        run_id=row["id"],
        app=row["app"],
        pipeline_id=row["pipeline_id"],
        definition_id=row["definition_id"],
        broker=row["broker"],
        state=RunState(row["state"]),
        flag=None if row["flag"] is None else Flag(row["flag"]),
        trigger=row["trigger"],
        payload=json.loads(row["payload"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=row["error"],
        counts=counts,
    )


def _node_record(row: Mapping[Any, Any]) -> NodeRecord:
    same = (
        "name",
        "position",
        "attempt",
        "tries",
        "waiting",
        "queue",
        "worker",
        "result",
        "elements",
        "items",
    )
    times = ("queued_at", "started_at", "finished_at", "due_at")
    return NodeRecord(
        **{name: row[name] for name in (*same, *times)},
        item=None if row["item"] == NODE else row["item"],
        state=NodeState(row["state"]),
        error=_error(row["error"]),
    )


def _attempt_record(row: Mapping[Any, Any]) -> AttemptRecord:
    return AttemptRecord(
        ref=AttemptRef(row["run_id"], row["position"], row["item"], row["attempt"]),
        outcome=row["outcome"],
        worker=row["worker"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=_error(row["error"]),
    )


def _error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo(**json.loads(text))
