"""What users ask of a run as a whole: cancel it, open it again, continue it elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pypeline.errors import NotPossible, UnknownRun
from pypeline.runs.cascade import Counters
from pypeline.runs.states import RunState
from pypeline.store.endings import end_flagged
from pypeline.store.mapping import release_next
from pypeline.store.records import Ready
from pypeline.store.retention_base import FORGOTTEN
from pypeline.store.settle import Settlement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.runs.plan import Plan
    from pypeline.runs.states import Flag
    from pypeline.store.connections import Transaction

_STATE = "SELECT state FROM pypeline_run WHERE id = :run"
_SET_FLAG = """
    UPDATE pypeline_run SET flag = coalesce(flag, :flag) WHERE id = :run AND state IN ('pending', 'running')
"""
# A record that saw the run before it was flagged, and then waited for its node, learns it there.
_FLAG_RUNNING = "UPDATE pypeline_node SET flagged = true WHERE run_id = :run AND state = 'running'"
_NODES = "SELECT position, state, items FROM pypeline_node WHERE run_id = :run AND item = -1"
_REOPEN = f"""
    UPDATE pypeline_run SET state = 'pending', flag = NULL, error = NULL, finished_at = NULL,
        broker = :broker, open_sinks = :open_sinks, in_flight = :in_flight,
        deadline_at = shift(now(), :deadline)
    WHERE id = :run AND state IN ('success', 'failed', 'cancelled')
        AND substr(app, 1, {len(FORGOTTEN)}) <> '{FORGOTTEN}'
"""
_HIGHEST_ATTEMPT = """
    UPDATE pypeline_node SET attempt = (
        SELECT max(i.attempt) FROM pypeline_node i
        WHERE i.run_id = pypeline_node.run_id AND i.position = pypeline_node.position)
    WHERE run_id = :run AND item = -1 AND position IN each(:positions)
"""
_DELETE_ITEMS = "DELETE FROM pypeline_node WHERE run_id = :run AND item >= 0 AND position IN each(:positions)"
_DELETE_ELEMENTS = "DELETE FROM pypeline_element WHERE run_id = :run AND position IN each(:positions)"
_CLEARED = """
    tries = 0, token = NULL, worker = NULL, lease_until = NULL, due_at = NULL, sent_at = NULL,
    queued_at = NULL, started_at = NULL, finished_at = NULL, result = NULL, elements = NULL, error = NULL,
    flagged = false
"""
_RESET_NODE = f"""
    UPDATE pypeline_node SET state = 'pending', waiting = :waiting, failed = 0, skipped = :skipped,
        items = NULL, released = 0, {_CLEARED}
    WHERE run_id = :run AND position = :position AND item = -1
"""
_RESET_ITEMS = f"""
    UPDATE pypeline_node SET state = 'pending', waiting = 1, {_CLEARED}
    WHERE run_id = :run AND position = :position AND item >= 0 AND state IN ('failed', 'skipped', 'cancelled')
"""
_REOPEN_MAPPED = """
    UPDATE pypeline_node SET state = 'running', finished_at = NULL, waiting = :open, failed = 0, skipped = 0,
        released = 0, flagged = false
    WHERE run_id = :run AND position = :position AND item = -1
"""
_CHANGE_BROKER = """
    UPDATE pypeline_run SET broker = :broker
    WHERE id = :run AND broker = :owner AND state IN ('pending', 'running')
    RETURNING flag
"""
_OUT = "run_id = :run AND (state = 'queued' OR (state = 'running' AND lease_until IS NOT NULL))"
_KEEP_LOST = f"""
    INSERT INTO pypeline_attempt
        (run_id, position, item, attempt, outcome, worker, started_at, finished_at, error)
    SELECT run_id, position, item, attempt, 'lost', worker, started_at, now(), :error
    FROM pypeline_node WHERE {_OUT} AND state = 'running'
"""
_QUEUE_AGAIN = f"""
    UPDATE pypeline_node SET state = 'queued', attempt = attempt + 1, token = NULL, lease_until = NULL,
        queued_at = now(), sent_at = now()
    WHERE {_OUT} RETURNING position, item, attempt
