"""What one run's page asks: the items, attempts and logs of a node, and what happened in the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.runs.states import NodeState
from pypeline.store.insights.records import Happened
from pypeline.store.nodes import attempt_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.store.connections import Transaction
    from pypeline.store.insights.records import AttemptPlace
    from pypeline.store.records import AttemptRecord

_ITEM_COUNTS = """
    SELECT state, count(*) FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item >= 0 GROUP BY state
"""
_ATTEMPT = (
    "a.run_id, a.position, a.item, a.attempt, a.outcome, a.worker, a.started_at, a.finished_at, a.error"
)
_HISTORY = f"""
    SELECT {_ATTEMPT} FROM pypeline_attempt a
    WHERE a.run_id = :run AND a.position = :position AND a.item = :item ORDER BY a.attempt DESC LIMIT :limit
"""
_LOGS = """
    SELECT attempt, text FROM pypeline_log
    WHERE run_id = :run AND position = :position AND item = :item ORDER BY attempt DESC LIMIT :limit
"""
# A node that was mapped anew has other items than its attempts had: its own row has the name.
_HAPPENED = f"""
    SELECT n.name, {_ATTEMPT} FROM (
        SELECT * FROM pypeline_attempt WHERE run_id = :run {{earlier}}
        ORDER BY finished_at DESC, position DESC, item DESC, attempt DESC LIMIT :limit) AS a
    JOIN pypeline_node n ON n.run_id = a.run_id AND n.position = a.position AND n.item = -1
    ORDER BY a.finished_at DESC, a.position DESC, a.item DESC, a.attempt DESC
"""
_EARLIER = "AND (finished_at, position, item, attempt) < (:at, :position, :item, :attempt)"


def item_counts(tx: Transaction, run_id: str, position: int) -> Mapping[NodeState, int]:
    """The items of a node by state."""
    rows = tx.all(_ITEM_COUNTS, run=run_id, position=position)
    return {NodeState(state): number for state, number in rows}


def history(tx: Transaction, run_id: str, position: int, item: int, *, limit: int) -> list[AttemptRecord]:
    """The newest attempts of one node or item."""
    rows = tx.all(_HISTORY, run=run_id, position=position, item=item, limit=limit)
    return [attempt_record(tx, row) for row in rows]


def logs(tx: Transaction, run_id: str, position: int, item: int, *, limit: int) -> list[tuple[int, str]]:
    """What the newest attempts of one node or item said."""
    rows = tx.all(_LOGS, run=run_id, position=position, item=item, limit=limit)
    return [(attempt, text) for attempt, text in rows]


def happened(tx: Transaction, run_id: str, *, limit: int, before: AttemptPlace | None) -> list[Happened]:
    """The newest attempts of a run, of those behind a place."""
    place: dict[str, Any] = {}
    if before is not None:
        at, position, item, attempt = before
        place = {"at": tx.dialect.moment(at), "position": position, "item": item, "attempt": attempt}
    statement = _HAPPENED.format(earlier=_EARLIER if place else "")
    rows = tx.all(statement, run=run_id, limit=limit, **place)
    return [Happened(name, attempt_record(tx, tuple(row))) for name, *row in rows]
