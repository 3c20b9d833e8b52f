"""
What the end of nodes and items unlocks, within the transaction that records it.

Locks are taken in one order: the nodes of a run by ascending position and item, then the run's row. Most
ends touch direct successors only. Where a skip or an empty list reaches further, the transaction starts
again and locks all open nodes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.runs.cascade import Counters, cascade, decide
from pypeline.runs.rules import items_state
from pypeline.runs.states import NodeState, RunState
from pypeline.store.connections import NeedsAllLocks
from pypeline.store.endings import end_flagged, finish
from pypeline.store.mapping import expand, release_next
from pypeline.store.records import NODE, Ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pypeline.runs.plan import Plan
    from pypeline.store.connections import Transaction

_LOCK = """
    SELECT 1 FROM pypeline_node
    WHERE run_id = :run AND item = -1 AND position IN each(:positions)
    ORDER BY position FOR NO KEY UPDATE
"""
_LOCK_ALL = """
    SELECT 1 FROM pypeline_node WHERE run_id = :run AND state IN ('pending', 'queued', 'running', 'retrying')
    ORDER BY position, item FOR NO KEY UPDATE
"""
_LOWER = """
    UPDATE pypeline_node SET waiting = waiting - 1, failed = failed + :failed, skipped = skipped + :skipped
    WHERE run_id = :run AND item = -1 AND position IN each(:positions) AND state = 'pending'
    RETURNING position, waiting, failed, skipped
"""
_LOWER_ITEMS = """
    UPDATE pypeline_node SET waiting = waiting - 1, failed = failed + :failed, skipped = skipped + :skipped
    WHERE run_id = :run AND position = :position AND item = -1
    RETURNING waiting, failed, skipped, items
"""
_END_MAPPED = """
    UPDATE pypeline_node SET state = :state, finished_at = now()
    WHERE run_id = :run AND position = :position AND item = -1 AND state IN ('pending', 'running')
"""
_PENDING_COUNTERS = """
    SELECT position, waiting, failed, skipped FROM pypeline_node
    WHERE run_id = :run AND item = -1 AND position IN each(:positions) AND state = 'pending'
"""
_SET_COUNTERS = """
    UPDATE pypeline_node SET waiting = :waiting, failed = :failed, skipped = :skipped
    WHERE run_id = :run AND position = :position AND item = -1
"""
_SKIP = """
    UPDATE pypeline_node SET state = 'skipped', waiting = 0, failed = :failed, skipped = :skipped,
        finished_at = now()
    WHERE run_id = :run AND item = -1 AND position IN each(:positions)
"""
_QUEUE = """
    UPDATE pypeline_node SET state = 'queued', attempt = attempt + 1, token = NULL,
        queued_at = now(), sent_at = now()
    WHERE run_id = :run AND item = -1 AND position IN each(:positions) AND state = 'pending'
    RETURNING position, attempt
"""
_CLOSE_SINKS = """
    UPDATE pypeline_run SET open_sinks = open_sinks - :closed WHERE id = :run RETURNING open_sinks, flag
"""
_FLAG = "SELECT open_sinks, flag FROM pypeline_run WHERE id = :run"
_FREE = """
    UPDATE pypeline_run SET in_flight = in_flight - :freed WHERE id = :run
    RETURNING max_concurrency - in_flight
"""
_READY = """
    SELECT position, item, attempt FROM pypeline_node
    WHERE run_id = :run AND state = 'pending' AND is_ready
    ORDER BY position, item LIMIT :room {skip_locked}
"""
_QUEUE_ONE = """
    UPDATE pypeline_node SET state = 'queued', attempt = attempt + 1, token = NULL,
        queued_at = now(), sent_at = now()
    WHERE run_id = :run AND position = :position AND item = :item