"""


def cancel(tx: Transaction, plan: Plan, run_id: str, flag: Flag) -> RunState:
    """Flag the run and end what waits in it."""
    _lock_all(Settlement(tx, plan, run_id))
    if not tx.run(_SET_FLAG, run=run_id, flag=flag):
        return _state(tx, run_id)
    tx.run(_FLAG_RUNNING, run=run_id)
    return end_flagged(tx, run_id) or _state(tx, run_id)


def reset(tx: Transaction, plan: Plan, run_id: str, *, start: int | None, broker: str) -> tuple[Ready, ...]:
    """
    Open a finished run again.

    What failed or was cancelled is done again, and all that follows it: its input changes. A ``forEach``
    node keeps its items that succeeded unless it comes after something that is done again.
    """
    settlement = Settlement(tx, plan, run_id)
    _lock_all(settlement)
    if not _state(tx, run_id).is_terminal:
        raise NotPossible(run_id, "it has not finished")
    nodes = {position: (state, items) for position, state, items in tx.all(_NODES, run=run_id)}
    again = _to_do_again(plan, nodes, start)
    if not again:
        raise NotPossible(run_id, "nothing in it failed; name a node to run again from", needs_node=True)
    if not _reopen_run(tx, plan, run_id, again, broker=broker):
        raise NotPossible(run_id, "somebody else has just retried it")
    counters = {position: _counters(plan, nodes, again, position) for position in again}
    redone = frozenset() if start is None else {start, *plan.dag.descendants([start])}
    partial = {p for p in again - redone if nodes[p][1] is not None and not counters[p].waiting}
    _reset_nodes(tx, run_id, {p: counters[p] for p in again - partial})
    for position in sorted(partial):
        settlement.ready += _reset_items(tx, plan, run_id, position)
    settlement.decide({p: counters[p] for p in sorted(again - partial)})
    settlement.conclude()
    return tuple(settlement.ready)


def take_over(tx: Transaction, plan: Plan, run_id: str, *, owner: str, broker: str) -> tuple[Ready, ...]:
    """Queue again what was out in a process that is gone."""
    settlement = Settlement(tx, plan, run_id)
    _lock_all(settlement)
    lost = {"type": "WorkerLost", "message": "the process that ran it is gone", "traceback": None}
    error = json.dumps(lost)
    tx.run(_KEEP_LOST, run=run_id, error=error)
    settlement.ready += [Ready(*row) for row in sorted(tx.all(_QUEUE_AGAIN, run=run_id))]
    if tx.one(_CHANGE_BROKER, run=run_id, owner=owner, broker=broker) is None:
        raise NotPossible(run_id, "another process has taken it over, or it has finished")
    settlement.conclude()
    return tuple(settlement.ready)


def _lock_all(settlement: Settlement) -> None:
    settlement.tx.wide = True
    settlement.lock([])


def _state(tx: Transaction, run_id: str) -> RunState:
    row = tx.one(_STATE, run=run_id)
    if row is None:
        raise UnknownRun(run_id)
    return RunState(row[0])


def _to_do_again(plan: Plan, nodes: Mapping[int, tuple[str, int | None]], start: int | None) -> set[int]:
    first = {position for position, (state, _) in nodes.items() if state in ("failed", "cancelled")}
    if start is not None:
        first.add(start)
    return first | plan.dag.descendants(first)


def _counters(
    plan: Plan, nodes: Mapping[int, tuple[str, int | None]], again: set[int], position: int
) -> Counters:
    """What a node that is done again knows of its predecessors: none that stays as it is has failed."""
    parents = plan.dag.predecessors[position]
    return Counters(
        waiting=sum(parent in again for parent in parents),
        failed=0,
        skipped=sum(parent not in again and nodes[parent][0] == "skipped" for parent in parents),
    )


def _reopen_run(tx: Transaction, plan: Plan, run_id: str, again: set[int], *, broker: str) -> bool:
    changed = tx.run(
        _REOPEN,
        run=run_id,
        broker=broker,
        open_sinks=len(again.intersection(plan.sinks)),
        in_flight=None if plan.max_concurrency is None else 0,
        deadline=plan.deadline,
    )
    return changed == 1


def _reset_nodes(tx: Transaction, run_id: str, counters: Mapping[int, Counters]) -> None:
    positions = sorted(counters)
    tx.run(_HIGHEST_ATTEMPT, run=run_id, positions=positions)
    tx.run(_DELETE_ITEMS, run=run_id, positions=positions)
    tx.run(_DELETE_ELEMENTS, run=run_id, positions=positions)
    rows = [
        {"run": run_id, "position": p, "waiting": counters[p].waiting, "skipped": counters[p].skipped}
        for p in positions
    ]
    tx.many(_RESET_NODE, rows)


def _reset_items(tx: Transaction, plan: Plan, run_id: str, position: int) -> list[Ready]:
    opened = tx.run(_RESET_ITEMS, run=run_id, position=position)
    tx.run(_REOPEN_MAPPED, run=run_id, position=position, open=opened)
    return release_next(tx, plan, run_id, position, limit=plan.steps[position].window)
