"""``forEach``: the items of a node, inserted once, released a window at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.store.records import Ready

if TYPE_CHECKING:
    from pypeline.runs.plan import Plan
    from pypeline.store.connections import Transaction

_SOURCE_LENGTH = """
    SELECT coalesce(elements, items, 0) FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item = -1 AND state = 'success'
"""
_OPEN = """
    UPDATE pypeline_node SET state = 'running', items = :total, waiting = :total, failed = 0, skipped = 0,
        released = :window, attempt = attempt + 1, queued_at = now(), started_at = now()
    WHERE run_id = :run AND position = :position AND item = -1 AND state = 'pending'
    RETURNING attempt
"""
_INSERT_ITEMS = """
    WITH RECURSIVE series(item) AS (SELECT 0 UNION ALL SELECT item + 1 FROM series WHERE item + 1 < :total)
    INSERT INTO pypeline_node
        (run_id, position, item, name, queue, state, waiting, attempt, queued_at, sent_at)
    SELECT :run, :position, item, :name, :queue,
        CASE WHEN item < :queued THEN 'queued' ELSE 'pending' END,
        CASE WHEN item < :window THEN 0 ELSE 1 END,
        CASE WHEN item < :queued THEN :first ELSE :before END,
        CASE WHEN item < :queued THEN now() END,
        CASE WHEN item < :queued THEN now() END
    FROM series
"""
_NEXT = """
    SELECT i.item FROM pypeline_node i
    WHERE i.run_id = :run AND i.position = :position AND i.state = 'pending' AND i.waiting = 1 AND i.item >= (
        SELECT released FROM pypeline_node WHERE run_id = :run AND position = :position AND item = -1)
    ORDER BY i.item LIMIT :limit
"""
_ADVANCE = """
    UPDATE pypeline_node SET released = :next WHERE run_id = :run AND position = :position AND item = -1
"""
_QUEUE_ITEMS = """
    UPDATE pypeline_node SET state = 'queued', waiting = 0, attempt = attempt + 1, token = NULL,
        queued_at = now(), sent_at = now()
    WHERE run_id = :run AND position = :position AND item IN each(:items) AND state = 'pending'
    RETURNING position, item, attempt
"""
_FREE_ITEMS = """
    UPDATE pypeline_node SET waiting = 0
    WHERE run_id = :run AND position = :position AND item IN each(:items) AND state = 'pending'
"""


def expand(tx: Transaction, plan: Plan, run_id: str, position: int) -> tuple[int, list[Ready]]:
    """
    Turn a ``forEach`` node into its items: how many there are, and those of the first window that are queued.

    A source that failed or was skipped has no items.
    """
    step = plan.steps[position]
    assert step.for_each is not None, "only mapped nodes are expanded"  # noqa: S101 - by the caller
    row = tx.one(_SOURCE_LENGTH, run=run_id, position=step.for_each)
    total = -(-(row[0] if row else 0) // step.batch_size)
    window = min(step.window, total)
    opened = tx.one(_OPEN, run=run_id, position=position, total=total, window=window)
    if opened is None or total == 0:
        return total, []
    # A node that is mapped again after a retry goes on counting attempts where its former items stopped.
    first = opened[0]
    queued = window if plan.max_concurrency is None else 0
    tx.run(
        _INSERT_ITEMS,
        run=run_id,
        position=position,
        total=total,
        window=window,
        queued=queued,
        name=step.name,
        queue=step.queue,
        first=first,
        before=first - 1,
    )
    return total, [Ready(position, item, first) for item in range(queued)]


def release_next(tx: Transaction, plan: Plan, run_id: str, position: int, limit: int = 1) -> list[Ready]:
    """Let the next items out of the window; in a run with ``maxConcurrency`` they go on waiting for room."""
    rows = tx.all(_NEXT, run=run_id, position=position, limit=limit)
    if not rows:
        return []
    items = [item for (item,) in rows]
    tx.run(_ADVANCE, run=run_id, position=position, next=items[-1] + 1)
    if plan.max_concurrency is not None:
        tx.run(_FREE_ITEMS, run=run_id, position=position, items=items)
        return []
    queued = tx.all(_QUEUE_ITEMS, run=run_id, position=position, items=items)
    return [Ready(*row) for row in sorted(queued)]
