"""The nodes of several runs of one pipeline, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.runs.states import NodeState
from pypeline.store.insights.records import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.store.connections import Transaction

_LAST_POSITION = """
    SELECT max(position) FROM pypeline_node WHERE run_id = :run
"""
# By whole keys: the items of a node, which may be many, lie between it and the next one.
_NODES = """
    SELECT position, name, state, attempt, tries, started_at, finished_at, items, failed FROM pypeline_node
    WHERE run_id = :run AND item = -1 AND position IN each(:positions) ORDER BY position
"""


def grid(tx: Transaction, run_ids: Sequence[str], *, limit: int) -> list[Cell]:
    """The cells of each run: two statements for each, by key."""
    return [cell for run_id in run_ids for cell in _cells(tx, run_id, limit=limit)]


def _cells(tx: Transaction, run_id: str, *, limit: int) -> list[Cell]:
    last = tx.one(_LAST_POSITION, run=run_id)
    if last is None or last[0] is None:
        return []
    rows = tx.all(_NODES, run=run_id, positions=list(range(min(last[0] + 1, limit))))
    return [_cell(tx, run_id, row) for row in rows]


def _cell(tx: Transaction, run_id: str, row: tuple[Any, ...]) -> Cell:
    position, name, state, attempt, tries, started_at, finished_at, items, failed = row
    seconds = None
    if started_at is not None and finished_at is not None:
        seconds = (tx.dialect.time(finished_at) - tx.dialect.time(started_at)).total_seconds()
    return Cell(
        run_id=run_id,
        position=position,
        name=name,
        state=NodeState(state),
        attempt=attempt,
        tries=tries,
        seconds=seconds,
        items=items,
        failed_items=0 if items is None else failed,
    )