"""
_TAKE = "UPDATE pypeline_run SET in_flight = in_flight + :taken WHERE id = :run"


class Settlement:
    """Collects, over one transaction, what is ready to be sent and what the run's row must learn."""

    def __init__(self, tx: Transaction, plan: Plan, run_id: str) -> None:
        self.tx = tx
        self.plan = plan
        self.run_id = run_id
        self.ready: list[Ready] = []
        self.freed = 0
        self._closed_sinks = 0
        self._ended: list[tuple[int, NodeState]] = []

    def lock(self, positions: Sequence[int]) -> None:
        """Take the row locks that a narrow transaction needs, in order."""
        if not self.tx.dialect.locks_rows:
            return
        if self.tx.wide:
            self.tx.all(_LOCK_ALL, run=self.run_id)
        elif positions:
            self.tx.all(_LOCK, run=self.run_id, positions=sorted(positions))

    def ended(self, position: int, item: int, state: NodeState) -> None:
        """A node or an item has come to a terminal state; `conclude` follows what that decides."""
        if item == NODE:
            self._ended.append((position, state))
        else:
            self._item_ended(position, state)

    def decide(self, lowered: Mapping[int, Counters]) -> None:
        """Nodes whose counters have changed: run, skip or leave waiting each, by its rule."""
        decisions = {child: decide(self.plan, child, counters) for child, counters in lowered.items()}
        skipped = [child for child, runs in decisions.items() if runs is False]
        ready = [child for child, runs in decisions.items() if runs]
        if skipped:
            ready += self._skip(skipped)
        self._unblock(sorted(ready))

    def _unblock(self, positions: Iterable[int]) -> None:
        """Nodes whose rule says that they run: send them, map them, or leave them to wait for room."""
        steps = self.plan.steps
        plain = []
        for position in positions:
            if steps[position].for_each is None:
                plain.append(position)
            else:
                self._map(position)
        if plain and self.plan.max_concurrency is None:
            rows = self.tx.all(_QUEUE, run=self.run_id, positions=plain)
            self.ready.extend(Ready(position, NODE, attempt) for position, attempt in rows)

    def conclude(self) -> RunState | None:
        """
        Follow what has ended, then bring the run's row up to date: last in the order of locks.

        Answers the run's state if it has ended.
        """
        while self._ended:
            self._node_ended(*self._ended.pop())
        row = (
            self.tx.one(_CLOSE_SINKS, run=self.run_id, closed=self._closed_sinks)
            if self._closed_sinks
            else self.tx.one(_FLAG, run=self.run_id)
        )
        assert row is not None, "a node has a run"  # noqa: S101 - its foreign key
        open_sinks, flag = row
        if flag:
            self._need_all_locks()
            self.ready.clear()
            return end_flagged(self.tx, self.run_id)
        if self.plan.max_concurrency is not None:
            self.ready.extend(admit(self.tx, self.run_id, freed=self.freed))
        return None if open_sinks else finish(self.tx, self.run_id)

    def _item_ended(self, position: int, state: NodeState) -> None:
        row = self.tx.one(
            _LOWER_ITEMS,
            run=self.run_id,
            position=position,
            failed=int(state is NodeState.FAILED),
            skipped=int(state is NodeState.SKIPPED),
        )
        assert row is not None, "an item has a node"  # noqa: S101 - both were inserted together
        waiting, failed, skipped, items = row
        if waiting == 0:
            self._end_mapped(position, items_state(failed=failed, skipped=skipped, total=items))
        else:
            self.ready.extend(release_next(self.tx, self.plan, self.run_id, position))

    def _end_mapped(self, position: int, state: NodeState) -> None:
        if self.tx.run(_END_MAPPED, run=self.run_id, position=position, state=state):
            self._ended.append((position, state))

    def _node_ended(self, position: int, state: NodeState) -> None:
        successors = self.plan.dag.successors[position]
        if not successors:
            self._closed_sinks += 1
            return
        if not self.tx.wide and len(successors) > 1:
            self.lock(successors)
        rows = self.tx.all(
            _LOWER,
            run=self.run_id,
            positions=list(successors),
            failed=int(state in (NodeState.FAILED, NodeState.CANCELLED)),
            skipped=int(state is NodeState.SKIPPED),
        )
        self.decide({child: Counters(*counters) for child, *counters in rows})

    def _skip(self, skipped: list[int]) -> list[int]:
        """Skip nodes and all that follows from it; answers what is ready because of it."""
        self._need_all_locks()
        reach = sorted({*skipped, *self.plan.dag.descendants(skipped)})
        rows = self.tx.all(_PENDING_COUNTERS, run=self.run_id, positions=reach)
        counters = {position: Counters(*counted) for position, *counted in rows}
        decided = cascade(self.plan, skipped, counters)
        for (failed, past), positions in _alike(decided.skipped, counters).items():
            self.tx.run(_SKIP, run=self.run_id, positions=positions, failed=failed, skipped=past)
        changed = [
            {
                "run": self.run_id,
                "position": position,
                "waiting": lowered.waiting,
                "failed": lowered.failed,
                "skipped": lowered.skipped,
            }
            for position, lowered in decided.lowered.items()
        ]
        self.tx.many(_SET_COUNTERS, changed)
        self._closed_sinks += sum(not self.plan.dag.successors[position] for position in decided.skipped)
        return decided.ready

    def _map(self, position: int) -> None:
        total, ready = expand(self.tx, self.plan, self.run_id, position)
        self.ready.extend(ready)
        if total == 0:
            self._need_all_locks()
            self._end_mapped(position, items_state(failed=0, skipped=0, total=0))

    def _need_all_locks(self) -> None:
        if self.tx.dialect.locks_rows and not self.tx.wide:
            raise NeedsAllLocks


def _alike(positions: Iterable[int], counters: Mapping[int, Counters]) -> dict[tuple[int, int], list[int]]:
    """The nodes by how many of their predecessors failed and were skipped: one statement writes each kind."""
    kinds: dict[tuple[int, int], list[int]] = {}
    for position in positions:
        kinds.setdefault((counters[position].failed, counters[position].skipped), []).append(position)
    return kinds


def admit(tx: Transaction, run_id: str, *, freed: int = 0) -> tuple[Ready, ...]:
    """Queue ready nodes, lowest position first, as far as ``maxConcurrency`` has room."""
    row = tx.one(_FREE, run=run_id, freed=freed)
    room = row[0] if row else None
    if not room or room < 0:
        return ()
    # Chosen and queued by key, in two steps: in one, PostgreSQL may read every node of the run.
    rows = tx.all(_READY.format(skip_locked=tx.dialect.skip_locked), run=run_id, room=room)
    if rows:
        tx.many(
            _QUEUE_ONE, [{"run": run_id, "position": position, "item": item} for position, item, _ in rows]
        )
        tx.run(_TAKE, run=run_id, taken=len(rows))
    return tuple(Ready(position, item, attempt + 1) for position, item, attempt in rows)
