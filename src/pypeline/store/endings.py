"""How a run ends: by its last node, or because it is flagged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pypeline.runs.states import Flag, RunState

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction

_CANCEL_WAITING = """
    UPDATE pypeline_node SET state = 'cancelled', finished_at = now()
    WHERE run_id = :run AND state IN ('pending', 'queued', 'retrying')
"""
_SOMETHING_RUNS = """
    SELECT 1 FROM pypeline_node
    WHERE run_id = :run AND state = 'running' AND lease_until IS NOT NULL LIMIT 1
"""
_CANCEL_MAPPED = """
    UPDATE pypeline_node SET state = 'cancelled', finished_at = now()
    WHERE run_id = :run AND item = -1 AND state = 'running' AND lease_until IS NULL AND NOT EXISTS (
        SELECT 1 FROM pypeline_node i
        WHERE i.run_id = :run AND i.position = pypeline_node.position AND i.item >= 0 AND i.state = 'running')
"""
_HOW_IT_WENT = """
    SELECT r.flag,
        EXISTS (SELECT 1 FROM pypeline_node WHERE run_id = :run AND state = 'failed'),
        EXISTS (SELECT 1 FROM pypeline_node WHERE run_id = :run AND state = 'cancelled')
    FROM pypeline_run r WHERE r.id = :run {lock}
"""
_FIRST_FAILURE = """
    SELECT name, item, error FROM pypeline_node
    WHERE run_id = :run AND state = 'failed' AND error IS NOT NULL ORDER BY position, item LIMIT 1
"""
_FINISH = """
    UPDATE pypeline_run SET state = :state, error = :error, finished_at = now(), open_sinks = 0
    WHERE id = :run AND state IN ('pending', 'running')
"""


def end_flagged(tx: Transaction, run_id: str) -> RunState | None:
    """End what waits in a flagged run; answers the run's state if nothing runs any more."""
    tx.run(_CANCEL_WAITING, run=run_id)
    tx.run(_CANCEL_MAPPED, run=run_id)
    return None if tx.one(_SOMETHING_RUNS, run=run_id) else finish(tx, run_id)


def finish(tx: Transaction, run_id: str) -> RunState:
    """Give a run whose nodes have all ended its state. The commit waits for the disk."""
    row = tx.one(_HOW_IT_WENT.format(lock=tx.dialect.row_lock), run=run_id)
    assert row is not None, "a node has a run"  # noqa: S101 - its foreign key
    flag, failed, cancelled = row
    state, error = _verdict(tx, run_id, flag=flag if cancelled else None, failed=bool(failed))
    tx.run(_FINISH, run=run_id, state=state, error=error)
    tx.durable = True
    return state


def _verdict(tx: Transaction, run_id: str, *, flag: str | None, failed: bool) -> tuple[RunState, str | None]:
    match flag:
        case Flag.CANCEL:
            return RunState.CANCELLED, None
        case Flag.DEADLINE:
            return RunState.FAILED, "the deadline of the run has passed"
        case _:
            return (RunState.FAILED, _first_failure(tx, run_id)) if failed else (RunState.SUCCESS, None)


def _first_failure(tx: Transaction, run_id: str) -> str:
    row = tx.one(_FIRST_FAILURE, run=run_id)
    if row is None:
        return "a node failed"
    name, item, error = row
    where = name if item < 0 else f"{name}[{item}]"
    said = json.loads(error)
    return f"{where}: {said['type']}: {said['message']}"
