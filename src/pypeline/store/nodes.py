"""Reading nodes and their items, with how far the latest attempt of each is by its own account."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.runs.outcome import ErrorInfo
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE, AttemptRecord, AttemptRef, NodeRecord, Progress

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.store.connections import Transaction

_NODES = """
    SELECT n.name, n.position, n.item, n.state, n.attempt, n.tries, n.waiting, n.queue, n.worker,
        n.result, n.elements, n.items, n.error, n.queued_at, n.started_at, n.finished_at, n.due_at,
        p.done, p.total
    FROM pypeline_node n LEFT JOIN pypeline_progress p
        ON p.run_id = n.run_id AND p.position = n.position AND p.item = n.item AND p.attempt = n.attempt
    WHERE n.run_id = :run{conditions} ORDER BY n.position, n.item LIMIT :limit
"""
_NODE = _NODES.format(conditions=" AND n.position = :position AND n.item = :item")
_ATTEMPTS = """
    SELECT run_id, position, item, attempt, outcome, worker, started_at, finished_at, error
    FROM pypeline_attempt WHERE run_id = :run ORDER BY finished_at, position, item, attempt
"""


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Which nodes to read: see `Store.nodes`."""

    limit: int
    states: frozenset[NodeState]
    items: bool
    after: tuple[int, int] | None
    position: int | None


def nodes(tx: Transaction, run_id: str, wanted: NodeFilter) -> list[NodeRecord]:
    """A page of the nodes of a run, by position and item."""
    conditions = ""
    params: dict[str, Any] = {"run": run_id, "limit": wanted.limit}
    if wanted.states:
        conditions += " AND n.state IN each(:states)"
        params["states"] = sorted(wanted.states)
    if not wanted.items:
        conditions += " AND n.item = -1"
    if wanted.after is not None:
        conditions += " AND (n.position, n.item) > (:after_position, :after_item)"
        params["after_position"], params["after_item"] = wanted.after
    if wanted.position is not None:
        conditions += " AND n.position = :position"
        params["position"] = wanted.position
    return [_node_record(tx, row) for row in tx.all(_NODES.format(conditions=conditions), **params)]


def node(tx: Transaction, run_id: str, *, position: int, item: int) -> NodeRecord | None:
    """One node or item."""
    row = tx.one(_NODE, run=run_id, position=position, item=item, limit=1)
    return None if row is None else _node_record(tx, row)


def attempts(tx: Transaction, run_id: str) -> list[AttemptRecord]:
    """The attempts that failed or were lost."""
    return [attempt_record(tx, row) for row in tx.all(_ATTEMPTS, run=run_id)]


def _node_record(tx: Transaction, row: tuple[Any, ...]) -> NodeRecord:
    name, position, item, state, attempt, tries, waiting, queue, worker, *rest = row
    result, elements, items, error, *times, done, total = rest
    queued_at, started_at, finished_at, due_at = (_time(tx, at) for at in times)
    return NodeRecord(
        name=name,
        position=position,
        item=None if item == NODE else item,
        state=NodeState(state),
        attempt=attempt,
        tries=tries,
        waiting=waiting,
        queue=queue,
        worker=worker,
        queued_at=queued_at,
        started_at=started_at,
        finished_at=finished_at,
        due_at=due_at,
        result=result,
        elements=elements,
        items=items,
        error=_error(error),
        progress=None if done is None else Progress(done, total),
    )


def attempt_record(tx: Transaction, row: tuple[Any, ...]) -> AttemptRecord:
    """The record of a row of `pypeline_attempt`."""
    run_id, position, item, attempt, outcome, worker, started_at, finished_at, error = row
    return AttemptRecord(
        ref=AttemptRef(run_id, position, item, attempt),
        outcome=outcome,
        worker=worker,
        started_at=_time(tx, started_at),
        finished_at=tx.dialect.time(finished_at),
        error=_error(error),
    )


def _time(tx: Transaction, value: Any) -> datetime | None:
    return None if value is None else tx.dialect.time(value)


def _error(text: str | None) -> ErrorInfo | None:
    return None if text is None else ErrorInfo(**json.loads(text))
